//! The test broker itself, which every other test relies on.

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::harness;

#[tokio::test]
async fn the_broker_has_a_supported_version() {
    let broker = harness::broker().await;
    let mut numbers = broker.version.split('.').map(|number| number.parse::<u32>().unwrap());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(version >= (3, 10), "{}", broker.description);
}

#[tokio::test]
async fn a_confirmed_message_survives_a_restart_of_the_broker() {
    let broker = harness::own_broker().await;
    let queue = harness::prefix();

    let channel = open_channel(&broker.url).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions::durable();
    channel.queue_declare(queue.as_str().into(), durable, quorum).await.unwrap();
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let confirmation = channel
        .basic_publish("".into(), queue.as_str().into(), options, b"{}", persistent)
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(confirmation, Confirmation::Ack(None));

    broker.stop().await.unwrap();
    assert!(Connection::connect(&broker.url, ConnectionProperties::default()).await.is_err());
    broker.start_again().await.unwrap();

    let channel = open_channel(&broker.url).await;
    let message = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
    assert_eq!(message.unwrap().unwrap().delivery.data, b"{}");
}

async fn open_channel(url: &str) -> Channel {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    connection.create_channel().await.unwrap()
}

#[test]
fn every_test_gets_its_own_prefix() {
    assert_ne!(harness::prefix(), harness::prefix());
}
