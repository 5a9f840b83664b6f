//! Services that are away: what is still sent, and what is told of what is not.

use super::super::http::TransportError;
use super::super::operations::{PollResult, Replay, Replayed};
use super::super::protocol::{Body, Method, Request, Service};
use super::script::{Raw, huawei};
use super::*;
use crate::job::{Kind, OperationSpec, Provider, Until};

fn down() -> Raw {
    Err(TransportError::NotSent { host: "h".into(), cause: "refused".into() })
}

fn broken() -> Raw {
    refused(502, "", "")
}

/// Asks one service, then another one, whether or not the first answered.
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
        let answered = if first.is_ok() { "both answered" } else { "one answered" };
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

/// Asks so often, and returns what became of the last question.
async fn asked(providers: &Providers, ask: &RequestKind, times: usize) -> Input {
    let mut last = None;
    for _ in 0..times {
        last = Some(providers.ask(&job("dms"), &execution(ask.clone())).await);
    }
    last.unwrap()
}

#[tokio::test]
async fn after_five_failures_in_a_row_nothing_is_sent_and_jobs_are_put_off() {
    for failure in [down, lost, broken] {
        let script = Script::new([0; 5].map(|_| failure()));
        let providers = providers([alibaba()], &script);
        assert!(matches!(asked(&providers, &RequestKind::Probe, 4).await, Input::Failed(_)));
        for _ in 0..3 {
            let event = asked(&providers, &RequestKind::Probe, 1).await;
            let Input::Deferred(until) = event else { panic!("not put off: {event:?}") };
            let wait = until.duration_since(Timestamp::now());
            assert!((3..=9).contains(&wait.as_secs()), "{wait:?}");
        }
        assert_eq!(script.sent(), 5);
    }
}

#[tokio::test]
async fn whatever_shows_that_a_service_works_ends_the_row() {
    for answer in [
        ok(json!({})),
        refused(403, "NoPermission", "no"),
        refused(400, "Throttling.User", "slow down"),
        script::with_header(refused(503, "ServiceUnavailable", "m"), "retry-after", "1".into()),
        refused(500, "Forbidden.Not.Server", "not sold here"),
    ] {
        let four = || [0; 4].map(|_| broken());
        let script = Script::new(four().into_iter().chain([answer]).chain(four()));
        let providers = providers([alibaba()], &script);
        let event = asked(&providers, &RequestKind::Probe, 9).await;
        assert!(matches!(event, Input::Failed(_)), "{event:?}");
        assert_eq!(script.sent(), 9);
    }
}

#[tokio::test]
async fn a_call_that_may_have_taken_effect_stays_in_doubt_and_one_that_was_not_sent_does_not() {
    for (last, doubt) in [(lost(), true), (broken(), true), (down(), false)] {
        let script = Script::new([down(), down(), down(), down(), last]);
        let providers = providers([alibaba()], &script);
        asked(&providers, &RequestKind::Call, 4).await;
        match asked(&providers, &RequestKind::Call, 1).await {
            Input::Failed(failure) => assert!(doubt && failure.meaning == FailureClass::Ambiguous),
            Input::Deferred(_) => assert!(!doubt),
            other => panic!("{other:?}"),
        }
        // The next one is not even sent.
        assert!(matches!(asked(&providers, &RequestKind::Call, 1).await, Input::Deferred(_)));
    }
}

#[tokio::test]
async fn a_service_that_is_away_stops_no_other_and_a_second_witness_is_heard() {
    let both = [0; 5].map(|_| [down(), ok(json!({}))]).into_iter().flatten();
    let script = Script::new(both.chain([ok(json!({})), down()]));
    let providers = Providers::new(
        vec![Account { name: "dms".into(), ..huawei(false) }],
        vec![Box::new(TwoServices)],
        script.clone(),
    );
    let poll = RequestKind::Poll(Value::Null);
    let heard = |event| match answered(event).answer {
        Answer::Running(running) => running.seen,
        other => panic!("{other:?}"),
    };
    assert_eq!(heard(asked(&providers, &poll, 5).await), "one answered");
    // Now the first one is not asked any more.
    assert_eq!(heard(asked(&providers, &poll, 1).await), "one answered");
    assert_eq!(script.sent(), 11);
    // Where nobody answers, the job waits for the one that is known to be away.
    assert!(matches!(asked(&providers, &poll, 1).await, Input::Deferred(_)));
}

#[tokio::test]
async fn a_token_that_can_not_be_fetched_holds_jobs_back_in_the_end() {
    let script = Script::new([lost()]);
    let providers = providers([huawei(true)], &script);
    assert!(matches!(asked(&providers, &RequestKind::Call, 4).await, Input::Failed(_)));
    assert!(matches!(asked(&providers, &RequestKind::Call, 2).await, Input::Deferred(_)));
    // A password that is refused is an answer.
    let script = Script::new([refused(401, "IAM.1", "wrong user or password")]);
    let providers = script::providers([huawei(true)], &script);
    assert!(matches!(asked(&providers, &RequestKind::Call, 7).await, Input::Failed(_)));
}
