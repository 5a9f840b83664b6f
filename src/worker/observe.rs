//! What is said of a job's steps: one line in the log for each, always with the same fields, and
//! a count.

use tracing::{debug, info, warn};

use super::Metrics;
use crate::job::{HistoryEntry, Job, Milestone, OutcomeKind, State};

/// Tells of a step that was saved.
pub(super) fn log_transition(
    metrics: &Metrics,
    job: &Job,
    state: &State,
    note: Option<&HistoryEntry>,
) {
    let Job { id, operation, account, .. } = job;
    let status = state.status();
    let (request, attempts) = match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => {
            (Some(execution.request.as_str()), execution.calls)
        }
        State::Reporting { outcome } | State::Done { outcome } => (None, outcome.attempts),
    };
    let due = state.due().map(tracing::field::display);
    let Some(HistoryEntry { what: step, detail, .. }) = note else {
        debug!(job = %id, operation, account, %status, request, attempts, due, "job");
        return;
    };
    match state {
        State::Reporting { outcome } => metrics.outcome(job, outcome),
        State::Waiting { .. } | State::Asking { .. } => metrics.step(job, step),
        State::Done { .. } => {}
    }
    let matters = [Milestone::Doubtful.as_str(), OutcomeKind::Unknown.as_str()];
    if matters.contains(&step.as_str()) {
        warn!(job = %id, operation, account, step, %status, request, attempts, due, detail, "job");
    } else {
        info!(job = %id, operation, account, step, %status, request, attempts, due, detail, "job");
    }
}
