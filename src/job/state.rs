//! Where a job stands. Saved in the ledger before anything is carried out, and sent along with
//! every wake-up, so a job can be taken up from here by any worker at any time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Failure, Job, advice::Outcome, machine::Capabilities};

/// A request we make of a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// A read before the call that a later probe compares with.
    Baseline,
    /// The request that changes something.
    Call,
    /// A read that asks whether an unanswered call took effect.
    Probe,
    /// A read that asks how far it is; the value is the operation's own handle.
    Poll(Value),
}

impl RequestKind {
    /// The word for it in logs, metrics and traces.
    pub fn as_str(&self) -> &'static str {
        match self {
            RequestKind::Baseline => "baseline",
            RequestKind::Call => "call",
            RequestKind::Probe => "probe",
            RequestKind::Poll(_) => "poll",
        }
    }
}

/// The provider took a call (or a probe found that it had).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// What the polls need to find it again; made and read by the operation alone.
    pub handle: Value,
    /// The normalised result so far: `order_ids`, `task_id`, `packages` …
    pub result: Value,
}

/// A poll found it still under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The provider's status, in a few words; when it differs from the last one, that is progress.
    pub seen: String,
    /// Whether a person has to act before it goes on.
    pub waits_for_person: bool,
    /// The normalised result so far.
    pub result: Value,
}

/// A poll found it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The normalised result; laid over what was known before.
    pub result: Value,
    /// Why it failed, as a code and words; none when it succeeded.
    pub failure: Option<(String, String)>,
}

/// What a provider said to an [`RequestKind`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To a baseline: what is there now.
    Baseline(Value),
    /// To a call: taken.
    Accepted(Accepted),
    /// To a probe: the call took effect.
    Found(Accepted),
    /// To a probe: no trace of the call, this time.
    Absent,
    /// To a probe: there is something, and it can't be told whether it is ours.
    Undecided(String),
    /// To a poll: under way.
    Running(Running),
    /// To a poll: over.
    Ended(Ended),
}

/// What the provider's replies showed, for people and for support requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderReply {
    /// The provider's ids of the requests behind the answer.
    #[serde(default)]
    pub request_ids: Vec<String>,
    /// The last reply's body, cut to 64 KiB.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub reply: Value,
}

/// An answer and what it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// What it was read from.
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

/// The moments of a job that people ask about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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

/// One stretch of work towards the outcome: what is asked next, and all that is known so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionState {
    /// What is asked next, or being asked.
    pub request: RequestKind,
    /// Calls begun. The last one's number makes its nonce, and a further call is begun only after a
    /// definite non-effect: two replicas that ever held the same job send the same nonce.
    #[serde(default)]
    pub calls: u32,
    /// Failures in a row of this ask.
    #[serde(default)]
    pub failures: u32,
    /// When the first of those failures happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The last failure, for the outcome if we give up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
    /// Set while a call may have taken effect and nothing has settled it.
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
    /// The status the last poll saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Times the status differed from the one before.
    #[serde(default)]
    pub changes: u32,
    /// Polls in a row that saw the same status.
    #[serde(default)]
    pub unchanged: u32,
    /// What the last answer was read from.
    #[serde(default)]
    pub provider_reply: ProviderReply,
    /// The moments so far.
    #[serde(default)]
    pub times: Timestamps,
    /// Times a person has settled an outcome of `unknown`, each after an outcome was told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resolutions: u32,
}

impl ExecutionState {
    /// Nothing is known yet.
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

pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum State {
    /// Nothing to do before `due`.
    Waiting {
        /// What comes then.
        execution: ExecutionState,
        /// When.
        due: Timestamp,
    },
    /// A request may be on its way. Found after a crash, this means it may have been sent.
    Asking {
        /// What is asked.
        execution: ExecutionState,
        /// When this was saved, just before sending.
        since: Timestamp,
    },
    /// The outcome is decided and not yet confirmed by the broker.
    Reporting {
        /// The outcome.
        outcome: Outcome,
    },
    /// The outcome is with the broker.
    Done {
        /// The outcome, to be told again to a producer that asks again.
        outcome: Outcome,
    },
}

impl State {
    /// Where every job starts: waiting for its moment.
    pub fn first(job: &Job, capabilities: Capabilities) -> Self {
        let request = if capabilities.baseline { RequestKind::Baseline } else { RequestKind::Call };
        State::Waiting {
            execution: ExecutionState::first(request),
            due: job.not_before.unwrap_or(job.received_at),
        }
    }

    /// Whether somebody's wish ends it here. Whether a lost call took effect is settled first.
    pub fn ends_when_cancelled(&self) -> bool {
        matches!(self, State::Waiting { execution, .. } if execution.request != RequestKind::Probe)
    }

    /// When a sweeper should look after the job if nobody else does; none when it is done.
    /// What is not waiting is due at once.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            State::Waiting { due, .. } => Some(*due),
            State::Asking { since, .. } => Some(*since),
            State::Reporting { outcome } => outcome.times.ended,
            State::Done { .. } => None,
        }
    }
}
