//! Reading replies whose numbers may be strings and whose words may change case.

use serde_json::Value;

/// A whole number, written as one or as a string.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A truth value, written as one or as a string.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// The most that is taken of a provider's words, in characters.
const LONGEST_WORDS: usize = 1000;

/// Words, unless there are none; a number counts as its digits. They go into states and events, so
/// what nobody would read to its end is cut.
pub(super) fn words(value: &Value) -> Option<String> {
    let mut words = text(value)?;
    if let Some((end, _)) = words.char_indices().nth(LONGEST_WORDS) {
        words.truncate(end);
    }
    Some(words)
}

/// The same, whole: to be looked at, not to be kept.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The items of a list; none if it is not one.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The items of a list that is wrapped in an object under one name, as the DMS replies have it, or
/// stands bare.
pub(super) fn wrapped<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value {
        Value::Object(fields) => fields.get(name).map(items).unwrap_or_default(),
        other => items(other),
    }
}
