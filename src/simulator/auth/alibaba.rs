//! Alibaba's authentication: ACS3 signatures, clocks and nonces.

use jiff::Timestamp;

use super::authenticator::{Authenticator, MAX_CLOCK_SKEW};
use crate::cloud::alibaba::sign;
use crate::simulator::action::ApiAction;
use crate::simulator::reply::ErrorReply;
use crate::simulator::request::{Caller, RawRequest};
use crate::simulator::settings::SimulatorSettings;

pub(super) fn admit(
    action: ApiAction,
    raw: &RawRequest,
    settings: &SimulatorSettings,
    authenticator: &mut Authenticator,
    now: Timestamp,
) -> Result<Caller, ErrorReply> {
    let posted = raw.method == "POST";
    let post_only = action == ApiAction::CreatePublishGroupTask;
    if !posted && (post_only || raw.method != "GET") {
        let message = format!("This http method {} is not supported.", raw.method);
        return Err(ErrorReply::new(400, "UnsupportedHTTPMethod", message));
    }
    let authorization = raw.header("authorization").ok_or_else(|| {
        ErrorReply::new(400, "IncompleteSignature", "The request has no Authorization header.")
    })?;
    let claimed = sign::parse(authorization).ok_or_else(|| {
        let message = "Only ACS3-HMAC-SHA256 is supported.";
        ErrorReply::new(400, "InvalidSignatureMethod", message)
    })?;
    let key = settings.alibaba.iter().find(|key| key.id == claimed.key_id).ok_or_else(|| {
        let message = "Specified access key is not found.";
        ErrorReply::new(404, "InvalidAccessKeyId.NotFound", message)
    })?;
    if raw.header("x-acs-security-token") != key.security_token.as_deref() {
        let message = "Specified SecurityToken does not belong to this access key.";
        return Err(ErrorReply::new(400, "InvalidSecurityToken.MismatchWithAccessKey", message));
    }
    check_clock(raw, now)?;
    if !sign::verify(&raw.signed_message(), &claimed, &key.secret) {
        let message = "Specified signature is not matched with our calculation.";
        return Err(ErrorReply::new(400, "SignatureDoesNotMatch", message));
    }
    let nonce = raw
        .header("x-acs-signature-nonce")
        .filter(|nonce| !nonce.is_empty())
        .ok_or_else(|| ErrorReply::missing_parameter("SignatureNonce"))?;
    if !authenticator.is_new_nonce(nonce, now) {
        let message = "Specified signature nonce has already been used.";
        return Err(ErrorReply::new(400, "SignatureNonceUsed", message));
    }
    Ok(Caller { key: key.id.clone(), nonce: Some(nonce.to_owned()) })
}

fn check_clock(raw: &RawRequest, now: Timestamp) -> Result<(), ErrorReply> {
    let date: Timestamp =
        raw.header("x-acs-date").and_then(|date| date.parse().ok()).ok_or_else(|| {
            let message = "Specified time stamp or date value is not well formatted.";
            ErrorReply::new(400, "InvalidTimeStamp.Format", message)
        })?;
    if now.duration_since(date).abs() > MAX_CLOCK_SKEW {
        let message = "Specified time stamp or date value is expired.";
        return Err(ErrorReply::new(400, "InvalidTimeStamp.Expired", message));
    }
    Ok(())
}
