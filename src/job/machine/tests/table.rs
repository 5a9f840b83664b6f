//! The decision for every pair of a state and an input.

use serde_json::{Value, json};

use super::super::{Context, Input, Isolation, Resolution, step};
use super::fixtures::{
    NOW, accepted, after_seconds, answered, asking, context, describe, execution, job, outcome_of,
    poll, run, summary, waiting,
};
use crate::job::{Answer, Ended, Failure, Outcome, RequestKind, Running, State};

fn outcome() -> Outcome {
    let ended = answered(Answer::Ended(Ended { result: Value::Null, failure: None }));
    outcome_of(run(&asking(poll()), ended))
}

/// An outcome that a person can resolve: the last probe was refused.
fn unknown() -> Outcome {
    let refused = Input::Failed(Failure::permanent("Forbidden.RAM", "not allowed"));
    let probing = State::Asking { execution: execution(RequestKind::Probe), since: NOW };
    outcome_of(run(&probing, refused))
}

/// The whole machine. A column is a state: `W` waiting and due, `W.soon` a call due in half a
/// second, `A` asking, `unknown` done with that outcome. A row is an input and its context. A cell is
/// the action: `park 30 call` wakes the job in 30 s for a call, `send call` sends it, `!failed`
/// publishes that outcome, `ack` acknowledges, `again` answers again, and `-` is illegal.
const TABLE: &str = "
input              | W.baseline    | W.call     | W.probe    | W.poll     | W.soon       | A.baseline       | A.call        | A.probe       | A.poll       | reporting  | done  | unknown
Resumed            | send baseline | send call  | send probe | send poll  | sleep 0 call | send baseline    | park 30 probe | send probe    | send poll    | !succeeded | again | again
Resumed cancelled  | !cancelled    | !cancelled | send probe | !cancelled | !cancelled   | send baseline    | park 30 probe | send probe    | send poll    | !succeeded | again | again
Resumed exclusive  | send baseline | send call  | send probe | send poll  | park 0 call  | send baseline    | park 30 probe | send probe    | send poll    | !succeeded | again | again
Poisoned           | !failed       | !failed    | !unknown   | !unknown   | !failed      | !failed          | !unknown      | !unknown      | !unknown     | !succeeded | again | again
Published          | -             | -          | -          | -          | -            | -                | -             | -             | -            | ack        | -     | -
Deferred           | -             | -          | -          | -          | -            | park 9 baseline  | park 9 call   | park 9 probe  | park 9 poll  | -          | -     | -
Deferred cancelled | -             | -          | -          | -          | -            | sleep 0 baseline | sleep 0 call  | park 9 probe  | sleep 0 poll | -          | -     | -
Deferred to now    | -             | -          | -          | -          | -            | sleep 0 baseline | sleep 0 call  | sleep 0 probe | sleep 0 poll | -          | -     | -
Retryable          | -             | -          | -          | -          | -            | park 1 baseline  | park 1 call   | park 1 probe  | park 1 poll  | -          | -     | -
Permanent          | -             | -          | -          | -          | -            | !failed          | !failed       | !unknown      | !unknown     | -          | -     | -
Ambiguous          | -             | -          | -          | -          | -            | park 1 baseline  | park 30 probe | park 1 probe  | park 1 poll  | -          | -     | -
Baseline           | -             | -          | -          | -          | -            | send call        | -             | -             | -            | -          | -     | -
Baseline cancelled | -             | -          | -          | -          | -            | !cancelled       | -             | -             | -            | -          | -     | -
Accepted           | -             | -          | -          | -          | -            | -                | park 5 poll   | -             | -            | -          | -     | -
Accepted cancelled | -             | -          | -          | -          | -            | -                | sleep 0 poll  | -             | -            | -          | -     | -
Found              | -             | -          | -          | -          | -            | -                | -             | park 5 poll   | -            | -          | -     | -
Absent             | -             | -          | -          | -          | -            | -                | -             | park 15 probe | -            | -          | -     | -
Undecided          | -             | -          | -          | -          | -            | -                | -             | park 1 probe  | -            | -          | -     | -
Running            | -             | -          | -          | -          | -            | -                | -             | -             | park 5 poll  | -          | -     | -
Ended              | -             | -          | -          | -          | -            | -                | -             | -             | !succeeded   | -          | -     | -
Adopt              | -             | -          | -          | -          | -            | -                | -             | -             | -            | -          | -     | park 5 poll
No effect          | -             | -          | -          | -          | -            | -                | -             | -             | -            | -          | -     | sleep 0 baseline
Fail               | -             | -          | -          | -          | -            | -                | -             | -             | -            | -          | -     | !failed
";

#[test]
fn every_pair_of_state_and_input_has_its_action() {
    let soon = NOW + std::time::Duration::from_millis(500);
    let probing = State::Asking { execution: execution(RequestKind::Probe), since: NOW };
    let states = [
        waiting(RequestKind::Baseline),
        waiting(RequestKind::Call),
        waiting(RequestKind::Probe),
        waiting(poll()),
        State::Waiting { execution: execution(RequestKind::Call), due: soon },
        asking(RequestKind::Baseline),
        asking(RequestKind::Call),
        probing,
        asking(poll()),
        State::Reporting { outcome: outcome() },
        State::Done { outcome: outcome() },
        State::Done { outcome: unknown() },
    ];
    let job = job();
    let normal = context(&job);
    let cancelled = Context { cancelled: Some(""), ..normal };
    let exclusive = Context { isolation: Isolation::Exclusive, ..normal };
    let baseline = || answered(Answer::Baseline(json!([])));
    let running = Running { seen: "toaudit".into(), waits_for_person: false, result: Value::Null };
    let inputs = [
        (Input::Resumed, normal),
        (Input::Resumed, cancelled),
        (Input::Resumed, exclusive),
        (Input::Poisoned, normal),
        (Input::Published, normal),
        (Input::Deferred(after_seconds(9)), normal),
        (Input::Deferred(after_seconds(9)), cancelled),
        (Input::Deferred(NOW), normal),
        (Input::Failed(Failure::retryable("Throttling", "slow down")), normal),
        (Input::Failed(Failure::permanent("NoPermission", "no")), normal),
        (Input::Failed(Failure::ambiguous("TimedOut", "no answer")), normal),
        (baseline(), normal),
        (baseline(), cancelled),
        (answered(Answer::Accepted(accepted())), normal),
        (answered(Answer::Accepted(accepted())), cancelled),
        (answered(Answer::Found(accepted())), normal),
        (answered(Answer::Absent), normal),
        (answered(Answer::Undecided("two".into())), normal),
        (answered(Answer::Running(running)), normal),
        (answered(Answer::Ended(Ended { result: Value::Null, failure: None })), normal),
        (Input::Resolved(Resolution::Adopt(accepted())), normal),
        (Input::Resolved(Resolution::Absent), normal),
        (Input::Resolved(Resolution::Fail("closed by hand".into())), normal),
    ];
    let rows: Vec<Vec<&str>> =
        TABLE.trim().lines().skip(1).map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.len(), inputs.len());
    for (row, (input, cx)) in rows.iter().zip(inputs) {
        assert_eq!(row.len(), states.len() + 1);
        for (cell, state) in row[1..].iter().zip(&states) {
            let found = step(state, input.clone(), &cx);
            let found = found.as_ref().map_or_else(|_| "-".to_owned(), summary);
            assert_eq!(&found, cell, "{} at {}", row[0], describe(state));
        }
    }
}
