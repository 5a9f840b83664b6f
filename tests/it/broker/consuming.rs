use std::collections::{BTreeMap, BTreeSet};

use ticketd::broker::{ExchangeName, Message, Properties, SourceQueue};
use ticketd::job::Kind;

use crate::broker::fixture::{body, next, soon, with_fixture};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_has_every_property_of_its_message() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let message = Message {
            body: b"{\"id\":\"1\"}".to_vec(),
            properties: Properties {
                content_type: Some("application/json".into()),
                content_encoding: None,
                message_id: Some("m-1".into()),
                correlation_id: Some("c-1".into()),
                reply_to: Some("answers".into()),
                user_id: Some("guest".into()),
                headers: BTreeMap::from([("traceparent".to_owned(), "00-1-2-01".to_owned())]),
            },
        };
        broker.publisher().publish(ExchangeName::Jobs, "deploy", &message).await.unwrap();
        let mut deliveries = broker.consume(&Kind::ALL, 4);
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.queue, SourceQueue::Job(Kind::Deploy));
        assert_eq!(delivery.body, message.body);
        assert_eq!(delivery.properties, message.properties);
        assert!(!delivery.redelivered);
        delivery.ack().await.unwrap();
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requeued_or_dropped_delivery_is_redelivered() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        broker.publisher().publish(ExchangeName::Jobs, "create", &body("1")).await.unwrap();
        let mut deliveries = broker.consume(&[Kind::Create], 4);
        next(&mut deliveries).await.requeue().await.unwrap();
        let again = next(&mut deliveries).await;
        assert!(again.redelivered);
        drop(again);
        let third = next(&mut deliveries).await;
        assert_eq!(third.body, b"1");
        third.ack().await.unwrap();
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_requeues_undelivered_messages_and_the_rest_can_be_acked() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = broker.publisher();
        for number in 0..50 {
            publisher
                .publish(ExchangeName::Jobs, "create", &body(&number.to_string()))
                .await
                .unwrap();
        }
        let mut deliveries = broker.consume(&[Kind::Create], 20);
        let running = [next(&mut deliveries).await, next(&mut deliveries).await];
        deliveries.stop().await;
        assert!(soon("the end", deliveries.next()).await.is_none());
        for delivery in running {
            assert!(delivery.ack_handle.is_valid());
            delivery.ack().await.unwrap();
        }
        broker.close().await;

        let next_replica = fixture.broker().await;
        let mut deliveries = next_replica.consume(&[Kind::Create], 20);
        // All of them, in any order: a requeued message loses its position.
        let mut left: BTreeSet<String> = (2..50).map(|number| number.to_string()).collect();
        while !left.is_empty() {
            let delivery = next(&mut deliveries).await;
            assert!(left.remove(str::from_utf8(&delivery.body).unwrap()));
            delivery.ack().await.unwrap();
        }
        deliveries.stop().await;
        next_replica.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_jobs_does_not_delay_wakeups() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = broker.publisher();
        for number in 0..30 {
            publisher
                .publish(ExchangeName::Jobs, "create", &body(&number.to_string()))
                .await
                .unwrap();
        }
        publisher.publish(ExchangeName::Wake, "0.create", &body("wake")).await.unwrap();
        let mut deliveries = broker.consume(&[Kind::Create], 4);
        let mut before = 0;
        loop {
            let delivery = next(&mut deliveries).await;
            let queue = delivery.queue;
            delivery.ack().await.unwrap();
            if queue == SourceQueue::Wake(Kind::Create) {
                break;
            }
            before += 1;
        }
        assert!(before < 15, "the wake-up arrived after {before} jobs");
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}
