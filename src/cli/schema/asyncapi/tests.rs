use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document;
use crate::broker::BrokerSettings;
use crate::broker::settings::TopologyMode;
use crate::broker::topology::{self, TopologyObject};
use crate::cloud::operations;

fn broker_settings(url: &str) -> BrokerSettings {
    BrokerSettings {
        url: url.to_owned().into(),
        prefix: "acme".into(),
        topology: TopologyMode::Check,
        ca: None,
        client_certificate: None,
        require_user: false,
        reply_allowed: Vec::new(),
        max_message_bytes: 1,
        unrouted_max: 1,
    }
}

fn acme_document() -> Value {
    document(&operations::catalogue(), &broker_settings("amqps://u:c4n4ry@mq.example:5671/%2fteam"))
        .unwrap()
}

/// Collects every value of a key, at any depth.
fn collect<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key));
            fields.values().for_each(|value| collect(key, value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(key, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_has_a_target() {
    let document = acme_document();
    let mut references = Vec::new();
    collect("$ref", &document, &mut references);
    assert!(references.len() > 20, "{}", references.len());
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} has no target");
    }
}

#[test]
fn exchanges_and_queues_are_those_of_the_topology() {
    let document = acme_document();
    let objects: BTreeSet<String> =
        topology::describe("acme", 1).iter().map(TopologyObject::to_string).collect();
    for (word, expected) in [("exchange", 5), ("queue", 1)] {
        let mut found = Vec::new();
        collect(word, &document, &mut found);
        let names = found.iter().filter_map(|object| object["name"].as_str());
        let names: Vec<String> = names.map(|name| format!("{word} {name}")).collect();
        assert_eq!(names.len(), expected, "{names:?}");
        for name in names {
            assert!(objects.contains(&name), "{name} is not in {objects:?}");
        }
    }
}

#[test]
fn every_operation_has_a_message_on_the_channel_of_its_kind() {
    let document = acme_document();
    for operation in operations::catalogue().iter() {
        let channel = &document["channels"][format!("jobs.{}", operation.kind)];
        assert_eq!(channel["address"], operation.kind.as_str());
        assert!(channel["messages"].get(format!("job.{}", operation.name)).is_some());
    }
}

#[test]
fn a_cancellation_has_exactly_its_fields() {
    let document = acme_document();
    let schema = &document["components"]["schemas"]["Cancellation"];
    assert_eq!(schema["required"], json!(["id"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let fields: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "reason"]);
    assert_eq!(document["channels"]["jobs.cancel"]["address"], "cancel");
}

#[test]
fn the_server_is_the_configured_broker_without_its_password() {
    let document = acme_document();
    assert_eq!(document["servers"]["broker"]["host"], "mq.example:5671");
    assert_eq!(document["servers"]["broker"]["protocol"], "amqps");
    let exchange = &document["channels"]["events"]["bindings"]["amqp"]["exchange"];
    assert_eq!(exchange["vhost"], "/team");
    assert!(!document.to_string().contains("c4n4ry"));
    let default = document_of("amqp://127.0.0.1");
    assert_eq!(default["servers"]["broker"]["host"], "127.0.0.1");
    assert_eq!(
        default["channels"]["dead"]["bindings"]["amqp"]["queue"],
        json!({ "name": "acme.dead", "durable": true, "exclusive": false, "autoDelete": false,
                "vhost": "/" })
    );
}

fn document_of(url: &str) -> Value {
    document(&operations::catalogue(), &broker_settings(url)).unwrap()
}
