//! Spans of a worker's own, named as OpenTelemetry's conventions for messaging have it.

use tracing::{Span, info_span};

use super::incoming::JobMessage;
use crate::broker::{Delivery, SourceQueue};
use crate::job::cloud_event::CloudEvent;
use crate::telemetry::traces;

/// What is done about one delivery of a job; part of the trace that the job's message belongs to.
pub(super) fn process(delivery: &Delivery, copy: &JobMessage) -> Span {
    let job = &copy.wakeup.job;
    let (queue, kind) = match delivery.origin {
        SourceQueue::Job(kind) => ("jobs", kind.as_str()),
        SourceQueue::Wake(kind) => ("wake", kind.as_str()),
        SourceQueue::Cancel => ("jobs", "cancel"),
    };
    let span = info_span!(
        "process",
        otel.name = format!("process {queue}.{kind}"),
        otel.kind = "consumer",
        messaging.system = "rabbitmq",
        messaging.operation.type = "process",
        messaging.destination.name = format!("{queue}.{kind}"),
        messaging.message.id = job.id.as_str(),
        ticketd.operation = job.operation,
        ticketd.account = job.account,
    );
    traces::follow(&span, &job.trace);
    span
}

/// The publishing of one event, whose trace context it becomes. An event about a message that is no
/// job belongs to that message's trace.
pub(super) fn publish(event: &mut CloudEvent) -> Span {
    let span = info_span!(
        "publish",
        otel.name = format!("publish {}", event.kind),
        otel.kind = "producer",
        messaging.system = "rabbitmq",
        messaging.operation.type = "send",
        messaging.destination.name = "events",
        messaging.message.id = event.id,
    );
    if Span::current().is_disabled() {
        traces::follow(&span, &event.trace);
    }
    event.trace = span.in_scope(|| traces::passed_on(&event.trace));
    span
}
