//! What people and dying workers do to a job: cancelled, condemned, settled by hand.

#![expect(clippy::unwrap_used, reason = "tests")]

use jiff::SignedDuration;
use serde_json::json;

use super::super::state::Doubt;
use super::super::{Answer, Ask, Failure, Job, Outcome, State, Turn, Until, Verdict};
use super::fixture::{
    NOW, PROBED, UNPROBED, accepted, answered, asking, job, outcome_of, policy, run, run_with,
    turn, waiting, word,
};
use super::{Context, Event, Resolution, step};

fn error(outcome: &Outcome) -> (&str, &str, &str) {
    let error = outcome.error.as_ref().unwrap();
    (&error.class, &error.message, &error.advice)
}

fn cancelled() -> Event {
    Event::Cancelled("replaced".into())
}

#[test]
fn a_cancelled_job_says_whether_something_exists_at_the_provider() {
    let before = outcome_of(run(waiting(Ask::Call), cancelled()));
    assert_eq!((before.verdict, &before.handle), (Verdict::Cancelled, &None));
    assert_eq!(
        error(&before),
        ("cancelled", "cancelled on request: replaced", "Nothing was done.")
    );
    let after = outcome_of(run(waiting(Ask::Poll(json!(7))), cancelled()));
    assert_eq!((after.verdict, &after.handle), (Verdict::Cancelled, &Some(json!(7))));
    assert!(error(&after).2.starts_with("What was started still exists"), "{after:?}");
}

#[test]
fn a_cancelled_doubt_is_settled_first() {
    let due = NOW + SignedDuration::from_secs(9);
    let early = State::Waiting { turn: turn(Ask::Probe), due };
    assert_eq!(run(early.clone(), cancelled()), early);

    let asked = run(waiting(Ask::Probe), cancelled());
    assert_eq!(word(&asked), "ask probe");
    let found = run(asked.clone(), answered(Answer::Found(accepted())));
    let outcome = outcome_of(run(found, cancelled()));
    assert_eq!((outcome.verdict, outcome.handle), (Verdict::Cancelled, Some(json!(7))));

    let job = Job { until: Until::Accepted, ..job() };
    let found = answered(Answer::Found(accepted()));
    let outcome = outcome_of(run_with(asked.clone(), found, &job, PROBED, NOW));
    assert_eq!(outcome.verdict, Verdict::Succeeded, "it came too late");

    let mut absent = run(asked, answered(Answer::Absent));
    let then = NOW + SignedDuration::from_secs(15);
    absent = run_with(absent, cancelled(), &job, PROBED, then);
    absent = run_with(absent, answered(Answer::Absent), &job, PROBED, then);
    let outcome = outcome_of(run_with(absent, cancelled(), &job, PROBED, then));
    assert_eq!((outcome.verdict, outcome.handle), (Verdict::Cancelled, None));
}

#[test]
fn a_cancelled_doubt_that_can_t_be_looked_up_is_unknown() {
    let mut turn = turn(Ask::Call);
    turn.doubt = Some(Doubt { called_at: NOW, cause: "cut".into() });
    let outcome = outcome_of(run(State::Waiting { turn, due: NOW }, cancelled()));
    assert_eq!(outcome.verdict, Verdict::Unknown);
}

#[test]
fn a_condemned_job_tells_what_may_exist() {
    let condemned = |state| outcome_of(run(state, Event::Condemned));
    let nothing = condemned(waiting(Ask::Call));
    assert_eq!(nothing.verdict, Verdict::Failed);
    assert_eq!(error(&nothing).0, "poison");
    assert!(error(&nothing).2.starts_with("Nothing was done."), "{nothing:?}");

    let calling = condemned(asking(Ask::Call));
    assert_eq!(calling.verdict, Verdict::Unknown);
    let (class, message, advice) = error(&calling);
    assert_eq!(class, "poison");
    assert!(message.contains("a call may have taken effect"), "{message}");
    assert!(!advice.contains("Nothing was done"), "{advice}");
    // Whoever looks it up later has to know when it was.
    let kept = calling.turn.unwrap();
    assert_eq!(kept.doubt.unwrap().called_at, NOW - SignedDuration::from_secs(3));

    let polling = condemned(asking(Ask::Poll(json!(7))));
    assert_eq!((polling.verdict, &polling.handle), (Verdict::Unknown, &Some(json!(7))));
    assert!(error(&polling).2.contains("under the handle"), "{polling:?}");
}

/// A lost call that a probe could not settle, done.
fn unknown() -> State {
    let refused = Event::Failed(Failure::permanent("Forbidden.RAM", "not allowed"));
    let mut turn = Turn { resolutions: 0, ..turn(Ask::Probe) };
    turn.baseline = Some(json!(["before"]));
    let outcome = outcome_of(run(State::Asking { turn, since: NOW }, refused));
    run(State::Reporting { outcome }, Event::Published)
}

#[test]
fn an_adopted_call_goes_on_as_if_a_probe_had_found_it() {
    let adopt = || Event::Resolved(Resolution::Adopt(accepted()));
    let State::Waiting { turn, .. } = run(unknown(), adopt()) else { unreachable!() };
    assert_eq!((turn.calls, &turn.doubt, turn.resolutions), (1, &None, 1));
    assert_eq!(turn.handle, Some(json!(7)));
    assert_eq!(turn.baseline, Some(json!(["before"])), "polls compare with it");

    let job = Job { until: Until::Accepted, ..job() };
    let outcome = outcome_of(run_with(unknown(), adopt(), &job, PROBED, NOW));
    assert_eq!((outcome.verdict, outcome.resolutions), (Verdict::Succeeded, 1));
    assert_eq!(outcome.turn, None, "what is settled is settled once");
}

#[test]
fn an_absent_call_is_made_again_under_the_next_number() {
    let absent = || Event::Resolved(Resolution::Absent);
    assert_eq!(word(&run(unknown(), absent())), "baseline in 0");
    let again = run_with(unknown(), absent(), &job(), UNPROBED, NOW);
    let State::Asking { turn, .. } = run(again, Event::Resumed) else { unreachable!() };
    assert_eq!((&turn.ask, turn.calls, &turn.doubt), (&Ask::Call, 2, &None));
}

#[test]
fn a_call_closed_by_hand_is_failed_in_the_persons_words() {
    let fail = Event::Resolved(Resolution::Fail("replaced by chg-9".into()));
    let outcome = outcome_of(run(unknown(), fail));
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert_eq!((error(&outcome).0, error(&outcome).1), ("resolved", "replaced by chg-9"));
}

#[test]
fn what_the_provider_accepted_is_never_called_absent() {
    let polling = outcome_of(run(asking(Ask::Poll(json!(7))), Event::Condemned));
    let (job, policy) = (job(), policy());
    let cx = Context { job: &job, policy: &policy, abilities: PROBED, now: NOW, dice: 0.5 };
    let done = State::Done { outcome: polling };
    assert!(step(done.clone(), Event::Resolved(Resolution::Absent), &cx).is_err());
    assert!(step(done, Event::Resolved(Resolution::Adopt(accepted())), &cx).is_ok());
}
