//! A failure of a provider, as a value with three meanings. It says only what is known; what
//! follows from it is decided in [`super::machine`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a failed request says about its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// The provider did not act, and may if asked again.
    Retryable {
        /// How long the provider asked us to wait, already bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    /// The provider refused, and would again.
    Permanent,
    /// We can't tell whether the provider acted.
    Ambiguous,
}

impl FailureClass {
    /// The word for it in events and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Retryable { .. } => "retryable",
            FailureClass::Permanent => "permanent",
            FailureClass::Ambiguous => "ambiguous",
        }
    }
}

/// A request that failed, in words a person can act on. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What it says about the effect.
    pub meaning: FailureClass,
    /// The provider's code (`Throttling.User`, `DLF.0810`), or ours for what never reached it or
    /// can't be read (`ConnectFailed`, `TimedOut`, `UnreadableReply` …).
    pub code: String,
    /// The provider's message, or ours.
    pub message: String,
    /// The provider's id of the refused request, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    /// The provider did not act; ask again at our own pace.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Retryable { retry_after: None }, code, message)
    }

    /// The provider refused for good.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, code, message)
    }

    /// Nobody can tell yet whether the provider acted.
    pub fn ambiguous(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Ambiguous, code, message)
    }

    fn new(meaning: FailureClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { meaning, code: code.into(), message: message.into(), request_id: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_read_back_as_it_was_saved() {
        let mut failure = Failure::retryable("Throttling.User", "slow down");
        failure.meaning =
            FailureClass::Retryable { retry_after: Some(Duration::from_millis(1500)) };
        failure.request_id = Some("r-1".into());
        let refused = Failure::permanent("NoPermission", "not yours");
        let lost = Failure::ambiguous("TimedOut", "no answer");
        for failure in [failure, refused, lost] {
            let saved = serde_json::json!(failure);
            assert_eq!(serde_json::from_value::<Failure>(saved).ok(), Some(failure));
        }
    }

    #[test]
    fn a_failure_is_shown_with_its_code() {
        assert_eq!(
            Failure::permanent("NoPermission", "not yours").to_string(),
            "NoPermission: not yours"
        );
    }
}
