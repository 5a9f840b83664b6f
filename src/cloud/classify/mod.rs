//! The table: what happened to a request, and the failure it is.
//!
//! It says only what is known of the provider's side. What follows is decided elsewhere.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::http::{RawReply, TransportError};
use super::protocol::Reply;
use super::{alibaba, huawei};
use crate::job::{Failure, FailureClass, Provider};

/// The longest pause a provider is believed to want.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Huawei allows 15 minutes between the clocks and refuses beyond with words of no fixed form, so
/// a refused signature is put down to the clock when the clocks are about that far apart.
const HUAWEI_TOLERANCE: SignedDuration = SignedDuration::from_mins(14);

/// The most of a request's id that is kept, in characters; real ones have 36.
const LONGEST_ID: usize = 128;

/// What a provider's code says of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Too many requests; this one was not carried out.
    Throttled,
    /// Nothing more today.
    QuotaSpent,
    /// Our clock is off.
    Clock,
    /// A token has run out.
    Expired,
    /// The signature is not the one the provider computes.
    BadSignature,
    /// No, and no again.
    Refused,
    /// Something went wrong on the provider's side, at a point we can't see.
    Doubt,
}

/// What a refusal says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wording {
    pub code: Option<String>,
    pub message: Option<String>,
    pub request_id: Option<String>,
}

/// What can be put right on our side before asking again. Until it is, the failure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// Take up the provider's clock.
    Clock(Timestamp),
    /// Fetch another token.
    Token,
}

/// A failed request, and what may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub failure: Failure,
    pub remedy: Remedy,
    /// Whether it is the account that is refused, whatever it asks for.
    pub of_account: bool,
}

/// A request that got no whole reply.
pub(super) fn unanswered(error: &TransportError) -> Failure {
    match error {
        TransportError::NotSent { .. } => Failure::retryable("NotConnected", error.to_string()),
        TransportError::Lost { .. } => Failure::ambiguous("AnswerLost", error.to_string()),
    }
}

/// A reply: taken, or refused for a reason. `now` is the provider's time as we signed it.
pub(super) fn reply(provider: Provider, raw: &RawReply, now: Timestamp) -> Result<Reply, Refusal> {
    let header_id = ["x-acs-request-id", "x-request-id"].iter().find_map(|name| raw.header(name));
    let wording = match provider {
        Provider::Alibaba => alibaba::errors::wording(&raw.body),
        Provider::Huawei => huawei::errors::wording(&raw.body),
    };
    let request_id = wording.request_id.as_deref().or(header_id);
    let request_id = request_id.map(|id| id.chars().take(LONGEST_ID).collect());
    let refused = match (raw.status, serde_json::from_slice::<Value>(&raw.body)) {
        (200..=299, Ok(body)) if provider == Provider::Alibaba => {
            if !alibaba::errors::says_failed(&body) {
                return Ok(Reply { request_id, body });
            }
            refusal(provider, raw, &wording, now)
        }
        (200..=299, Ok(body)) => return Ok(Reply { request_id, body }),
        (200..=299, Err(error)) => {
            let message = format!("the reply (HTTP {}) is not JSON: {error}", raw.status);
            Refusal {
                failure: Failure::ambiguous("UnreadableReply", message),
                remedy: Remedy::None,
                of_account: false,
            }
        }
        (_, _) => refusal(provider, raw, &wording, now),
    };
    Err(Refusal { failure: Failure { request_id, ..refused.failure }, ..refused })
}

/// Whether a refusal is the service breaking down, and no answer to the question: a server error
/// without a word on when to come back, or that settles anything.
pub(super) fn is_breakdown(status: u16, failure: &Failure) -> bool {
    match failure.meaning {
        FailureClass::Ambiguous => status >= 500,
        FailureClass::Retryable { .. } | FailureClass::Permanent => false,
    }
}

fn refusal(provider: Provider, raw: &RawReply, wording: &Wording, now: Timestamp) -> Refusal {
    let given = wording.code.as_deref().unwrap_or_default();
    let message = wording.message.as_deref().unwrap_or_default();
    let told = match provider {
        Provider::Alibaba => alibaba::errors::told(given),
        Provider::Huawei => huawei_told(raw, given, message, now),
    };
    let meaning = match told {
        Some(Told::Throttled) => FailureClass::Retryable { retry_after: pause(raw, now) },
        // A 503 that says when to come back is a refusal, whatever its code.
        Some(Told::Doubt) if raw.status == 503 && pause(raw, now).is_some() => {
            FailureClass::Retryable { retry_after: pause(raw, now) }
        }
        Some(Told::Doubt) => FailureClass::Ambiguous,
        Some(
            Told::QuotaSpent | Told::Clock | Told::Expired | Told::BadSignature | Told::Refused,
        ) => FailureClass::Permanent,
        None => by_status(raw, given, now),
    };
    let remedy = match told {
        Some(Told::Clock) => server_time(raw).map_or(Remedy::None, Remedy::Clock),
        Some(Told::Expired) => Remedy::Token,
        // An IAM token may be refused in words we don't know; a key has no token to renew.
        Some(_) | None if provider == Provider::Huawei && raw.status == 401 => Remedy::Token,
        Some(
            Told::Throttled | Told::QuotaSpent | Told::BadSignature | Told::Refused | Told::Doubt,
        )
        | None => Remedy::None,
    };
    let of_account = match told {
        Some(Told::QuotaSpent | Told::Clock | Told::Expired | Told::BadSignature) => true,
        Some(Told::Throttled | Told::Refused | Told::Doubt) | None => match provider {
            Provider::Alibaba => alibaba::errors::is_of_account(given),
            Provider::Huawei => raw.status == 401,
        },
    };
    let code = match given {
        "" => format!("Http{}", raw.status),
        code => code.to_owned(),
    };
    let message = words(told, raw, message);
    Refusal { failure: Failure { meaning, code, message, request_id: None }, remedy, of_account }
}

/// What the HTTP status says where the code says nothing.
fn by_status(raw: &RawReply, code: &str, now: Timestamp) -> FailureClass {
    match raw.status {
        // `Success: false` with a reason is a refusal; without one, nobody knows.
        200..=299 if code.is_empty() || sounds_internal(code) => FailureClass::Ambiguous,
        200..=299 => FailureClass::Permanent,
        408 | 425 | 429 => FailureClass::Retryable { retry_after: pause(raw, now) },
        503 if pause(raw, now).is_some() => {
            FailureClass::Retryable { retry_after: pause(raw, now) }
        }
        // Sent elsewhere; 303 alone may follow on an effect.
        301 | 302 | 307 | 308 => FailureClass::Permanent,
        400..=499 => FailureClass::Permanent,
        _ => FailureClass::Ambiguous,
    }
}

/// Whether an unlisted code reads like a fault of the provider's own.
fn sounds_internal(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    ["timeout", "system", "internal", "server", "busy"].iter().any(|word| code.contains(word))
}

fn huawei_told(raw: &RawReply, code: &str, message: &str, now: Timestamp) -> Option<Told> {
    let told = huawei::errors::told(code, message);
    let apart = server_time(raw).map(|server| server.duration_since(now).abs());
    let clock = raw.status == 401 && apart.is_some_and(|apart| apart > HUAWEI_TOLERANCE);
    if clock && told != Some(Told::Expired) { Some(Told::Clock) } else { told }
}

fn words(told: Option<Told>, raw: &RawReply, message: &str) -> String {
    match told {
        Some(Told::QuotaSpent) => {
            format!("the account's daily quota is spent; try again tomorrow: {}", message)
        }
        // The provider's words hold what it signed, a security token included.
        Some(Told::BadSignature) => "the provider computes another signature; check the access \
                                     key and its secret"
            .to_owned(),
        Some(Told::Expired) => {
            format!("the token is not, or no longer, accepted: {}", message)
        }
        Some(Told::Clock) => format!("this machine's clock is off: {}", message),
        Some(Told::Throttled | Told::Refused | Told::Doubt) | None => match (message, raw.status) {
            ("", 300..=399) => "redirects are not followed; check the endpoint".to_owned(),
            ("", status) => {
                format!("HTTP {status}: {}", String::from_utf8_lossy(&raw.body))
            }
            (message, _) => message.to_owned(),
        },
    }
}

/// How long the provider asks us to wait: milliseconds, seconds or a date.
fn pause(raw: &RawReply, now: Timestamp) -> Option<Duration> {
    let number = |name| raw.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let date = || {
        let until = http_date(raw.header("retry-after")?)?;
        let now = server_time(raw).unwrap_or(now);
        Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
    };
    number("x-acs-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
        .or_else(date)
        .map(|pause| pause.min(LONGEST_PAUSE))
}

fn server_time(raw: &RawReply) -> Option<Timestamp> {
    http_date(raw.header("date")?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests;
