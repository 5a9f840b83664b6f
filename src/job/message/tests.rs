use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Envelope, MessageValidator, Rejection, Submission};
use crate::cloud::operations;
use crate::job::AccessPolicy;
use crate::job::{Kind, Provider, ReplyTo, Trace, Until};

const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

fn validator() -> MessageValidator {
    validator_with(&[("ali", Provider::Alibaba), ("hw", Provider::Huawei)])
}

fn validator_with(accounts: &[(&str, Provider)]) -> MessageValidator {
    let accounts = accounts.iter().map(|(name, owner)| ((*name).to_owned(), *owner)).collect();
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
        trace: Trace::default(),
    }
}

fn read(job: &Value) -> Result<Submission, Box<Rejection>> {
    validator().read(Kind::Create, &envelope(job.to_string().as_bytes()), NOW)
}

fn ticket() -> Value {
    json!({
        "id": "chg-1", "operation": "dms.CreateOrder",
        "params": {
            "Comment": "c", "PluginType": "NDDL",
            "PluginParam": { "title": "t", "dbId": 1, "logic": false },
        },
    })
}

fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut job = ticket();
    job[field] = value.into();
    job
}

fn without(field: &str) -> Value {
    let mut job = ticket();
    job.as_object_mut().unwrap().remove(field);
    job
}

fn paths(rejection: &Rejection) -> BTreeSet<&str> {
    rejection.problems.iter().map(|problem| problem.path.as_str()).collect()
}

/// A message of `bad_messages.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BadMessage {
    name: String,
    kind: Kind,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    body: Option<String>,
    base64: Option<String>,
    padded_to: Option<usize>,
    paths: BTreeSet<String>,
    says: Option<String>,
}

impl BadMessage {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = match (&self.body, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => from_base64(text),
            (Some(_), Some(_)) | (None, None) => {
                panic!("{}: exactly one body is needed", self.name)
            }
        };
        bytes.resize(bytes.len().max(self.padded_to.unwrap_or(0)), b' ');
        bytes
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').bytes();
    let bits: Vec<usize> = digits
        .map(|digit| alphabet.iter().position(|known| *known == digit).unwrap())
        .flat_map(|sextet| (0..6).rev().map(move |bit| sextet >> bit & 1))
        .collect();
    let octet = |bits: &[usize]| bits.iter().fold(0, |sum, bit| sum << 1 | *bit as u8);
    bits.chunks_exact(8).map(octet).collect()
}

#[test]
fn a_rejection_reports_every_problem_of_a_message() {
    let table: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/bad_messages.json")).unwrap();
    let messages: Vec<BadMessage> = serde_json::from_value(table["messages"].clone()).unwrap();
    assert!(messages.len() >= 45, "{}", messages.len());
    let names: BTreeSet<&str> = messages.iter().map(|message| message.name.as_str()).collect();
    assert_eq!(names.len(), messages.len(), "every message has its own name");
    let mut wrong = Vec::new();
    for message in &messages {
        let property = |name: &str| message.properties.get(name).map(String::as_str);
        let bytes = message.bytes();
        let envelope = Envelope {
            content_type: property("content_type"),
            content_encoding: property("content_encoding"),
            message_id: property("message_id"),
            ..envelope(&bytes)
        };
        match validator().read(message.kind, &envelope, NOW) {
            Ok(_) => wrong.push(format!("{}: was accepted as a job", message.name)),
            Err(rejection) => {
                let found: BTreeSet<String> =
                    rejection.problems.iter().map(|problem| problem.path.clone()).collect();
                if found != message.paths {
                    wrong.push(format!("{}: {:#?}", message.name, rejection.problems));
                }
                let says = message.says.as_deref().unwrap_or_default();
                if !rejection.problems.iter().any(|problem| problem.message.contains(says)) {
                    wrong.push(format!(
                        "{}: nowhere {says:?} in {:#?}",
                        message.name, rejection.problems
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn missing_fields_get_their_defaults() {
    let submission = read(&ticket()).unwrap();
    let job = submission.job;
    assert_eq!(job.id.as_str(), "chg-1");
    assert_eq!((job.operation.as_str(), job.kind), ("dms.CreateOrder", Kind::Create));
    assert_eq!((job.account.as_str(), job.until), ("ali", Until::Accepted));
    assert_eq!((job.not_before, job.deadline, job.metadata), (None, None, None));
    assert_eq!(job.params, ticket()["params"]);
    assert_eq!(job.received_at, NOW);

    let deploy = json!({
        "id": "d", "operation": "dataarts.DeployReleasePackages",
        "params": { "package_ids": ["23"] },
    });
    let body = deploy.to_string();
    let job = validator().read(Kind::Deploy, &envelope(body.as_bytes()), NOW).unwrap().job;
    assert_eq!((job.account.as_str(), job.until), ("hw", Until::Finished));
}

#[test]
fn every_given_field_is_kept() {
    let mut job = ticket();
    job["account"] = json!("ali");
    job["until"] = json!("finished");
    job["not_before"] = json!("2026-12-01T02:00:00+08:00");
    job["deadline"] = json!("2026-12-01t02:00:00.25z");
    job["metadata"] = json!([1, null, { "a": "é" }]);
    let body = job.to_string();
    let trace = Trace { traceparent: Some("00-ab".into()), tracestate: Some("k=v".into()) };
    let full = Envelope {
        content_type: Some("Application/JSON; charset=utf-8"),
        content_encoding: Some("UTF-8"),
        message_id: Some("not an id, and not used"),
        correlation_id: Some("c-1"),
        reply_to: Some("answers"),
        trace: trace.clone(),
        ..envelope(body.as_bytes())
    };
    let read = validator().read(Kind::Create, &full, NOW).unwrap().job;
    assert_eq!(read.id.as_str(), "chg-1");
    assert_eq!(read.until, Until::Finished);
    assert_eq!(read.not_before, Some("2026-11-30T18:00:00Z".parse().unwrap()));
    assert_eq!(read.deadline, Some("2026-12-01T02:00:00.25Z".parse().unwrap()));
    assert_eq!(read.metadata, Some(job["metadata"].clone()));
    assert_eq!(read.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(read.reply_to, Some(ReplyTo { queue: "answers".into() }));
    assert_eq!(read.trace, trace);
}

#[test]
fn the_message_id_is_used_if_the_body_has_no_id() {
    let body = without("id").to_string();
    let message = Envelope { message_id: Some("m-1"), ..envelope(body.as_bytes()) };
    assert_eq!(validator().read(Kind::Create, &message, NOW).unwrap().job.id.as_str(), "m-1");
    let body = ticket().to_string();
    let message = Envelope { body: body.as_bytes(), ..message };
    assert_eq!(validator().read(Kind::Create, &message, NOW).unwrap().job.id.as_str(), "chg-1");
}

#[test]
fn the_fingerprint_does_not_depend_on_how_the_json_is_written() {
    let plain = read(&ticket()).unwrap().fingerprint;
    let mut said = ticket();
    said["account"] = json!("ali");
    said["until"] = json!("accepted");
    let other_order = r#" { "params": { "PluginParam": { "logic": false, "dbId": 1, "title": "t" },
        "PluginType": "NDDL", "Comment": "\u0063" },  "operation": "dms.CreateOrder",
        "id": "chg-1" } "#;
    let reordered = validator().read(Kind::Create, &envelope(other_order.as_bytes()), NOW).unwrap();
    assert_eq!(read(&said).unwrap().fingerprint, plain);
    assert_eq!(reordered.fingerprint, plain);
    // The id is not part of the fingerprint: jobs are compared by id first.
    assert_eq!(read(&with("id", "chg-2")).unwrap().fingerprint, plain);
    let zone = |time: &str| read(&with("deadline", time)).unwrap().fingerprint;
    assert_eq!(zone("2026-12-01T02:00:00Z"), zone("2026-12-01T03:00:00.000+01:00"));
}

#[test]
fn other_content_changes_the_fingerprint() {
    let two = validator_with(&[("ali", Provider::Alibaba), ("ali-2", Provider::Alibaba)]);
    let of = |job: Value| {
        let body = with("account", "ali").to_string();
        let body = if job.is_null() { body } else { job.to_string() };
        two.read(Kind::Create, &envelope(body.as_bytes()), NOW).unwrap().fingerprint
    };
    let changed = |field: &str, value: Value| {
        let mut job = with("account", "ali");
        job[field] = value;
        job
    };
    let mut prints = vec![of(Value::Null)];
    let mut params = ticket()["params"].clone();
    params["PluginParam"]["dbId"] = json!(2);
    for (field, value) in [
        ("params", params),
        ("account", json!("ali-2")),
        ("until", json!("finished")),
        ("not_before", json!("2026-12-01T02:00:00Z")),
        ("deadline", json!("2026-12-01T02:00:00Z")),
        ("metadata", json!("m")),
    ] {
        prints.push(of(changed(field, value)));
    }
    let all = prints.len();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), all);
}

#[test]
fn the_account_is_optional_only_if_exactly_one_fits() {
    let several = validator_with(&[("a", Provider::Alibaba), ("b", Provider::Alibaba)]);
    let none = validator_with(&[("hw", Provider::Huawei)]);
    let body = ticket().to_string();
    for (validator, says) in [(several, "several alibaba accounts"), (none, "no alibaba account")] {
        let rejection = validator.read(Kind::Create, &envelope(body.as_bytes()), NOW).unwrap_err();
        assert_eq!(paths(&rejection), BTreeSet::from(["$.account"]));
        assert!(rejection.problems[0].message.contains(says), "{:?}", rejection.problems);
    }
}

#[test]
fn metadata_and_body_are_accepted_up_to_their_limits() {
    let job = with("metadata", "m".repeat(4094));
    assert!(read(&job).is_ok());
    assert!(read(&with("metadata", "m".repeat(4095))).is_err());
    let body = ticket().to_string();
    let exact = MessageValidator { max_bytes: body.len(), ..validator() };
    assert!(exact.read(Kind::Create, &envelope(body.as_bytes()), NOW).is_ok());
    let short = MessageValidator { max_bytes: body.len() - 1, ..validator() };
    assert!(short.read(Kind::Create, &envelope(body.as_bytes()), NOW).is_err());
}

#[test]
fn a_rejection_keeps_the_fields_that_are_valid() {
    let mut job = with("until", "done");
    job["metadata"] = json!({ "team": "carts" });
    let rejection = read(&job).unwrap_err();
    assert_eq!(rejection.job_id.as_deref(), Some("chg-1"));
    assert_eq!(rejection.operation, Some(("dms.CreateOrder", Kind::Create)));
    assert_eq!(rejection.account.as_deref(), Some("ali"));
    assert_eq!(rejection.metadata, Some(json!({ "team": "carts" })));

    // The message_id never replaces an invalid id in the body.
    let body = with("id", "a b").to_string();
    let message = Envelope { message_id: Some("m-1"), ..envelope(body.as_bytes()) };
    assert_eq!(validator().read(Kind::Create, &message, NOW).unwrap_err().job_id, None);
    let unreadable = Envelope { body: b"{", ..message };
    assert_eq!(
        validator().read(Kind::Create, &unreadable, NOW).unwrap_err().job_id.as_deref(),
        Some("m-1")
    );
}

#[test]
fn the_rejection_of_a_hostile_message_is_short() {
    let twice: String = (0..40_000).map(|n| format!(r#""k{n}":1,"k{n}":2,"#)).collect();
    let wide: String = (0..60_000).map(|n| format!(r#""operatio{n}":1,"#)).collect();
    for body in [
        format!("{{{twice}\"id\":\"a\"}}"),
        format!("{{{wide}\"id\":\"a\"}}"),
        with("operation", "x".repeat(900_000)).to_string(),
        with("account", "x".repeat(900_000)).to_string(),
        with("deadline", "x".repeat(900_000)).to_string(),
        with("until", "x".repeat(900_000)).to_string(),
        with("id", "é".repeat(400_000)).to_string(),
        with(&"x".repeat(900_000), 1).to_string(),
    ] {
        let rejection =
            validator().read(Kind::Create, &envelope(body.as_bytes()), NOW).unwrap_err();
        let size: usize = rejection.problems.iter().map(|p| p.path.len() + p.message.len()).sum();
        assert!(rejection.problems.len() <= 51, "{}", rejection.problems.len());
        assert!(size < 16 * 1024, "{size}");
    }
}

#[test]
fn a_conflict_names_the_id_and_has_its_own_digest() {
    let body = ticket().to_string();
    let message = Envelope { correlation_id: Some("c-1"), ..envelope(body.as_bytes()) };
    let job = validator().read(Kind::Create, &message, NOW).unwrap().job;
    let conflict = validator().conflict(&message, job);
    assert_eq!(paths(&conflict), BTreeSet::from(["$.id"]));
    assert_eq!(conflict.job_id.as_deref(), Some("chg-1"));
    assert_eq!(conflict.correlation_id.as_deref(), Some("c-1"));
    let other = with("until", "finished").to_string();
    let message = Envelope { body: other.as_bytes(), ..message };
    let job = validator().read(Kind::Create, &message, NOW).unwrap().job;
    assert_ne!(validator().conflict(&message, job).digest, conflict.digest);
}
