//! How a setting is written, by the type it is read into.

use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use serde_json::json;
use url::Url;

use super::durations;

/// A type a setting can be read into. Errors say what is wrong with the value, without the key.
pub(super) trait Form: Sized {
    /// Reads what a file has.
    fn read(value: &Value) -> Result<Self, String>;
    /// Reads what an environment variable has.
    fn read_text(text: &str) -> Result<Self, String>;
    /// Writes it as `config print` shows it.
    fn show(&self) -> serde_json::Value;
}

/// The text of a value that has to be one.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| mismatch("text in quotes", value))
}

/// The number of a value that is a whole one; TOML's are signed.
fn whole(value: &Value) -> Option<i128> {
    value.to_i128().or_else(|| i128::try_from(value.to_u128()?).ok())
}

/// Says what was found without showing it: it may be a secret in the wrong place.
pub(super) fn mismatch(expected: &str, value: &Value) -> String {
    let found = match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    };
    format!("must be {expected}, not {found}")
}

impl Form for String {
    fn read(value: &Value) -> Result<Self, String> {
        Self::read_text(text(value)?)
    }

    fn read_text(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Err("is empty".into()) } else { Ok(text.to_owned()) }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Form for PathBuf {
    fn read(value: &Value) -> Result<Self, String> {
        String::read(value).map(PathBuf::from)
    }

    fn read_text(text: &str) -> Result<Self, String> {
        String::read_text(text).map(PathBuf::from)
    }

    fn show(&self) -> serde_json::Value {
        json!(self.display().to_string())
    }
}

impl Form for Duration {
    fn read(value: &Value) -> Result<Self, String> {
        Self::read_text(value.as_str().ok_or_else(|| mismatch("a duration like \"5s\"", value))?)
    }

    fn read_text(text: &str) -> Result<Self, String> {
        durations::parse(text)
    }

    fn show(&self) -> serde_json::Value {
        json!(durations::format(*self))
    }
}

impl Form for Url {
    fn read(value: &Value) -> Result<Self, String> {
        Self::read_text(text(value)?)
    }

    fn read_text(text: &str) -> Result<Self, String> {
        Url::parse(text).map_err(|cause| format!("is not a URL: {cause}"))
    }

    fn show(&self) -> serde_json::Value {
        json!(self.as_str().trim_end_matches('/'))
    }
}

impl Form for u64 {
    fn read(value: &Value) -> Result<Self, String> {
        let number = whole(value).ok_or_else(|| mismatch("a whole number", value))?;
        u64::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    fn read_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("must be a whole number, not {text:?}"))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Form for f64 {
    fn read(value: &Value) -> Result<Self, String> {
        value
            .to_f64()
            .or(whole(value).map(|number| number as f64))
            .ok_or_else(|| mismatch("a number", value))
    }

    fn read_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("must be a number, not {text:?}"))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Form for bool {
    fn read(value: &Value) -> Result<Self, String> {
        value.to_bool().ok_or_else(|| mismatch("true or false", value))
    }

    fn read_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("must be true or false, not {text:?}"))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// A list of words; in a variable, with commas between them.
impl Form for Vec<String> {
    fn read(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| mismatch("a list like [\"*\"]", value))?;
        list.iter().map(String::read).collect()
    }

    fn read_text(text: &str) -> Result<Self, String> {
        let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
        let words = inner.split(',').map(|word| word.trim().trim_matches('"'));
        words.filter(|_| !inner.trim().is_empty()).map(String::read_text).collect()
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}
