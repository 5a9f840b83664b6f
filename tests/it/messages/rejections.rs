//! Invalid messages: one `rejected` event, one dead letter, and the worker continues.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::message::Delivery;
use serde::Deserialize;
use serde_json::{Value, json};
use ticketd::broker::{Message, Properties};
use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use ticketd::worker::Drained;

use crate::harness::samples::{accepted, change, packages, with};
use crate::harness::{Queue, TestEnv, header};

/// A message of `bad_messages.json`.
#[derive(Deserialize)]
struct BadMessage {
    name: String,
    kind: Kind,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    body: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    padded_to: usize,
    paths: BTreeSet<String>,
}

impl BadMessage {
    fn table() -> Vec<Self> {
        let text = include_str!("../../fixtures/bad_messages.json");
        let mut table: Value = serde_json::from_str(text).unwrap();
        serde_json::from_value(table["messages"].take()).unwrap()
    }

    fn message(&self) -> Message {
        let mut body = match (&self.body, &self.base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, text) => from_base64(text.as_ref().unwrap()),
        };
        body.resize(body.len().max(self.padded_to), b' ');
        let property = |name: &str| self.properties.get(name).cloned();
        Message {
            body,
            properties: Properties {
                content_type: property("content_type"),
                content_encoding: property("content_encoding"),
                message_id: property("message_id"),
                // Identifies its event and its dead letter among the others.
                correlation_id: Some(self.name.clone()),
                ..Properties::default()
            },
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_message_is_rejected_and_kept_whole() {
    let mut env = TestEnv::new("").await;
    let table = BadMessage::table();
    assert!(table.len() >= 40);
    let worker = env.start();
    for (n, bad) in table.iter().enumerate() {
        env.send(bad.kind, &bad.message()).await;
        env.submit(Kind::Create, &accepted(change(&format!("fine-{n}"), "c"))).await;
    }
    for (n, bad) in table.iter().enumerate() {
        env.published(|it| it.properties.correlation_id.as_ref() == Some(&bad.name)).await;
        let outcome = env.outcome(&format!("fine-{n}")).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    }
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_eq!(env.simulator.effects().len(), table.len());

    let published = env.all_published().await;
    let letters = Queue::read(&env.name("dead")).await.so_far().await;
    assert_eq!(letters.len(), table.len());
    for bad in &table {
        let name = &bad.name;
        let is_its = |letter: &&Delivery| {
            let id = letter.properties.correlation_id().as_ref().map(|id| id.to_string());
            id.as_ref() == Some(name)
        };
        let [letter] = letters.iter().filter(is_its).collect::<Vec<_>>()[..] else {
            panic!("{name}: not one dead letter")
        };
        let problems = problems_of(&env, bad, letter);
        let is_its = |it: &&_| {
            let it: &ticketd::broker::EventMessage = it;
            it.properties.correlation_id.as_ref() == Some(name)
        };
        let [event] = published.iter().filter(is_its).collect::<Vec<_>>()[..] else {
            panic!("{name}: not one event")
        };
        let routing_key = &event.routing_key;
        let event: Value = serde_json::from_slice(&event.body).unwrap();
        let data = &event["data"];
        let key = format!(
            "{}.{}.rejected",
            data["kind"].as_str().unwrap(),
            data["operation"].as_str().unwrap()
        );
        assert_eq!(*routing_key, key, "{name}");
        assert_eq!(event["type"], "ticketd.job.rejected", "{name}");
        assert_eq!(event["subject"], data["job_id"], "{name}");
        assert_eq!(data["error"]["class"], "invalid", "{name}");
        let message = data["error"]["message"].as_str().unwrap();
        for problem in problems {
            assert!(message.contains(&problem), "{name}: {problem:?} is not in {message:?}");
        }
    }
}

/// Checks a dead letter and returns its problems.
fn problems_of(env: &TestEnv, bad: &BadMessage, letter: &Delivery) -> Vec<String> {
    let (name, sent) = (&bad.name, bad.message());
    assert!(letter.data == sent.body, "{name}: the body differs");
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(|it| it.to_string());
    assert_eq!(text(letter.properties.content_type()), sent.properties.content_type, "{name}");
    assert_eq!(
        text(letter.properties.content_encoding()),
        sent.properties.content_encoding,
        "{name}"
    );
    assert_eq!(text(letter.properties.message_id()), sent.properties.message_id, "{name}");
    assert_eq!(header(letter, "x-ticketd-reason").as_deref(), Some("invalid"), "{name}");
    let from = env.name(&format!("jobs.{}", bad.kind));
    assert_eq!(header(letter, "x-ticketd-from"), Some(from), "{name}");
    let at: Timestamp = header(letter, "x-ticketd-at").unwrap().parse().unwrap();
    assert!(Timestamp::now().duration_since(at) < SignedDuration::from_mins(5), "{name}");
    let problems = header(letter, "x-ticketd-problems").unwrap();
    let paths: BTreeSet<String> = problems
        .lines()
        .map(|line| line.split_once(": ").unwrap_or((line, "")).0.to_owned())
        .collect();
    assert_eq!(paths, bad.paths, "{name}");
    problems.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_kept_whole() {
    let mut env = TestEnv::new("[broker]\nmax_message_bytes = 1024\n").await;
    let worker = env.start();
    let job = change("large", &"x".repeat(2_000));
    let body = job.to_string().into_bytes();
    let message = Message {
        body: body.clone(),
        properties: Properties {
            message_id: Some("large".into()),
            headers: BTreeMap::from([("traceparent".to_owned(), "00-12-34-01".to_owned())]),
            ..Properties::default()
        },
    };
    env.send(Kind::Create, &message).await;
    let rejected = env.outcome("large").await;
    assert_eq!(rejected["data"]["state"], "rejected");
    assert_eq!(rejected["traceparent"], "00-12-34-01");
    worker.stop().await;
    let letters = Queue::read(&env.name("dead")).await.so_far().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].data, body);
    assert_eq!(header(&letters[0], "traceparent").as_deref(), Some("00-12-34-01"));
    assert_eq!(env.simulator.effects(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_with_other_content_is_rejected_and_the_first_job_stands() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    let first = accepted(change("same", "the first"));
    env.submit(Kind::Create, &first).await;
    assert_eq!(env.outcome("same").await["data"]["state"], "succeeded");
    env.submit(Kind::Create, &accepted(change("same", "another"))).await;
    env.submit(Kind::Deploy, &accepted(packages("same", &["1"]))).await;
    let mut dead = Queue::read(&env.name("dead")).await;
    for letter in [dead.next().await, dead.next().await] {
        assert!(header(&letter, "x-ticketd-problems").unwrap().starts_with("$.id: \"same\""));
    }
    worker.stop().await;

    let worker = env.start();
    env.submit(Kind::Create, &first).await;
    env.submit(Kind::Create, &accepted(change("later", "c"))).await;
    env.outcome("later").await;
    worker.stop().await;
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for published in env.all_published().await {
        let event: Value = serde_json::from_slice(&published.body).unwrap();
        if event["subject"] == "same" {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            ids.entry(text(&event["data"]["state"])).or_default().push(text(&event["id"]));
        }
    }
    assert_eq!(ids["succeeded"], ["same/outcome", "same/outcome"]);
    assert_eq!(ids["rejected"].iter().collect::<BTreeSet<_>>().len(), 2, "{ids:?}");
    assert_eq!(env.simulator.effects().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_does_not_use_up_its_id() {
    let mut env = TestEnv::new("").await;
    let _worker = env.start();
    let wrong = with(change("mended", "c"), "until", json!("done"));
    env.submit(Kind::Create, &wrong).await;
    assert_eq!(env.outcome("mended").await["data"]["state"], "rejected");
    env.submit(Kind::Create, &accepted(change("mended", "c"))).await;
    env.state("mended", "succeeded").await;
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_job_is_not_a_dead_letter() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    let past = json!("2020-01-01T00:00:00Z");
    env.submit(Kind::Create, &with(change("late", "c"), "deadline", past)).await;
    assert_eq!(env.outcome("late").await["data"]["state"], "expired");
    worker.stop().await;
    assert!(Queue::read(&env.name("dead")).await.so_far().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_at_the_limit_of_amqp_do_not_stop_the_worker() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    // A frame has 128 KiB, and all headers of a message must fit into one frame.
    let large = |name: &str| BTreeMap::from([(name.to_owned(), "x".repeat(131_000))]);
    let bad = Message {
        body: b"{}".to_vec(),
        properties: Properties {
            message_id: Some("bad".into()),
            headers: large("x-large"),
            ..Properties::default()
        },
    };
    let good = Message {
        body: accepted(change("good", "c")).to_string().into(),
        properties: Properties { headers: large("traceparent"), ..Properties::default() },
    };
    env.send(Kind::Create, &bad).await;
    env.send(Kind::Create, &good).await;
    assert_eq!(env.outcome("bad").await["data"]["state"], "rejected");
    assert_eq!(env.outcome("good").await["data"]["state"], "succeeded");
    assert_eq!(worker.stop().await, Drained::Clean);
    let letters = Queue::read(&env.name("dead")).await.so_far().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].data, b"{}");
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_with_a_running_job_keeps_its_own_message() {
    let mut env = TestEnv::new("[http]\ntimeout = \"5s\"\n[probe]\nsettle = \"5s\"").await;
    let slow = FaultRule::always("dms.CreateOrder", Fault::Slow { delay: Duration::from_secs(2) });
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow] }).unwrap();
    let _worker = env.start();
    env.submit(Kind::Create, &accepted(change("same", "the first"))).await;
    env.state("same", "started").await;
    let message = Message {
        body: accepted(change("same", "another")).to_string().into(),
        properties: Properties { correlation_id: Some("mine".into()), ..Properties::default() },
    };
    env.send(Kind::Create, &message).await;
    let letter = Queue::read(&env.name("dead")).await.next().await;
    assert_eq!(letter.data, message.body);
    let correlation_id = letter.properties.correlation_id().as_ref();
    assert_eq!(correlation_id.map(ToString::to_string), message.properties.correlation_id);
    assert!(header(&letter, "x-ticketd-problems").unwrap().starts_with("$.id: \"same\""));
    assert_eq!(env.outcome("same").await["data"]["state"], "succeeded");
    assert_eq!(env.simulator.effects().len(), 1);
}
