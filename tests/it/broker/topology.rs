use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use ticketd::broker::{Broker, BrokerSettings, Error, TopologyMode, TopologyProblem, topology};

use crate::broker::fixture::{BrokerFixture, with_fixture};
use crate::harness;

#[tokio::test(flavor = "multi_thread")]
async fn applying_twice_equals_applying_once_and_passes_the_check() {
    with_fixture(async |fixture| {
        topology::apply(&fixture.settings).await.unwrap();
        topology::apply(&fixture.settings).await.unwrap();
        topology::check(&fixture.settings).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_deletes_only_our_objects() {
    with_fixture(async |fixture| {
        topology::apply(&fixture.settings).await.unwrap();
        let channel = fixture.channel().await;
        let theirs = fixture.name("jobs.create.theirs");
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declare =
            |options| channel.queue_declare(theirs.as_str().into(), options, FieldTable::default());
        declare(durable).await.unwrap();
        for _ in 0..2 {
            topology::remove(&fixture.settings).await.unwrap();
        }
        let Err(Error::Topology(problems)) = topology::check(&fixture.settings).await else {
            panic!("everything is gone")
        };
        let all = topology::describe(&fixture.settings.prefix, fixture.settings.unrouted_max).len();
        let missing =
            |problem: &&TopologyProblem| matches!(problem, TopologyProblem::Missing { .. });
        assert_eq!(problems.iter().filter(missing).count(), all);
        declare(QueueDeclareOptions { passive: true, ..durable }).await.unwrap();
        let options = QueueDeleteOptions::default();
        channel.queue_delete(theirs.as_str().into(), options).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_every_missing_object_and_declares_none() {
    with_fixture(async |fixture| {
        topology::apply(&fixture.settings).await.unwrap();
        let channel = fixture.channel().await;
        let gone = [fixture.name("jobs.create"), fixture.name("wake.deploy")];
        for queue in &gone {
            let queue = queue.as_str().into();
            channel.queue_delete(queue, QueueDeleteOptions::default()).await.unwrap();
        }
        let settings = BrokerSettings { topology: TopologyMode::Check, ..fixture.settings.clone() };
        for _ in 0..2 {
            let expected = gone
                .each_ref()
                .map(|name| TopologyProblem::Missing { object: format!("queue {name}") });
            let Err(Error::Topology(problems)) = Broker::connect(&settings).await else {
                panic!("two queues are missing")
            };
            assert_eq!(problems, expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mismatch_names_its_object_argument_and_both_values() {
    with_fixture(async |fixture| {
        tamper(&fixture).await;
        for outcome in
            [topology::apply(&fixture.settings).await, topology::check(&fixture.settings).await]
        {
            let Err(Error::Topology(problems)) = outcome else { panic!("two objects differ") };
            let differ = |object: String, property: &str, broker: &str, ours: &str| {
                TopologyProblem::Differs {
                    object,
                    property: property.into(),
                    broker: Some(broker.into()),
                    ours: Some(ours.into()),
                }
            };
            let exchange =
                differ(format!("exchange {}", fixture.name("dead")), "type", "topic", "fanout");
            let queue = differ(
                format!("queue {}", fixture.name("jobs.create")),
                "argument x-delivery-limit",
                "20",
                "1000",
            );
            let differing: Vec<_> = problems
                .into_iter()
                .filter(|problem| matches!(problem, TopologyProblem::Differs { .. }))
                .collect();
            assert_eq!(differing, [exchange, queue]);
        }
    })
    .await;
}

async fn tamper(fixture: &BrokerFixture) {
    let channel = fixture.channel().await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert("alternate-exchange".into(), text(&fixture.name("unrouted")));
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let exchange = fixture.name("dead").into();
    channel.exchange_declare(exchange, ExchangeKind::Topic, options, arguments).await.unwrap();

    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-dead-letter-exchange".into(), text(&fixture.name("dead")));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(20));
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(fixture.name("jobs.create").into(), options, arguments).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_broker_is_one_line_without_the_password() {
    let right = harness::broker().await.url.clone();
    let fixture = BrokerFixture::new().await;
    let (before, host) = right.split_once('@').unwrap();
    let user = before.rsplit_once(':').unwrap().0;
    let (host, _) = host.split_once('/').unwrap();
    let table = [
        (
            "amqp://u:s3cret@127.0.0.1:1/%2f".to_owned(),
            "no broker answers at amqp://u@127.0.0.1:1/",
        ),
        (format!("{user}:s3cret@{host}/%2f"), "refuses the user's credentials"),
        (format!("{before}@{host}/no-such"), "refuses access to virtual host \"no-such\""),
    ];
    for (url, expected) in table {
        let settings = BrokerSettings { url: url.into(), ..fixture.settings.clone() };
        let Err(error) = Broker::connect(&settings).await else { panic!("{expected}") };
        let line = error.to_string();
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains("s3cret") && !line.contains('\n'), "{line}");
    }
}
