//! Every pair of a state and an event.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{Answer, Ended, Failure, Outcome, RequestKind, Running, State};
use super::fixture::{
    NOW, PROBED, accepted, answered, asking, execution, job, outcome_of, policy, run, waiting, word,
};
use super::{Context, Input, Resolution, step};

fn outcome() -> Outcome {
    let ended = answered(Answer::Ended(Ended { result: Value::Null, failure: None }));
    outcome_of(run(asking(RequestKind::Poll(json!(7))), ended))
}

/// An outcome that a person can settle: the last probe was refused.
fn unknown() -> Outcome {
    let refused = Input::Failed(Failure::permanent("Forbidden.RAM", "not allowed"));
    outcome_of(run(State::Asking { execution: execution(RequestKind::Probe), since: NOW }, refused))
}

/// The machine, whole. A column is a state (`W` waiting and due, `A` asking, `unknown` done with
/// that outcome), a row an event, a cell what follows: `call in 30` waits 30 s and then calls,
/// `ask call` calls, `!failed` reports, `-` can't happen.
const TABLE: &str = "
event     | W.baseline   | W.call     | W.probe   | W.poll     | A.baseline    | A.call      | A.probe     | A.poll     | reporting  | done | unknown
Resumed   | ask baseline | ask call   | ask probe | ask poll   | ask baseline  | probe in 30 | ask probe   | ask poll   | !succeeded | done | done
Cancelled | !cancelled   | !cancelled | ask probe | !cancelled | -             | -           | -           | -          | !succeeded | done | done
Condemned | !failed      | !failed    | !unknown  | !unknown   | !failed       | !unknown    | !unknown    | !unknown   | !succeeded | done | done
Published | -            | -          | -         | -          | -             | -           | -           | -          | done       | -    | -
Deferred  | -            | -          | -         | -          | baseline in 9 | call in 9   | probe in 9  | poll in 9  | -          | -    | -
Retryable | -            | -          | -         | -          | baseline in 1 | call in 1   | probe in 1  | poll in 1  | -          | -    | -
Permanent | -            | -          | -         | -          | !failed       | !failed     | !unknown    | !unknown   | -          | -    | -
Ambiguous | -            | -          | -         | -          | baseline in 1 | probe in 30 | probe in 1  | poll in 1  | -          | -    | -
Baseline  | -            | -          | -         | -          | ask call      | -           | -           | -          | -          | -    | -
Accepted  | -            | -          | -         | -          | -             | poll in 5   | -           | -          | -          | -    | -
Found     | -            | -          | -         | -          | -             | -           | poll in 5   | -          | -          | -    | -
Absent    | -            | -          | -         | -          | -             | -           | probe in 15 | -          | -          | -    | -
Undecided | -            | -          | -         | -          | -             | -           | probe in 1  | -          | -          | -    | -
Running   | -            | -          | -         | -          | -             | -           | -           | poll in 5  | -          | -    | -
Ended     | -            | -          | -         | -          | -             | -           | -           | !succeeded | -          | -    | -
Adopt     | -            | -          | -         | -          | -             | -           | -           | -          | -          | -    | poll in 5
NoEffect  | -            | -          | -         | -          | -             | -           | -           | -          | -          | -    | baseline in 0
Fail      | -            | -          | -         | -          | -             | -           | -           | -          | -          | -    | !failed
";

#[test]
fn every_pair_of_state_and_event_is_in_the_table() {
    let poll = || RequestKind::Poll(json!(7));
    let states = [
        waiting(RequestKind::Baseline),
        waiting(RequestKind::Call),
        waiting(RequestKind::Probe),
        waiting(poll()),
        asking(RequestKind::Baseline),
        asking(RequestKind::Call),
        match waiting(RequestKind::Probe) {
            State::Waiting { execution, due } => State::Asking { execution, since: due },
            other => other,
        },
        asking(poll()),
        State::Reporting { outcome: outcome() },
        State::Done { outcome: outcome() },
        State::Done { outcome: unknown() },
    ];
    let running = Running { seen: "toaudit".into(), waits_for_person: false, result: Value::Null };
    let events = [
        Input::Resumed,
        Input::Cancelled(String::new()),
        Input::Poisoned,
        Input::Published,
        Input::Deferred(NOW + SignedDuration::from_secs(9)),
        Input::Failed(Failure::retryable("Throttling", "slow down")),
        Input::Failed(Failure::permanent("NoPermission", "no")),
        Input::Failed(Failure::ambiguous("TimedOut", "no answer")),
        answered(Answer::Baseline(json!([]))),
        answered(Answer::Accepted(accepted())),
        answered(Answer::Found(accepted())),
        answered(Answer::Absent),
        answered(Answer::Undecided("two".into())),
        answered(Answer::Running(running)),
        answered(Answer::Ended(Ended { result: Value::Null, failure: None })),
        Input::Resolved(Resolution::Adopt(accepted())),
        Input::Resolved(Resolution::Absent),
        Input::Resolved(Resolution::Fail("closed by hand".into())),
    ];
    let rows: Vec<Vec<&str>> =
        TABLE.trim().lines().skip(1).map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.len(), events.len());
    let (job, policy) = (job(), policy());
    let cx = Context { job: &job, policy: &policy, capabilities: PROBED, now: NOW, random: 0.5 };
    for (row, event) in rows.iter().zip(events) {
        assert_eq!(row.len(), states.len() + 1);
        for (cell, state) in row[1..].iter().zip(&states) {
            let next = step(state.clone(), event.clone(), &cx);
            let found = next.as_ref().map_or_else(|_| "-".to_owned(), word);
            assert_eq!(&found, cell, "{} at {}", row[0], word(state));
        }
    }
}
