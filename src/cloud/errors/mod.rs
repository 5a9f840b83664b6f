//! The table of errors: what happened to a request, and the class of the failure.
//!
//! It states only what is known about the provider's side. `job` decides what follows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::error_body::{ErrorBody, ErrorCategory};
use super::http::{RawReply, TransportError};
use super::request::Reply;
use super::{alibaba, huawei};
use crate::job::{Failure, FailureClass, Provider};

/// The longest pause that a provider can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Just below the difference between the clocks, 15 minutes, that Huawei allows.
const HUAWEI_MAX_SKEW: SignedDuration = SignedDuration::from_mins(14);

/// Limit of a kept request id, in characters. Real ones have 36.
const MAX_ID: usize = 128;

/// What our side can correct before asking again. Without the correction the failure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// Adopt the provider's clock.
    Clock(Timestamp),
    /// Fetch another token.
    Token,
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProviderError {
    pub failure: Failure,
    pub remedy: Remedy,
    /// The account is refused, whatever it asks for.
    pub refuses_account: bool,
}

/// The failure of a request without a complete reply.
pub(super) fn transport_failure(error: &TransportError) -> Failure {
    match error {
        TransportError::NotSent { .. } => Failure::retryable("NotConnected", error.to_string()),
        TransportError::Lost { .. } => Failure::ambiguous("AnswerLost", error.to_string()),
    }
}

/// Reads a reply as accepted or refused. `now` is the provider's time in the signature.
pub(super) fn read_reply(
    provider: Provider,
    raw: &RawReply,
    now: Timestamp,
) -> Result<Reply, ProviderError> {
    let header_id = ["x-acs-request-id", "x-request-id"].iter().find_map(|name| raw.header(name));
    let error_body = match provider {
        Provider::Alibaba => alibaba::errors::error_body(&raw.body),
        Provider::Huawei => huawei::errors::error_body(&raw.body),
    };
    let request_id = error_body.request_id.as_deref().or(header_id);
    let request_id = request_id.map(|id| id.chars().take(MAX_ID).collect());
    let error = match (raw.status, serde_json::from_slice::<Value>(&raw.body)) {
        (200..=299, Ok(body)) if provider == Provider::Alibaba => {
            if !alibaba::errors::is_failed(&body) {
                return Ok(Reply { request_id, body });
            }
            refusal(provider, raw, &error_body, now)
        }
        (200..=299, Ok(body)) => return Ok(Reply { request_id, body }),
        (200..=299, Err(error)) => {
            let message = format!("the reply (HTTP {}) is not JSON: {error}", raw.status);
            ProviderError {
                failure: Failure::ambiguous("UnreadableReply", message),
                remedy: Remedy::None,
                refuses_account: false,
            }
        }
        (_, _) => refusal(provider, raw, &error_body, now),
    };
    Err(ProviderError { failure: Failure { request_id, ..error.failure }, ..error })
}

/// Whether a failure shows an outage of the service: a server error that leaves the effect unknown
/// and names no time to come back.
pub(super) fn is_outage(status: u16, failure: &Failure) -> bool {
    match failure.class {
        FailureClass::Ambiguous => status >= 500,
        FailureClass::Retryable { .. } | FailureClass::Permanent => false,
    }
}

fn refusal(
    provider: Provider,
    raw: &RawReply,
    error_body: &ErrorBody,
    now: Timestamp,
) -> ProviderError {
    use ErrorCategory::*;
    use FailureClass::{Permanent, Retryable};

    let given = error_body.code.as_deref().unwrap_or_default();
    let message = error_body.message.as_deref().unwrap_or_default();
    let category = match provider {
        Provider::Alibaba => alibaba::errors::categorize(given),
        Provider::Huawei => categorize_huawei(raw, given, message, now),
    };
    let retry_after = retry_after(raw, now);
    // IAM has more ways to refuse a token than are known. A key has no token to renew.
    let account_remedy = match provider {
        Provider::Alibaba => Remedy::None,
        Provider::Huawei => Remedy::Token,
    };
    let (class, remedy, refuses_account) = match category {
        Some(Throttled) => (Retryable { retry_after }, Remedy::None, false),
        // A 503 that says when to come back is a refusal, whatever its code.
        Some(Ambiguous) if raw.status == 503 && retry_after.is_some() => {
            (Retryable { retry_after }, Remedy::None, false)
        }
        Some(Ambiguous) => (FailureClass::Ambiguous, Remedy::None, false),
        Some(Refused) => (Permanent, Remedy::None, false),
        Some(QuotaExceeded) => (Permanent, Remedy::None, true),
        Some(AccountRefused | BadSignature) => (Permanent, account_remedy, true),
        Some(TokenExpired) => (Permanent, Remedy::Token, true),
        Some(ClockSkew) => (Permanent, server_time(raw).map_or(Remedy::None, Remedy::Clock), true),
        None => (by_status(raw.status, given, retry_after), Remedy::None, false),
    };
    let code = match given {
        "" => format!("Http{}", raw.status),
        code => code.to_owned(),
    };
    let message = describe(category, raw, message);
    let failure = Failure { class, code, message, request_id: None };
    ProviderError { failure, remedy, refuses_account }
}

/// The class by HTTP status, where the code has no category.
fn by_status(status: u16, code: &str, retry_after: Option<Duration>) -> FailureClass {
    match status {
        // `Success: false` with a reason is a refusal. Without one, the effect is unknown.
        200..=299 if code.is_empty() || looks_internal(code) => FailureClass::Ambiguous,
        200..=299 => FailureClass::Permanent,
        408 | 425 | 429 => FailureClass::Retryable { retry_after },
        503 if retry_after.is_some() => FailureClass::Retryable { retry_after },
        // Redirects, which are not followed. Only a 303 may be the result of an effect.
        301 | 302 | 307 | 308 => FailureClass::Permanent,
        400..=499 => FailureClass::Permanent,
        _ => FailureClass::Ambiguous,
    }
}

/// Whether an unknown code looks like a fault of the provider.
fn looks_internal(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    ["timeout", "system", "internal", "server", "busy"].iter().any(|word| code.contains(word))
}

/// Huawei refuses skewed clocks without a fixed code: a refused signature counts as clock skew when
/// the clocks differ by about the allowed maximum.
fn categorize_huawei(
    raw: &RawReply,
    code: &str,
    message: &str,
    now: Timestamp,
) -> Option<ErrorCategory> {
    let category = huawei::errors::categorize(raw.status, code, message);
    let skew = server_time(raw).map(|server| server.duration_since(now).abs());
    let is_skewed = raw.status == 401 && skew.is_some_and(|skew| skew > HUAWEI_MAX_SKEW);
    if is_skewed && category != Some(ErrorCategory::TokenExpired) {
        return Some(ErrorCategory::ClockSkew);
    }
    category
}

/// The message for people.
fn describe(category: Option<ErrorCategory>, raw: &RawReply, message: &str) -> String {
    use ErrorCategory::*;

    match category {
        Some(QuotaExceeded) => {
            format!("the account's daily quota is used up; try again tomorrow: {message}")
        }
        // The provider's message contains what it signed, including a security token.
        Some(BadSignature) => "the provider computed another signature; check the access key and \
                               its secret"
            .to_owned(),
        Some(TokenExpired) => format!("the token is invalid or expired: {message}"),
        Some(ClockSkew) => format!("this machine's clock differs from the provider's: {message}"),
        Some(Throttled | Refused | AccountRefused | Ambiguous) | None => {
            match (message, raw.status) {
                ("", 300..=399) => "the endpoint redirects, which is not followed; check it".into(),
                ("", status) => format!("HTTP {status}: {}", String::from_utf8_lossy(&raw.body)),
                (message, _) => message.to_owned(),
            }
        }
    }
}

/// The pause that the provider asks for: milliseconds, seconds or a date.
fn retry_after(raw: &RawReply, now: Timestamp) -> Option<Duration> {
    let number = |name| raw.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let date = || {
        let until = parse_http_date(raw.header("retry-after")?)?;
        let now = server_time(raw).unwrap_or(now);
        Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
    };
    number("x-acs-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
        .or_else(date)
        .map(|pause| pause.min(MAX_PAUSE))
}

fn server_time(raw: &RawReply) -> Option<Timestamp> {
    parse_http_date(raw.header("date")?)
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests;
