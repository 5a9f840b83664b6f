//! Decodes deliveries, once.

use jiff::{SignedDuration, Timestamp};
use tracing::Span;

use super::header;
use crate::broker::{Delivery, SourceQueue};
use crate::cloud::Providers;
use crate::job::message::{Cancellation, Envelope, MessageValidator, Rejection};
use crate::job::{Job, State, Submission, Trace, WakeUp, machine, wakeup};
use crate::telemetry::traces;

/// Limit for `traceparent` and `tracestate` in bytes, as in the W3C standard. Longer values would
/// make every event larger, and some events too large to publish.
const MAX_TRACE_HEADER: usize = 512;

/// A wake-up that is early by at most this counts as on time.
const EARLY_TOLERANCE: SignedDuration = SignedDuration::from_millis(50);

/// A decoded delivery.
pub(super) enum Incoming<'a> {
    Job(Box<JobMessage<'a>>),
    Cancel(CancelRequest<'a>),
    /// The message is not what its queue is for.
    Rejected(Box<Rejection>),
    /// This version can't read the wake-up.
    Unreadable(String),
}

/// A request to cancel a job.
pub(super) struct CancelRequest<'a> {
    pub(super) envelope: Envelope<'a>,
    pub(super) cancellation: Cancellation,
}

/// A message of a job: the producer's own, or a wake-up. A job may have several at the same time.
pub(super) struct JobMessage<'a> {
    pub(super) envelope: Envelope<'a>,
    /// The job as this message describes it, and the state it has if the ledger has none.
    pub(super) wakeup: WakeUp,
    /// An earlier delivery was not acknowledged, so the worker that had it has lost its connection.
    pub(super) redelivered: bool,
    is_wakeup: bool,
}

/// Whether a claim may replace one whose lease still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takeover {
    Allowed,
    Refused,
}

/// Decodes a delivery by the queue it comes from.
pub(super) fn decode<'a>(
    delivery: &'a Delivery,
    validator: &MessageValidator,
    providers: &Providers,
    now: Timestamp,
) -> Incoming<'a> {
    let envelope = envelope(delivery);
    let redelivered = delivery.redelivered;
    match delivery.queue {
        SourceQueue::Cancel => match validator.read_cancellation(&envelope, now) {
            Ok(cancellation) => Incoming::Cancel(CancelRequest { envelope, cancellation }),
            Err(rejection) => Incoming::Rejected(rejection),
        },
        SourceQueue::Wake(_) if envelope.content_type == Some(wakeup::CONTENT_TYPE) => {
            match serde_json::from_slice(&delivery.body) {
                Ok(wakeup) => {
                    let message = JobMessage { envelope, wakeup, redelivered, is_wakeup: true };
                    Incoming::Job(Box::new(message))
                }
                Err(error) => Incoming::Unreadable(format!(
                    "is not a wake-up that this version can read: {error}"
                )),
            }
        }
        SourceQueue::Job(kind) | SourceQueue::Wake(kind) => {
            match validator.read(kind, &envelope, now) {
                Ok(Submission { job, fingerprint }) => {
                    let state = machine::start(&job, providers.capabilities(&job));
                    let wakeup = WakeUp { job, fingerprint, state, cancelled: false };
                    let message = JobMessage { envelope, wakeup, redelivered, is_wakeup: false };
                    Incoming::Job(Box::new(message))
                }
                Err(rejection) => Incoming::Rejected(rejection),
            }
        }
    }
}

fn envelope(delivery: &Delivery) -> Envelope<'_> {
    let properties = &delivery.properties;
    let trace_header = |name: &str| {
        properties.headers.get(name).filter(|value| value.len() <= MAX_TRACE_HEADER).cloned()
    };
    Envelope {
        body: &delivery.body,
        content_type: properties.content_type.as_deref(),
        content_encoding: properties.content_encoding.as_deref(),
        message_id: properties.message_id.as_deref(),
        correlation_id: properties.correlation_id.as_deref(),
        reply_to: properties.reply_to.as_deref(),
        user_id: header::sender(delivery),
        trace: Trace {
            traceparent: trace_header("traceparent"),
            tracestate: trace_header("tracestate"),
        },
    }
}

impl JobMessage<'_> {
    /// Starts the job's trace with a span, if the job has none.
    pub(super) fn start_trace(&mut self, span: &Span) {
        let trace = &mut self.wakeup.job.trace;
        if trace.traceparent.is_none() {
            *trace = span.in_scope(|| traces::outgoing(trace));
        }
    }

    /// When to deliver a wake-up again that arrived too early: the delay ladder does not have every
    /// delay. A wake-up that cancels its job is never too early.
    pub(super) fn not_due_before(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.wakeup.state.due()?;
        let is_early = self.is_wakeup && due.duration_since(now) > EARLY_TOLERANCE;
        (is_early && !self.requests_cancel(&self.wakeup.state)).then_some(due)
    }

    /// A wake-up that cancels its job says nothing about the worker that runs the job.
    pub(super) fn takeover(&self) -> Takeover {
        match self.redelivered && !self.wakeup.cancelled {
            true => Takeover::Allowed,
            false => Takeover::Refused,
        }
    }

    fn requests_cancel(&self, state: &State) -> bool {
        self.wakeup.cancelled && state.is_cancellable()
    }

    /// Whether another message already moved this job on and rescheduled it. A redelivered message
    /// may be the one that moved the job, with its wake-up still missing.
    pub(super) fn is_superseded(&self, job: &Job, state: &State) -> bool {
        let was_moved =
            matches!(state, State::Waiting { due, .. } if Some(*due) != self.wakeup.state.due());
        was_moved
            && !self.redelivered
            && !self.has_other_reply_to(job)
            && !self.requests_cancel(state)
    }

    /// Whether this message wants the outcome somewhere else than the stored job does.
    pub(super) fn has_other_reply_to(&self, job: &Job) -> bool {
        let own = &self.wakeup.job;
        (&own.reply_to, &own.correlation_id) != (&job.reply_to, &job.correlation_id)
    }

    /// The stored job, with the outcome going where this message wants it.
    pub(super) fn with_own_reply_to(&self, job: &Job) -> Job {
        let Job { correlation_id, reply_to, .. } = self.wakeup.job.clone();
        Job { correlation_id, reply_to, ..job.clone() }
    }

    /// Whether a job that was done before this message came has to be answered again.
    pub(super) fn expects_reply(&self, job: &Job) -> bool {
        !self.is_wakeup || self.has_other_reply_to(job)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DUE: Timestamp = Timestamp::UNIX_EPOCH;

    fn state(request: &str, due: Timestamp) -> State {
        let execution = json!({ "request": request });
        serde_json::from_value(json!({ "phase": "waiting", "execution": execution, "due": due }))
            .unwrap()
    }

    fn job(correlation_id: Value) -> Job {
        serde_json::from_value(json!({
            "id": "chg-1", "operation": "dms.CreateOrder", "kind": "create", "account": "a",
            "params": {}, "until": "finished", "received_at": DUE, "correlation_id": correlation_id,
        }))
        .unwrap()
    }

    fn message(is_wakeup: bool, redelivered: bool, cancelled: bool) -> JobMessage<'static> {
        let envelope = Envelope {
            body: b"",
            content_type: None,
            content_encoding: None,
            message_id: None,
            correlation_id: None,
            reply_to: None,
            user_id: None,
            trace: Trace::default(),
        };
        let state = state("call", DUE);
        let (job, fingerprint) = (job(Value::Null), String::new());
        let wakeup = WakeUp { job, fingerprint, state, cancelled };
        JobMessage { envelope, wakeup, redelivered, is_wakeup }
    }

    #[test]
    fn a_message_is_superseded_once_another_one_moved_the_job() {
        let (other, moved) = (json!("other"), DUE + SignedDuration::from_secs(9));
        for (redelivered, cancelled, reply, request, due, expected) in [
            (false, false, Value::Null, "call", DUE, false),
            (false, false, Value::Null, "call", moved, true),
            (true, false, Value::Null, "call", moved, false),
            (false, true, Value::Null, "call", moved, false),
            (false, true, Value::Null, "probe", moved, true),
            (false, false, other, "call", moved, false),
        ] {
            let found = message(true, redelivered, cancelled)
                .is_superseded(&job(reply), &state(request, due));
            assert_eq!(found, expected, "{redelivered} {cancelled} {request} {due}");
        }
    }

    #[test]
    fn an_early_wakeup_comes_again_unless_it_cancels() {
        let early = DUE - SignedDuration::from_millis(51);
        assert_eq!(message(true, false, false).not_due_before(early), Some(DUE));
        assert_eq!(message(true, false, false).not_due_before(DUE - EARLY_TOLERANCE), None);
        assert_eq!(message(false, false, false).not_due_before(early), None);
        assert_eq!(message(true, false, true).not_due_before(early), None);
    }

    #[test]
    fn only_a_redelivered_message_that_does_not_cancel_takes_over() {
        assert_eq!(message(true, true, false).takeover(), Takeover::Allowed);
        assert_eq!(message(true, true, true).takeover(), Takeover::Refused);
        assert_eq!(message(true, false, false).takeover(), Takeover::Refused);
    }
}
