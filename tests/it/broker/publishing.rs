use std::sync::Arc;

use futures_util::future::join_all;
use lapin::options::BasicGetOptions;
use ticketd::broker::{ExchangeName, PublishError, RouteResult};
use ticketd::job::Kind;

use crate::broker::fixture::{body, next, soon, with_fixture};

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_messages_are_confirmed_and_arrive_in_order() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = broker.publisher();
        let mut confirms = Vec::new();
        for number in 0..1_000 {
            let message = body(&number.to_string());
            confirms.push(publisher.send(ExchangeName::Jobs, "create", &message).await.unwrap());
        }
        for confirmed in join_all(confirms).await {
            confirmed.unwrap();
        }
        let mut deliveries = broker.consume(&[Kind::Create], 100);
        for number in 0..1_000 {
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.body, number.to_string().into_bytes());
            delivery.ack().await.unwrap();
        }
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_mandatory_messages_to_missing_queues_are_returned() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let there = fixture.name("dead");
        let publishes = (0..200).map(|number| {
            let publisher = broker.publisher();
            let queue = if number % 3 == 0 { format!("{there}.missing") } else { there.clone() };
            tokio::spawn(async move {
                let message = body(&number.to_string());
                (number, publisher.publish_mandatory("", &queue, &message).await.unwrap())
            })
        });
        for outcome in join_all(publishes).await {
            let (number, routed) = outcome.unwrap();
            let expected =
                if number % 3 == 0 { RouteResult::Unroutable } else { RouteResult::Routed };
            assert_eq!(routed, expected, "message {number}");
        }
        assert_eq!(soon("counting", broker.dead_and_unrouted()).await.unwrap().dead, 133);
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_to_a_missing_exchange_is_an_error_for_that_publish_only() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = broker.publisher();
        let error = publisher.publish_mandatory("no-such", "x", &body("1")).await.unwrap_err();
        assert!(matches!(error, PublishError::Lost(_)), "{error}");
        let dead = fixture.name("dead");
        let routed = publisher.publish_mandatory("", &dead, &body("2")).await.unwrap();
        assert_eq!(routed, RouteResult::Routed);
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_publish_does_not_take_the_return_of_the_next() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = broker.publisher();
        let (taken, dead) = (body("1"), fixture.name("dead"));
        for _ in 0..300 {
            let mut given_up = Box::pin(publisher.publish_mandatory("", &dead, &taken));
            // Dropped at a random time: the message may be sent but not yet confirmed.
            for _ in 0..rand::random_range(1..50) {
                if futures_util::poll!(given_up.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(given_up);
            let routed = publisher.publish_mandatory("", "missing", &body("2")).await.unwrap();
            assert_eq!(routed, RouteResult::Unroutable);
        }
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_bound_queue_is_kept_and_counted() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let key = "create.dms.CreateOrder.succeeded";
        broker.publisher().publish(ExchangeName::Events, key, &body("kept")).await.unwrap();
        broker.publisher().publish(ExchangeName::Jobs, "craete", &body("kept too")).await.unwrap();
        assert_eq!(broker.dead_and_unrouted().await.unwrap().unrouted, 2);
        let channel = fixture.channel().await;
        let kept = channel
            .basic_get(fixture.name("unrouted").into(), BasicGetOptions { no_ack: true })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(kept.data, b"kept");
        assert_eq!(kept.properties.delivery_mode(), &Some(2));
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_publishers_share_one_confirm_channel() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = Arc::new(broker.publisher());
        let publishes = (0..64).map(|number| {
            let publisher = publisher.clone();
            tokio::spawn(async move {
                for step in 0..10 {
                    let message = body(&format!("{number}.{step}"));
                    publisher.publish(ExchangeName::Dead, "", &message).await.unwrap();
                }
            })
        });
        for done in join_all(publishes).await {
            done.unwrap();
        }
        assert_eq!(broker.dead_and_unrouted().await.unwrap().dead, 640);
        broker.close().await;
    })
    .await;
}
