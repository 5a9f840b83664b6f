//! The history of a job, for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::milestone::Milestone;
use super::state::State;

/// One entry of a job's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it happened.
    pub at: Timestamp,
    /// What happened: the name of a milestone or an outcome.
    pub what: String,
    /// Details; may be empty.
    pub detail: String,
}

impl HistoryEntry {
    /// A new entry.
    pub fn new(at: Timestamp, what: &str, detail: impl Into<String>) -> Self {
        Self { at, what: what.to_owned(), detail: detail.into() }
    }

    /// The entry for a transition that is a milestone or decides the outcome.
    pub(super) fn between(
        before: &State,
        after: &State,
        milestone: Option<Milestone>,
        at: Timestamp,
    ) -> Option<Self> {
        if let (Some(_), State::Reporting { outcome }) = (before.execution(), after) {
            let error = outcome.error.as_ref();
            let detail = error.map(|error| format!("{}: {}", error.code, error.message));
            return Some(Self::new(at, outcome.kind.as_str(), detail.unwrap_or_default()));
        }
        let (milestone, execution) = (milestone?, after.execution()?);
        let detail = match milestone {
            Milestone::Started => None,
            Milestone::Retrying | Milestone::Doubtful => {
                execution.last_failure.as_ref().map(ToString::to_string)
            }
            Milestone::Submitted => execution.handle.as_ref().map(ToString::to_string),
            Milestone::Progress => execution.seen.clone(),
        };
        Some(Self::new(at, milestone.as_str(), detail.unwrap_or_default()))
    }
}
