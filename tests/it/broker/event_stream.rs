use ticketd::broker::ExchangeName;

use crate::broker::fixture::{body, soon, with_fixture};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_delivers_matching_events_in_order() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let mut feed = broker.follow_events("create.#").await.unwrap();
        let publisher = broker.publisher();
        for (key, text) in [
            ("create.dms.CreateOrder.started", "1"),
            ("deploy.dataworks.DeployDISyncTask.started", "2"),
            ("create.dms.CreateOrder.succeeded", "3"),
        ] {
            publisher.publish(ExchangeName::Events, key, &body(text)).await.unwrap();
        }
        let first = soon("an event", feed.next()).await.unwrap();
        assert_eq!(
            (first.routing_key.as_str(), &first.body[..]),
            ("create.dms.CreateOrder.started", &b"1"[..])
        );
        let second = soon("an event", feed.next()).await.unwrap();
        assert_eq!(second.body, b"3");
        // The event without a bound queue is kept.
        assert_eq!(broker.dead_and_unrouted().await.unwrap().unrouted, 1);
        broker.close().await;
    })
    .await;
}
