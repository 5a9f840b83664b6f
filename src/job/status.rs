//! A job's state as one word, for filters and metrics.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{OutcomeKind, RequestKind, State};

/// A job's state as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The first request is not due yet.
    Waiting,
    /// A call was refused for now, or had no effect, and will be made again.
    Retrying,
    /// A call's answer was lost, and the next probe is not due yet.
    Probing,
    /// The provider accepted the call, and the next poll is not due yet.
    Polling,
    /// A request is in progress.
    Asking,
    /// The outcome is decided, and the broker has not confirmed its event yet.
    Reporting,
    /// The provider did what was asked.
    Succeeded,
    /// The provider refused, or what it started failed.
    Failed,
    /// A call may have taken effect and nothing could settle it.
    Unknown,
    /// Its deadline passed first.
    Expired,
    /// A cancel request ended it.
    Cancelled,
    /// Its message is not valid. No ledger stores such a job.
    Rejected,
}

impl Status {
    /// Every status a stored job can have, in the order of a job's life.
    pub const ALL: [Status; 11] = [
        Status::Waiting,
        Status::Retrying,
        Status::Probing,
        Status::Polling,
        Status::Asking,
        Status::Reporting,
        Status::Succeeded,
        Status::Failed,
        Status::Unknown,
        Status::Expired,
        Status::Cancelled,
    ];

    /// Name in filters, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Waiting => "waiting",
            Status::Retrying => "retrying",
            Status::Probing => "probing",
            Status::Polling => "polling",
            Status::Asking => "asking",
            Status::Reporting => "reporting",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Unknown => "unknown",
            Status::Expired => "expired",
            Status::Cancelled => "cancelled",
            Status::Rejected => "rejected",
        }
    }
}

impl From<OutcomeKind> for Status {
    fn from(kind: OutcomeKind) -> Self {
        match kind {
            OutcomeKind::Succeeded => Status::Succeeded,
            OutcomeKind::Failed => Status::Failed,
            OutcomeKind::Unknown => Status::Unknown,
            OutcomeKind::Expired => Status::Expired,
            OutcomeKind::Cancelled => Status::Cancelled,
            OutcomeKind::Rejected => Status::Rejected,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Status::ALL.into_iter().find(|status| status.as_str() == word);
        found.ok_or_else(|| {
            let words = Status::ALL.map(Status::as_str).join(", ");
            format!("{word:?} is not one of {words}")
        })
    }
}

impl State {
    /// The state as one word.
    pub fn status(&self) -> Status {
        match self {
            State::Waiting { execution, .. } => match execution.request {
                RequestKind::Baseline | RequestKind::Call
                    if execution.calls == 0 && execution.failures == 0 =>
                {
                    Status::Waiting
                }
                RequestKind::Baseline | RequestKind::Call => Status::Retrying,
                RequestKind::Probe => Status::Probing,
                RequestKind::Poll(_) => Status::Polling,
            },
            State::Asking { .. } => Status::Asking,
            State::Reporting { .. } => Status::Reporting,
            State::Done { outcome } => outcome.kind.into(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_parsed_from_its_own_name() {
        for status in Status::ALL {
            assert_eq!(json!(status), status.as_str());
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert!("done".parse::<Status>().unwrap_err().contains("waiting, retrying"));
    }

    #[test]
    fn the_status_of_a_waiting_job_depends_on_its_next_request() {
        for (execution, status) in [
            (json!({"request": "baseline"}), Status::Waiting),
            (json!({"request": "call"}), Status::Waiting),
            (json!({"request": "call", "calls": 1}), Status::Retrying),
            (json!({"request": "baseline", "failures": 2}), Status::Retrying),
            (json!({"request": "probe", "calls": 1}), Status::Probing),
            (json!({"request": {"poll": 7}, "calls": 1}), Status::Polling),
        ] {
            let state =
                json!({"phase": "waiting", "execution": execution, "due": "2026-01-01T00:00:00Z"});
            let state: State = serde_json::from_value(state).unwrap();
            assert_eq!(state.status(), status);
        }
    }
}
