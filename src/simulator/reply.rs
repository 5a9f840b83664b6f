//! The content of a reply, before the gateway puts it in the format of the provider.

use std::time::Duration;

use serde_json::Value;

/// The content of a successful reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payload {
    pub(super) status: u16,
    /// A header that only this reply has.
    pub(super) header: Option<(&'static str, String)>,
    pub(super) body: Value,
}

impl From<Value> for Payload {
    fn from(body: Value) -> Self {
        Self { status: 200, header: None, body }
    }
}

/// The content of an error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorReply {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// The delay that the reply asks for before the next attempt.
    pub(super) retry_after: Option<Duration>,
}

impl ErrorReply {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), retry_after: None }
    }

    /// Alibaba's error for a missing parameter.
    pub(super) fn missing_parameter(name: &str) -> Self {
        Self::new(400, &format!("Missing{name}"), format!("{name} is mandatory for this action."))
    }

    /// Alibaba's error for an invalid parameter.
    pub(super) fn invalid(name: &str, reason: &str) -> Self {
        let message = format!("Specified parameter {name} is not valid: {reason}.");
        Self::new(400, &format!("Invalid{name}"), message)
    }
}
