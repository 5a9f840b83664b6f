//! What an operator types to adopt a lost call: the ids that the provider shows, or a handle as our
//! events show it.

use serde_json::Value;

/// The operator's text.
#[derive(Clone, Copy, Debug)]
pub struct OperatorInput<'a>(&'a str);

/// The operator's text, split.
pub(super) enum OperatorValue<'a> {
    /// The handle of an event. Null if the text begins like a handle but is not JSON.
    Handle(Value),
    /// Words between commas or spaces; empty if the operator typed nothing.
    Words(Vec<&'a str>),
}

impl<'a> OperatorInput<'a> {
    pub fn new(text: &'a str) -> Self {
        Self(text.trim())
    }

    pub(super) fn value(self) -> OperatorValue<'a> {
        if self.0.starts_with('{') {
            return OperatorValue::Handle(serde_json::from_str(self.0).unwrap_or_default());
        }
        let words = self.0.split(|c: char| c == ',' || c.is_whitespace());
        OperatorValue::Words(words.filter(|word| !word.is_empty()).collect())
    }

    /// The message for a text that is not what the operation expects.
    pub(super) fn unexpected(self, expected: &str) -> String {
        match self.0 {
            "" => format!("expected {expected}"),
            text => format!("expected {expected}, not {text:?}"),
        }
    }
}
