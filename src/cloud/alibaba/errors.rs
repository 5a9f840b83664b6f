//! Alibaba's error bodies, and the categories of its codes.

use serde_json::Value;

use crate::cloud::error_body::{ErrorBody, ErrorCategory};

/// Reads the gateway's `{Code, Message, RequestId}`, a product's `{ErrorCode, ErrorMessage}`, or
/// the XML form of the first.
pub(in crate::cloud) fn error_body(body: &[u8]) -> ErrorBody {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return xml(body) };
    let text = |names: &[&str]| {
        names.iter().find_map(|name| match &body[*name] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    // DataWorks puts its reason into `Data`, where the only code is the status `fail`.
    let inner = |name: &str| body["Data"][name].as_str().map(str::to_owned);
    let fail = || inner("Status").filter(|status| status.eq_ignore_ascii_case("fail"));
    ErrorBody {
        code: text(&["Code", "code", "ErrorCode"]).or_else(fail),
        message: text(&["Message", "message", "ErrorMessage"]).or_else(|| inner("Message")),
        request_id: text(&["RequestId", "requestId"]),
    }
}

/// Whether a 2xx body reports a failure.
pub(in crate::cloud) fn is_failed(body: &Value) -> bool {
    match &body["Success"] {
        Value::Bool(success) => !success,
        Value::String(success) => success.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

/// The category of a code, for any HTTP status. `None` where the status decides.
pub(in crate::cloud) fn categorize(code: &str) -> Option<ErrorCategory> {
    Some(match code {
        "Throttling.Api.Risk" => ErrorCategory::QuotaExceeded,
        "SignatureNonceUsed" | "ServiceUnavailable" | "SystemBusy" | "UnknownError" => {
            ErrorCategory::Ambiguous
        }
        // The product is not sold in the region: final, although the status is 500.
        "Forbidden.Not.Server" => ErrorCategory::Refused,
        "SignatureDoesNotMatch" | "IncompleteSignature" => ErrorCategory::BadSignature,
        "InvalidSecurityToken.Expired" => ErrorCategory::TokenExpired,
        _ if is_in(code, "Throttling") => ErrorCategory::Throttled,
        _ if is_in(code, "InternalError") => ErrorCategory::Ambiguous,
        _ if is_in(code, "InvalidTimeStamp") => ErrorCategory::ClockSkew,
        _ if is_in(code, "InvalidAccessKeyId") => ErrorCategory::AccountRefused,
        _ if is_in(code, "InvalidSecurityToken") => ErrorCategory::AccountRefused,
        _ => return None,
    })
}

/// `Throttling` is both a code and the family of `Throttling.User` and others.
fn is_in(code: &str, family: &str) -> bool {
    code.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn xml(body: &[u8]) -> ErrorBody {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (inner, _) = rest.split_once(&format!("</{name}>"))?;
        Some(inner.to_owned())
    };
    let [code, message, request_id] = ["Code", "Message", "RequestId"].map(element);
    ErrorBody { code, message, request_id }
}
