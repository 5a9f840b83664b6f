//! Spans of a worker's own, named as OpenTelemetry's conventions for messaging have it.

use tracing::{Span, info_span};

use super::incoming::JobMessage;
use crate::broker::{Delivery, ExchangeName};
use crate::job::cloud_event::CloudEvent;
use crate::telemetry::traces;

/// What is done about one delivery of a job; part of the trace that the job's message belongs to.
pub(super) fn process(delivery: &Delivery, copy: &JobMessage) -> Span {
    let job = &copy.wakeup.job;
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

/// The publishing of one event, whose trace context it becomes. An event about a message that is no
/// job belongs to that message's trace.
pub(super) fn publish(event: &mut CloudEvent) -> Span {
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
