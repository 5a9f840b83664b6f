//! Alibaba's gateway: ACS3 signatures, clocks and nonces.

use jiff::Timestamp;

use super::asked::Asked;
use super::guard::{Caller, Guard, SKEW};
use crate::cloud::alibaba::sign;
use crate::simulator::action::Action;
use crate::simulator::reply::Refusal;
use crate::simulator::settings::Settings;

/// Lets a request in, or says why not.
pub(in crate::simulator) fn admit(
    action: Action,
    asked: &Asked,
    settings: &Settings,
    guard: &mut Guard,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let posted = asked.method == "POST";
    let post_only = action == Action::CreatePublishGroupTask;
    if !posted && (post_only || asked.method != "GET") {
        let message = format!("This http method {} is not supported.", asked.method);
        return Err(Refusal::new(400, "UnsupportedHTTPMethod", message));
    }
    let authorization = asked.header("authorization").ok_or_else(|| {
        Refusal::new(400, "IncompleteSignature", "The request has no Authorization header.")
    })?;
    let claimed = sign::parse(authorization).ok_or_else(|| {
        let message = "Only ACS3-HMAC-SHA256 is understood here.";
        Refusal::new(400, "InvalidSignatureMethod", message)
    })?;
    let key = settings.alibaba.iter().find(|key| key.id == claimed.key_id).ok_or_else(|| {
        let message = "Specified access key is not found.";
        Refusal::new(404, "InvalidAccessKeyId.NotFound", message)
    })?;
    if asked.header("x-acs-security-token") != key.security_token.as_deref() {
        let message = "Specified SecurityToken is not the one of this access key.";
        return Err(Refusal::new(400, "InvalidSecurityToken.MismatchWithAccessKey", message));
    }
    check_clock(asked, now)?;
    if !sign::verify(&asked.message(), &claimed, &key.secret) {
        let message = "Specified signature is not matched with our calculation.";
        return Err(Refusal::new(400, "SignatureDoesNotMatch", message));
    }
    let nonce = asked
        .header("x-acs-signature-nonce")
        .filter(|nonce| !nonce.is_empty())
        .ok_or_else(|| Refusal::missing("SignatureNonce"))?;
    if !guard.is_new_nonce(nonce, now) {
        let message = "Specified signature nonce was used already.";
        return Err(Refusal::new(400, "SignatureNonceUsed", message));
    }
    Ok(Caller { key: key.id.clone(), nonce: Some(nonce.to_owned()) })
}

fn check_clock(asked: &Asked, now: Timestamp) -> Result<(), Refusal> {
    let date: Timestamp =
        asked.header("x-acs-date").and_then(|date| date.parse().ok()).ok_or_else(|| {
            let message = "Specified time stamp or date value is not well formatted.";
            Refusal::new(400, "InvalidTimeStamp.Format", message)
        })?;
    if now.duration_since(date).abs() > SKEW {
        let message = "Specified time stamp or date value is expired.";
        return Err(Refusal::new(400, "InvalidTimeStamp.Expired", message));
    }
    Ok(())
}
