//! AsyncAPI 3.0 document of exchanges, queues and messages.

mod amqp;
mod cancellation;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use url::Url;

use self::amqp::{AmqpNames, BINDING_VERSION, refer};
use super::{event, job};
use crate::broker::BrokerSettings;
use crate::job::{Catalogue, Kind};
use crate::worker::header;

/// The document for one broker, without its password.
pub(super) fn document(catalogue: &Catalogue, broker: &BrokerSettings) -> Result<Value> {
    let url =
        Url::parse(broker.url.current().expose_secret()).context("broker.url is not a URL")?;
    let names = AmqpNames { prefix: &broker.prefix, vhost: vhost(&url) };
    let messages: Map<String, Value> = catalogue
        .iter()
        .map(|operation| (message_of(operation.name), job_message(operation.name)))
        .chain([
            ("cancellation".to_owned(), cancellation::message()),
            ("event".to_owned(), event_message()),
            ("deadLetter".to_owned(), dead_letter_message()),
        ])
        .collect();
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "ticketd",
            "version": env!("CARGO_PKG_VERSION"),
            "description": env!("CARGO_PKG_DESCRIPTION"),
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "defaultContentType": "application/json",
        "servers": { "broker": server(&url) },
        "channels": channels(catalogue, &names),
        "operations": operations(catalogue),
        "components": {
            "schemas": {
                "Job": job::schema(catalogue), "Event": event::schema(),
                "Cancellation": cancellation::schema(),
            },
            "messages": messages,
        },
    }))
}

fn server(url: &Url) -> Value {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    json!({
        "host": host, "pathname": url.path(), "protocol": url.scheme(), "protocolVersion": "0.9.1",
        "description": "RabbitMQ 3.10 or later.",
    })
}

/// The path without its slash, percent-decoded; an empty path is the default virtual host.
fn vhost(url: &Url) -> String {
    match url.path().strip_prefix('/') {
        None | Some("") => "/".to_owned(),
        Some(name) => percent_decode_str(name).decode_utf8_lossy().into_owned(),
    }
}

fn channels(catalogue: &Catalogue, names: &AmqpNames<'_>) -> Value {
    let mut channels: Map<String, Value> = Map::new();
    for kind in Kind::ALL {
        let messages: Map<String, Value> = of_kind(catalogue, kind)
            .map(|name| (message_of(name), refer(["components", "messages", &message_of(name)])))
            .collect();
        channels.insert(
            channel_of(kind),
            json!({
                "address": kind, "messages": messages, "bindings": names.exchange("jobs"),
                "description": format!(
                    "Jobs of kind {kind}. The address is the routing key; publish persistent messages \
                     with confirms. A job with a wrong key is also confirmed, and kept in {}.unrouted.",
                    names.prefix
                ),
            }),
        );
    }
    channels.insert("jobs.cancel".to_owned(), cancellation::channel(names));
    let event = json!({ "event": refer(["components", "messages", "event"]) });
    channels.insert(
        "events".to_owned(),
        json!({
            "address": "{kind}.{operation}.{state}", "messages": event,
            "parameters": {
                "kind": { "description": "As in the event's data." },
                "operation": { "description": "As in the event's data; it contains a dot." },
                "state": { "description": "As in the event's data." },
            },
            "bindings": names.exchange("events"),
            "description": "Events of all jobs. The address is the routing key; bind a queue of \
                your own, for example with create.# or #.failed.",
        }),
    );
    channels.insert(
        "replies".to_owned(),
        json!({
            "address": null, "messages": event,
            "bindings": { "amqp": { "is": "queue", "queue": {}, "bindingVersion": BINDING_VERSION } },
            "description": "A copy of the outcome, with the job's correlation_id, in the queue \
                that the job's reply_to names, if the configuration allows it.",
        }),
    );
    channels.insert(
        "dead".to_owned(),
        json!({
            "address": format!("{}.dead", names.prefix),
            "messages": { "deadLetter": refer(["components", "messages", "deadLetter"]) },
            "bindings": names.queue("dead"),
            "description": "Messages that were not valid jobs, and jobs that crashed workers, \
                kept byte for byte.",
        }),
    );
    channels.into()
}

fn operations(catalogue: &Catalogue) -> Value {
    let mut operations: Map<String, Value> = Map::new();
    let event = |channel| json!([refer(["channels", channel, "messages", "event"])]);
    for kind in Kind::ALL {
        let channel = channel_of(kind);
        let messages: Vec<Value> = of_kind(catalogue, kind)
            .map(|name| refer(["channels", &channel, "messages", &message_of(name)]))
            .collect();
        operations.insert(
            format!("receive.{kind}"),
            json!({
                "action": "receive", "channel": refer(["channels", &channel]),
                "messages": messages,
                "reply": {
                    "address": { "location": "$message.header#/reply_to",
                        "description": "The message's reply_to property." },
                    "channel": refer(["channels", "replies"]), "messages": event("replies"),
                },
                "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING_VERSION } },
            }),
        );
    }
    operations.insert("receive.cancel".to_owned(), cancellation::operation());
    let persistent = json!({ "amqp": { "deliveryMode": 2, "bindingVersion": BINDING_VERSION } });
    operations.insert(
        "send.events".to_owned(),
        json!({
            "action": "send", "channel": refer(["channels", "events"]),
            "messages": event("events"), "bindings": persistent,
        }),
    );
    operations.insert(
        "send.dead".to_owned(),
        json!({
            "action": "send", "channel": refer(["channels", "dead"]), "bindings": persistent,
            "messages": [refer(["channels", "dead", "messages", "deadLetter"])],
        }),
    );
    operations.into()
}

fn job_message(operation: &str) -> Value {
    json!({
        "name": operation, "title": format!("A job: {operation}"),
        "contentType": "application/json",
        "headers": job_headers(),
        "correlationId": { "location": "$message.header#/correlation_id",
            "description": "The message's correlation_id property, echoed in every event." },
        "payload": { "allOf": [
            refer(["components", "schemas", "Job"]),
            { "properties": { "operation": { "const": operation } } },
        ] },
    })
}

fn event_message() -> Value {
    json!({
        "name": "event", "title": "What happened to a job",
        "contentType": crate::job::cloud_event::CONTENT_TYPE,
        "headers": trace_headers(),
        "correlationId": { "location": "$message.header#/correlation_id",
            "description": "The correlation_id property of the job's message." },
        "payload": refer(["components", "schemas", "Event"]),
    })
}

fn dead_letter_message() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let mut headers = trace_headers();
    headers["required"] = json!([header::REASON, header::PROBLEMS, header::AT, header::FROM]);
    headers["properties"][header::REASON] =
        text("The reason in one word, such as `invalid` or `poison`.");
    headers["properties"][header::PROBLEMS] = text("Every problem, one a line.");
    headers["properties"][header::AT] = text("The time of dead-lettering, as RFC 3339.");
    headers["properties"][header::FROM] = text("The queue in which the message was delivered.");
    headers["properties"][header::USER] = text("The user who sent the message, if known.");
    json!({
        "name": "deadLetter", "title": "A message that a person has to handle",
        "description": "Body, properties and headers are those of the original message.",
        "headers": headers,
        "payload": { "description": "Any bytes, not necessarily JSON." },
    })
}

/// AsyncAPI has no place for AMQP's properties, so they are among the headers.
fn job_headers() -> Value {
    let property = |class: &str| json!({ "type": "string", "description": format!("The AMQP property. {class}") });
    let mut headers = trace_headers();
    headers["properties"]["message_id"] = property("The job's id, if the body has none.");
    headers["properties"]["correlation_id"] = property("Echoed in every event.");
    headers["properties"]["reply_to"] = property("The queue for a copy of the outcome.");
    headers["properties"]["user_id"] =
        property("The connection's user; RabbitMQ accepts no other.");
    headers
}

fn trace_headers() -> Value {
    json!({ "type": "object", "properties": {
        "traceparent": { "type": "string", "description": "W3C trace context." },
        "tracestate": { "type": "string", "description": "W3C trace context." },
    } })
}

fn of_kind(catalogue: &Catalogue, kind: Kind) -> impl Iterator<Item = &'static str> {
    catalogue.iter().filter(move |operation| operation.kind == kind).map(|found| found.name)
}

fn channel_of(kind: Kind) -> String {
    format!("jobs.{kind}")
}

fn message_of(operation: &str) -> String {
    format!("job.{operation}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
