//! Huawei's authentication: SDK-HMAC-SHA256 signatures, IAM tokens, and the lockout after bad
//! signatures.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::authenticator::{Authenticator, MAX_CLOCK_SKEW};
use crate::cloud::huawei::sign;
use crate::simulator::action::ApiAction;
use crate::simulator::reply::ErrorReply;
use crate::simulator::request::{Caller, RawRequest};
use crate::simulator::settings::{AccessKeyPair, SimulatorSettings};

pub(super) fn admit(
    action: ApiAction,
    raw: &RawRequest,
    settings: &SimulatorSettings,
    authenticator: &mut Authenticator,
    now: Timestamp,
) -> Result<Caller, ErrorReply> {
    // A token request carries a password, which `iam` checks.
    if action == ApiAction::CreateToken {
        return Ok(Caller { key: settings.user.name.clone(), nonce: None });
    }
    let caller = match raw.header("x-auth-token") {
        Some(token) => by_token(token, settings, authenticator, now)?,
        None => by_key(raw, settings, authenticator, now)?,
    };
    if raw.segments().get(1) != Some(&settings.project_id.as_str()) {
        let message = "The user is not allowed to use this project.";
        return Err(ErrorReply::new(403, "APIGW.0302", message));
    }
    if settings.workspace.is_some() && raw.header("workspace") != settings.workspace.as_deref() {
        return Err(ErrorReply::new(400, "DLF.0802", "The workspace header is not configured."));
    }
    Ok(caller)
}

fn unauthorized(reason: &str) -> ErrorReply {
    let message = format!("Incorrect IAM authentication information: {reason}");
    ErrorReply::new(401, "APIGW.0301", message)
}

fn by_token(
    token: &str,
    settings: &SimulatorSettings,
    authenticator: &Authenticator,
    now: Timestamp,
) -> Result<Caller, ErrorReply> {
    let expires =
        authenticator.token_expiry(token).ok_or_else(|| unauthorized("decrypt token fail"))?;
    if now >= expires {
        return Err(unauthorized(&format!("token expires, expires_at: {expires}")));
    }
    Ok(Caller { key: settings.user.name.clone(), nonce: None })
}

fn by_key(
    raw: &RawRequest,
    settings: &SimulatorSettings,
    authenticator: &mut Authenticator,
    now: Timestamp,
) -> Result<Caller, ErrorReply> {
    let claimed = raw
        .header("authorization")
        .and_then(sign::parse)
        .ok_or_else(|| unauthorized("x-auth-token not found"))?;
    if authenticator.is_locked(&claimed.key_id, now) {
        return Err(unauthorized("AK access failed to reach the limit,forbidden"));
    }
    let date = raw
        .header("x-sdk-date")
        .and_then(|date| DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok())
        .and_then(|date| date.to_zoned(TimeZone::UTC).ok())
        .ok_or_else(|| unauthorized("X-Sdk-Date is not well formatted"))?;
    if now.duration_since(date.timestamp()).abs() > MAX_CLOCK_SKEW {
        return Err(unauthorized("the request time differs too much from the server's"));
    }
    let key = settings.huawei.iter().find(|key| key.id == claimed.key_id);
    let is_valid = |key: &&AccessKeyPair| {
        raw.header("x-security-token") == key.security_token.as_deref()
            && sign::verify(&raw.signed_message(), &claimed, &key.secret)
    };
    let valid = key.filter(is_valid).is_some();
    let lockout = SignedDuration::try_from(settings.lockout).unwrap_or(SignedDuration::MAX);
    authenticator.record_signature(&claimed.key_id, valid, now, lockout);
    if valid {
        Ok(Caller { key: claimed.key_id, nonce: None })
    } else if authenticator.is_locked(&claimed.key_id, now) {
        Err(unauthorized("AK access failed to reach the limit,forbidden"))
    } else {
        Err(unauthorized("verify aksk signature fail"))
    }
}
