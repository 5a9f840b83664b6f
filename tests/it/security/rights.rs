//! The users in `deploy/rabbitmq/definitions.json` have exactly the rights of their roles.

use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::Value;
use ticketd::broker::{Broker, BrokerSettings, ExchangeName, Message, Properties, TopologyMode};
use ticketd::job::Kind;
use ticketd::simulator;

use crate::harness::{Node, TestEnv, own_node};
use crate::jobs::tickets::{id, ticket};
use crate::replicas::process::Process;

const DEFINITIONS: &str = include_str!("../../../deploy/rabbitmq/definitions.json");

/// The definitions are for this prefix.
const PREFIX: &str =
    "[broker]\nprefix = \"ticketd\"\n[poll]\ninterval = \"2s\"\nmax_interval = \"2s\"";

/// A node with these users, each with a password.
async fn defined() -> Node {
    let node = own_node(|_| String::new()).await;
    let file = node.folder.join("definitions.json");
    std::fs::write(&file, DEFINITIONS).unwrap();
    node.control(&["import_definitions", file.to_str().unwrap()]).await.unwrap();
    for role in ["producer", "worker", "watcher", "operator"] {
        node.control(&["change_password", &name(role), "s3cret"]).await.unwrap();
    }
    node
}

fn name(role: &str) -> String {
    format!("ticketd-{role}")
}

fn url(node: &Node, role: &str) -> String {
    node.url.replace("guest:guest", &format!("{}:s3cret", name(role)))
}

async fn broker(env: &TestEnv, node: &Node, role: &str, topology: TopologyMode) -> Broker {
    let url = url(node, role).into();
    let settings = BrokerSettings { url, topology, ..env.settings.broker.clone() };
    Broker::connect(&settings).await.unwrap()
}

/// A channel of the user with a role.
async fn channel(node: &Node, role: &str) -> Channel {
    let connection = Connection::connect(&url(node, role), ConnectionProperties::default()).await;
    connection.unwrap().create_channel().await.unwrap()
}

fn refused<T>(what: &str, outcome: lapin::Result<T>) {
    let Err(error) = outcome else { panic!("it may {what}") };
    assert!(error.to_string().contains("ACCESS_REFUSED"), "{what}: {error}");
}

async fn may_not_publish(node: &Node, role: &str, exchange: &str, key: &str) {
    let channel = channel(node, role).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(
        exchange.into(),
        key.into(),
        options,
        b"{}",
        BasicProperties::default(),
    );
    let what = format!("publish to {exchange} with {key}");
    refused(&what, async { sent.await?.await }.await);
}

async fn may_not_consume(node: &Node, role: &str, queue: &str) {
    let channel = channel(node, role).await;
    let options = BasicConsumeOptions::default();
    let consumed = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    refused(&format!("consume {queue}"), consumed.await);
}

async fn may_not_declare_or_delete(node: &Node, role: &str) {
    let (options, nothing) = (QueueDeclareOptions::durable(), FieldTable::default());
    let ours = channel(node, role).await;
    refused("declare", ours.queue_declare("ticketd.x".into(), options, nothing).await);
    let options = QueueDeleteOptions::default();
    let deleted = channel(node, role).await.queue_delete("ticketd.dead".into(), options).await;
    refused("delete ticketd.dead", deleted);
}

async fn may_not_follow(node: &Node, role: &str, exchange: &str) {
    let channel = channel(node, role).await;
    let options = QueueDeclareOptions::exclusive();
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await.unwrap();
    let (options, nothing) = (QueueBindOptions::default(), FieldTable::default());
    let bound =
        channel.queue_bind(queue.name().clone(), exchange.into(), "#".into(), options, nothing);
    refused(&format!("follow {exchange}"), bound.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_has_exactly_the_rights_of_its_role() {
    let node = defined().await;
    let simulated = simulator::SimulatorSettings::default();
    // The environment declares the topology as the operator.
    let mut env = TestEnv::following("#", url(&node, "operator"), PREFIX, simulated).await;
    let mut command = env.process();
    command
        .env("TICKETD_BROKER__URL", url(&node, "worker"))
        .env("TICKETD_BROKER__TOPOLOGY", "check");
    let mut worker = Process::start(command);
    worker.says("ready for jobs").await;

    let producer = broker(&env, &node, "producer", TopologyMode::Check).await;
    let answers = channel(&node, "producer").await;
    let options = QueueDeclareOptions::exclusive();
    let queue = answers.queue_declare("".into(), options, FieldTable::default()).await.unwrap();
    let job = |number: usize| Message {
        body: ticket(number, "").to_string().into(),
        properties: Properties {
            user_id: Some(name("producer")),
            reply_to: Some(queue.name().to_string()),
            ..Properties::default()
        },
    };
    let publisher = producer.publisher();
    publisher.publish(ExchangeName::Jobs, Kind::Create.as_str(), &job(1)).await.unwrap();
    let watcher = broker(&env, &node, "watcher", TopologyMode::Check).await;
    let mut seen = watcher.follow_events("#").await.unwrap();
    publisher.publish(ExchangeName::Jobs, Kind::Create.as_str(), &job(2)).await.unwrap();
    // The job is parked and woken, with events, an outcome and a reply.
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "succeeded");
    assert_eq!(env.outcome(&id(2)).await["data"]["state"], "succeeded");
    let event: Value = serde_json::from_slice(&seen.next().await.unwrap().body).unwrap();
    assert!(event["type"].as_str().unwrap().starts_with("ticketd.job."), "{event:#}");
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let (name_, nothing) = (queue.name().clone(), FieldTable::default());
    let mut copies = answers.basic_consume(name_, "".into(), options, nothing).await.unwrap();
    let copy = futures_util::StreamExt::next(&mut copies).await.unwrap().unwrap();
    assert!(copy.properties.message_id().is_some());
    publisher
        .publish(ExchangeName::Jobs, Kind::Create.as_str(), &Message { body: "{".into(), ..job(3) })
        .await
        .unwrap();
    let operator = broker(&env, &node, "operator", TopologyMode::Apply).await;
    crate::harness::until(async || operator.dead_and_unrouted().await.unwrap().dead == 1).await;
    assert!(operator.dead_letters().await.unwrap().next().await.unwrap().is_some());

    // A producer cannot forge a wake-up or an event, cancel jobs, or read others' jobs.
    for (exchange, key) in [
        ("ticketd.wake", "0.create"),
        ("ticketd.delay", "1.create"),
        ("ticketd.events", "create.dms.CreateOrder.succeeded"),
        ("ticketd.dead", "x"),
        ("", "ticketd.jobs.create"),
        ("ticketd.jobs", "cancel"),
    ] {
        may_not_publish(&node, "producer", exchange, key).await;
    }
    may_not_consume(&node, "producer", "ticketd.jobs.create").await;
    may_not_consume(&node, "producer", "ticketd.dead").await;
    may_not_follow(&node, "producer", "ticketd.events").await;
    may_not_declare_or_delete(&node, "producer").await;
    // A producer cannot publish under another user's name.
    let mut forged = job(4);
    forged.properties.user_id = Some(name("worker"));
    assert!(publisher.publish(ExchangeName::Jobs, "create", &forged).await.is_err());

    // A worker consumes jobs and publishes events. It cannot declare or delete.
    may_not_declare_or_delete(&node, "worker").await;
    may_not_publish(&node, "worker", "amq.topic", "x").await;
    may_not_publish(&node, "worker", "ticketd.jobs", "create").await;
    may_not_consume(&node, "worker", "ticketd.dead").await;

    // A watcher follows events only.
    for (exchange, key) in [("ticketd.jobs", "create"), ("ticketd.events", "x"), ("", "x")] {
        may_not_publish(&node, "watcher", exchange, key).await;
    }
    may_not_consume(&node, "watcher", "ticketd.jobs.create").await;
    may_not_consume(&node, "watcher", "ticketd.unrouted").await;
    may_not_follow(&node, "watcher", "ticketd.jobs").await;
    may_not_declare_or_delete(&node, "watcher").await;

    // A worker with the wrong user reports it.
    let mut command = env.process();
    command
        .env("TICKETD_BROKER__URL", url(&node, "watcher"))
        .env("TICKETD_BROKER__TOPOLOGY", "check");
    let mut mistaken = Process::start(command);
    let line = mistaken.says("ready for jobs").await;
    let address = line.split("admin=").nth(1).unwrap().trim().to_owned();
    let refusal = mistaken.says("ACCESS_REFUSED").await;
    assert!(refusal.contains("the broker refused to consume deliveries"), "{refusal}");
    let ready = reqwest::get(format!("http://{address}/readyz")).await.unwrap();
    assert_eq!(ready.status().as_u16(), 503);
    let said = ready.text().await.unwrap();
    assert!(said.contains("can't consume ticketd.jobs."), "{said}");

    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert!(status.success(), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("refused")), "{said:#?}");
}
