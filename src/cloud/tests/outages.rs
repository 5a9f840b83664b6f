//! Services that are unavailable: which requests are still sent, and what happens to the others.

use super::super::http::TransportError;
use super::super::operations::{PollResult, Replay, Replayed};
use super::super::request::{Body, Method, Request};
use super::super::service::Service;
use super::fixtures::{RawResult, huawei};
use super::*;
use crate::job::{Kind, OperationSpec, Provider, Until};

fn down() -> RawResult {
    Err(TransportError::NotSent { host: "h".into(), cause: "refused".into() })
}

fn broken() -> RawResult {
    refused(502, "", "")
}

/// Asks one service and then, whatever the result, a second one.
struct TwoServices;

impl TwoServices {
    fn request(service: Service) -> Request {
        let (method, path) = (Method::Get, "/".to_owned());
        let (query, body) = (Vec::new(), Body::Empty);
        Request { service, action: "", method, path, query, body }
    }
}

impl Operation for TwoServices {
    fn spec(&self) -> OperationSpec {
        let provider = Provider::Huawei;
        OperationSpec::new("dms.CreateOrder", Kind::Create, provider, Until::Accepted, json!({}))
    }

    fn call(&self, _: &OperationContext<'_>, _: &mut Replay<'_>) -> Replayed<Accepted> {
        unreachable!("these tests only poll")
    }

    fn poll(
        &self,
        _: &OperationContext<'_>,
        _: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        let first = http.try_send(Self::request(Service::Tasks))?;
        http.send(Self::request(Service::Factory))?;
        let answered = if first.is_ok() { "both" } else { "second only" };
        Ok(PollResult::Running {
            provider_status: answered.to_owned(),
            waits_for_person: false,
            result: Value::Null,
        })
    }

    fn adopt(&self, _: &Job, _: OperatorInput<'_>) -> Result<Accepted, String> {
        Err("nothing to adopt".to_owned())
    }
}

/// Makes a request that many times, and returns the last result.
async fn repeat(providers: &Providers, request: &RequestKind, times: usize) -> Input {
    let mut last = None;
    for _ in 0..times {
        last = Some(providers.ask(&job("dms"), &execution(request.clone())).await);
    }
    last.unwrap()
}

#[tokio::test]
async fn after_five_failures_in_a_row_jobs_are_deferred_without_a_request() {
    for failure in [down, lost, broken] {
        let script = ScriptedProvider::new([0; 5].map(|_| failure()));
        let providers = providers([alibaba()], &script);
        assert!(matches!(repeat(&providers, &RequestKind::Probe, 4).await, Input::Failed(_)));
        for _ in 0..3 {
            let input = repeat(&providers, &RequestKind::Probe, 1).await;
            let Input::Deferred(until) = input else { panic!("not deferred: {input:?}") };
            let wait = until.duration_since(Timestamp::now());
            assert!((3..=9).contains(&wait.as_secs()), "{wait:?}");
        }
        assert_eq!(script.sent(), 5);
    }
}

#[tokio::test]
async fn any_answer_of_the_service_ends_the_row_of_failures() {
    for answer in [
        ok(json!({})),
        refused(403, "NoPermission", "no"),
        refused(400, "Throttling.User", "slow down"),
        fixtures::with_header(refused(503, "ServiceUnavailable", "m"), "retry-after", "1".into()),
        refused(500, "Forbidden.Not.Server", "not sold here"),
    ] {
        let four = || [0; 4].map(|_| broken());
        let script = ScriptedProvider::new(four().into_iter().chain([answer]).chain(four()));
        let providers = providers([alibaba()], &script);
        let input = repeat(&providers, &RequestKind::Probe, 9).await;
        assert!(matches!(input, Input::Failed(_)), "{input:?}");
        assert_eq!(script.sent(), 9);
    }
}

#[tokio::test]
async fn a_call_that_opens_the_circuit_is_in_doubt_only_if_it_was_sent() {
    for (last, doubt) in [(lost(), true), (broken(), true), (down(), false)] {
        let script = ScriptedProvider::new([down(), down(), down(), down(), last]);
        let providers = providers([alibaba()], &script);
        repeat(&providers, &RequestKind::Call, 4).await;
        match repeat(&providers, &RequestKind::Call, 1).await {
            Input::Failed(failure) => assert!(doubt && failure.class == FailureClass::Ambiguous),
            Input::Deferred(_) => assert!(!doubt),
            other => panic!("{other:?}"),
        }
        // The next one is not even sent.
        assert!(matches!(repeat(&providers, &RequestKind::Call, 1).await, Input::Deferred(_)));
    }
}

#[tokio::test]
async fn an_unavailable_service_does_not_hold_back_another() {
    let both = [0; 5].map(|_| [down(), ok(json!({}))]).into_iter().flatten();
    let script = ScriptedProvider::new(both.chain([ok(json!({})), down()]));
    let account = Account { name: "dms".into(), ..huawei(false) };
    let providers = with_operation(vec![account], TwoServices, script.clone());
    let poll = RequestKind::Poll(Value::Null);
    let answered_by = |input| match answered(input).answer {
        Answer::Running(running) => running.seen,
        other => panic!("{other:?}"),
    };
    assert_eq!(answered_by(repeat(&providers, &poll, 5).await), "second only");
    // The first one is not asked any more.
    assert_eq!(answered_by(repeat(&providers, &poll, 1).await), "second only");
    assert_eq!(script.sent(), 11);
    // Without any answer, the job waits for the unavailable one.
    assert!(matches!(repeat(&providers, &poll, 1).await, Input::Deferred(_)));
}

#[tokio::test]
async fn failed_token_fetches_open_a_circuit_and_a_refused_one_does_not() {
    let script = ScriptedProvider::new([lost()]);
    let providers = providers([huawei(true)], &script);
    assert!(matches!(repeat(&providers, &RequestKind::Call, 4).await, Input::Failed(_)));
    assert!(matches!(repeat(&providers, &RequestKind::Call, 2).await, Input::Deferred(_)));
    // A refused password is an answer.
    let script = ScriptedProvider::new([refused(401, "IAM.1", "wrong user or password")]);
    let providers = fixtures::providers([huawei(true)], &script);
    assert!(matches!(repeat(&providers, &RequestKind::Call, 7).await, Input::Failed(_)));
}
