//! What is said of a job's steps: one line in the log for each, always with the same fields, and
//! a count.

use tracing::{debug, info, warn};

use super::Metrics;
use crate::job::{Job, Milestone, Note, State, Verdict};

/// Tells of a step that was saved.
pub(super) fn tell(metrics: &Metrics, job: &Job, state: &State, note: Option<&Note>) {
    let Job { id, operation, account, .. } = job;
    let status = state.status();
    let (ask, attempts) = match state {
        State::Waiting { turn, .. } | State::Asking { turn, .. } => {
            (Some(turn.ask.as_str()), turn.calls)
        }
        State::Reporting { outcome } | State::Done { outcome } => (None, outcome.attempts),
    };
    let due = state.due().map(tracing::field::display);
    let Some(Note { what: step, detail, .. }) = note else {
        debug!(job = %id, operation, account, %status, ask, attempts, due, "job");
        return;
    };
    match state {
        State::Reporting { outcome } => metrics.outcome(job, outcome),
        State::Waiting { .. } | State::Asking { .. } => metrics.step(job, step),
        State::Done { .. } => {}
    }
    let matters = [Milestone::Doubtful.as_str(), Verdict::Unknown.as_str()];
    if matters.contains(&step.as_str()) {
        warn!(job = %id, operation, account, step, %status, ask, attempts, due, detail, "job");
    } else {
        info!(job = %id, operation, account, step, %status, ask, attempts, due, detail, "job");
    }
}
