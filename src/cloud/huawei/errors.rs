//! Huawei's error bodies, and the categories of its codes.

use serde_json::Value;

use crate::cloud::error_body::{ErrorBody, ErrorCategory};

/// The known pairs of names of a code and its message.
const NAMES: [(&str, &str); 3] =
    [("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message")];

/// Reads a code and its message at any depth, as the official client does.
pub(in crate::cloud) fn error_body(body: &[u8]) -> ErrorBody {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return ErrorBody::default() };
    let request_id = body["request_id"].as_str().map(str::to_owned);
    let (code, message) = find(&body).unwrap_or_default();
    ErrorBody { code, message, request_id }
}

fn find(value: &Value) -> Option<(Option<String>, Option<String>)> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Object(fields) => {
            let here = NAMES.iter().find_map(|(code, message)| {
                let code = text(fields.get(*code)?)?;
                Some((Some(code), fields.get(*message).and_then(text)))
            });
            here.or_else(|| fields.values().find_map(find))
        }
        Value::Array(items) => items.iter().find_map(find),
        _ => None,
    }
}

/// The category of a code. `None` where the HTTP status decides. The gateway's codes have two known
/// prefixes, so only their number counts. A 401 refuses the account, whatever its code.
pub(in crate::cloud) fn categorize(
    status: u16,
    code: &str,
    message: &str,
) -> Option<ErrorCategory> {
    let number = code.strip_prefix("APIGW.").or_else(|| code.strip_prefix("APIG."));
    let message = message.to_ascii_lowercase();
    match number {
        Some("0308") => Some(ErrorCategory::Throttled),
        Some("0307") => Some(ErrorCategory::TokenExpired),
        Some("0301") if message.contains("token") => Some(ErrorCategory::TokenExpired),
        Some("0301") if message.contains("aksk") => Some(ErrorCategory::BadSignature),
        Some(_) if message.contains("token must be updated") => Some(ErrorCategory::TokenExpired),
        Some(_) | None => (status == 401).then_some(ErrorCategory::AccountRefused),
    }
}
