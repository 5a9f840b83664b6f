//! Clocks and tokens: what may be put right, and is asked again once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::account::Credentials;
use super::super::huawei::token::Tokens;
use super::script::{Raw, with_header};
use super::*;

const AT_ONCE: FailureClass = FailureClass::Retryable { retry_after: Some(Duration::ZERO) };

fn in_hours(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

fn dated(raw: Raw, date: Timestamp) -> Raw {
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    with_header(raw, "date", date)
}

fn token(value: &str, expires_at: Timestamp) -> Raw {
    let body = json!({ "token": { "expires_at": expires_at.to_string() } });
    with_header(ok(body), "x-subject-token", value.to_owned())
}

fn locked_out() -> Raw {
    refused(401, "APIGW.0301", "decrypt token fail")
}

#[tokio::test]
async fn a_clock_refusal_teaches_the_provider_s_clock_once() {
    let refusal = || dated(refused(400, "InvalidTimeStamp.Expired", "late"), in_hours(1));
    let script = Script::new([refusal(), refusal(), ok(json!({}))]);
    let providers = providers([alibaba()], &script);
    let ask = async || providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    assert_eq!(failed(ask().await).meaning, AT_ONCE);
    assert_eq!(failed(ask().await).meaning, FailureClass::Permanent);
    answered(ask().await);

    let dates: Vec<Timestamp> =
        script.headers("x-acs-date").iter().map(|text| text.parse().unwrap()).collect();
    let shift = dates[1].duration_since(dates[0]);
    assert!((shift - SignedDuration::from_hours(1)).abs() < SignedDuration::from_secs(5));
}

#[tokio::test]
async fn a_bad_signature_is_final_at_once() {
    let script = Script::new([dated(
        refused(401, "APIGW.0301", "verify aksk signature fail"),
        Timestamp::now(),
    )]);
    let providers = providers([Account { name: "dms".into(), ..huawei(false) }], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.meaning, FailureClass::Permanent);
}

#[tokio::test]
async fn a_refusal_of_the_account_ends_no_job_whose_call_was_made() {
    let poll = RequestKind::Poll(Value::Null);
    for code in [
        "Throttling.Api.Risk",
        "SignatureDoesNotMatch",
        "InvalidSecurityToken.Expired",
        "InvalidAccessKeyId.Inactive",
        "NoPermission",
    ] {
        for ask in [RequestKind::Baseline, RequestKind::Call, RequestKind::Probe, poll.clone()] {
            let made =
                matches!(ask, RequestKind::Probe | RequestKind::Poll(_)) && code != "NoPermission";
            let providers = providers([alibaba()], &Script::new([refused(400, code, "m")]));
            let failure = failed(providers.ask(&job("dms"), &execution(ask.clone())).await);
            let passing = failure.meaning == FailureClass::Retryable { retry_after: None };
            assert_eq!((passing, failure.code.as_str()), (made, code), "{ask:?}");
        }
    }
    let script = Script::new([refused(401, "IAM.1", "wrong user or password")]);
    let failure =
        failed(providers([huawei(true)], &script).ask(&job("dms"), &execution(poll)).await);
    assert_eq!(failure.meaning, FailureClass::Retryable { retry_after: None });
}

#[tokio::test]
async fn a_key_that_was_refused_is_not_tried_again_at_once() {
    let script = Script::new([refused(401, "APIGW.0301", "verify aksk signature fail")]);
    let providers = providers([huawei(false)], &script);
    let first = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    let second = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(second.meaning, FailureClass::Permanent);
    assert_eq!(second.code, first.code);
    assert!(second.message.contains("nothing is sent"), "{second}");
    let third = failed(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert_eq!(third.meaning, FailureClass::Retryable { retry_after: None });
    assert_eq!(script.sent(), 1);
}

#[tokio::test]
async fn a_temporary_key_that_has_run_out_says_what_to_do() {
    let mut account = alibaba();
    account.credentials = Credentials::Key {
        id: "id".into(),
        secret: "secret".into(),
        security_token: Some("a-token".into()),
    };
    let script = Script::new([refused(400, "InvalidSecurityToken.Expired", "it expired")]);
    let failure =
        failed(providers([account], &script).ask(&job("dms"), &execution(RequestKind::Call)).await);
    let advice = "it expired; renew the account's security_token: what is kept in files is read";
    assert!(failure.message.contains(advice), "{failure}");
}

#[tokio::test]
async fn one_token_serves_all_and_is_fetched_by_one_request() {
    let mut replies = vec![token("tok", in_hours(24))];
    replies.extend((0..3).map(|_| ok(json!({}))));
    let script = Script::new(replies);
    let providers = providers([huawei(true)], &script);
    let (job, execution) = (job("dms"), execution(RequestKind::Call));
    tokio::join!(
        providers.ask(&job, &execution),
        providers.ask(&job, &execution),
        providers.ask(&job, &execution)
    );
    assert_eq!(script.paths(), ["/v3/auth/tokens", "/", "/", "/"]);
    assert_eq!(script.headers("x-auth-token"), ["tok", "tok", "tok"]);
    let asked: Value = serde_json::from_slice(&script.bodies()[0]).unwrap();
    let user = &asked["auth"]["identity"]["password"]["user"];
    assert_eq!(user["domain"]["name"], "acme");
    let project = &asked["auth"]["scope"]["project"]["id"];
    assert_eq!(project, "b384b9e9ab9b4ee8994c8633aabc9505");
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_it_is_used() {
    let soon = Timestamp::now() + SignedDuration::from_mins(29);
    let script =
        Script::new([token("old", soon), ok(json!({})), token("new", in_hours(24)), ok(json!({}))]);
    let providers = providers([huawei(true)], &script);
    providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    assert_eq!(script.headers("x-auth-token"), ["old", "new"]);
}

#[tokio::test]
async fn a_token_serves_to_its_end_when_no_other_can_be_fetched() {
    let now = Timestamp::now();
    let later = |seconds| now + SignedDuration::from_secs(seconds);
    for (refusal, pause) in [(lost(), 10), (refused(401, "IAM.1", "wrong password"), 300)] {
        let again = || refused(500, "X", "m");
        let script = Script::new([token("old", later(1500)), refusal, again(), again()]);
        let tokens = Tokens::new();
        let fetched = async |seconds| {
            let token = tokens.token(&huawei(true), script.as_ref(), later(seconds)).await;
            (token.map(|token| token.is_some()).map_err(|f| f.code), script.sent())
        };
        assert_eq!(fetched(0).await, (Ok(true), 1));
        assert_eq!(fetched(1).await, (Ok(true), 2), "it is renewed early");
        assert_eq!(fetched(pause).await, (Ok(true), 2), "not again so soon");
        assert_eq!(fetched(pause + 1).await, (Ok(true), 3));
        assert_eq!(fetched(1500).await, (Err("X".to_owned()), 4));
    }
}

#[tokio::test]
async fn a_refused_password_is_tried_again_after_five_minutes() {
    let now = Timestamp::now();
    for (reply, pause) in [(lost(), 10), (refused(401, "IAM.1", "wrong password"), 300)] {
        let script = Script::new([reply, token("tok", in_hours(24))]);
        let tokens = Tokens::new();
        for (seconds, sent) in [(0, 1), (pause - 1, 1), (pause, 2)] {
            let then = now + SignedDuration::from_secs(seconds);
            let token = tokens.token(&huawei(true), script.as_ref(), then).await;
            assert_eq!((token.is_ok(), script.sent()), (sent == 2, sent));
        }
    }
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_not_renewed_in_a_loop() {
    let refusal = refused(401, "APIGW.0301", "decrypt token fail: tok-en");
    let script = Script::new([token("tok-en", in_hours(24)), refusal]);
    let providers = providers([huawei(true)], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.meaning, FailureClass::Permanent);
    assert!(failure.message.ends_with("decrypt token fail: ***"), "{failure}");
}

#[tokio::test]
async fn an_old_token_that_is_refused_is_renewed_once() {
    // The first refusal moves our idea of the time on by an hour, which makes the token old.
    let script = Script::new([
        token("old", in_hours(24)),
        dated(refused(401, "APIGW.0301", "verify aksk signature fail"), in_hours(1)),
        locked_out(),
        token("new", in_hours(24)),
        ok(json!({})),
    ]);
    let providers = providers([huawei(true)], &script);
    let ask = async || providers.ask(&job("dms"), &execution(RequestKind::Call)).await;
    assert_eq!(failed(ask().await).meaning, AT_ONCE);
    assert_eq!(failed(ask().await).meaning, AT_ONCE);
    answered(ask().await);
    assert_eq!(script.headers("x-auth-token"), ["old", "old", "new"]);
}

#[tokio::test]
async fn a_token_that_can_not_be_fetched_never_means_an_effect() {
    let no_token = with_header(ok(json!({})), "x", String::new());
    let table = [
        (lost(), FailureClass::Retryable { retry_after: None }),
        (refused(500, "X", "m"), FailureClass::Retryable { retry_after: None }),
        (no_token, FailureClass::Retryable { retry_after: None }),
        (refused(401, "IAM.1", "wrong user or password"), FailureClass::Permanent),
    ];
    for (reply, expected) in table {
        let script = Script::new([reply]);
        let providers = providers([huawei(true)], &script);
        for _ in 0..3 {
            let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
            assert_eq!(failure.meaning, expected, "{failure}");
        }
        // The failure answers everybody for a while: a user with a wrong password gets locked.
        assert_eq!(script.sent(), 1);
    }
}
