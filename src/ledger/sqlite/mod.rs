//! The ledger in one SQLite file: the default for one machine. Several worker processes on that
//! machine may share the file.

mod advice;
mod file;
mod group_commit;
mod host_lock;
mod jobs;
mod lookups;
mod upkeep;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use self::group_commit::{Failed, GroupCommit, PeriodicTask};
use self::host_lock::HostLock;
use super::encoding::{StoredRequest, StoredState};
use super::{
    Claim, ClaimRequest, Claimed, Counts, Error, Filter, JobRecord, JobSummary, Lease, Ledger,
    Metrics, Save, StatusCount,
};
use crate::job::{JobId, WakeUp};

/// How long another process's lock is waited for: its longest commit, and room to spare.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the ledger's thread does by the way.
fn chore() -> PeriodicTask {
    let here = HostLock::here();
    PeriodicTask {
        every: host_lock::REFRESH,
        work: Box::new(move |connection| here.stay(connection)),
    }
}

/// A ledger in one SQLite file. A save is on the disk when it returns; saves that are made at the
/// same time share the wait for the disk. Dropping it finishes what is queued, which may take as
/// long as a commit.
#[derive(Debug)]
pub struct SqliteLedger {
    path: PathBuf,
    commit: GroupCommit,
    metrics: Metrics,
}

impl SqliteLedger {
    /// Opens the file, or creates it, readable by this user alone. Takes a moment of disk time.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_within(path.as_ref(), PATIENCE)
    }

    fn open_within(path: &Path, patience: Duration) -> Result<Self, Error> {
        let connection =
            file::open(path, patience).map_err(|error| advice::unusable(path, error))?;
        let metrics = Metrics::default();
        let commit = GroupCommit::start(connection, chore(), metrics.clone())
            .map_err(|error| advice::threadless(path, error))?;
        Ok(Self { path: path.to_owned(), commit, metrics })
    }

    /// Runs statements about one job, which an error then names if its row can't be read.
    async fn run<T: Send + 'static>(
        &self,
        job: &JobId,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.commit.run(work).await.map_err(|error| {
            advice::unreadable(&self.path, job, &error).unwrap_or_else(|| self.failed(error))
        })
    }

    /// Reads on a connection of its own: a long list keeps nobody from saving.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failed> {
        let path = self.path.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let connection = file::open_to_read(&path)?;
            work(&connection).map_err(Failed::from)
        });
        looking.await.unwrap_or(Err(Failed::Stopped))
    }

    fn failed(&self, failed: Failed) -> Error {
        advice::failed(&self.path, failed)
    }

    fn unwritable(&self, cause: serde_json::Error) -> Error {
        advice::unwritable(&self.path, cause)
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let stored = StoredRequest::of(&request).map_err(|cause| self.unwritable(cause))?;
        let claiming = move |connection: &Connection| jobs::claim(connection, &stored);
        Ok(self.run(&request.job.id, claiming).await?.to(&request))
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let state =
            StoredState::of(save.state, save.now).map_err(|cause| self.unwritable(cause))?;
        let mine = claim.clone();
        let (keep, note, now) =
            (save.hold == Lease::Renew, save.note.cloned(), save.now.as_millisecond());
        let current = self
            .run(&claim.job, move |connection| {
                jobs::save(connection, &mine, &state, keep, note.as_ref(), now)
            })
            .await?;
        if current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        let mine = claim.clone();
        let current =
            self.run(&claim.job, move |connection| jobs::release(connection, &mine)).await?;
        if current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
    }

    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error> {
        let (id, reason, now) = (job.clone(), reason.to_owned(), now.as_millisecond());
        self.run(job, move |connection| jobs::cancel(connection, &id, &reason, now)).await
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        let [before, now] = [before, now].map(Timestamp::as_millisecond);
        let overdue =
            move |connection: &Connection| upkeep::overdue(connection, before, now, limit);
        self.commit.run(overdue).await.map_err(|error| self.failed(error))
    }

    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<(), Error> {
        let jobs = jobs.to_vec();
        let [before, now, again] = [before, now, again].map(Timestamp::as_millisecond);
        self.commit
            .run(move |connection| upkeep::postpone(connection, &jobs, before, now, again))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error> {
        let id = job.clone();
        self.look(move |connection| lookups::find(connection, &id)).await.map_err(|error| {
            advice::unreadable(&self.path, job, &error).unwrap_or_else(|| self.failed(error))
        })
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error> {
        let filter = filter.clone();
        self.look(move |connection| lookups::list(connection, &filter))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let before = before.as_millisecond();
        self.commit
            .run(move |connection| upkeep::purge(connection, before, limit))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn counts(&self) -> Result<Counts, Error> {
        self.commit.run(upkeep::counts).await.map_err(|error| self.failed(error))
    }

    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error> {
        self.look(upkeep::count_by_status).await.map_err(|error| self.failed(error))
    }

    async fn ping(&self) -> Result<(), Error> {
        self.commit.run(|_| Ok(())).await.map_err(|error| self.failed(error))
    }

    fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}
