//! A copy of a job: a message of a producer's, or one of our wake-ups. A job may have several.

use jiff::{SignedDuration, Timestamp};
use tracing::Span;

use super::{Error, header};
use crate::broker::{Delivery, Message, Properties, SourceQueue};
use crate::job::message::Envelope;
use crate::job::{Job, State, Submission, Trace, WakeUp, wakeup};
use crate::telemetry::traces;

/// The longest `traceparent` or `tracestate` that is one, in bytes; the standard's own bound. A
/// longer one would go into every event, and some would make a message too large to publish.
const LONGEST_TRACE: usize = 512;

/// A wake-up that is early by less than this is on time.
const PUNCTUAL: SignedDuration = SignedDuration::from_millis(50);

/// One copy of a job.
pub(super) struct JobMessage {
    /// The job as this copy has it, and its state if the ledger has none.
    pub(super) wakeup: WakeUp,
    /// It was delivered before and came back unsettled: whoever had it then is gone.
    pub(super) redelivered: bool,
    /// It is one of our wake-ups.
    is_wakeup: bool,
}

impl JobMessage {
    /// A job as a producer sent it.
    pub(super) fn sent(submission: Submission, state: State, redelivered: bool) -> Self {
        let Submission { job, fingerprint } = submission;
        let wakeup = WakeUp { job, fingerprint, state, cancelled: false };
        Self { wakeup, redelivered: redelivered, is_wakeup: false }
    }

    /// A job as we parked it.
    pub(super) fn is_wakeup(wakeup: WakeUp, redelivered: bool) -> Self {
        Self { wakeup, redelivered: redelivered, is_wakeup: true }
    }

    /// Makes a span the beginning of the job's trace, if it has none.
    pub(super) fn trace(&mut self, span: &Span) {
        let trace = &mut self.wakeup.job.trace;
        if trace.traceparent.is_none() {
            *trace = span.in_scope(|| traces::outgoing(trace));
        }
    }

    /// When to come back, if it woke too early: the delay ladder has no rung for every wait. What
    /// comes to end a job is never early.
    pub(super) fn not_due_before(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.wakeup.state.due()?;
        let not_due_before = self.is_wakeup && due.duration_since(now) > PUNCTUAL;
        (not_due_before && !self.requests_cancel(&self.wakeup.state)).then_some(due)
    }

    /// Whether whoever holds the job is gone. What comes to end a job is no copy that they had.
    pub(super) fn may_take_over(&self) -> bool {
        self.redelivered && !self.wakeup.cancelled
    }

    fn requests_cancel(&self, state: &State) -> bool {
        self.wakeup.cancelled && state.ends_when_cancelled()
    }

    /// The job is on its way elsewhere: another copy has moved it on and parked it. A copy that was
    /// lost unsettled may be the one that moved it, with its wake-up still missing.
    pub(super) fn is_superseded(&self, job: &Job, state: &State) -> bool {
        let moved =
            matches!(state, State::Waiting { due, .. } if Some(*due) != self.wakeup.state.due());
        moved && !self.redelivered && !self.has_other_reply_to(job) && !self.requests_cancel(state)
    }

    /// Its producer wants the outcome in another place than the one who sent the job first.
    pub(super) fn has_other_reply_to(&self, job: &Job) -> bool {
        let place = |job: &Job| (job.reply_to.clone(), job.correlation_id.clone());
        place(&self.wakeup.job) != place(job)
    }

    /// The job, with its outcome to be sent where this copy asks.
    pub(super) fn with_own_reply_to(&self, job: &Job) -> Job {
        let Job { correlation_id, reply_to, .. } = self.wakeup.job.clone();
        Job { correlation_id, reply_to, ..job.clone() }
    }

    /// The job was done before this copy came, and its producer may not have been told.
    pub(super) fn expects_reply(&self, job: &Job) -> bool {
        !self.is_wakeup || self.has_other_reply_to(job)
    }
}

/// A wake-up, ready to be sent.
pub(super) fn message(wakeup: &WakeUp) -> Result<Message, Error> {
    Ok(Message {
        body: serde_json::to_vec(wakeup)?,
        properties: Properties {
            content_type: Some(wakeup::CONTENT_TYPE.to_owned()),
            message_id: Some(wakeup.job.id.to_string()),
            ..Properties::default()
        },
    })
}

/// Whether what came by the way of wake-ups is one, and no producer's message that was put off.
pub(super) fn is_wakeup(delivery: &Delivery) -> bool {
    delivery.properties.content_type.as_deref() == Some(wakeup::CONTENT_TYPE)
}

/// The user who sent a message. The broker vouches for its property; for that of a message which was
/// put off, the worker that did so.
pub(super) fn user(delivery: &Delivery) -> Option<&str> {
    let Properties { user_id, headers, .. } = &delivery.properties;
    match delivery.queue {
        SourceQueue::Job(_) | SourceQueue::Cancel => user_id.as_deref(),
        SourceQueue::Wake(_) => headers.get(header::USER).map(String::as_str),
    }
}

/// A delivery, as the judge of messages sees it.
pub(super) fn envelope(delivery: &Delivery) -> Envelope<'_> {
    let properties = &delivery.properties;
    let header = |name: &str| {
        properties.headers.get(name).filter(|value| value.len() <= LONGEST_TRACE).cloned()
    };
    Envelope {
        body: &delivery.body,
        content_type: properties.content_type.as_deref(),
        content_encoding: properties.content_encoding.as_deref(),
        message_id: properties.message_id.as_deref(),
        correlation_id: properties.correlation_id.as_deref(),
        reply_to: properties.reply_to.as_deref(),
        user_id: user(delivery),
        trace: Trace { traceparent: header("traceparent"), tracestate: header("tracestate") },
    }
}
