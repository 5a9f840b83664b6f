//! The turns that a single pair of a state and an event can't show.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{Answer, Ask, Ended, Failure, Job, Meaning, Running, State, Until, Verdict};
use super::Event;
use super::fixture::{
    NOW, PROBED, REPEATED, UNPROBED, accepted, answered, asking, job, outcome_of, run, run_with,
    turn, waiting, word,
};

#[test]
fn a_job_that_only_has_to_be_accepted_is_over_with_the_acceptance() {
    let job = Job { until: Until::Accepted, ..job() };
    let after =
        run_with(asking(Ask::Call), answered(Answer::Accepted(accepted())), &job, PROBED, NOW);
    let outcome = outcome_of(after);
    assert_eq!(outcome.verdict, Verdict::Succeeded);
    assert_eq!(outcome.result, json!({ "order_ids": [7] }));
    assert_eq!(outcome.attempts, 1);
}

#[test]
fn a_wait_that_is_not_over_goes_on_unchanged() {
    let state = State::Waiting { turn: turn(Ask::Call), due: NOW + SignedDuration::from_millis(1) };
    assert_eq!(run(state.clone(), Event::Resumed), state);
}

#[test]
fn the_call_number_rises_when_a_call_begins_and_falls_when_it_was_not_sent() {
    let begun = run(waiting(Ask::Call), Event::Resumed);
    let State::Asking { turn, .. } = &begun else { unreachable!() };
    assert_eq!(turn.calls, 1);
    let State::Waiting { turn, .. } = run(begun, Event::Deferred(NOW)) else { unreachable!() };
    assert_eq!(turn.calls, 0);
}

#[test]
fn a_lost_call_without_a_probe_is_unknown() {
    let failure = Event::Failed(Failure::ambiguous("TimedOut", "no answer within 20s"));
    let outcome = outcome_of(run_with(asking(Ask::Call), failure, &job(), UNPROBED, NOW));
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let error = outcome.error.unwrap();
    assert!(error.message.contains("no answer within 20s"), "{error:?}");
    assert!(error.advice.contains("provider"), "{error:?}");
}

#[test]
fn a_call_that_may_be_repeated_in_doubt_settles_first_and_never_fails() {
    let failure = Event::Failed(Failure::ambiguous("TimedOut", "no answer"));
    let lost = run_with(asking(Ask::Call), failure, &job(), REPEATED, NOW);
    assert_eq!(word(&lost), "call in 30");
    let later = NOW + SignedDuration::from_secs(30);
    let again = run_with(lost, Event::Resumed, &job(), REPEATED, later);
    let refused = Event::Failed(Failure::permanent("NoPermission", "no"));
    let outcome = outcome_of(run_with(again, refused, &job(), REPEATED, later));
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert_eq!(outcome.attempts, 2);
}

#[test]
fn a_doubt_that_can_t_be_looked_up_says_why() {
    let refused = Failure::permanent("Forbidden.RAM", "dms:ListOrders is not allowed");
    let state = State::Asking { turn: turn(Ask::Probe), since: NOW };
    let outcome = outcome_of(run(state, Event::Failed(refused)));
    let error = outcome.error.unwrap();
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert!(error.message.contains("cut") && error.message.contains("ListOrders"), "{error:?}");
}

#[test]
fn absent_only_counts_after_all_tries_and_then_the_call_is_made_again() {
    let mut state = State::Asking { turn: turn(Ask::Probe), since: NOW };
    state = run(state, answered(Answer::Absent));
    assert_eq!(word(&state), "probe in 15");
    let then = NOW + SignedDuration::from_secs(15);
    state = run_with(state, Event::Resumed, &job(), PROBED, then);
    state = run_with(state, answered(Answer::Absent), &job(), PROBED, then);
    assert_eq!(word(&state), "call in 15");
    state = run_with(state, Event::Resumed, &job(), PROBED, then);
    let State::Asking { turn, .. } = state else { unreachable!() };
    assert_eq!((turn.calls, turn.doubt), (2, None));
}

#[test]
fn calls_that_stay_without_effect_end_as_failed() {
    let mut turn = turn(Ask::Probe);
    turn.calls = 3;
    turn.absences = 1;
    let state = State::Asking { turn, since: NOW };
    let outcome = outcome_of(run(state, answered(Answer::Absent)));
    assert_eq!(outcome.verdict, Verdict::Failed);
}

#[test]
fn refusals_in_passing_end_with_the_attempts() {
    let mut state = waiting(Ask::Call);
    let mut now = NOW;
    for attempt in 1..=3 {
        state = run_with(state, Event::Resumed, &job(), PROBED, now);
        let throttled = Event::Failed(Failure::retryable("Throttling.User", "slow down"));
        state = run_with(state, throttled, &job(), PROBED, now);
        match &state {
            State::Waiting { due, .. } => now = *due,
            State::Reporting { outcome } => {
                assert_eq!((attempt, outcome.verdict), (3, Verdict::Failed));
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
    let meaning = Meaning::Retryable { retry_after: Some(Duration::from_secs(42)) };
    let failure = Failure { meaning, ..Failure::retryable("Throttling", "slow down") };
    assert_eq!(word(&run(asking(Ask::Call), Event::Failed(failure))), "call in 42");
}

#[test]
fn a_deadline_before_the_call_means_nothing_was_done() {
    let job = Job { deadline: Some(NOW), ..job() };
    for ask in [Ask::Baseline, Ask::Call] {
        let outcome = outcome_of(run_with(waiting(ask), Event::Resumed, &job, PROBED, NOW));
        assert_eq!((outcome.verdict, outcome.attempts), (Verdict::Expired, 0));
        assert!(outcome.error.unwrap().advice.starts_with("Nothing was done"));
    }
}

#[test]
fn a_deadline_while_polling_leaves_the_handle() {
    let job = Job { deadline: Some(NOW), ..job() };
    let state = waiting(Ask::Poll(json!(7)));
    let outcome = outcome_of(run_with(state, Event::Resumed, &job, PROBED, NOW));
    assert_eq!((outcome.verdict, outcome.handle), (Verdict::Expired, Some(json!(7))));
}

#[test]
fn a_doubt_is_settled_in_spite_of_the_deadline() {
    let job = Job { deadline: Some(NOW), ..job() };
    let state = run_with(waiting(Ask::Probe), Event::Resumed, &job, PROBED, NOW);
    let failure = Event::Failed(Failure::ambiguous("TimedOut", "no answer"));
    // The next look is not drawn forward to the deadline that has passed.
    assert_eq!(word(&run_with(state, failure, &job, PROBED, NOW)), "probe in 1");
}

#[test]
fn a_wait_ends_at_the_deadline() {
    let job = Job { deadline: Some(NOW + SignedDuration::from_secs(2)), ..job() };
    let after =
        run_with(asking(Ask::Call), answered(Answer::Accepted(accepted())), &job, PROBED, NOW);
    assert_eq!(word(&after), "poll in 2");
}

#[test]
fn a_ticket_that_fails_is_failed_with_its_code() {
    let ended = Ended {
        result: json!({ "status": "reject" }),
        failure: Some(("reject".into(), "rejected by an approver".into())),
    };
    let outcome = outcome_of(run(asking(Ask::Poll(json!(7))), answered(Answer::Ended(ended))));
    let error = outcome.error.unwrap();
    assert_eq!((outcome.verdict, error.code.as_str()), (Verdict::Failed, "reject"));
    assert_eq!(error.class, "ticket");
}

#[test]
fn polls_that_can_t_be_read_any_more_end_as_unknown() {
    let mut turn = turn(Ask::Poll(json!(7)));
    turn.failures = 99;
    turn.failing_since = Some(NOW - SignedDuration::from_mins(59));
    let failure = Event::Failed(Failure::ambiguous("HTTP 502", "bad gateway"));
    let state = State::Asking { turn: turn.clone(), since: NOW };
    // However many they were: what was started goes on meanwhile.
    assert_eq!(word(&run(state, failure.clone())), "poll in 300");
    turn.failing_since = Some(NOW - SignedDuration::from_hours(1));
    let state = State::Asking { turn, since: NOW };
    let outcome = outcome_of(run(state, failure));
    assert_eq!((outcome.verdict, outcome.handle), (Verdict::Unknown, Some(json!(7))));
}

#[test]
fn time_that_a_job_is_held_back_is_no_time_of_failing() {
    let mut turn = turn(Ask::Poll(json!(7)));
    turn.failing_since = Some(NOW);
    let held = SignedDuration::from_hours(9);
    let asking = State::Asking { turn, since: NOW };
    let State::Waiting { turn, due } = run(asking, Event::Deferred(NOW + held)) else {
        unreachable!()
    };
    assert_eq!((turn.failing_since, due), (Some(NOW + held), NOW + held));
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
        let State::Waiting { turn, .. } = after.clone() else { unreachable!() };
        (word(&after), turn)
    };
    let ask = |turn| State::Asking { turn, since: NOW };
    let (first, turn) = look(asking(Ask::Poll(json!(7))), "processing");
    assert_eq!((first.as_str(), turn.changes), ("poll in 5", 1));
    let (second, turn) = look(ask(turn), "processing");
    assert_eq!((second.as_str(), turn.changes), ("poll in 7", 1));
    let (third, turn) = look(ask(turn), "success");
    assert_eq!((third.as_str(), turn.changes), ("poll in 5", 2));
    assert_eq!(turn.result, json!({ "status": "success" }));
}

#[test]
fn a_person_is_waited_for_patiently() {
    let running = Running { seen: "toaudit".into(), waits_for_person: true, result: Value::Null };
    let after = run(asking(Ask::Poll(json!(7))), answered(Answer::Running(running)));
    assert_eq!(word(&after), "poll in 60");
}
