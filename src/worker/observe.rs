//! Logs, counts and spans of jobs.

use tracing::{Span, debug, info, info_span, warn};

use super::Metrics;
use super::incoming::JobMessage;
use crate::broker::{Delivery, ExchangeName};
use crate::job::cloud_event::CloudEvent;
use crate::job::machine::Transition;
use crate::job::{HistoryEntry, Job, Milestone, OutcomeKind, State};
use crate::telemetry::traces;

/// Logs and counts a saved transition. Every line has the same fields.
pub(super) fn log_transition(metrics: &Metrics, job: &Job, next: &Transition) {
    let Job { id, operation, account, .. } = job;
    let state = &next.state;
    let status = state.status();
    let (request, attempts) = match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => {
            (Some(execution.request.as_str()), execution.calls)
        }
        State::Reporting { outcome } | State::Done { outcome } => (None, outcome.attempts),
    };
    let due = state.due().map(tracing::field::display);
    let Some(HistoryEntry { what: step, detail, .. }) = &next.history else {
        debug!(job = %id, operation, account, %status, request, attempts, due, "job");
        return;
    };
    match (next.milestone, state) {
        (Some(milestone), _) => metrics.milestone(job, milestone),
        (None, State::Reporting { outcome }) => metrics.outcome(job, outcome),
        (None, State::Waiting { .. } | State::Asking { .. } | State::Done { .. }) => {}
    }
    if [Milestone::Doubtful.as_str(), OutcomeKind::Unknown.as_str()].contains(&step.as_str()) {
        warn!(job = %id, operation, account, step, %status, request, attempts, due, detail, "job");
    } else {
        info!(job = %id, operation, account, step, %status, request, attempts, due, detail, "job");
    }
}

/// The processing of one message of a job, as a part of the job's trace. Names follow
/// OpenTelemetry's conventions for messaging.
pub(super) fn process_span(delivery: &Delivery, message: &JobMessage<'_>) -> Span {
    let job = &message.wakeup.job;
    let queue = delivery.queue.name();
    let span = info_span!(
        "process",
        otel.name = format!("process {queue}"),
        otel.kind = "consumer",
        messaging.system = "rabbitmq",
        messaging.operation.type = "process",
        messaging.destination.name = queue,
        messaging.message.id = job.id.as_str(),
        ticketd.operation = job.operation,
        ticketd.account = job.account,
    );
    traces::set_parent(&span, &job.trace);
    span
}

/// The publishing of one event. The event takes the span's trace context. An event about a message
/// that is not a job belongs to that message's trace.
pub(super) fn publish_span(event: &mut CloudEvent) -> Span {
    let span = info_span!(
        "publish",
        otel.name = format!("publish {}", event.kind),
        otel.kind = "producer",
        messaging.system = "rabbitmq",
        messaging.operation.type = "send",
        messaging.destination.name = ExchangeName::Events.name(),
        messaging.message.id = event.id,
    );
    if Span::current().is_disabled() {
        traces::set_parent(&span, &event.trace);
    }
    event.trace = span.in_scope(|| traces::outgoing(&event.trace));
    span
}
