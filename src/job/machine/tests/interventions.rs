//! Cancelled jobs, poison jobs, and outcomes that a person resolves.

use jiff::SignedDuration;
use serde_json::json;

use super::super::{Context, Input, Resolution, step};
use super::fixtures::{
    NOW, UNPROBED, accepted, after_seconds, answered, asking, context, describe, execution, job,
    outcome_of, poll, run, run_with, waiting,
};
use crate::job::state::Doubt;
use crate::job::{
    Answer, ExecutionState, Failure, Job, Outcome, OutcomeKind, RequestKind, State, Until,
};

fn error(outcome: &Outcome) -> (&str, &str, &str) {
    let error = outcome.error.as_ref().unwrap();
    (&error.class, &error.message, &error.advice)
}

fn cancelled(job: &Job) -> Context<'_> {
    Context { cancelled: Some("replaced"), ..context(job) }
}

#[test]
fn a_cancelled_job_says_whether_something_exists_at_the_provider() {
    let job = job();
    let end = |request| outcome_of(run_with(&waiting(request), Input::Resumed, &cancelled(&job)));
    let before = end(RequestKind::Call);
    assert_eq!((before.kind, &before.handle), (OutcomeKind::Cancelled, &None));
    assert_eq!(
        error(&before),
        ("cancelled", "cancelled on request: replaced", "Nothing was done.")
    );
    let after = end(poll());
    assert_eq!((after.kind, &after.handle), (OutcomeKind::Cancelled, &Some(json!(7))));
    assert!(error(&after).2.starts_with("What the call started still exists"), "{after:?}");
}

#[test]
fn a_cancelled_lost_call_is_probed_first() {
    let job = job();
    let cx = cancelled(&job);
    let due = after_seconds(9);
    let early = State::Waiting { execution: execution(RequestKind::Probe), due };
    assert_eq!(run_with(&early, Input::Resumed, &cx), early);

    let probing = run_with(&waiting(RequestKind::Probe), Input::Resumed, &cx);
    assert_eq!(describe(&probing), "asking probe");
    let found = run_with(&probing, answered(Answer::Found(accepted())), &cx);
    let outcome = outcome_of(run_with(&found, Input::Resumed, &cx));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Cancelled, Some(json!(7))));

    let until_accepted = Job { until: Until::Accepted, ..job.clone() };
    let found = answered(Answer::Found(accepted()));
    let outcome = outcome_of(run_with(&probing, found, &cancelled(&until_accepted)));
    assert_eq!(outcome.kind, OutcomeKind::Succeeded, "the cancel request came too late");

    let cx = Context { now: after_seconds(15), ..cx };
    let first = run(&probing, answered(Answer::Absent));
    let second = run_with(&first, Input::Resumed, &cx);
    let absent = run_with(&second, answered(Answer::Absent), &cx);
    let outcome = outcome_of(run_with(&absent, Input::Resumed, &cx));
    assert_eq!((outcome.kind, outcome.handle), (OutcomeKind::Cancelled, None));
}

#[test]
fn a_cancelled_lost_call_without_a_probe_is_unknown() {
    let job = job();
    let doubt = Some(Doubt { called_at: NOW, cause: "cut".into() });
    let execution = ExecutionState { doubt, ..execution(RequestKind::Call) };
    let state = State::Waiting { execution, due: NOW };
    let outcome = outcome_of(run_with(&state, Input::Resumed, &cancelled(&job)));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
}

#[test]
fn a_poison_job_says_what_may_exist_at_the_provider() {
    let poisoned = |state| outcome_of(run(&state, Input::Poisoned));
    let nothing = poisoned(waiting(RequestKind::Call));
    assert_eq!(nothing.kind, OutcomeKind::Failed);
    assert_eq!(error(&nothing).0, "poison");
    assert!(error(&nothing).2.starts_with("Nothing was done."), "{nothing:?}");

    let calling = poisoned(asking(RequestKind::Call));
    assert_eq!(calling.kind, OutcomeKind::Unknown);
    let (class, message, advice) = error(&calling);
    assert_eq!(class, "poison");
    assert!(message.contains("a call may have taken effect"), "{message}");
    assert!(!advice.contains("Nothing was done"), "{advice}");
    // A later search needs the time of the call.
    let kept = calling.execution.unwrap();
    assert_eq!(kept.doubt.unwrap().called_at, NOW - SignedDuration::from_secs(3));

    let polling = poisoned(asking(poll()));
    assert_eq!((polling.kind, &polling.handle), (OutcomeKind::Unknown, &Some(json!(7))));
    assert!(error(&polling).2.contains("under the handle"), "{polling:?}");
}

/// The end of a job whose lost call no probe could settle.
fn unknown() -> State {
    let refused = Input::Failed(Failure::permanent("Forbidden.RAM", "not allowed"));
    let baseline = Some(json!(["before"]));
    let execution = ExecutionState { baseline, ..execution(RequestKind::Probe) };
    let reporting = run(&State::Asking { execution, since: NOW }, refused);
    run(&reporting, Input::Published)
}

#[test]
fn an_adopted_call_continues_as_if_a_probe_had_found_it() {
    let adopt = || Input::Resolved(Resolution::Adopt(accepted()));
    let State::Waiting { execution, .. } = run(&unknown(), adopt()) else { unreachable!() };
    assert_eq!((execution.calls, &execution.doubt, execution.resolutions), (1, &None, 1));
    assert_eq!(execution.handle, Some(json!(7)));
    assert_eq!(execution.baseline, Some(json!(["before"])), "polls compare with it");

    let job = Job { until: Until::Accepted, ..job() };
    let outcome = outcome_of(run_with(&unknown(), adopt(), &context(&job)));
    assert_eq!((outcome.kind, outcome.resolutions), (OutcomeKind::Succeeded, 1));
    assert_eq!(outcome.execution, None, "a resolved job can't be resolved again");
}

#[test]
fn an_absent_call_is_made_again_under_the_next_number() {
    let absent = || Input::Resolved(Resolution::Absent);
    assert_eq!(describe(&run(&unknown(), absent())), "baseline in 0");
    let job = job();
    let again =
        run_with(&unknown(), absent(), &Context { capabilities: UNPROBED, ..context(&job) });
    let State::Asking { execution, .. } = run(&again, Input::Resumed) else { unreachable!() };
    assert_eq!(
        (&execution.request, execution.calls, &execution.doubt),
        (&RequestKind::Call, 2, &None)
    );
}

#[test]
fn a_job_closed_by_a_person_fails_with_their_message() {
    let fail = Input::Resolved(Resolution::Fail("replaced by chg-9".into()));
    let outcome = outcome_of(run(&unknown(), fail));
    assert_eq!(outcome.kind, OutcomeKind::Failed);
    assert_eq!((error(&outcome).0, error(&outcome).1), ("resolved", "replaced by chg-9"));
}

#[test]
fn an_accepted_call_can_not_be_resolved_as_absent() {
    let outcome = outcome_of(run(&asking(poll()), Input::Poisoned));
    let job = job();
    let done = State::Done { outcome };
    assert!(step(&done, Input::Resolved(Resolution::Absent), &context(&job)).is_err());
    let adopt = Input::Resolved(Resolution::Adopt(accepted()));
    assert!(step(&done, adopt, &context(&job)).is_ok());
}
