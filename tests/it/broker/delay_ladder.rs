use std::time::{Duration, Instant};

use futures_util::FutureExt;
use ticketd::broker::SourceQueue;
use ticketd::job::Kind;

use crate::broker::fixture::{body, next, with_fixture};

#[tokio::test(flavor = "multi_thread")]
async fn a_wakeup_arrives_once_after_its_delay_with_its_kind() {
    with_fixture(async |fixture| {
        let broker = fixture.broker().await;
        let publisher = broker.publisher();
        let mut deliveries = broker.consume(&Kind::ALL, 8);
        let start = Instant::now();
        let wait = Duration::from_millis(1_900);
        publisher.wake_after(Kind::Publish, wait, &body("late")).await.unwrap();
        publisher.wake_after(Kind::Deploy, Duration::ZERO, &body("now")).await.unwrap();

        let first = next(&mut deliveries).await;
        assert_eq!((first.queue, &first.body[..]), (SourceQueue::Wake(Kind::Deploy), &b"now"[..]));
        assert!(start.elapsed() < Duration::from_secs(1));
        first.ack().await.unwrap();

        let second = next(&mut deliveries).await;
        assert_eq!(
            (second.queue, &second.body[..]),
            (SourceQueue::Wake(Kind::Publish), &b"late"[..])
        );
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        second.ack().await.unwrap();

        // A duplicate would arrive before a message that is published after both.
        publisher.wake_after(Kind::Publish, Duration::from_secs(1), &body("last")).await.unwrap();
        let last = next(&mut deliveries).await;
        assert_eq!(last.body, b"last");
        last.ack().await.unwrap();
        assert!(deliveries.next().now_or_never().is_none());
        deliveries.stop().await;
        broker.close().await;
    })
    .await;
}
