//! Clock skew and tokens: causes that are corrected, so that the request is repeated once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::account::Credentials;
use super::super::huawei::token::TokenCache;
use super::fixtures::{RawResult, with_header};
use super::*;

const AT_ONCE: FailureClass = FailureClass::Retryable { retry_after: Some(Duration::ZERO) };

fn in_hours(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

fn dated(raw: RawResult, date: Timestamp) -> RawResult {
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    with_header(raw, "date", date)
}

fn token(value: &str, expires_at: Timestamp) -> RawResult {
    let body = json!({ "token": { "expires_at": expires_at.to_string() } });
    with_header(ok(body), "x-subject-token", value.to_owned())
}

fn token_refused() -> RawResult {
    refused(401, "APIGW.0301", "decrypt token fail")
}

#[tokio::test]
async fn the_providers_clock_is_adopted_once() {
    let refusal = || dated(refused(400, "InvalidTimeStamp.Expired", "late"), in_hours(1));
    let script = ScriptedProvider::new([refusal(), refusal(), ok(json!({}))]);
    let providers = providers([alibaba()], &script);
    let ask = async || providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    assert_eq!(failed(ask().await).class, AT_ONCE);
    assert_eq!(failed(ask().await).class, FailureClass::Permanent);
    answered(ask().await);

    let dates: Vec<Timestamp> =
        script.headers("x-acs-date").iter().map(|text| text.parse().unwrap()).collect();
    let shift = dates[1].duration_since(dates[0]);
    assert!((shift - SignedDuration::from_hours(1)).abs() < SignedDuration::from_secs(5));
}

#[tokio::test]
async fn a_bad_signature_is_permanent() {
    let script = ScriptedProvider::new([dated(
        refused(401, "APIGW.0301", "verify aksk signature fail"),
        Timestamp::now(),
    )]);
    let providers = providers([Account { name: "dms".into(), ..huawei(false) }], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.class, FailureClass::Permanent);
}

#[tokio::test]
async fn a_refused_account_ends_no_job_after_its_call() {
    let poll = RequestKind::Poll(Value::Null);
    for code in [
        "Throttling.Api.Risk",
        "SignatureDoesNotMatch",
        "InvalidSecurityToken.Expired",
        "InvalidAccessKeyId.Inactive",
        "NoPermission",
    ] {
        for request in [RequestKind::Baseline, RequestKind::Call, RequestKind::Probe, poll.clone()]
        {
            let is_after_call = matches!(request, RequestKind::Probe | RequestKind::Poll(_));
            let expected = is_after_call && code != "NoPermission";
            let providers =
                providers([alibaba()], &ScriptedProvider::new([refused(400, code, "m")]));
            let failure = failed(providers.ask(&job("dms"), &execution(request.clone())).await);
            let retryable = failure.class == FailureClass::Retryable { retry_after: None };
            assert_eq!((retryable, failure.code.as_str()), (expected, code), "{request:?}");
        }
    }
    let script = ScriptedProvider::new([refused(401, "IAM.1", "wrong user or password")]);
    let failure =
        failed(providers([huawei(true)], &script).ask(&job("dms"), &execution(poll)).await);
    assert_eq!(failure.class, FailureClass::Retryable { retry_after: None });
}

#[tokio::test]
async fn a_refused_key_is_not_used_again_at_once() {
    let script = ScriptedProvider::new([refused(401, "APIGW.0301", "verify aksk signature fail")]);
    let providers = providers([huawei(false)], &script);
    let first = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    let second = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(second.class, FailureClass::Permanent);
    assert_eq!(second.code, first.code);
    assert!(second.message.contains("nothing is sent"), "{second}");
    let third = failed(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert_eq!(third.class, FailureClass::Retryable { retry_after: None });
    assert_eq!(script.sent(), 1);
}

#[tokio::test]
async fn an_expired_temporary_key_fails_with_advice() {
    let mut account = alibaba();
    account.credentials = Credentials::Key {
        id: "id".into(),
        secret: "secret".into(),
        security_token: Some("a-token".into()),
    };
    let script =
        ScriptedProvider::new([refused(400, "InvalidSecurityToken.Expired", "it expired")]);
    let failure =
        failed(providers([account], &script).ask(&job("dms"), &execution(RequestKind::Call)).await);
    let advice = "it expired; renew the account's security_token: a file is read again by itself";
    assert!(failure.message.contains(advice), "{failure}");
}

#[tokio::test]
async fn concurrent_requests_share_one_token_fetch() {
    let mut replies = vec![token("tok", in_hours(24))];
    replies.extend((0..3).map(|_| ok(json!({}))));
    let script = ScriptedProvider::new(replies);
    let providers = providers([huawei(true)], &script);
    let (job, execution) = (job("dms"), execution(RequestKind::Call));
    tokio::join!(
        providers.ask(&job, &execution),
        providers.ask(&job, &execution),
        providers.ask(&job, &execution)
    );
    assert_eq!(script.paths(), ["/v3/auth/tokens", "/", "/", "/"]);
    assert_eq!(script.headers("x-auth-token"), ["tok", "tok", "tok"]);
    let fetch: Value = serde_json::from_slice(&script.bodies()[0]).unwrap();
    let user = &fetch["auth"]["identity"]["password"]["user"];
    assert_eq!(user["domain"]["name"], "acme");
    let project = &fetch["auth"]["scope"]["project"]["id"];
    assert_eq!(project, "b384b9e9ab9b4ee8994c8633aabc9505");
}

#[tokio::test]
async fn a_token_is_refreshed_half_an_hour_before_it_expires() {
    let soon = Timestamp::now() + SignedDuration::from_mins(29);
    let script = ScriptedProvider::new([
        token("old", soon),
        ok(json!({})),
        token("new", in_hours(24)),
        ok(json!({})),
    ]);
    let providers = providers([huawei(true)], &script);
    providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    assert_eq!(script.headers("x-auth-token"), ["old", "new"]);
}

#[tokio::test]
async fn a_token_is_used_until_it_expires_while_fetches_fail() {
    let now = Timestamp::now();
    let later = |seconds| now + SignedDuration::from_secs(seconds);
    for (refusal, pause) in [(lost(), 10), (refused(401, "IAM.1", "wrong password"), 300)] {
        let again = || refused(500, "X", "m");
        let script = ScriptedProvider::new([token("old", later(1500)), refusal, again(), again()]);
        let tokens = TokenCache::new();
        let fetched = async |seconds| {
            let token = tokens.token(&huawei(true), script.as_ref(), later(seconds)).await;
            (token.map(|token| token.is_some()).map_err(|f| f.code), script.sent())
        };
        assert_eq!(fetched(0).await, (Ok(true), 1));
        assert_eq!(fetched(1).await, (Ok(true), 2), "it is refreshed early");
        assert_eq!(fetched(pause).await, (Ok(true), 2), "the failure is cached");
        assert_eq!(fetched(pause + 1).await, (Ok(true), 3));
        assert_eq!(fetched(1500).await, (Err("X".to_owned()), 4));
    }
}

#[tokio::test]
async fn a_failed_fetch_is_cached_by_its_class() {
    let now = Timestamp::now();
    for (reply, pause) in [(lost(), 10), (refused(401, "IAM.1", "wrong password"), 300)] {
        let script = ScriptedProvider::new([reply, token("tok", in_hours(24))]);
        let tokens = TokenCache::new();
        for (seconds, sent) in [(0, 1), (pause - 1, 1), (pause, 2)] {
            let then = now + SignedDuration::from_secs(seconds);
            let token = tokens.token(&huawei(true), script.as_ref(), then).await;
            assert_eq!((token.is_ok(), script.sent()), (sent == 2, sent));
        }
    }
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_not_fetched_again() {
    let refusal = refused(401, "APIGW.0301", "decrypt token fail: tok-en");
    let script = ScriptedProvider::new([token("tok-en", in_hours(24)), refusal]);
    let providers = providers([huawei(true)], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.class, FailureClass::Permanent);
    assert!(failure.message.ends_with("decrypt token fail: ***"), "{failure}");
}

#[tokio::test]
async fn an_old_token_that_is_refused_is_fetched_again_once() {
    // The first refusal corrects the clock by an hour, which makes the token old.
    let script = ScriptedProvider::new([
        token("old", in_hours(24)),
        dated(refused(401, "APIGW.0301", "verify aksk signature fail"), in_hours(1)),
        token_refused(),
        token("new", in_hours(24)),
        ok(json!({})),
    ]);
    let providers = providers([huawei(true)], &script);
    let ask = async || providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    assert_eq!(failed(ask().await).class, AT_ONCE);
    assert_eq!(failed(ask().await).class, AT_ONCE);
    answered(ask().await);
    assert_eq!(script.headers("x-auth-token"), ["old", "old", "new"]);
}

#[tokio::test]
async fn a_failed_token_fetch_is_never_ambiguous() {
    let no_token = with_header(ok(json!({})), "x", String::new());
    let table = [
        (lost(), FailureClass::Retryable { retry_after: None }),
        (refused(500, "X", "m"), FailureClass::Retryable { retry_after: None }),
        (no_token, FailureClass::Retryable { retry_after: None }),
        (refused(401, "IAM.1", "wrong user or password"), FailureClass::Permanent),
    ];
    for (reply, expected) in table {
        let script = ScriptedProvider::new([reply]);
        let providers = providers([huawei(true)], &script);
        for _ in 0..3 {
            let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
            assert_eq!(failure.class, expected, "{failure}");
        }
        // The failure is cached: IAM locks a user after too many wrong passwords.
        assert_eq!(script.sent(), 1);
    }
}
