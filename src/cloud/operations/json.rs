//! Reading replies in which a number may be a string and a string may differ in case.

use serde_json::Value;

/// Longest text taken from a provider, in characters. States and events carry such texts.
const MAX_TEXT: usize = 1000;

/// An integer, or a string that holds one.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An integer above zero: the only kind of id that DMS assigns.
pub(super) fn positive(value: &Value) -> Option<i64> {
    integer(value).filter(|id| *id > 0)
}

/// A boolean, or a string that holds one.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(boolean) => Some(*boolean),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// A string that is not blank, or a number's digits, cut to [`MAX_TEXT`].
pub(super) fn text(value: &Value) -> Option<String> {
    let mut text = full_text(value)?;
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
    }
    Some(text)
}

/// The same without the cut, for comparing.
pub(super) fn full_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The items of an array; none of any other value.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The items of an array, or of the array in an object's field: DMS replies have both forms.
pub(super) fn wrapped_list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    match value {
        Value::Object(fields) => fields.get(field).map(list).unwrap_or_default(),
        other => list(other),
    }
}
