//! The state of a job. It is saved in the ledger before anything is done about it, and copied into
//! every wake-up, so that any worker can continue the job from here at any time.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Failure;
use super::advice::OutcomeError;

/// The kinds of request to a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// A read before the call that a later probe compares with.
    Baseline,
    /// The request that changes something at the provider.
    Call,
    /// A read that finds out whether a call took effect whose answer was lost.
    Probe,
    /// A read of the progress. The value is the operation's own handle.
    Poll(Value),
}

impl RequestKind {
    /// Name in logs, metrics and traces.
    pub fn as_str(&self) -> &'static str {
        match self {
            RequestKind::Baseline => "baseline",
            RequestKind::Call => "call",
            RequestKind::Probe => "probe",
            RequestKind::Poll(_) => "poll",
        }
    }
}

/// The provider accepted a call, or a probe found that it had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// What polls identify the call's effect by; written and read by the operation alone.
    pub handle: Value,
    /// The normalised result so far: `order_ids`, `task_id`, `packages` …
    pub result: Value,
}

/// A poll found that the provider is still working.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The provider's status in a few words. A status that differs from the last one is progress.
    pub seen: String,
    /// Whether a person has to act before the provider continues.
    pub waits_for_person: bool,
    /// The normalised result so far.
    pub result: Value,
}

/// A poll found that the provider has finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The normalised result; its fields replace those known before.
    pub result: Value,
    /// Code and message of the failure; none after a success.
    pub failure: Option<(String, String)>,
}

/// A provider's answer to a [`RequestKind`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To a baseline: what exists before the call.
    Baseline(Value),
    /// To a call: accepted.
    Accepted(Accepted),
    /// To a probe: the call took effect.
    Found(Accepted),
    /// To a probe: no trace of the call this time.
    Absent,
    /// To a probe: something exists, and it is not certain that the call made it.
    Undecided(String),
    /// To a poll: still working.
    Running(Running),
    /// To a poll: finished.
    Ended(Ended),
}

/// What the provider returned last, for people and for support requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderReply {
    /// The provider's ids of the last requests, for its support.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_ids: Vec<String>,
    /// The provider's last reply, cut to 64 KiB.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub reply: Value,
}

/// An answer and the replies it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// What the answer was read from.
    pub provider_reply: ProviderReply,
}

/// Why it is not known whether a call took effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// When the unanswered call was about to be sent.
    pub called_at: Timestamp,
    /// What happened to its answer.
    pub cause: String,
}

/// When the main steps of a job happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timestamps {
    /// When the first call was about to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When the provider's acceptance was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<Timestamp>,
    /// When the outcome was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// The working memory of a job: the next request, and all that is known so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionState {
    /// The next request, or the one in progress.
    pub request: RequestKind,
    /// Calls begun. The last call's number is part of its nonce, and a further call begins only
    /// after a definite non-effect: two replicas that ever hold the same job send the same nonce.
    #[serde(default)]
    pub calls: u32,
    /// Failures of this request in a row.
    #[serde(default)]
    pub failures: u32,
    /// When the first of those failures happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The last failure, for events and the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
    /// Set while a call may have taken effect and no probe has settled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Probes in a row that saw no trace of the call.
    #[serde(default)]
    pub absences: u32,
    /// What the baseline read, for a probe to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Value>,
    /// The handle of what the call started, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Value>,
    /// The normalised result so far.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// The provider's status in the last poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Changes of that status.
    #[serde(default)]
    pub changes: u32,
    /// Polls in a row that saw the same status.
    #[serde(default)]
    pub unchanged: u32,
    /// What the last answer was read from.
    #[serde(default)]
    pub provider_reply: ProviderReply,
    /// When the steps so far happened.
    #[serde(default)]
    pub times: Timestamps,
    /// Outcomes of `unknown` that a person has resolved. Each was published before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resolutions: u32,
}

impl ExecutionState {
    /// The memory of a job before its first request.
    pub fn first(request: RequestKind) -> Self {
        Self {
            request,
            calls: 0,
            failures: 0,
            failing_since: None,
            last_failure: None,
            doubt: None,
            absences: 0,
            baseline: None,
            handle: None,
            result: Value::Null,
            seen: None,
            changes: 0,
            unchanged: 0,
            provider_reply: ProviderReply::default(),
            times: Timestamps::default(),
            resolutions: 0,
        }
    }
}

/// How a job ended. Each job has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    /// The provider did what was asked.
    Succeeded,
    /// The provider refused, or what it started failed, or every attempt was without effect.
    Failed,
    /// A call may have taken effect and nothing could settle it, or its end can't be seen.
    Unknown,
    /// The deadline passed first.
    Expired,
    /// A cancel request ended it.
    Cancelled,
    /// The message can't be read or is not valid; nothing was done.
    Rejected,
}

impl OutcomeKind {
    /// All kinds.
    pub const ALL: [OutcomeKind; 6] = [
        OutcomeKind::Succeeded,
        OutcomeKind::Failed,
        OutcomeKind::Unknown,
        OutcomeKind::Expired,
        OutcomeKind::Cancelled,
        OutcomeKind::Rejected,
    ];

    /// Name in routing keys and event types.
    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeKind::Succeeded => "succeeded",
            OutcomeKind::Failed => "failed",
            OutcomeKind::Unknown => "unknown",
            OutcomeKind::Expired => "expired",
            OutcomeKind::Cancelled => "cancelled",
            OutcomeKind::Rejected => "rejected",
        }
    }
}

/// The end of a job, with all that is published about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the job ended.
    pub kind: OutcomeKind,
    /// Calls made.
    pub attempts: u32,
    /// The normalised result, as far as it is known.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// The handle of what exists at the provider, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Value>,
    /// Why the job did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
    /// What the last answer was read from.
    #[serde(default)]
    pub provider_reply: ProviderReply,
    /// When the steps happened.
    pub times: Timestamps,
    /// Earlier outcomes of `unknown` that a person has resolved.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resolutions: u32,
    /// Where an `unknown` job continues when a person resolves it. Never published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Box<ExecutionState>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum State {
    /// The next request is not due yet.
    Waiting {
        /// Holds the next request.
        execution: ExecutionState,
        /// When the next request is due.
        due: Timestamp,
    },
    /// A request is in progress. Found after a crash, it may have been sent.
    Asking {
        /// Holds the request.
        execution: ExecutionState,
        /// When this state was saved, just before sending.
        since: Timestamp,
    },
    /// The outcome is decided, and the broker has not confirmed its event yet.
    Reporting {
        /// The outcome to publish.
        outcome: Outcome,
    },
    /// The broker has confirmed the outcome's event.
    Done {
        /// The outcome, for a producer that sends the job again.
        outcome: Outcome,
    },
}

impl State {
    /// The working memory of a job that has no outcome yet.
    pub fn execution(&self) -> Option<&ExecutionState> {
        match self {
            State::Waiting { execution, .. } | State::Asking { execution, .. } => Some(execution),
            State::Reporting { .. } | State::Done { .. } => None,
        }
    }

    /// Whether a cancel request ends the job here. A lost call is settled first.
    pub fn is_cancellable(&self) -> bool {
        matches!(self, State::Waiting { execution, .. } if execution.request != RequestKind::Probe)
    }

    /// When a sweeper should wake the job if nothing else has; none when it is done. Only a waiting
    /// job is due in the future.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            State::Waiting { due, .. } => Some(*due),
            State::Asking { since, .. } => Some(*since),
            State::Reporting { outcome } => outcome.times.ended,
            State::Done { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_kind_is_serialized_by_its_name() {
        for kind in OutcomeKind::ALL {
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
    }
}
