use std::collections::BTreeMap;

use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::schema;
use crate::cloud::operations;
use crate::job::AccessPolicy;
use crate::job::message::{Envelope, MessageValidator};
use crate::job::state::{ExecutionState, ProviderReply, Timestamps};
use crate::job::{
    CloudEvent, Failure, Job, Kind, Milestone, Outcome, OutcomeError, OutcomeKind, Provider,
    RequestKind, Trace,
};

const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);
const SOURCE: &str = "/ticketd";

fn validator() -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).unwrap()
}

fn message_validator() -> MessageValidator {
    let accounts = BTreeMap::from([("ali".to_owned(), Provider::Alibaba)]);
    MessageValidator {
        catalogue: operations::catalogue(),
        accounts,
        users: AccessPolicy::default(),
        max_bytes: 1 << 20,
    }
}

fn envelope(body: &[u8]) -> Envelope<'_> {
    Envelope {
        body,
        content_type: None,
        content_encoding: None,
        message_id: None,
        correlation_id: None,
        reply_to: None,
        user_id: None,
        trace: Trace { traceparent: Some("00-ab".into()), tracestate: Some("k=v".into()) },
    }
}

fn job() -> Job {
    let body = json!({
        "id": "chg-1", "operation": "dms.CreateOrder", "metadata": { "team": null },
        "params": {
            "Comment": "c", "PluginType": "NDDL",
            "PluginParam": { "title": "t", "dbId": 1, "logic": false },
        },
    });
    message_validator().read(Kind::Create, &envelope(body.to_string().as_bytes()), NOW).unwrap().job
}

/// The execution at the start of a job, and one with every field set.
fn executions() -> [ExecutionState; 2] {
    let failure = Failure::retryable("Throttling.User", "slow down");
    let full = ExecutionState {
        calls: 2,
        changes: 1,
        last_failure: Some(failure),
        handle: Some(json!({ "order_id": 7 })),
        result: json!({ "order_ids": [7] }),
        seen: Some("processing".into()),
        provider_reply: ProviderReply {
            request_ids: vec!["r-1".into()],
            reply: json!({ "Success": true }),
        },
        times: Timestamps { started: Some(NOW), submitted: Some(NOW), ended: None },
        ..ExecutionState::first(RequestKind::Call)
    };
    [ExecutionState::first(RequestKind::Call), full]
}

fn events() -> Vec<CloudEvent> {
    let job = job();
    let mut events = Vec::new();
    for milestone in [
        Milestone::Started,
        Milestone::Retrying,
        Milestone::Submitted,
        Milestone::Progress,
        Milestone::Doubtful,
    ] {
        for execution in executions() {
            events.push(CloudEvent::milestone(SOURCE, &job, &execution, milestone, NOW));
        }
    }
    for kind in OutcomeKind::ALL {
        for execution in executions() {
            let unresolved = Box::new(execution.clone());
            let outcome = Outcome {
                kind,
                attempts: execution.calls,
                result: execution.result,
                handle: execution.handle,
                error: (kind != OutcomeKind::Succeeded).then(|| OutcomeError::deadline(true)),
                provider_reply: execution.provider_reply,
                times: Timestamps { ended: Some(NOW), ..execution.times },
                resolutions: 0,
                execution: (kind == OutcomeKind::Unknown).then_some(unresolved),
            };
            events.push(CloudEvent::outcome(SOURCE, &job, &outcome));
        }
    }
    for body in ["not JSON", r#"{"id":"a","operation":"dms.CreateOrder","metadata":null}"#] {
        let rejection =
            message_validator().read(Kind::Create, &envelope(body.as_bytes()), NOW).unwrap_err();
        events.push(CloudEvent::rejected(SOURCE, &rejection));
    }
    events
}

#[test]
fn every_possible_event_is_valid() {
    let validator = validator();
    for event in events() {
        let event = serde_json::to_value(event).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {event:#}");
    }
}

#[test]
fn an_event_with_a_wrong_field_is_not_valid() {
    let validator = validator();
    let good = serde_json::to_value(&events()[0]).unwrap();
    for (pointer, value) in [
        ("/specversion", json!("0.3")),
        ("/type", json!("ticketd.worker.started")),
        ("/subject", Value::Null),
        ("/time", json!("today")),
        ("/datacontenttype", json!("text/plain")),
        ("/data", Value::Null),
        ("/data/state", json!("done")),
        ("/data/kind", json!("destroy")),
        ("/data/attempts", json!(-1)),
        ("/data/times/received", Value::Null),
        ("/data/account", Value::Null),
    ] {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&event), "{pointer}");
    }
}

#[test]
fn every_field_and_every_state_is_described() {
    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property["description"].as_str().is_none_or(str::is_empty) {
                found.push(path.clone());
            }
            undescribed(&path, property, found);
        }
    }
    let mut found = Vec::new();
    undescribed("$", &schema(), &mut found);
    assert_eq!(found, [""; 0]);
    let schema = schema();
    let state = &schema["properties"]["data"]["properties"]["state"];
    let states: Vec<&Value> = state["anyOf"].as_array().unwrap().iter().collect();
    let words = states.iter().flat_map(|group| group["oneOf"].as_array().unwrap());
    let described = words.filter(|word| word["description"].is_string()).count();
    assert_eq!(described, 5 + 6);
}
