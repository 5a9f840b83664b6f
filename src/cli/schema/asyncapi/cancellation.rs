//! The wish that a job ends, in the AsyncAPI document.

use serde_json::{Value, json};

use super::{BINDING, Place, refer};
use crate::cli::schema::plain;
use crate::job::message::Cancellation;

pub(super) fn schema() -> Value {
    plain().into_generator().into_root_schema_for::<Cancellation>().to_value()
}

pub(super) fn message() -> Value {
    json!({
        "name": "cancellation", "title": "A wish that a job ends",
        "contentType": "application/json",
        "payload": refer(["components", "schemas", "Cancellation"]),
    })
}

pub(super) fn channel(place: &Place<'_>) -> Value {
    json!({
        "address": "cancel", "bindings": place.exchange("jobs"),
        "messages": { "cancellation": refer(["components", "messages", "cancellation"]) },
        "description": "Wishes that a job ends. A job that waits or is followed ends as cancelled, \
            one that is being asked when the answer is there; its outcome says whether something \
            exists at the provider. The address is the routing key.",
    })
}

pub(super) fn operation() -> Value {
    json!({
        "action": "receive", "channel": refer(["channels", "jobs.cancel"]),
        "messages": [refer(["channels", "jobs.cancel", "messages", "cancellation"])],
        "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING } },
    })
}
