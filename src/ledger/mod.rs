//! Remembers. What every job's state is, and who may change it.
//!
//! The promises, kept by every implementation and tested by one conformance suite:
//!
//! 1. When [`Ledger::save`] returns, the state survives a crash of the process and of the machine.
//! 2. At most one claim of a job is current. A save under an older claim changes nothing and is
//!    [`Error::Superseded`].
//! 3. A job is stored once: the first content of an id stands, other content is a conflict.

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod conformance;
mod memory;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use memory::MemoryLedger;
pub use sqlite::SqliteLedger;

use crate::job::{Job, JobId, State, WakeUp};

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
    /// How long the claim holds without a save.
    pub lease: Duration,
    /// The time.
    pub now: Timestamp,
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
        /// Claims in a row before this one that ended without a save.
        fruitless: u32,
    },
    /// Somebody else holds it.
    Held {
        /// Until when, unless they save.
        until: Timestamp,
    },
    /// The id belongs to a job with other content.
    Conflict,
}

/// Whether a save ends the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The worker goes on with the job.
    Keep,
    /// The job waits or is done; whoever comes next may claim it.
    Release,
}

/// How many jobs there are, for a start-up line and a demo's closing table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not done.
    pub open: u64,
    /// Done and kept for [`Ledger::purge`].
    pub done: u64,
}

/// A store of jobs and their states.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Claims a job, storing it first if its id is new. A granted claim raises the fencing number
    /// and holds until the lease ends; a job whose claim was released can be claimed at once. A job
    /// that is done is granted too: its outcome may have to be told again.
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error>;

    /// Saves a state under a claim, and renews the lease or ends the claim.
    /// [`Error::Superseded`] if a newer claim exists, or the job was purged; nothing is changed
    /// then. After [`Error::Store`], and for a caller that stops waiting, the state may be saved or
    /// not.
    async fn save(
        &self,
        claim: &Claim,
        state: &State,
        hold: Hold,
        now: Timestamp,
    ) -> Result<(), Error>;

    /// Hands out jobs that were due before `before`, are claimed by nobody at `now`, and not done;
    /// longest overdue first. Each is due at `again` from then on, though its state stays as it is:
    /// who asks in between gets others, and none of them is starved by those before it. The next
    /// save makes the job due as its state says.
    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error>;

    /// Forgets jobs that were done before `before`, oldest first, at most `limit` of them; returns
    /// how many. A job whose claim ran beyond `before` is being told again, and stays.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error>;

    /// Counts the jobs.
    async fn counts(&self) -> Result<Counts, Error>;
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
