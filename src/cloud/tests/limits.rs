//! An account's limits: which requests wait, and which are deferred.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};

use super::super::rate_limit::{AccountLimits, LimitUnavailable, WhenLimited};
use super::*;

fn limited(rate_limit: Option<f64>, max_concurrent: Option<usize>) -> Account {
    Account { rate_limit, max_concurrent, ..alibaba() }
}

#[tokio::test(start_paused = true)]
async fn a_low_rate_defers_the_second_request() {
    let script = ScriptedProvider::endless(json!({}));
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
    // The next one gets another time, or all would return at once.
    let Input::Deferred(later) = providers.ask(&job, &execution).await else {
        panic!("not deferred")
    };
    assert_eq!(later.duration_since(until), SignedDuration::from_secs(4));
    assert_eq!(script.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_does_not_defer() {
    let script = ScriptedProvider::endless(json!({}));
    let providers = providers([limited(Some(5.0), None)], &script);
    let began = Instant::now();
    for _ in 0..6 {
        answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    }
    let took = began.elapsed().as_millis();
    assert!((995..1100).contains(&took), "five waits of 200 ms took {took} ms");
}

#[tokio::test(start_paused = true)]
async fn a_request_after_a_reply_waits_however_long_it_takes() {
    let script = ScriptedProvider::new([ok(json!({ "More": true })), ok(json!({}))]);
    let providers = providers([limited(Some(0.1), None)], &script);
    let began = Instant::now();
    answered(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert!(began.elapsed() >= Duration::from_millis(9_990), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_allowed() {
    let script = ScriptedProvider::endless(json!({}));
    let providers = Arc::new(providers([limited(None, Some(2))], &script));
    let (job, execution) = (job("dms"), execution(RequestKind::Call));
    let requests = (0..10).map(|_| providers.ask(&job, &execution));
    for input in futures_util::future::join_all(requests).await {
        answered(input);
    }
    assert_eq!((script.sent(), script.max_in_flight.load(Ordering::SeqCst)), (10, 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_deferred_after_a_second_without_a_free_permit() {
    let clock = Clock::default();
    let limits = AccountLimits::new(&limited(None, Some(1)), None);
    let held = limits.acquire(WhenLimited::Defer, &clock).await.unwrap();
    let began = Instant::now();
    let until = limits.acquire(WhenLimited::Defer, &clock).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    let wait = until.duration_since(Timestamp::now());
    assert!(wait > SignedDuration::from_millis(900) && wait < SignedDuration::from_secs(2));
    drop(held);
    limits.acquire(WhenLimited::Defer, &clock).await.unwrap();
}

/// A shared limit with its answers in order. After the last answer it allows all.
#[derive(Debug, Default)]
struct ScriptedLimit {
    answers: Mutex<VecDeque<Option<Option<Duration>>>>,
    asked: Mutex<Vec<(String, Duration, u32)>>,
}

#[async_trait]
impl RateSource for ScriptedLimit {
    async fn acquire(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable> {
        self.asked.lock().unwrap().push((account.to_owned(), per, burst));
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Some(None));
        answer.ok_or_else(|| LimitUnavailable("the database is unavailable".into()))
    }
}

fn scripted(answers: impl Into<VecDeque<Option<Option<Duration>>>>) -> Arc<ScriptedLimit> {
    Arc::new(ScriptedLimit { answers: Mutex::new(answers.into()), ..ScriptedLimit::default() })
}

fn shared(script: &Arc<ScriptedProvider>, limit: &Arc<ScriptedLimit>) -> Providers {
    let account = Account { rate_limit_shared: true, ..limited(Some(5.0), None) };
    let alone = Account { name: "alone".into(), ..limited(Some(5.0), None) };
    let limit: Arc<dyn RateSource> = limit.clone();
    providers([account, alone], script).sharing(&limit)
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_is_acquired_for_every_request() {
    let soon = Duration::from_millis(300);
    let limit = scripted([Some(Some(soon)), Some(Some(soon)), Some(None), Some(None)]);
    let script = ScriptedProvider::endless(json!({}));
    let providers = shared(&script, &limit);
    let began = Instant::now();
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(began.elapsed(), 2 * soon);
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    let acquired = ("dms".to_owned(), Duration::from_millis(200), 1);
    assert_eq!(*limit.asked.lock().unwrap(), vec![acquired; 4]);
    // An account without a shared limit has its own.
    answered(providers.ask(&job("alone"), &execution(RequestKind::Call)).await);
    assert_eq!((script.sent(), limit.asked.lock().unwrap().len()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_for_a_shared_limit_defers_each_request_differently() {
    let long = Duration::from_secs(3);
    let limit = scripted([Some(Some(long)), Some(Some(long))]);
    let script = ScriptedProvider::endless(json!({}));
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
async fn an_unavailable_shared_limit_defers_every_request() {
    let limit = scripted([None, Some(None), None]);
    let script = ScriptedProvider::endless(json!({ "More": true }));
    let providers = shared(&script, &limit);
    for sent in [0, 1] {
        let input = providers.ask(&job("dms"), &execution(RequestKind::Probe)).await;
        let Input::Deferred(until) = input else { panic!("not deferred") };
        let wait = until.duration_since(Timestamp::now());
        assert!(wait > SignedDuration::from_millis(900) && wait < SignedDuration::from_secs(2));
        assert_eq!(script.sent(), sent);
    }
}
