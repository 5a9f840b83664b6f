//! The turns that a single pair of a state and an event can't show.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{
    Answer, Ended, Failure, FailureClass, Job, OutcomeKind, RequestKind, Running, State, Until,
};
use super::Input;
use super::fixture::{
    NOW, PROBED, REPEATED, UNPROBED, accepted, answered, asking, execution, job, outcome_of, run,
    run_with, waiting, word,
};

#[test]
fn a_job_that_only_has_to_be_accepted_is_over_with_the_acceptance() {
    let job = Job { until: Until::Accepted, ..job() };
    let after = run_with(
        asking(RequestKind::Call),
        answered(Answer::Accepted(accepted())),
        &job,
        PROBED,
        NOW,
    );
    let outcome = outcome_of(after);
    assert_eq!(outcome.kind, OutcomeKind::Succeeded);
    assert_eq!(outcome.result, json!({ "order_ids": [7] }));
    assert_eq!(outcome.attempts, 1);
}

#[test]
fn a_wait_that_is_not_over_goes_on_unchanged() {
    let state = State::Waiting {
        execution: execution(RequestKind::Call),
        due: NOW + SignedDuration::from_millis(1),
    };
    assert_eq!(run(state.clone(), Input::Resumed), state);
}

#[test]
fn the_call_number_rises_when_a_call_begins_and_falls_when_it_was_not_sent() {
    let begun = run(waiting(RequestKind::Call), Input::Resumed);
    let State::Asking { execution, .. } = &begun else { unreachable!() };
    assert_eq!(execution.calls, 1);
    let State::Waiting { execution, .. } = run(begun, Input::Deferred(NOW)) else { unreachable!() };
    assert_eq!(execution.calls, 0);
}

#[test]
fn a_lost_call_without_a_probe_is_unknown() {
    let failure = Input::Failed(Failure::ambiguous("TimedOut", "no answer within 20s"));
    let outcome = outcome_of(run_with(asking(RequestKind::Call), failure, &job(), UNPROBED, NOW));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    let error = outcome.error.unwrap();
    assert!(error.message.contains("no answer within 20s"), "{error:?}");
    assert!(error.advice.contains("provider"), "{error:?}");
}

#[test]
fn a_call_that_may_be_repeated_in_doubt_settles_first_and_never_fails() {
    let failure = Input::Failed(Failure::ambiguous("TimedOut", "no answer"));
    let lost = run_with(asking(RequestKind::Call), failure, &job(), REPEATED, NOW);
    assert_eq!(word(&lost), "call in 30");
    let later = NOW + SignedDuration::from_secs(30);
    let again = run_with(lost, Input::Resumed, &job(), REPEATED, later);
    let refused = Input::Failed(Failure::permanent("NoPermission", "no"));
    let outcome = outcome_of(run_with(again, refused, &job(), REPEATED, later));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert_eq!(outcome.attempts, 2);
}

#[test]
fn a_doubt_that_can_t_be_looked_up_says_why() {
    let refused = Failure::permanent("Forbidden.RAM", "dms:ListOrders is not allowed");
    let state = State::Asking { execution: execution(RequestKind::Probe), since: NOW };
    let outcome = outcome_of(run(state, Input::Failed(refused)));
    let error = outcome.error.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert!(error.message.contains("cut") && error.message.contains("ListOrders"), "{error:?}");
}

#[test]
fn absent_only_counts_after_all_tries_and_then_the_call_is_made_again() {
    let mut state = State::Asking { execution: execution(RequestKind::Probe), since: NOW };
    state = run(state, answered(Answer::Absent));
    assert_eq!(word(&state), "probe in 15");
    let then = NOW + SignedDuration::from_secs(15);
    state = run_with(state, Input::Resumed, &job(), PROBED, then);
    state = run_with(state, answered(Answer::Absent), &job(), PROBED, then);
    assert_eq!(word(&state), "call in 15");
    state = run_with(state, Input::Resumed, &job(), PROBED, then);
    let State::Asking { execution, .. } = state else { unreachable!() };
    assert_eq!((execution.calls, execution.doubt), (2, None));
}

#[test]
fn calls_that_stay_without_effect_end_as_failed() {
    let mut execution = execution(RequestKind::Probe);
    execution.calls = 3;
    execution.absences = 1;
    let state = State::Asking { execution, since: NOW };
    let outcome = outcome_of(run(state, answered(Answer::Absent)));
    assert_eq!(outcome.kind, OutcomeKind::Failed);
}

#[test]
fn refusals_in_passing_end_with_the_attempts() {
    let mut state = waiting(RequestKind::Call);
    let mut now = NOW;
    for attempt in 1..=3 {
        state = run_with(state, Input::Resumed, &job(), PROBED, now);
        let throttled = Input::Failed(Failure::retryable("Throttling.User", "slow down"));
        state = run_with(state, throttled, &job(), PROBED, now);
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
    unreachable!("three attempts are all there are");
}

#[test]
fn a_providers_delay_is_kept() {
    let meaning = FailureClass::Retryable { retry_after: Some(Duration::from_secs(42)) };
    let failure = Failure { meaning, ..Failure::retryable("Throttling", "slow down") };
    assert_eq!(word(&run(asking(RequestKind::Call), Input::Failed(failure))), "call in 42");
}

#[test]
fn a_deadline_before_the_call_means_nothing_was_done() {
    let job = Job { deadline: Some(NOW), ..job() };
    for request in [RequestKind::Baseline, RequestKind::Call] {
        let outcome = outcome_of(run_with(waiting(request), Input::Resumed, &job, PROBED, NOW));
        assert_eq!((outcome.kind, outcome.attempts), (OutcomeKind::Expired, 0));
        assert!(outcome.error.unwrap().advice.starts_with("Nothing was done"));
    }
}

#[test]
fn a_deadline_while_polling_leaves_the_handle() {
    let job = Job { deadline: Some(NOW), ..job() };
    let state = waiting(RequestKind::Poll(json!(7)));
    let outcome = outcome_of(run_with(state, Input::Resumed, &job, PROBED, NOW));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Expired, Some(json!(7))));
}

#[test]
fn a_doubt_is_settled_in_spite_of_the_deadline() {
    let job = Job { deadline: Some(NOW), ..job() };
    let state = run_with(waiting(RequestKind::Probe), Input::Resumed, &job, PROBED, NOW);
    let failure = Input::Failed(Failure::ambiguous("TimedOut", "no answer"));
    // The next look is not drawn forward to the deadline that has passed.
    assert_eq!(word(&run_with(state, failure, &job, PROBED, NOW)), "probe in 1");
}

#[test]
fn a_wait_ends_at_the_deadline() {
    let job = Job { deadline: Some(NOW + SignedDuration::from_secs(2)), ..job() };
    let after = run_with(
        asking(RequestKind::Call),
        answered(Answer::Accepted(accepted())),
        &job,
        PROBED,
        NOW,
    );
    assert_eq!(word(&after), "poll in 2");
}

#[test]
fn a_ticket_that_fails_is_failed_with_its_code() {
    let ended = Ended {
        result: json!({ "status": "reject" }),
        failure: Some(("reject".into(), "rejected by an approver".into())),
    };
    let outcome =
        outcome_of(run(asking(RequestKind::Poll(json!(7))), answered(Answer::Ended(ended))));
    let error = outcome.error.unwrap();
    assert_eq!((outcome.kind, error.code.as_str()), (OutcomeKind::Failed, "reject"));
    assert_eq!(error.class, "ticket");
}

#[test]
fn polls_that_can_t_be_read_any_more_end_as_unknown() {
    let mut execution = execution(RequestKind::Poll(json!(7)));
    execution.failures = 99;
    execution.failing_since = Some(NOW - SignedDuration::from_mins(59));
    let failure = Input::Failed(Failure::ambiguous("HTTP 502", "bad gateway"));
    let state = State::Asking { execution: execution.clone(), since: NOW };
    // However many they were: what was started goes on meanwhile.
    assert_eq!(word(&run(state, failure.clone())), "poll in 300");
    execution.failing_since = Some(NOW - SignedDuration::from_hours(1));
    let state = State::Asking { execution, since: NOW };
    let outcome = outcome_of(run(state, failure));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Unknown, Some(json!(7))));
}

#[test]
fn time_that_a_job_is_held_back_is_no_time_of_failing() {
    let mut execution = execution(RequestKind::Poll(json!(7)));
    execution.failing_since = Some(NOW);
    let held = SignedDuration::from_hours(9);
    let asking = State::Asking { execution, since: NOW };
    let State::Waiting { execution, due } = run(asking, Input::Deferred(NOW + held)) else {
        unreachable!()
    };
    assert_eq!((execution.failing_since, due), (Some(NOW + held), NOW + held));
}

#[test]
fn a_poll_that_sees_the_same_waits_longer_and_a_change_is_counted() {
    let look = |state, seen: &str| {
        let running = Running {
            seen: seen.into(),
            waits_for_person: false,
            result: json!({ "status": seen }),
        };
        let after = run(state, answered(Answer::Running(running)));
        let State::Waiting { execution, .. } = after.clone() else { unreachable!() };
        (word(&after), execution)
    };
    let ask = |execution| State::Asking { execution, since: NOW };
    let (first, execution) = look(asking(RequestKind::Poll(json!(7))), "processing");
    assert_eq!((first.as_str(), execution.changes), ("poll in 5", 1));
    let (second, execution) = look(ask(execution), "processing");
    assert_eq!((second.as_str(), execution.changes), ("poll in 7", 1));
    let (third, execution) = look(ask(execution), "success");
    assert_eq!((third.as_str(), execution.changes), ("poll in 5", 2));
    assert_eq!(execution.result, json!({ "status": "success" }));
}

#[test]
fn a_person_is_waited_for_patiently() {
    let running = Running { seen: "toaudit".into(), waits_for_person: true, result: Value::Null };
    let after = run(asking(RequestKind::Poll(json!(7))), answered(Answer::Running(running)));
    assert_eq!(word(&after), "poll in 60");
}
