//! An account's limits: what waits here, and what is handed back.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};

use super::super::limits::{Limits, WhenLimited};
use super::super::shared_limit::LimitUnavailable;
use super::*;

fn limited(rate_limit: Option<f64>, max_concurrent: Option<usize>) -> Account {
    Account { rate_limit, max_concurrent, ..alibaba() }
}

#[tokio::test(start_paused = true)]
async fn a_slow_rate_hands_the_second_request_back() {
    let script = Script::endless(json!({}));
    let providers = providers([limited(Some(0.25), None)], &script);
    let (job, execution) = (job("dms"), execution(RequestKind::Call));
    answered(providers.ask(&job, &execution).await);
    let began = Instant::now();
    let Input::Deferred(until) = providers.ask(&job, &execution).await else {
        panic!("not deferred")
    };
    assert_eq!(began.elapsed(), Duration::ZERO);
    let wait = until.duration_since(Timestamp::now());
    assert!((3..=4).contains(&wait.as_secs()), "{wait:?}");
    // The next one is told another moment, or all would come back at once.
    let Input::Deferred(later) = providers.ask(&job, &execution).await else {
        panic!("not deferred")
    };
    assert_eq!(later.duration_since(until), SignedDuration::from_secs(4));
    assert_eq!(script.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_waited_in_place() {
    let script = Script::endless(json!({}));
    let providers = providers([limited(Some(5.0), None)], &script);
    let began = Instant::now();
    for _ in 0..6 {
        answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    }
    let took = began.elapsed().as_millis();
    assert!((995..1100).contains(&took), "five waits of 200 ms took {took} ms");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_under_way_waits_however_long_it_takes() {
    let script = Script::new([ok(json!({ "More": true })), ok(json!({}))]);
    let providers = providers([limited(Some(0.1), None)], &script);
    let began = Instant::now();
    answered(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert!(began.elapsed() >= Duration::from_millis(9_990), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_allowed() {
    let script = Script::endless(json!({}));
    let providers = Arc::new(providers([limited(None, Some(2))], &script));
    let (job, execution) = (job("dms"), execution(RequestKind::Call));
    let asked = (0..10).map(|_| providers.ask(&job, &execution));
    for event in futures_util::future::join_all(asked).await {
        answered(event);
    }
    assert_eq!((script.sent(), script.most.load(Ordering::SeqCst)), (10, 2));
}

#[tokio::test(start_paused = true)]
async fn without_a_free_slot_within_a_second_the_request_is_handed_back() {
    let limits = Limits::new(&limited(None, Some(1)), None);
    let held = limits.admit(WhenLimited::Defer).await.unwrap();
    let began = Instant::now();
    let until = limits.admit(WhenLimited::Defer).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    let wait = until.duration_since(Timestamp::now());
    assert!(wait > SignedDuration::from_millis(900) && wait < SignedDuration::from_secs(2));
    drop(held);
    limits.admit(WhenLimited::Defer).await.unwrap();
}

/// A limit somewhere else, with its answers in order; when they are over, everybody may go.
#[derive(Debug, Default)]
struct Elsewhere {
    answers: Mutex<VecDeque<Option<Option<Duration>>>>,
    asked: Mutex<Vec<(String, Duration, u32)>>,
}

#[async_trait]
impl SharedLimit for Elsewhere {
    async fn take_turn(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable> {
        self.asked.lock().unwrap().push((account.to_owned(), per, burst));
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Some(None));
        answer.ok_or_else(|| LimitUnavailable("the database is away".into()))
    }
}

fn elsewhere(answers: impl Into<VecDeque<Option<Option<Duration>>>>) -> Arc<Elsewhere> {
    Arc::new(Elsewhere { answers: Mutex::new(answers.into()), ..Elsewhere::default() })
}

fn shared(script: &Arc<Script>, limit: &Arc<Elsewhere>) -> Providers {
    let account = Account { rate_limit_shared: true, ..limited(Some(5.0), None) };
    let alone = Account { name: "alone".into(), ..limited(Some(5.0), None) };
    let limit: Arc<dyn SharedLimit> = limit.clone();
    providers([account, alone], script).sharing(&limit)
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_is_asked_for_every_request_and_waited_for() {
    let soon = Duration::from_millis(300);
    let limit = elsewhere([Some(Some(soon)), Some(Some(soon)), Some(None), Some(None)]);
    let script = Script::endless(json!({}));
    let providers = shared(&script, &limit);
    let began = Instant::now();
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(began.elapsed(), 2 * soon);
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    let turn_of = ("dms".to_owned(), Duration::from_millis(200), 1);
    assert_eq!(*limit.asked.lock().unwrap(), vec![turn_of; 4]);
    // An account that shares nothing counts for itself.
    answered(providers.ask(&job("alone"), &execution(RequestKind::Call)).await);
    assert_eq!((script.sent(), limit.asked.lock().unwrap().len()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_for_a_shared_limit_is_handed_back_with_moments_of_their_own() {
    let long = Duration::from_secs(3);
    let limit = elsewhere([Some(Some(long)), Some(Some(long))]);
    let script = Script::endless(json!({}));
    let providers = shared(&script, &limit);
    let (job, execution) = (job("dms"), execution(RequestKind::Call));
    let Input::Deferred(first) = providers.ask(&job, &execution).await else {
        panic!("not deferred")
    };
    let Input::Deferred(second) = providers.ask(&job, &execution).await else {
        panic!("not deferred")
    };
    assert!((2..=3).contains(&first.duration_since(Timestamp::now()).as_secs()));
    assert!(second.duration_since(first) >= SignedDuration::from_millis(200));
    assert_eq!(script.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_that_can_not_be_asked_holds_back_even_a_conversation_under_way() {
    let limit = elsewhere([None, Some(None), None]);
    let script = Script::endless(json!({ "More": true }));
    let providers = shared(&script, &limit);
    for sent in [0, 1] {
        let event = providers.ask(&job("dms"), &execution(RequestKind::Probe)).await;
        let Input::Deferred(until) = event else { panic!("not deferred") };
        let wait = until.duration_since(Timestamp::now());
        assert!(wait > SignedDuration::from_millis(900) && wait < SignedDuration::from_secs(2));
        assert_eq!(script.sent(), sent);
    }
}
