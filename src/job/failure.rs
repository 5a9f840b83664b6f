//! A failed request, in one of three classes. It states only what is known;
//! [`machine`](super::machine) decides what follows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is known about the effect of a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// The provider did not act. Another attempt may succeed.
    Retryable {
        /// Pause that the provider asks for, already bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    /// The provider refused, and would refuse again.
    Permanent,
    /// It is not known whether the provider acted.
    Ambiguous,
}

impl FailureClass {
    /// Name in events and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Retryable { .. } => "retryable",
            FailureClass::Permanent => "permanent",
            FailureClass::Ambiguous => "ambiguous",
        }
    }
}

/// A failed request, described for a person. Contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What is known about the effect.
    pub class: FailureClass,
    /// The provider's code (`Throttling.User`, `DLF.0810`), or ours if the request did not reach the
    /// provider or its reply can't be read (`ConnectFailed`, `TimedOut`, `UnreadableReply` …).
    pub code: String,
    /// The provider's message, or ours.
    pub message: String,
    /// The provider's id of the failed request, if it returned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    /// The provider did not act and asks for no pause.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Retryable { retry_after: None }, code, message)
    }

    /// The provider refused, and would refuse again.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, code, message)
    }

    /// It is not known whether the provider acted.
    pub fn ambiguous(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Ambiguous, code, message)
    }

    fn new(class: FailureClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, code: code.into(), message: message.into(), request_id: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_saving_and_reading() {
        let mut failure = Failure::retryable("Throttling.User", "slow down");
        failure.class = FailureClass::Retryable { retry_after: Some(Duration::from_millis(1500)) };
        failure.request_id = Some("r-1".into());
        let refused = Failure::permanent("NoPermission", "not yours");
        let lost = Failure::ambiguous("TimedOut", "no answer");
        for failure in [failure, refused, lost] {
            let saved = serde_json::json!(failure);
            assert_eq!(serde_json::from_value::<Failure>(saved).ok(), Some(failure));
        }
    }

    #[test]
    fn a_failure_is_displayed_with_its_code() {
        assert_eq!(
            Failure::permanent("NoPermission", "not yours").to_string(),
            "NoPermission: not yours"
        );
    }
}
