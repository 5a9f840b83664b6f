//! What people and dying workers do to a job: cancelled, condemned, settled by hand.

#![expect(clippy::unwrap_used, reason = "tests")]

use jiff::SignedDuration;
use serde_json::json;

use super::super::state::Doubt;
use super::super::{
    Answer, ExecutionState, Failure, Job, Outcome, OutcomeKind, RequestKind, State, Until,
};
use super::fixture::{
    NOW, PROBED, UNPROBED, accepted, answered, asking, execution, job, outcome_of, policy, run,
    run_with, waiting, word,
};
use super::{Context, Input, Resolution, step};

fn error(outcome: &Outcome) -> (&str, &str, &str) {
    let error = outcome.error.as_ref().unwrap();
    (&error.class, &error.message, &error.advice)
}

fn cancelled() -> Input {
    Input::Cancelled("replaced".into())
}

#[test]
fn a_cancelled_job_says_whether_something_exists_at_the_provider() {
    let before = outcome_of(run(waiting(RequestKind::Call), cancelled()));
    assert_eq!((before.kind, &before.handle), (OutcomeKind::Cancelled, &None));
    assert_eq!(
        error(&before),
        ("cancelled", "cancelled on request: replaced", "Nothing was done.")
    );
    let after = outcome_of(run(waiting(RequestKind::Poll(json!(7))), cancelled()));
    assert_eq!((after.kind, &after.handle), (OutcomeKind::Cancelled, &Some(json!(7))));
    assert!(error(&after).2.starts_with("What was started still exists"), "{after:?}");
}

#[test]
fn a_cancelled_doubt_is_settled_first() {
    let due = NOW + SignedDuration::from_secs(9);
    let early = State::Waiting { execution: execution(RequestKind::Probe), due };
    assert_eq!(run(early.clone(), cancelled()), early);

    let asked = run(waiting(RequestKind::Probe), cancelled());
    assert_eq!(word(&asked), "ask probe");
    let found = run(asked.clone(), answered(Answer::Found(accepted())));
    let outcome = outcome_of(run(found, cancelled()));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Cancelled, Some(json!(7))));

    let job = Job { until: Until::Accepted, ..job() };
    let found = answered(Answer::Found(accepted()));
    let outcome = outcome_of(run_with(asked.clone(), found, &job, PROBED, NOW));
    assert_eq!(outcome.kind, OutcomeKind::Succeeded, "it came too late");

    let mut absent = run(asked, answered(Answer::Absent));
    let then = NOW + SignedDuration::from_secs(15);
    absent = run_with(absent, cancelled(), &job, PROBED, then);
    absent = run_with(absent, answered(Answer::Absent), &job, PROBED, then);
    let outcome = outcome_of(run_with(absent, cancelled(), &job, PROBED, then));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Cancelled, None));
}

#[test]
fn a_cancelled_doubt_that_can_t_be_looked_up_is_unknown() {
    let mut execution = execution(RequestKind::Call);
    execution.doubt = Some(Doubt { called_at: NOW, cause: "cut".into() });
    let outcome = outcome_of(run(State::Waiting { execution, due: NOW }, cancelled()));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
}

#[test]
fn a_condemned_job_tells_what_may_exist() {
    let condemned = |state| outcome_of(run(state, Input::Poisoned));
    let nothing = condemned(waiting(RequestKind::Call));
    assert_eq!(nothing.kind, OutcomeKind::Failed);
    assert_eq!(error(&nothing).0, "poison");
    assert!(error(&nothing).2.starts_with("Nothing was done."), "{nothing:?}");

    let calling = condemned(asking(RequestKind::Call));
    assert_eq!(calling.kind, OutcomeKind::Unknown);
    let (class, message, advice) = error(&calling);
    assert_eq!(class, "poison");
    assert!(message.contains("a call may have taken effect"), "{message}");
    assert!(!advice.contains("Nothing was done"), "{advice}");
    // Whoever looks it up later has to know when it was.
    let kept = calling.execution.unwrap();
    assert_eq!(kept.doubt.unwrap().called_at, NOW - SignedDuration::from_secs(3));

    let polling = condemned(asking(RequestKind::Poll(json!(7))));
    assert_eq!((polling.kind, &polling.handle), (OutcomeKind::Unknown, &Some(json!(7))));
    assert!(error(&polling).2.contains("under the handle"), "{polling:?}");
}

/// A lost call that a probe could not settle, done.
fn unknown() -> State {
    let refused = Input::Failed(Failure::permanent("Forbidden.RAM", "not allowed"));
    let mut execution = ExecutionState { resolutions: 0, ..execution(RequestKind::Probe) };
    execution.baseline = Some(json!(["before"]));
    let outcome = outcome_of(run(State::Asking { execution, since: NOW }, refused));
    run(State::Reporting { outcome }, Input::Published)
}

#[test]
fn an_adopted_call_goes_on_as_if_a_probe_had_found_it() {
    let adopt = || Input::Resolved(Resolution::Adopt(accepted()));
    let State::Waiting { execution, .. } = run(unknown(), adopt()) else { unreachable!() };
    assert_eq!((execution.calls, &execution.doubt, execution.resolutions), (1, &None, 1));
    assert_eq!(execution.handle, Some(json!(7)));
    assert_eq!(execution.baseline, Some(json!(["before"])), "polls compare with it");

    let job = Job { until: Until::Accepted, ..job() };
    let outcome = outcome_of(run_with(unknown(), adopt(), &job, PROBED, NOW));
    assert_eq!((outcome.kind, outcome.resolutions), (OutcomeKind::Succeeded, 1));
    assert_eq!(outcome.execution, None, "what is settled is settled once");
}

#[test]
fn an_absent_call_is_made_again_under_the_next_number() {
    let absent = || Input::Resolved(Resolution::Absent);
    assert_eq!(word(&run(unknown(), absent())), "baseline in 0");
    let again = run_with(unknown(), absent(), &job(), UNPROBED, NOW);
    let State::Asking { execution, .. } = run(again, Input::Resumed) else { unreachable!() };
    assert_eq!(
        (&execution.request, execution.calls, &execution.doubt),
        (&RequestKind::Call, 2, &None)
    );
}

#[test]
fn a_call_closed_by_hand_is_failed_in_the_persons_words() {
    let fail = Input::Resolved(Resolution::Fail("replaced by chg-9".into()));
    let outcome = outcome_of(run(unknown(), fail));
    assert_eq!(outcome.kind, OutcomeKind::Failed);
    assert_eq!((error(&outcome).0, error(&outcome).1), ("resolved", "replaced by chg-9"));
}

#[test]
fn what_the_provider_accepted_is_never_called_absent() {
    let polling = outcome_of(run(asking(RequestKind::Poll(json!(7))), Input::Poisoned));
    let (job, policy) = (job(), policy());
    let cx = Context { job: &job, policy: &policy, capabilities: PROBED, now: NOW, random: 0.5 };
    let done = State::Done { outcome: polling };
    assert!(step(done.clone(), Input::Resolved(Resolution::Absent), &cx).is_err());
    assert!(step(done, Input::Resolved(Resolution::Adopt(accepted())), &cx).is_ok());
}
