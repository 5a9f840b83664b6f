//! Decisions that depend on more than one pair of a state and an input.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{Context, Input, Isolation, start, step};
use super::fixtures::{
    NOW, PROBED, REPEATABLE, UNPROBED, accepted, after_seconds, answered, asking, context,
    describe, execution, job, outcome_of, poll, run, run_with, summary, waiting,
};
use crate::job::{
    Answer, Ended, ExecutionState, Failure, FailureClass, Job, OutcomeKind, RequestKind, Running,
    State, Until,
};

fn probing() -> State {
    State::Asking { execution: execution(RequestKind::Probe), since: NOW }
}

fn memory(state: State) -> ExecutionState {
    state.execution().unwrap().clone()
}

#[test]
fn a_job_starts_with_the_baseline_where_there_is_one() {
    let job = Job { not_before: Some(after_seconds(9)), ..job() };
    assert_eq!(describe(&start(&job, PROBED)), "baseline in 9");
    assert_eq!(describe(&start(&job, UNPROBED)), "call in 9");
}

#[test]
fn an_accepted_call_ends_a_job_that_only_has_to_be_accepted() {
    let job = Job { until: Until::Accepted, ..job() };
    let accepted = answered(Answer::Accepted(accepted()));
    let outcome = outcome_of(run_with(&asking(RequestKind::Call), accepted, &context(&job)));
    assert_eq!(outcome.kind, OutcomeKind::Succeeded);
    assert_eq!(outcome.result, json!({ "order_ids": [7] }));
    assert_eq!(outcome.attempts, 1);
}

#[test]
fn an_early_resume_changes_nothing() {
    let due = NOW + SignedDuration::from_millis(1);
    let state = State::Waiting { execution: execution(RequestKind::Call), due };
    let job = job();
    let next = step(&state, Input::Resumed, &context(&job)).unwrap();
    assert_eq!((next.state, next.changed), (state, false));
}

#[test]
fn a_wait_of_a_second_or_more_is_parked() {
    let job = job();
    let shared = context(&job);
    let exclusive = Context { isolation: Isolation::Exclusive, ..shared };
    for (millis, cx, expected) in [
        (999, shared, "sleep 0 call"),
        (1000, shared, "park 1 call"),
        (0, exclusive, "park 0 call"),
    ] {
        let until = NOW + SignedDuration::from_millis(millis);
        let next = step(&asking(RequestKind::Call), Input::Deferred(until), &cx).unwrap();
        assert_eq!(summary(&next), expected);
    }
}

#[test]
fn a_decision_names_its_milestone_and_history_entry() {
    let job = job();
    let throttled = Input::Failed(Failure::retryable("Throttling", "slow down"));
    let next = step(&asking(RequestKind::Call), throttled, &context(&job)).unwrap();
    assert_eq!(next.milestone.unwrap().as_str(), "retrying");
    let entry = next.history.unwrap();
    assert_eq!((entry.what.as_str(), entry.at), ("retrying", NOW));
    assert_eq!(entry.detail, "Throttling: slow down");

    let refused = Input::Failed(Failure::permanent("NoPermission", "no"));
    let next = step(&asking(RequestKind::Call), refused, &context(&job)).unwrap();
    assert_eq!(next.milestone, None);
    assert_eq!(next.history.unwrap().detail, "NoPermission: no");
}

#[test]
fn a_deferred_call_does_not_count() {
    let begun = run(&waiting(RequestKind::Call), Input::Resumed);
    assert_eq!(begun.execution().unwrap().calls, 1);
    assert_eq!(memory(run(&begun, Input::Deferred(NOW))).calls, 0);
}

#[test]
fn a_lost_call_without_a_probe_is_unknown() {
    let job = job();
    let cx = Context { capabilities: UNPROBED, ..context(&job) };
    let failure = Input::Failed(Failure::ambiguous("TimedOut", "no answer within 20s"));
    let outcome = outcome_of(run_with(&asking(RequestKind::Call), failure, &cx));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    let error = outcome.error.unwrap();
    assert!(error.message.contains("no answer within 20s"), "{error:?}");
    assert!(error.advice.contains("provider"), "{error:?}");
}

#[test]
fn a_repeatable_lost_call_waits_to_settle_and_never_fails() {
    let job = job();
    let cx = Context { capabilities: REPEATABLE, ..context(&job) };
    let failure = Input::Failed(Failure::ambiguous("TimedOut", "no answer"));
    let lost = run_with(&asking(RequestKind::Call), failure, &cx);
    assert_eq!(describe(&lost), "call in 30");
    let cx = Context { now: after_seconds(30), ..cx };
    let again = run_with(&lost, Input::Resumed, &cx);
    let refused = Input::Failed(Failure::permanent("NoPermission", "no"));
    let outcome = outcome_of(run_with(&again, refused, &cx));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert_eq!(outcome.attempts, 2);
}

#[test]
fn a_refused_probe_is_unknown_and_names_both_causes() {
    let refused = Failure::permanent("Forbidden.RAM", "dms:ListOrders is not allowed");
    let outcome = outcome_of(run(&probing(), Input::Failed(refused)));
    let error = outcome.error.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert!(error.message.contains("cut") && error.message.contains("ListOrders"), "{error:?}");
}

#[test]
fn a_call_is_repeated_once_every_probe_found_it_absent() {
    let job = job();
    let first = run(&probing(), answered(Answer::Absent));
    assert_eq!(describe(&first), "probe in 15");
    let cx = Context { now: after_seconds(15), ..context(&job) };
    let second = run_with(&first, Input::Resumed, &cx);
    let absent = run_with(&second, answered(Answer::Absent), &cx);
    assert_eq!(describe(&absent), "call in 15");
    let execution = memory(run_with(&absent, Input::Resumed, &cx));
    assert_eq!((execution.calls, execution.doubt), (2, None));
}

#[test]
fn calls_without_effect_fail_at_max_attempts() {
    let execution = ExecutionState { calls: 3, absences: 1, ..execution(RequestKind::Probe) };
    let state = State::Asking { execution, since: NOW };
    let outcome = outcome_of(run(&state, answered(Answer::Absent)));
    assert_eq!(outcome.kind, OutcomeKind::Failed);
}

#[test]
fn retryable_failures_fail_at_max_attempts() {
    let job = job();
    let mut state = waiting(RequestKind::Call);
    let mut now = NOW;
    for attempt in 1..=3 {
        let cx = Context { now, ..context(&job) };
        state = run_with(&state, Input::Resumed, &cx);
        let throttled = Input::Failed(Failure::retryable("Throttling.User", "slow down"));
        state = run_with(&state, throttled, &cx);
        match &state {
            State::Waiting { due, .. } => now = *due,
            State::Reporting { outcome } => {
                assert_eq!((attempt, outcome.kind), (3, OutcomeKind::Failed));
                assert_eq!(outcome.attempts, 3);
                return;
            }
            State::Asking { .. } | State::Done { .. } => unreachable!(),
        }
    }
    unreachable!("three attempts are the maximum");
}

#[test]
fn a_providers_retry_after_sets_the_pause() {
    let class = FailureClass::Retryable { retry_after: Some(Duration::from_secs(42)) };
    let failure = Failure { class, ..Failure::retryable("Throttling", "slow down") };
    let next = run(&asking(RequestKind::Call), Input::Failed(failure));
    assert_eq!(describe(&next), "call in 42");
}

#[test]
fn a_deadline_before_the_call_means_nothing_was_done() {
    let job = Job { deadline: Some(NOW), ..job() };
    for request in [RequestKind::Baseline, RequestKind::Call] {
        let outcome = outcome_of(run_with(&waiting(request), Input::Resumed, &context(&job)));
        assert_eq!((outcome.kind, outcome.attempts), (OutcomeKind::Expired, 0));
        assert!(outcome.error.unwrap().advice.starts_with("Nothing was done"));
    }
}

#[test]
fn a_deadline_while_polling_keeps_the_handle() {
    let job = Job { deadline: Some(NOW), ..job() };
    let outcome = outcome_of(run_with(&waiting(poll()), Input::Resumed, &context(&job)));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Expired, Some(json!(7))));
}

#[test]
fn probes_continue_after_the_deadline() {
    let job = Job { deadline: Some(NOW), ..job() };
    let state = run_with(&waiting(RequestKind::Probe), Input::Resumed, &context(&job));
    let failure = Input::Failed(Failure::ambiguous("TimedOut", "no answer"));
    // The next probe is not moved forward to the deadline that has passed.
    assert_eq!(describe(&run_with(&state, failure, &context(&job))), "probe in 1");
}

#[test]
fn a_wait_ends_at_the_deadline() {
    let job = Job { deadline: Some(after_seconds(2)), ..job() };
    let accepted = answered(Answer::Accepted(accepted()));
    let next = run_with(&asking(RequestKind::Call), accepted, &context(&job));
    assert_eq!(describe(&next), "poll in 2");
}

#[test]
fn a_failed_ticket_fails_the_job_with_its_code() {
    let ended = Ended {
        result: json!({ "status": "reject" }),
        failure: Some(("reject".into(), "rejected by an approver".into())),
    };
    let outcome = outcome_of(run(&asking(poll()), answered(Answer::Ended(ended))));
    let error = outcome.error.unwrap();
    assert_eq!((outcome.kind, error.code.as_str()), (OutcomeKind::Failed, "reject"));
    assert_eq!(error.class, "ticket");
}

#[test]
fn failing_polls_end_as_unknown_at_max_elapsed_only() {
    let since = |minutes| Some(NOW - SignedDuration::from_mins(minutes));
    let failing = |failing_since| {
        let execution = ExecutionState { failures: 99, failing_since, ..execution(poll()) };
        let failure = Input::Failed(Failure::ambiguous("HTTP 502", "bad gateway"));
        run(&State::Asking { execution, since: NOW }, failure)
    };
    assert_eq!(describe(&failing(since(59))), "poll in 300");
    let outcome = outcome_of(failing(since(60)));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Unknown, Some(json!(7))));
}

#[test]
fn deferred_time_does_not_count_as_time_of_failing() {
    let execution = ExecutionState { failing_since: Some(NOW), ..execution(poll()) };
    let until = NOW + SignedDuration::from_hours(9);
    let asking = State::Asking { execution, since: NOW };
    let State::Waiting { execution, due } = run(&asking, Input::Deferred(until)) else {
        unreachable!()
    };
    assert_eq!((execution.failing_since, due), (Some(until), until));
}

#[test]
fn polls_slow_down_until_the_status_changes() {
    let poll_sees = |execution, seen: &str| {
        let result = json!({ "status": seen });
        let running = Running { seen: seen.into(), waits_for_person: false, result };
        let state = State::Asking { execution, since: NOW };
        let next = run(&state, answered(Answer::Running(running)));
        (describe(&next), memory(next))
    };
    let (first, execution) = poll_sees(execution(poll()), "processing");
    assert_eq!((first.as_str(), execution.changes), ("poll in 5", 1));
    let (second, execution) = poll_sees(execution, "processing");
    assert_eq!((second.as_str(), execution.changes), ("poll in 7", 1));
    let (third, execution) = poll_sees(execution, "success");
    assert_eq!((third.as_str(), execution.changes), ("poll in 5", 2));
    assert_eq!(execution.result, json!({ "status": "success" }));
}

#[test]
fn polls_are_rarer_while_a_person_has_to_act() {
    let running = Running { seen: "toaudit".into(), waits_for_person: true, result: Value::Null };
    let next = run(&asking(poll()), answered(Answer::Running(running)));
    assert_eq!(describe(&next), "poll in 60");
}
