use std::time::{Duration, Instant};

use lapin::options::QueueDeleteOptions;
use secrecy::ExposeSecret;
use ticketd::broker::{Broker, BrokerSettings, ExchangeName};
use ticketd::job::Kind;

use crate::broker::fixture::{body, next, soon, with_fixture};
use crate::harness::Proxy;

/// Limit of an interruption of consuming.
const MAX_INTERRUPTION: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_continue_after_their_queue_is_deleted() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let mut deliveries = broker.consume(&[Kind::Create], 4);
        broker.publisher().publish(ExchangeName::Jobs, "create", &body("before")).await.unwrap();
        next(&mut deliveries).await.ack().await.unwrap();

        let start = Instant::now();
        let queue = fixture.name("jobs.create");
        let channel = fixture.channel().await;
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
        let publisher = broker.publisher();
        let delivery = loop {
            // Until the queue is declared again, the message is unrouted.
            publisher.publish(ExchangeName::Jobs, "create", &body("after")).await.unwrap();
            let wait = Duration::from_millis(100);
            if let Ok(next) = tokio::time::timeout(wait, deliveries.next()).await {
                break next.unwrap();
            }
            assert!(start.elapsed() < MAX_INTERRUPTION, "no delivery for {MAX_INTERRUPTION:?}");
        };
        assert_eq!(delivery.body, b"after");
        delivery.ack().await.unwrap();
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_replaced_and_an_old_ack_is_an_error() {
    with_fixture(async |fixture| {
        let proxy = Proxy::to(fixture.settings.url.current().expose_secret()).await;
        let settings =
            BrokerSettings { url: proxy.url.as_str().into(), ..fixture.settings.clone() };
        let broker = Broker::connect(&settings).await.unwrap();
        let publisher = broker.publisher();
        let mut deliveries = broker.consume(&[Kind::Create], 4);
        let mut feed = broker.follow_events("#").await.unwrap();
        for number in 1..=4 {
            publisher
                .publish(ExchangeName::Jobs, "create", &body(&number.to_string()))
                .await
                .unwrap();
        }
        let before = next(&mut deliveries).await;

        let start = Instant::now();
        proxy.cut();
        soon("word of the gap", feed.next()).await.unwrap_err();
        // A publish waits for the new connection. One that was lost in flight is repeated.
        while publisher.publish(ExchangeName::Jobs, "create", &body("5")).await.is_err() {}
        let mut bodies = Vec::new();
        for _ in 1..=5 {
            let again = next(&mut deliveries).await;
            bodies.extend_from_slice(&again.body);
            // Messages prefetched on the lost connection are discarded.
            again.ack().await.unwrap();
        }
        assert_eq!(bodies, b"12345");
        assert!(start.elapsed() < MAX_INTERRUPTION, "{:?}", start.elapsed());

        assert!(!before.ack_handle.is_valid());
        let error = before.ack().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "the connection to the broker was lost while we tried to acknowledge a message"
        );

        let event = async {
            let (event, published) = tokio::join!(feed.next(), async {
                // Once the queue of the event stream exists, the event is routed to it.
                loop {
                    publisher.publish(ExchangeName::Events, "a.b.c", &body("e")).await.unwrap();
                    if broker.dead_and_unrouted().await.unwrap().unrouted == 0 {
                        break;
                    }
                    let queue = fixture.name("unrouted");
                    let channel = fixture.channel().await;
                    channel.queue_purge(queue.into(), Default::default()).await.unwrap();
                }
            });
            let () = published;
            event.unwrap()
        };
        assert_eq!(soon("an event", event).await.body, b"e");
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_after_a_close() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let mut deliveries = broker.consume(&Kind::ALL, 4);
        broker.close().await;
        broker.publisher().publish(ExchangeName::Dead, "", &body("1")).await.unwrap_err();
        broker.follow_events("#").await.map(drop).unwrap_err();
        assert!(soon("the end", deliveries.next()).await.is_none());
        soon("a stop", deliveries.stop()).await;
    })
    .await;
}
