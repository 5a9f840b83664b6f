//! Jobs as operators see them.

use jiff::Timestamp;

use crate::job::{AccountName, HistoryEntry, Job, JobId, Kind, State, Status};

/// Number of claims in a row that ended without progress and were not
/// [released](super::Ledger::release). Their workers are assumed to have crashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashCount {
    /// Claims whose process ran other jobs at the same time.
    pub shared: u32,
    /// Claims whose process ran nothing else.
    pub exclusive: u32,
}

/// Everything stored about one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// The job as first stored.
    pub job: Job,
    /// Hash of the job's content.
    pub fingerprint: String,
    /// The job's last saved state.
    pub state: State,
    /// When the newest claim's lease ends, which may be in the past; none after a release.
    pub held_until: Option<Timestamp>,
    /// When the sweeper wakes the job; none when it is done.
    pub due: Option<Timestamp>,
    /// Claims that ended without progress.
    pub crashes: CrashCount,
    /// Whether there is a request to cancel the job.
    pub cancelled: bool,
    /// What happened to the job, oldest first. Only the newest entries are kept.
    pub history: Vec<HistoryEntry>,
}

/// Number of jobs with one operation and one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCount {
    /// Operation of the jobs.
    pub operation: String,
    /// Status of the jobs.
    pub status: Status,
    /// Number of jobs.
    pub jobs: u64,
    /// Earliest time at which one of them is due; none when they are done.
    pub first_due: Option<Timestamp>,
}

/// One row of a list of jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSummary {
    /// Id of the job.
    pub id: JobId,
    /// The job's operation.
    pub operation: String,
    /// The operation's kind.
    pub kind: Kind,
    /// The job's account.
    pub account: AccountName,
    /// The job's status.
    pub status: Status,
    /// When the job continues; none when it is done.
    pub due: Option<Timestamp>,
    /// When the job was last stored or saved.
    pub changed_at: Timestamp,
}

/// Which jobs to list. An empty field matches every job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Any of these statuses.
    pub statuses: Vec<Status>,
    /// This operation.
    pub operation: Option<String>,
    /// This kind of operation.
    pub kind: Option<Kind>,
    /// This account.
    pub account: Option<AccountName>,
    /// Number of jobs to return at most.
    pub limit: Option<u32>,
}
