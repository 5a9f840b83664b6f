//! What is written down of a job's way, for people who look at it later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Milestone, State};

/// One line of a job's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it happened.
    pub at: Timestamp,
    /// What happened, in a word: a milestone, or how the job ended.
    pub what: String,
    /// What there is to say about it; may be empty.
    pub detail: String,
}

impl HistoryEntry {
    /// A line.
    pub fn new(at: Timestamp, what: &str, detail: impl Into<String>) -> Self {
        Self { at, what: what.to_owned(), detail: detail.into() }
    }

    /// What is worth writing down of a step, if anything.
    pub fn between(before: &State, after: &State, now: Timestamp) -> Option<HistoryEntry> {
        if let (State::Waiting { .. } | State::Asking { .. }, State::Reporting { outcome }) =
            (before, after)
        {
            let error = outcome.error.as_ref();
            let detail = error.map(|error| format!("{}: {}", error.code, error.message));
            return Some(Self::new(now, outcome.kind.as_str(), detail.unwrap_or_default()));
        }
        let milestone = Milestone::between(before, after)?;
        let (State::Waiting { execution, .. } | State::Asking { execution, .. }) = after else {
            return None;
        };
        let detail = match milestone {
            Milestone::Started => None,
            Milestone::Retrying | Milestone::Doubtful => {
                execution.last_failure.as_ref().map(ToString::to_string)
            }
            Milestone::Submitted => execution.handle.as_ref().map(ToString::to_string),
            Milestone::Progress => execution.seen.clone(),
        };
        Some(Self::new(now, milestone.as_str(), detail.unwrap_or_default()))
    }
}
