use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use ticketd::broker::topology::{self, Problem};
use ticketd::broker::{Broker, BrokerSettings, Error, TopologyMode};

use crate::broker::fixture::{BrokerFixture, with_fixture};
use crate::harness;

#[tokio::test(flavor = "multi_thread")]
async fn applying_twice_is_applying_once_and_a_check_agrees() {
    with_fixture(async |bench| {
        topology::apply(&bench.settings).await.unwrap();
        topology::apply(&bench.settings).await.unwrap();
        topology::check(&bench.settings).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_is_ours_and_nothing_else() {
    with_fixture(async |bench| {
        topology::apply(&bench.settings).await.unwrap();
        let channel = bench.channel().await;
        let theirs = bench.name("jobs.create.theirs");
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declare =
            |options| channel.queue_declare(theirs.as_str().into(), options, FieldTable::default());
        declare(durable).await.unwrap();
        for _ in 0..2 {
            topology::remove(&bench.settings).await.unwrap();
        }
        let Err(Error::Topology(problems)) = topology::check(&bench.settings).await else {
            panic!("everything is gone")
        };
        let all = topology::describe(&bench.settings.prefix, bench.settings.unrouted_max).len();
        let missing = |problem: &&Problem| matches!(problem, Problem::Missing { .. });
        assert_eq!(problems.iter().filter(missing).count(), all);
        declare(QueueDeclareOptions { passive: true, ..durable }).await.unwrap();
        let options = QueueDeleteOptions::default();
        channel.queue_delete(theirs.as_str().into(), options).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_all_that_is_missing_and_makes_nothing() {
    with_fixture(async |bench| {
        topology::apply(&bench.settings).await.unwrap();
        let channel = bench.channel().await;
        let gone = [bench.name("jobs.create"), bench.name("wake.deploy")];
        for queue in &gone {
            let queue = queue.as_str().into();
            channel.queue_delete(queue, QueueDeleteOptions::default()).await.unwrap();
        }
        let settings = BrokerSettings { topology: TopologyMode::Check, ..bench.settings.clone() };
        for _ in 0..2 {
            let expected =
                gone.each_ref().map(|name| Problem::Missing { object: format!("queue {name}") });
            let Err(Error::Topology(problems)) = Broker::connect(&settings).await else {
                panic!("two queues are missing")
            };
            assert_eq!(problems, expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mismatch_names_object_argument_and_both_values_and_all_come_at_once() {
    with_fixture(async |bench| {
        meddle(&bench).await;
        for outcome in
            [topology::apply(&bench.settings).await, topology::check(&bench.settings).await]
        {
            let Err(Error::Topology(problems)) = outcome else { panic!("two objects differ") };
            let differ =
                |object: String, property: &str, broker: &str, ours: &str| Problem::Differs {
                    object,
                    property: property.into(),
                    broker: Some(broker.into()),
                    ours: Some(ours.into()),
                };
            let exchange =
                differ(format!("exchange {}", bench.name("dead")), "type", "topic", "fanout");
            let queue = differ(
                format!("queue {}", bench.name("jobs.create")),
                "argument x-delivery-limit",
                "20",
                "1000",
            );
            let differing: Vec<_> = problems
                .into_iter()
                .filter(|problem| matches!(problem, Problem::Differs { .. }))
                .collect();
            assert_eq!(differing, [exchange, queue]);
        }
    })
    .await;
}

async fn meddle(bench: &BrokerFixture) {
    let channel = bench.channel().await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert("alternate-exchange".into(), text(&bench.name("unrouted")));
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let exchange = bench.name("dead").into();
    channel.exchange_declare(exchange, ExchangeKind::Topic, options, arguments).await.unwrap();

    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-dead-letter-exchange".into(), text(&bench.name("dead")));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(20));
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(bench.name("jobs.create").into(), options, arguments).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_can_t_be_used_is_named_in_one_line_without_the_password() {
    let right = harness::broker().await.url.clone();
    let bench = BrokerFixture::new().await;
    let (before, host) = right.split_once('@').unwrap();
    let user = before.rsplit_once(':').unwrap().0;
    let (host, _) = host.split_once('/').unwrap();
    let table = [
        (
            "amqp://u:s3cret@127.0.0.1:1/%2f".to_owned(),
            "no broker answers at amqp://u@127.0.0.1:1/",
        ),
        (format!("{user}:s3cret@{host}/%2f"), "refuses the user's credentials"),
        (format!("{before}@{host}/no-such"), "does not let us into virtual host \"no-such\""),
    ];
    for (url, expected) in table {
        let settings = BrokerSettings { url: url.into(), ..bench.settings.clone() };
        let Err(error) = Broker::connect(&settings).await else { panic!("{expected}") };
        let line = error.to_string();
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains("s3cret") && !line.contains('\n'), "{line}");
    }
}
