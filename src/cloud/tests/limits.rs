//! An account's limits: what waits here, and what is handed back.

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};

use super::super::limits::{Limits, Patience};
use super::*;

fn limited(rate_limit: Option<f64>, max_concurrent: Option<usize>) -> Account {
    Account { rate_limit, max_concurrent, ..alibaba() }
}

#[tokio::test(start_paused = true)]
async fn a_slow_rate_hands_the_second_request_back() {
    let script = Script::endless(json!({}));
    let clouds = clouds([limited(Some(0.25), None)], &script);
    let (job, turn) = (job("dms"), turn(Ask::Call));
    answered(clouds.ask(&job, &turn).await);
    let began = Instant::now();
    let Event::Deferred(until) = clouds.ask(&job, &turn).await else { panic!("not deferred") };
    assert_eq!(began.elapsed(), Duration::ZERO);
    let wait = until.duration_since(Timestamp::now());
    assert!((3..=4).contains(&wait.as_secs()), "{wait:?}");
    // The next one is told another moment, or all would come back at once.
    let Event::Deferred(later) = clouds.ask(&job, &turn).await else { panic!("not deferred") };
    assert_eq!(later.duration_since(until), SignedDuration::from_secs(4));
    assert_eq!(script.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_waited_in_place() {
    let script = Script::endless(json!({}));
    let clouds = clouds([limited(Some(5.0), None)], &script);
    let began = Instant::now();
    for _ in 0..6 {
        answered(clouds.ask(&job("dms"), &turn(Ask::Call)).await);
    }
    let took = began.elapsed().as_millis();
    assert!((995..1100).contains(&took), "five waits of 200 ms took {took} ms");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_under_way_waits_however_long_it_takes() {
    let script = Script::new([ok(json!({ "More": true })), ok(json!({}))]);
    let clouds = clouds([limited(Some(0.1), None)], &script);
    let began = Instant::now();
    answered(clouds.ask(&job("dms"), &turn(Ask::Probe)).await);
    assert!(began.elapsed() >= Duration::from_millis(9_990), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_allowed() {
    let script = Script::endless(json!({}));
    let clouds = Arc::new(clouds([limited(None, Some(2))], &script));
    let (job, turn) = (job("dms"), turn(Ask::Call));
    let asked = (0..10).map(|_| clouds.ask(&job, &turn));
    for event in futures_util::future::join_all(asked).await {
        answered(event);
    }
    assert_eq!((script.sent(), script.most.load(Ordering::SeqCst)), (10, 2));
}

#[tokio::test(start_paused = true)]
async fn without_a_free_slot_within_a_second_the_request_is_handed_back() {
    let limits = Limits::new(&limited(None, Some(1)));
    let held = limits.admit(Patience::MayDefer).await.unwrap();
    let began = Instant::now();
    let until = limits.admit(Patience::MayDefer).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    let wait = until.duration_since(Timestamp::now());
    assert!(wait > SignedDuration::from_millis(900) && wait < SignedDuration::from_secs(2));
    drop(held);
    limits.admit(Patience::MayDefer).await.unwrap();
}
