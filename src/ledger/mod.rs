//! Remembers. What every job's state is, and who may change it.
//!
//! The promises, kept by every implementation and tested by one conformance suite:
//!
//! 1. When [`Ledger::save`] returns, the state survives a crash of the process and of the machine.
//! 2. At most one claim of a job is current. A save under an older claim changes nothing and is
//!    [`Error::Superseded`].
//! 3. A job is stored once: the first content of an id stands, other content is a conflict.
//! 4. A claim that ends without progress is counted against the job, unless it was let go.

#![warn(missing_docs)]

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod conformance;
mod encoding;
mod memory;
mod metrics;
pub mod postgres;
mod record;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use memory::MemoryLedger;
pub use metrics::Metrics;
pub use postgres::PostgresLedger;
pub use record::{Counts, Filter, JobRecord, JobSummary, StatusCount};
pub use sqlite::SqliteLedger;

use crate::job::{HistoryEntry, Job, JobId, State, WakeUp};

/// How many lines of a job's history are kept: a provider whose status flaps may go on for weeks.
const HISTORY: usize = 500;

/// Trouble of the ledger itself; never a provider's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer claim exists: stop, settle nothing.
    #[error("job {0} was taken over by a newer claim")]
    Superseded(JobId),
    /// The store can't be opened, read or written.
    #[error("the ledger {place} {what}")]
    Store {
        /// Where it is: a path or an address without its password.
        place: String,
        /// What can't be done, and what to do about it.
        what: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// The right to change a job's state, until a newer claim is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// The fencing number; higher is newer.
    pub fence: i64,
}

/// A request to claim a job.
#[derive(Debug)]
pub struct ClaimRequest<'a> {
    /// The job as the message has it; stored if the id is new.
    pub job: &'a Job,
    /// Hash of the job's content; the same id with another one is a conflict.
    pub fingerprint: &'a str,
    /// Where the job starts if the id is new: a fresh state, or a wake-up's snapshot.
    pub state: &'a State,
    /// Take the job even from an unexpired claim: its holder's connection is gone.
    pub take_over: bool,
    /// Nothing else runs in this process: if it dies now, this job has killed it.
    pub exclusive: bool,
    /// How long the claim holds without a save.
    pub lease: Duration,
    /// The time.
    pub now: Timestamp,
}

/// Claims in a row that ended without progress and were not [let go](Ledger::release): whoever held
/// them is taken for dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashCount {
    /// While other jobs ran in the same process.
    pub shared: u32,
    /// While nothing else ran there.
    pub exclusive: u32,
}

/// What came of a claim request.
#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// The job is ours.
    Granted {
        /// What every save must show.
        claim: Claim,
        /// The job as first stored.
        job: Box<Job>,
        /// The state to go on from.
        state: Box<State>,
        /// The claims before this one that came to nothing.
        crashes: CrashCount,
        /// Why somebody wants the job to end, if anybody does; see [`Ledger::cancel`].
        cancelled: Option<String>,
    },
    /// Somebody else holds it.
    Held {
        /// Until when, unless they save.
        until: Timestamp,
    },
    /// The id belongs to a job with other content.
    Conflict,
}

/// A state to be saved.
#[derive(Clone, Copy, Debug)]
pub struct Save<'a> {
    /// The state.
    pub state: &'a State,
    /// Whether the claim goes on.
    pub hold: Lease,
    /// What is written into the job's history along with it.
    pub note: Option<&'a HistoryEntry>,
    /// The time.
    pub now: Timestamp,
}

/// Whether a save ends the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The worker goes on with the job.
    Renew,
    /// The job waits or is done; whoever comes next may claim it.
    Release,
}

/// A store of jobs and their states.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Claims a job, storing it first if its id is new. A granted claim raises the fencing number
    /// and holds until the lease ends; a job whose claim was released can be claimed at once. A job
    /// that is done is granted too: its outcome may have to be told again.
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error>;

    /// Saves a state under a claim, and renews the lease or ends the claim. A state that is not
    /// [`State::Asking`] is progress: it clears the [`CrashCount`].
    /// [`Error::Superseded`] if a newer claim exists, or the job was purged; nothing is changed
    /// then. After [`Error::Store`], and for a caller that stops waiting, the state may be saved or
    /// not.
    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error>;

    /// Ends a claim that came to nothing without anybody's death: a stop, or trouble of our own.
    /// It does not count among the [`CrashCount`]. Errors are those of [`save`](Self::save).
    async fn release(&self, claim: &Claim) -> Result<(), Error>;

    /// Notes that a job is to end, even if its message is still to come, and returns the wake-up of
    /// one that is known and not done. The wish stays until the job is purged, or for as long as a
    /// job would be kept. Of several wishes the first one's reason, which may be empty, is kept.
    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error>;

    /// Jobs that were due before `before`, are claimed by nobody at `now`, and not done; longest
    /// overdue first.
    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error>;

    /// Makes jobs that [`overdue`](Self::overdue) would still return due at `again`, though their
    /// states stay as they are: who asks in between gets others, and none of them is starved by
    /// those before it. The next save makes a job due as its state says.
    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<(), Error>;

    /// All that is known of a job.
    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error>;

    /// The jobs that fit, last changed first.
    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error>;

    /// Forgets jobs that were done before `before`, oldest first, at most `limit` of them; returns
    /// how many. A job whose claim ran beyond `before` is being told again, and stays. Wishes to
    /// cancel that are as old are forgotten with them.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error>;

    /// Counts the jobs.
    async fn counts(&self) -> Result<Counts, Error>;

    /// Counts the jobs that are not done, and those whose outcome is `unknown`, by where they
    /// stand.
    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error>;

    /// Whether the store would take a save just now.
    async fn ping(&self) -> Result<(), Error>;

    /// What is counted of its commits.
    fn metrics(&self) -> Metrics;
}

/// What [`State::due`] says, and now for a state that is not done and has no time of its own: what
/// is not done always comes up again.
fn due(state: &State, now: Timestamp) -> Option<Timestamp> {
    match state {
        State::Done { .. } => None,
        State::Waiting { .. } | State::Asking { .. } | State::Reporting { .. } => {
            Some(state.due().unwrap_or(now))
        }
    }
}

/// Whether a save of this state shows that the claim was not in vain.
fn is_progress(state: &State) -> bool {
    !matches!(state, State::Asking { .. })
}
