//! AMQP bindings and references of the document.

use serde_json::{Value, json};

/// The version of AsyncAPI's AMQP bindings.
pub(super) const BINDING_VERSION: &str = "0.3.0";

/// The prefix and the virtual host of all exchanges and queues.
pub(super) struct AmqpNames<'a> {
    pub prefix: &'a str,
    pub vhost: String,
}

impl AmqpNames<'_> {
    pub(super) fn exchange(&self, name: &str) -> Value {
        json!({ "amqp": {
            "is": "routingKey", "bindingVersion": BINDING_VERSION,
            "exchange": {
                "name": format!("{}.{name}", self.prefix), "type": "topic",
                "durable": true, "autoDelete": false, "vhost": self.vhost,
            },
        } })
    }

    pub(super) fn queue(&self, name: &str) -> Value {
        json!({ "amqp": {
            "is": "queue", "bindingVersion": BINDING_VERSION,
            "queue": {
                "name": format!("{}.{name}", self.prefix),
                "durable": true, "exclusive": false, "autoDelete": false, "vhost": self.vhost,
            },
        } })
    }
}

pub(super) fn refer<const N: usize>(path: [&str; N]) -> Value {
    json!({ "$ref": format!("#/{}", path.join("/")) })
}
