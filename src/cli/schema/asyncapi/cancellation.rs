//! The cancel request in the AsyncAPI document.

use serde_json::{Value, json};

use super::amqp::{AmqpNames, BINDING_VERSION, refer};
use crate::cli::schema::embeddable::embeddable;
use crate::job::message::Cancellation;

pub(super) fn schema() -> Value {
    embeddable().into_generator().into_root_schema_for::<Cancellation>().to_value()
}

pub(super) fn message() -> Value {
    json!({
        "name": "cancellation", "title": "A request to cancel a job",
        "contentType": "application/json",
        "payload": refer(["components", "schemas", "Cancellation"]),
    })
}

pub(super) fn channel(names: &AmqpNames<'_>) -> Value {
    json!({
        "address": "cancel", "bindings": names.exchange("jobs"),
        "messages": { "cancellation": refer(["components", "messages", "cancellation"]) },
        "description": "Requests to cancel a job. A waiting or polled job ends as cancelled, a job \
            with a call in progress after the provider's answer; its outcome says whether something \
            exists at the provider. The address is the routing key.",
    })
}

pub(super) fn operation() -> Value {
    json!({
        "action": "receive", "channel": refer(["channels", "jobs.cancel"]),
        "messages": [refer(["channels", "jobs.cancel", "messages", "cancellation"])],
        "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING_VERSION } },
    })
}
