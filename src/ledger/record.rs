//! What the ledger tells people of jobs.

use jiff::Timestamp;

use super::CrashCount;
use crate::job::{AccountName, HistoryEntry, Job, JobId, Kind, State, Status};

/// How many jobs there are, for a start-up line and a demo's closing table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not done.
    pub open: u64,
    /// Done and kept for [`Ledger::purge`](super::Ledger::purge).
    pub done: u64,
}

/// All that is known of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// The job as first stored.
    pub job: Job,
    /// Hash of its content.
    pub fingerprint: String,
    /// Where it stands.
    pub state: State,
    /// Until when it is claimed; none if by nobody. The time may have passed.
    pub held_until: Option<Timestamp>,
    /// When a sweeper looks after it if nobody else does; none when it is done.
    pub due: Option<Timestamp>,
    /// Claims that came to nothing.
    pub crashes: CrashCount,
    /// Somebody wants it to end.
    pub cancelled: bool,
    /// What happened to it, oldest first; of a very long history the newest part.
    pub history: Vec<HistoryEntry>,
}

/// Jobs of one operation that stand alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCount {
    /// Their operation.
    pub operation: String,
    /// Where they stand.
    pub status: Status,
    /// How many there are.
    pub jobs: u64,
    /// When the first of them is, or was, due; none when they are done.
    pub first_due: Option<Timestamp>,
}

/// One job among many.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSummary {
    /// The job.
    pub id: JobId,
    /// Its operation.
    pub operation: String,
    /// Its operation's kind.
    pub kind: Kind,
    /// Its account.
    pub account: AccountName,
    /// Where it stands.
    pub status: Status,
    /// When it goes on; none when it is done.
    pub due: Option<Timestamp>,
    /// When it was last stored or saved.
    pub changed_at: Timestamp,
}

/// Which jobs are listed. What is not said fits every job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Where they stand; empty for anywhere.
    pub statuses: Vec<Status>,
    /// Their operation.
    pub operation: Option<String>,
    /// Their kind.
    pub kind: Option<Kind>,
    /// Their account.
    pub account: Option<AccountName>,
    /// How many at most.
    pub limit: Option<u32>,
}
