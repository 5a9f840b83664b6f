//! How Alibaba's refusals read, and what its codes say.

use serde_json::Value;

use crate::cloud::classify::{Told, Wording};

/// Reads the gateway's `{Code, Message, RequestId}`, a product's `{ErrorCode, ErrorMessage}`, or
/// the XML form of the first.
pub(in crate::cloud) fn wording(body: &[u8]) -> Wording {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return xml(body) };
    let text = |names: &[&str]| {
        names.iter().find_map(|name| match &body[*name] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    // DataWorks says why in `Data` and gives no code but `fail`; `success` there is none.
    let inner = |name: &str| body["Data"][name].as_str().map(str::to_owned);
    let fail = || inner("Status").filter(|status| status.eq_ignore_ascii_case("fail"));
    Wording {
        code: text(&["Code", "code", "ErrorCode"]).or_else(fail),
        message: text(&["Message", "message", "ErrorMessage"]).or_else(|| inner("Message")),
        request_id: text(&["RequestId", "requestId"]),
    }
}

/// Whether a 2xx body says that it failed all the same.
pub(in crate::cloud) fn says_failed(body: &Value) -> bool {
    match &body["Success"] {
        Value::Bool(success) => !success,
        Value::String(success) => success.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

/// What a code says, whatever the HTTP status; none where the status decides.
pub(in crate::cloud) fn told(code: &str) -> Option<Told> {
    Some(match code {
        "Throttling.Api.Risk" => Told::QuotaSpent,
        "SignatureNonceUsed" | "ServiceUnavailable" | "SystemBusy" | "UnknownError" => Told::Doubt,
        // The product is not sold in the region: final, although it comes as a 500.
        "Forbidden.Not.Server" => Told::Refused,
        "SignatureDoesNotMatch" | "IncompleteSignature" => Told::BadSignature,
        "InvalidSecurityToken.Expired" => Told::Expired,
        _ if is(code, "Throttling") => Told::Throttled,
        _ if is(code, "InternalError") => Told::Doubt,
        _ if is(code, "InvalidTimeStamp") => Told::Clock,
        _ => return None,
    })
}

/// Whether a code is about who asks, not about what is asked.
pub(in crate::cloud) fn is_of_account(code: &str) -> bool {
    is(code, "InvalidAccessKeyId") || is(code, "InvalidSecurityToken")
}

/// `Throttling` is both a code and the family of `Throttling.User` and others.
fn is(code: &str, family: &str) -> bool {
    code.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn xml(body: &[u8]) -> Wording {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (inner, _) = rest.split_once(&format!("</{name}>"))?;
        Some(inner.to_owned())
    };
    Wording { code: element("Code"), message: element("Message"), request_id: element("RequestId") }
}
