//! Stores jobs and their states, and decides which worker may change a job.
//!
//! Every implementation keeps these promises. One conformance suite tests them on each store.
//!
//! 1. When [`Ledger::save`] returns, the state survives a crash of the process and of the machine.
//! 2. At most one claim of a job is current. A save under an older claim changes nothing and fails
//!    with [`Error::Superseded`].
//! 3. A job is stored once. The first content of an id stays; other content is a conflict.
//! 4. A claim that ends without progress counts as a crash, unless it was
//!    [released](Ledger::release).

#![warn(missing_docs)]

mod encoding;
mod metrics;
pub mod postgres;
mod record;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use metrics::Metrics;
pub use postgres::PostgresLedger;
pub use record::{CrashCount, Filter, JobRecord, JobSummary, StatusCount};
pub use sqlite::SqliteLedger;

use crate::job::{HistoryEntry, Job, JobId, State, WakeUp};

/// Number of history entries kept for a job. A provider whose status keeps changing may add entries
/// for weeks.
pub const MAX_HISTORY_ENTRIES: usize = 500;

/// Failure of the ledger itself, never of a provider.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer claim exists. The worker must stop and acknowledge nothing.
    #[error("job {0} was taken over by a newer claim")]
    Superseded(JobId),
    /// The store can't be opened, read or written.
    #[error("the ledger {location} {problem}")]
    Store {
        /// Path of the file, or address of the server without its password.
        location: String,
        /// What failed, and what an operator can do about it.
        problem: String,
        /// The underlying error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// The right to change a job's state, until a newer claim is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claimed job.
    pub job: JobId,
    /// Fencing number. A higher number is a newer claim.
    pub fence: i64,
}

/// A request to claim a job.
#[derive(Debug)]
pub struct ClaimRequest<'a> {
    /// The job as its message describes it. Stored if the id is new.
    pub job: &'a Job,
    /// Hash of the job's content. The same id with another hash is a conflict.
    pub fingerprint: &'a str,
    /// State to store if the id is new: a first state, or the copy in a wake-up.
    pub state: &'a State,
    /// Claim the job even if another claim's lease still runs. Correct only if that claim's worker
    /// has lost its connection.
    pub take_over: bool,
    /// The process runs no other job during this claim, so a crash can only be this job's fault.
    pub exclusive: bool,
    /// How long the claim is valid without a save.
    pub lease: Duration,
    /// Current time.
    pub now: Timestamp,
}

/// Result of a claim request.
#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// The job is claimed.
    Granted {
        /// Identifies the claim in every save.
        claim: Claim,
        /// The job as first stored.
        job: Box<Job>,
        /// The state to continue from.
        state: Box<State>,
        /// Claims before this one that ended without progress.
        crashes: CrashCount,
        /// Reason of the job's first cancel request, if there is one; see [`Ledger::cancel`].
        cancelled: Option<String>,
    },
    /// Another claim's lease still runs.
    Held {
        /// When that lease ends, unless it is renewed.
        until: Timestamp,
    },
    /// The id belongs to a job with other content.
    Conflict,
}

/// A state to save, and what is saved along with it.
#[derive(Clone, Copy, Debug)]
pub struct Save<'a> {
    /// The job's new state.
    pub state: &'a State,
    /// Whether the claim continues.
    pub lease: Lease,
    /// Entry to append to the job's history. Only the newest [`MAX_HISTORY_ENTRIES`] are kept.
    pub entry: Option<&'a HistoryEntry>,
    /// Current time.
    pub now: Timestamp,
}

/// What a save does with the lease of its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The worker continues with the job; the lease starts again.
    Renew,
    /// The job waits or is done; any worker may claim it at once.
    Release,
}

/// A store of jobs and their states.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Claims a job, and stores it first if its id is new.
    ///
    /// A granted claim gets the next fencing number and is valid until its lease ends. A released
    /// job can be claimed at once. A job that is done can be claimed too, because its outcome may
    /// have to be published again.
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error>;

    /// Saves a state under a claim, and renews or releases the claim's lease.
    ///
    /// Any state except [`State::Asking`] counts as progress and resets the [`CrashCount`].
    ///
    /// Fails with [`Error::Superseded`], and changes nothing, if a newer claim exists or the job was
    /// purged. After [`Error::Store`], or if the caller drops the future, the state may or may not
    /// be saved.
    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error>;

    /// Ends a claim that made no progress for a harmless reason: the worker stops, or failed by
    /// itself. Such a claim does not count in the [`CrashCount`]. Fails as [`save`](Self::save)
    /// does.
    async fn release(&self, claim: &Claim) -> Result<(), Error>;

    /// Stores a request to cancel a job, even if the job's own message has not arrived yet.
    ///
    /// Returns the wake-up of a job that is stored and not done. The request stays until the job is
    /// purged, or as long as a job would be kept. If there are several requests, the first one's
    /// reason counts; it may be empty.
    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error>;

    /// Jobs that were due before `before`, have no valid claim at `now`, and are not done; longest
    /// overdue first.
    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error>;

    /// Makes those of `jobs` that [`overdue`](Self::overdue) would still return due at `until`.
    /// Their states do not change.
    ///
    /// Until then `overdue` returns other jobs, so a few jobs can't starve the rest. The next save
    /// makes a job due as its state says.
    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), Error>;

    /// Everything stored about a job.
    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error>;

    /// The jobs that match a filter, last changed first.
    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error>;

    /// Deletes at most `limit` jobs that were done before `before`, oldest first, and returns how
    /// many it deleted.
    ///
    /// Keeps a done job whose lease ran beyond `before`: a worker publishes its outcome again.
    /// Deletes all cancel requests that are older than `before`.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error>;

    /// Counts the jobs that are not done, and those that ended as `unknown`, by operation and
    /// status.
    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error>;

    /// Fails if the store would not accept a save now.
    async fn ping(&self) -> Result<(), Error>;

    /// Metrics of the ledger's commits.
    fn metrics(&self) -> Metrics;
}
