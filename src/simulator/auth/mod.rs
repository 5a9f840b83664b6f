//! Authentication of requests, as each provider's gateway does it.

mod alibaba;
mod authenticator;
mod huawei;
pub(super) mod iam;

use jiff::Timestamp;

pub(super) use self::authenticator::Authenticator;
use super::action::{ApiAction, Vendor};
use super::reply::ErrorReply;
use super::request::{Caller, RawRequest};
use super::settings::SimulatorSettings;

/// Authenticates a request. `now` is the time of the server's clock.
pub(super) fn admit(
    action: ApiAction,
    raw: &RawRequest,
    settings: &SimulatorSettings,
    authenticator: &mut Authenticator,
    now: Timestamp,
) -> Result<Caller, ErrorReply> {
    match raw.vendor() {
        Vendor::Alibaba => alibaba::admit(action, raw, settings, authenticator, now),
        Vendor::Huawei => huawei::admit(action, raw, settings, authenticator, now),
    }
}
