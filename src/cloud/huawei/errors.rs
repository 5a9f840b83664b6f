//! How Huawei's refusals read, and what its codes say.

use serde_json::Value;

use crate::cloud::classify::{Told, Wording};

/// The pairs of names under which a code and its message have been seen.
const NAMES: [(&str, &str); 3] =
    [("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message")];

/// Reads a code and its message at any depth, as the official client does.
pub(in crate::cloud) fn wording(body: &[u8]) -> Wording {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Wording::default() };
    let request_id = body["request_id"].as_str().map(str::to_owned);
    let (code, message) = find(&body).unwrap_or_default();
    Wording { code, message, request_id }
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

/// What a code says; none where the HTTP status decides. The gateway's codes are known under two
/// prefixes, so only their number counts.
pub(in crate::cloud) fn told(code: &str, message: &str) -> Option<Told> {
    let number = code.strip_prefix("APIGW.").or_else(|| code.strip_prefix("APIG."))?;
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    match number {
        "0308" => Some(Told::Throttled),
        "0307" => Some(Told::Expired),
        "0301" if says("token") => Some(Told::Expired),
        "0301" if says("aksk") => Some(Told::BadSignature),
        _ => says("token must be updated").then_some(Told::Expired),
    }
}
