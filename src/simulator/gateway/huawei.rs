//! Huawei's gateway: SDK-HMAC-SHA256 signatures, IAM tokens, and the lock after bad signatures.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::guard::{Caller, Guard, SKEW};
use crate::cloud::huawei::sign;
use crate::simulator::action::Action;
use crate::simulator::reply::Refusal;
use crate::simulator::settings::{Settings, TestKey};

/// Lets a request in, or says why not.
pub(in crate::simulator) fn admit(
    action: Action,
    asked: &Asked,
    settings: &Settings,
    guard: &mut Guard,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    // A token is asked for with a password, which is looked at where tokens are made.
    if action == Action::CreateToken {
        return Ok(Caller { key: settings.user.name.clone(), nonce: None });
    }
    let caller = match asked.header("x-auth-token") {
        Some(token) => by_token(token, settings, guard, now)?,
        None => by_key(asked, settings, guard, now)?,
    };
    if asked.segments().get(1) != Some(&settings.project_id.as_str()) {
        let message = "The user is not allowed to use this project.";
        return Err(Refusal::new(403, "APIGW.0302", message));
    }
    if settings.workspace.is_some() && asked.header("workspace") != settings.workspace.as_deref() {
        return Err(Refusal::new(400, "DLF.0802", "The workspace header is not configured."));
    }
    Ok(caller)
}

fn unauthorized(why: &str) -> Refusal {
    let message = format!("Incorrect IAM authentication information: {why}");
    Refusal::new(401, "APIGW.0301", message)
}

fn by_token(
    token: &str,
    settings: &Settings,
    guard: &Guard,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let expires = guard.token_expiry(token).ok_or_else(|| unauthorized("decrypt token fail"))?;
    if now >= expires {
        return Err(unauthorized(&format!("token expires, expires_at: {expires}")));
    }
    Ok(Caller { key: settings.user.name.clone(), nonce: None })
}

fn by_key(
    asked: &Asked,
    settings: &Settings,
    guard: &mut Guard,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let claimed = asked
        .header("authorization")
        .and_then(sign::parse)
        .ok_or_else(|| unauthorized("x-auth-token not found"))?;
    if guard.is_locked(&claimed.key_id, now) {
        return Err(unauthorized("AK access failed to reach the limit,forbidden"));
    }
    let date = asked
        .header("x-sdk-date")
        .and_then(|date| DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok())
        .and_then(|date| date.to_zoned(TimeZone::UTC).ok())
        .ok_or_else(|| unauthorized("X-Sdk-Date is not well formatted"))?;
    if now.duration_since(date.timestamp()).abs() > SKEW {
        return Err(unauthorized("the request time differs too much from the server's"));
    }
    let key = settings.huawei.iter().find(|key| key.id == claimed.key_id);
    let is_true = |key: &&TestKey| {
        asked.header("x-security-token") == key.security_token.as_deref()
            && sign::verify(&asked.message(), &claimed, &key.secret)
    };
    let good = key.filter(is_true).is_some();
    let lock = SignedDuration::try_from(settings.lock).unwrap_or(SignedDuration::MAX);
    guard.note_signature(&claimed.key_id, good, now, lock);
    if good {
        Ok(Caller { key: claimed.key_id, nonce: None })
    } else if guard.is_locked(&claimed.key_id, now) {
        Err(unauthorized("AK access failed to reach the limit,forbidden"))
    } else {
        Err(unauthorized("verify aksk signature fail"))
    }
}
