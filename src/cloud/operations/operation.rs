//! The trait every operation implements, and the typed answers of its methods.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::operator_input::OperatorInput;
use super::replay::{Replay, Replayed};
use super::schema;
use crate::cloud::account::Account;
use crate::cloud::request::Reply;
use crate::job::machine::Capabilities;
use crate::job::{
    Accepted, Answer, Ended, ExecutionState, Failure, Job, OperationSpec, RequestKind, Running,
};

/// One operation of one provider.
///
/// The methods that take a [`Replay`] are pure: the caller runs a method again with every reply so
/// far, until it returns an answer. A question of several requests needs no state of its own.
pub trait Operation: Send + Sync {
    /// Name, kind and params, as producers see them.
    fn spec(&self) -> OperationSpec;

    /// What the machine may count on with this account.
    fn capabilities(&self, _: &Account) -> Capabilities {
        Capabilities { baseline: false, probe: false, may_repeat_lost_call: false }
    }

    /// Reads what the probe compares with. Runs only with [`Capabilities::baseline`].
    fn baseline(&self, _: &OperationContext<'_>, _: &mut Replay<'_>) -> Replayed<Value> {
        Ok(Value::Null)
    }

    /// Calls the provider, with exactly one request.
    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted>;

    /// Finds out whether a call without an answer took effect. Runs only with
    /// [`Capabilities::probe`].
    fn probe(&self, _: &OperationContext<'_>, _: &mut Replay<'_>) -> Replayed<ProbeResult> {
        Ok(ProbeResult::Undecided("this operation cannot look up a lost call".to_owned()))
    }

    /// Asks for the progress of the accepted call.
    fn poll(
        &self,
        cx: &OperationContext<'_>,
        handle: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult>;

    /// Reads what an operator found at the provider after a lost call. The error says what is
    /// expected.
    fn adopt(&self, job: &Job, input: OperatorInput<'_>) -> Result<Accepted, String>;
}

/// What an operation may read.
#[derive(Debug)]
pub struct OperationContext<'a> {
    pub job: &'a Job,
    pub execution: &'a ExecutionState,
    pub account: &'a Account,
    pub now: Timestamp,
}

impl OperationContext<'_> {
    /// The job's params, which were validated when the message was read.
    pub(super) fn params<P: DeserializeOwned>(&self) -> Result<P, Failure> {
        schema::params_of(self.job)
    }

    /// When the call without an answer was sent.
    pub(super) fn called_at(&self) -> Timestamp {
        self.execution.doubt.as_ref().map_or(self.now, |doubt| doubt.called_at)
    }
}

/// Whether a call without an answer took effect.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeResult {
    Found(Accepted),
    Absent,
    /// Holds the reason.
    Undecided(String),
}

/// The progress of an accepted call. `result` holds the fields to merge into the job's result.
#[derive(Clone, Debug, PartialEq)]
pub enum PollResult {
    Running { provider_status: String, waits_for_person: bool, result: Value },
    Succeeded { result: Value },
    Failed { code: String, message: String, result: Value },
}

/// A call that the provider accepted: the handle is all that is known of it.
pub(super) fn accepted(handle: Value) -> Accepted {
    Accepted { result: handle.clone(), handle }
}

/// A lost call that a probe or an operator found.
pub(super) fn adopted(handle: Value) -> Accepted {
    let mut accepted = accepted(handle);
    accepted.result["adopted"] = true.into();
    accepted
}

impl dyn Operation + '_ {
    /// Runs the method that answers the execution's request, with the replies so far.
    pub(in crate::cloud) fn answer(
        &self,
        cx: &OperationContext<'_>,
        replies: &[Result<Reply, Failure>],
    ) -> Replayed<Answer> {
        let http = &mut Replay::new(replies);
        match &cx.execution.request {
            RequestKind::Baseline => self.baseline(cx, http).map(Answer::Baseline),
            RequestKind::Call => self.call(cx, http).map(Answer::Accepted),
            RequestKind::Probe => self.probe(cx, http).map(Answer::from),
            RequestKind::Poll(handle) => self.poll(cx, handle, http).map(Answer::from),
        }
    }
}

impl From<ProbeResult> for Answer {
    fn from(found: ProbeResult) -> Self {
        match found {
            ProbeResult::Found(accepted) => Answer::Found(accepted),
            ProbeResult::Absent => Answer::Absent,
            ProbeResult::Undecided(why) => Answer::Undecided(why),
        }
    }
}

impl From<PollResult> for Answer {
    fn from(poll: PollResult) -> Self {
        match poll {
            PollResult::Running { provider_status, waits_for_person, result } => {
                Answer::Running(Running { seen: provider_status, waits_for_person, result })
            }
            PollResult::Succeeded { result } => Answer::Ended(Ended { result, failure: None }),
            PollResult::Failed { code, message, result } => {
                Answer::Ended(Ended { result, failure: Some((code, message)) })
            }
        }
    }
}
