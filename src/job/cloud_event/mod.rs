//! The events of a job, its milestones and its outcome, as CloudEvents 1.0.
//!
//! An event's id is made from the job's id and the step it tells of, so a repeat has the same id.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::advice::OutcomeError;
use super::message::Rejection;
use super::milestone::Milestone;
use super::state::{ExecutionState, Outcome, OutcomeKind, ProviderReply, Timestamps};
use super::{Job, Kind, Trace};

/// The media type of an event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// An event, ready to be published.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CloudEvent {
    /// Always `1.0`.
    #[schemars(extend("const" = "1.0"))]
    pub specversion: &'static str,
    /// Made from the job's id and the step: a repeat has the same id.
    pub id: String,
    /// Who tells; `events.source` in the configuration.
    pub source: String,
    /// `ticketd.job.<state>`.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = r"^ticketd\.job\.[a-z]+$"))]
    pub kind: String,
    /// The job's id; absent where the message had none that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// Always `application/json`.
    #[schemars(extend("const" = "application/json"))]
    pub datacontenttype: &'static str,
    /// The trace it belongs to: that of the job's message.
    #[serde(flatten)]
    pub trace: Trace,
    /// What happened.
    pub data: Data,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Data {
    /// The job's id; absent where the message had none that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The operation; `unknown` where the message named none that we know.
    pub operation: String,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The operation's kind; `unknown` where the message named none that we know.
    #[schemars(extend("enum" = kinds()))]
    pub kind: String,
    /// Where the job stands.
    pub state: EventState,
    /// Calls made so far.
    pub attempts: u32,
    /// When things happened.
    pub times: EventTimes,
    /// The normalised result so far: `order_ids`, `task_id`, `packages` …
    #[serde(skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// The ids that polls use at the provider. Set once the call is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<Value>,
    /// What the provider said last.
    #[serde(skip_serializing_if = "EventProvider::is_empty")]
    pub provider: EventProvider,
    /// The error. With `retrying` and `doubtful`, the failure that caused this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
    /// The job's metadata, unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// Where a job stands: a milestone along the way or, once per job, how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EventState {
    /// Along the way.
    Milestone(Milestone),
    /// At its end.
    Outcome(OutcomeKind),
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EventState::Milestone(milestone) => milestone.as_str(),
            EventState::Outcome(kind) => kind.as_str(),
        })
    }
}

/// When the steps of a job happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EventTimes {
    /// When a worker first read the message.
    pub received: Timestamp,
    /// The later steps, as far as they have happened.
    #[serde(flatten)]
    pub steps: Timestamps,
}

/// What the provider returned last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct EventProvider {
    /// The last reply and the ids of its requests.
    #[serde(flatten)]
    pub last: ProviderReply,
    /// The provider's status in the last poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl EventProvider {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CloudEvent {
    /// Something along the way; `now` is when it happened.
    pub fn milestone(
        source: &str,
        job: &Job,
        execution: &ExecutionState,
        milestone: Milestone,
        now: Timestamp,
    ) -> Self {
        let name = milestone.as_str();
        let step = match milestone.number(execution) {
            Some(number) => format!("{name}.{number}"),
            None => name.to_owned(),
        };
        let error = match milestone {
            Milestone::Retrying | Milestone::Doubtful => {
                execution.last_failure.as_ref().map(OutcomeError::temporary)
            }
            Milestone::Started | Milestone::Submitted | Milestone::Progress => None,
        };
        let data = Data {
            job_id: Some(job.id.to_string()),
            operation: job.operation.clone(),
            account: Some(job.account.clone()),
            kind: job.kind.to_string(),
            state: EventState::Milestone(milestone),
            attempts: execution.calls,
            times: EventTimes { received: job.received_at, steps: execution.times },
            result: execution.result.clone(),
            handle: execution.handle.clone(),
            provider: EventProvider {
                last: execution.provider_reply.clone(),
                status: execution.seen.clone(),
            },
            error,
            metadata: job.metadata.clone(),
        };
        Self::of_job(source, job, &step, now, data)
    }

    /// How a job ended.
    pub fn outcome(source: &str, job: &Job, outcome: &Outcome) -> Self {
        let ended = outcome.times.ended.unwrap_or(job.received_at);
        let data = Data {
            job_id: Some(job.id.to_string()),
            operation: job.operation.clone(),
            account: Some(job.account.clone()),
            kind: job.kind.to_string(),
            state: EventState::Outcome(outcome.kind),
            attempts: outcome.attempts,
            times: EventTimes {
                received: job.received_at,
                steps: Timestamps { ended: Some(ended), ..outcome.times },
            },
            result: outcome.result.clone(),
            handle: outcome.handle.clone(),
            provider: EventProvider { last: outcome.provider_reply.clone(), status: None },
            error: outcome.error.clone(),
            metadata: job.metadata.clone(),
        };
        let step = match outcome.resolutions {
            0 => "outcome".to_owned(),
            resolutions => format!("outcome.{}", resolutions.saturating_add(1)),
        };
        Self::of_job(source, job, &step, ended, data)
    }

    /// The event of a job or cancellation that is not valid.
    pub fn rejected(source: &str, rejection: &Rejection) -> Self {
        let known = rejection.operation;
        Self {
            specversion: "1.0",
            id: format!("rejected/{}", rejection.digest),
            source: source.to_owned(),
            kind: format!("ticketd.job.{}", OutcomeKind::Rejected.as_str()),
            subject: rejection.job_id.clone(),
            time: rejection.at,
            datacontenttype: "application/json",
            trace: rejection.trace.clone(),
            data: Data {
                job_id: rejection.job_id.clone(),
                operation: known.map_or(UNKNOWN, |(name, _)| name).to_owned(),
                account: rejection.account.clone(),
                kind: known.map_or(UNKNOWN, |(_, kind)| kind.as_str()).to_owned(),
                state: EventState::Outcome(OutcomeKind::Rejected),
                attempts: 0,
                times: EventTimes {
                    received: rejection.at,
                    steps: Timestamps { ended: Some(rejection.at), ..Timestamps::default() },
                },
                result: Value::Null,
                handle: None,
                provider: EventProvider::default(),
                error: Some(OutcomeError::invalid(rejection.expected, &rejection.problems)),
                metadata: rejection.metadata.clone(),
            },
        }
    }

    fn of_job(source: &str, job: &Job, step: &str, time: Timestamp, data: Data) -> Self {
        Self {
            specversion: "1.0",
            id: format!("{}/{step}", job.id),
            source: source.to_owned(),
            kind: format!("ticketd.job.{}", data.state),
            subject: Some(job.id.to_string()),
            time,
            datacontenttype: "application/json",
            trace: job.trace.clone(),
            data,
        }
    }

    /// `<kind>.<operation>.<state>`, as the events exchange routes it.
    pub fn routing_key(&self) -> String {
        format!("{}.{}.{}", self.data.kind, self.data.operation, self.data.state)
    }
}

/// Stands in a routing key for what a message did not say.
const UNKNOWN: &str = "unknown";

fn kinds() -> Vec<&'static str> {
    Kind::ALL.into_iter().map(Kind::as_str).chain([UNKNOWN]).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
