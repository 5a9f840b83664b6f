//! The types of settings and how each is written.

use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use serde_json::json;
use url::Url;

use super::durations;

/// A type of a setting. Error messages describe the value without the key.
pub(super) trait ConfigValue: Sized {
    /// Reads a value of a file.
    fn from_toml(value: &Value) -> Result<Self, String>;
    /// Reads the text of an environment variable.
    fn from_text(text: &str) -> Result<Self, String>;
    /// The value as `config print` shows it.
    fn display(&self) -> serde_json::Value;
}

pub(super) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| mismatch("text in quotes", value))
}

/// TOML has signed integers only; figment also has unsigned ones.
fn whole(value: &Value) -> Option<i128> {
    value.to_i128().or_else(|| i128::try_from(value.to_u128()?).ok())
}

/// Names the type that was found. The value itself can be a misplaced secret.
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

impl ConfigValue for String {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(text(value)?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Err("is empty".into()) } else { Ok(text.to_owned()) }
    }

    fn display(&self) -> serde_json::Value {
        json!(self)
    }
}

impl ConfigValue for PathBuf {
    fn from_toml(value: &Value) -> Result<Self, String> {
        String::from_toml(value).map(PathBuf::from)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        String::from_text(text).map(PathBuf::from)
    }

    fn display(&self) -> serde_json::Value {
        json!(self.as_path().display().to_string())
    }
}

impl ConfigValue for Duration {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(value.as_str().ok_or_else(|| mismatch("a duration like \"5s\"", value))?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        durations::parse(text)
    }

    fn display(&self) -> serde_json::Value {
        json!(durations::format(*self))
    }
}

impl ConfigValue for Url {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(text(value)?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Url::parse(text).map_err(|cause| format!("is not a URL: {cause}"))
    }

    fn display(&self) -> serde_json::Value {
        json!(self.as_str().trim_end_matches('/'))
    }
}

impl ConfigValue for u64 {
    fn from_toml(value: &Value) -> Result<Self, String> {
        let number = whole(value).ok_or_else(|| mismatch("a whole number", value))?;
        u64::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("must be a whole number, not {text:?}"))
    }

    fn display(&self) -> serde_json::Value {
        json!(self)
    }
}

impl ConfigValue for f64 {
    fn from_toml(value: &Value) -> Result<Self, String> {
        value
            .to_f64()
            .or(whole(value).map(|number| number as f64))
            .ok_or_else(|| mismatch("a number", value))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("must be a number, not {text:?}"))
    }

    fn display(&self) -> serde_json::Value {
        json!(self)
    }
}

impl ConfigValue for bool {
    fn from_toml(value: &Value) -> Result<Self, String> {
        value.to_bool().ok_or_else(|| mismatch("true or false", value))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("must be true or false, not {text:?}"))
    }

    fn display(&self) -> serde_json::Value {
        json!(self)
    }
}

/// A list of words; in an environment variable, separated by commas.
impl ConfigValue for Vec<String> {
    fn from_toml(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| mismatch("a list like [\"*\"]", value))?;
        list.iter().map(String::from_toml).collect()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
        let words = inner.split(',').map(|word| word.trim().trim_matches('"'));
        words.filter(|_| !inner.trim().is_empty()).map(String::from_text).collect()
    }

    fn display(&self) -> serde_json::Value {
        json!(self)
    }
}
