//! The ledger in one SQLite file: the default for one machine. Several worker processes on that
//! machine may share the file.

mod advice;
mod group_commit;
mod open;
mod reads;
mod upkeep;
mod writes;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use self::group_commit::{CommitError, CommitThread};
use super::encoding::{StoredRequest, StoredState};
use super::{
    Claim, ClaimRequest, Claimed, Error, Filter, JobRecord, JobSummary, Ledger, Metrics, Save,
    StatusCount,
};
use crate::job::{JobId, WakeUp};

/// How long to wait for another process's lock. Well above the duration of its longest commit.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A ledger in one SQLite file.
///
/// A save is on the disk when it returns. Concurrent saves share one wait for the disk. Dropping the
/// ledger commits what is queued, which may block for as long as a commit takes.
#[derive(Debug)]
pub struct SqliteLedger {
    path: PathBuf,
    commits: CommitThread,
    metrics: Metrics,
}

impl SqliteLedger {
    /// Opens the file. Creates it, readable by this user only, if it does not exist. Blocks for
    /// several disk accesses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with_lock_timeout(path.as_ref(), LOCK_TIMEOUT)
    }

    fn open_with_lock_timeout(path: &Path, lock_timeout: Duration) -> Result<Self, Error> {
        let connection =
            open::open(path, lock_timeout).map_err(|error| advice::not_opened(path, error))?;
        let metrics = Metrics::default();
        let commits = CommitThread::start(connection, metrics.clone())
            .map_err(|error| advice::no_thread(path, error))?;
        Ok(Self { path: path.to_owned(), commits, metrics })
    }

    /// Runs statements in the next commit.
    async fn commit<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.commits.run(statements).await.map_err(|error| advice::failed(&self.path, error))
    }

    /// Runs statements about one job in the next commit. An error names the job if its row can't be
    /// read.
    async fn commit_job<T: Send + 'static>(
        &self,
        job: &JobId,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.commits
            .run(statements)
            .await
            .map_err(|error| advice::failed_for_job(&self.path, job, error))
    }

    /// Reads on a connection of its own, so that a long list does not block saves.
    async fn read<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CommitError> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let connection = open::open_read_only(&path)?;
            statements(&connection).map_err(CommitError::from)
        });
        reading.await.unwrap_or(Err(CommitError::Stopped))
    }

    fn failed(&self, error: CommitError) -> Error {
        advice::failed(&self.path, error)
    }

    fn not_encoded(&self, cause: serde_json::Error) -> Error {
        advice::not_encoded(&self.path, cause)
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let stored = StoredRequest::new(&request).map_err(|cause| self.not_encoded(cause))?;
        let claim = move |connection: &Connection| writes::claim(connection, &stored);
        Ok(self.commit_job(&request.job.id, claim).await?.into_claimed(&request))
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let state =
            StoredState::new(save.state, save.now).map_err(|cause| self.not_encoded(cause))?;
        let (owned, lease, entry) = (claim.clone(), save.lease, save.entry.cloned());
        let now = save.now.as_millisecond();
        let is_current = self
            .commit_job(&claim.job, move |connection| {
                writes::save(connection, &owned, &state, lease, entry.as_ref(), now)
            })
            .await?;
        if is_current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        let owned = claim.clone();
        let release = move |connection: &Connection| writes::release(connection, &owned);
        let is_current = self.commit_job(&claim.job, release).await?;
        if is_current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
    }

    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error> {
        let (id, reason, now) = (job.clone(), reason.to_owned(), now.as_millisecond());
        self.commit_job(job, move |connection| {
            writes::store_cancel_request(connection, &id, &reason, now)
        })
        .await
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        let [before, now] = [before, now].map(Timestamp::as_millisecond);
        self.commit(move |connection| upkeep::overdue(connection, before, now, limit)).await
    }

    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), Error> {
        let jobs = jobs.to_vec();
        let [before, now, until] = [before, now, until].map(Timestamp::as_millisecond);
        self.commit(move |connection| upkeep::postpone(connection, &jobs, before, now, until)).await
    }

    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error> {
        let id = job.clone();
        self.read(move |connection| reads::find(connection, &id))
            .await
            .map_err(|error| advice::failed_for_job(&self.path, job, error))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error> {
        let filter = filter.clone();
        self.read(move |connection| reads::list(connection, &filter))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let before = before.as_millisecond();
        self.commit(move |connection| upkeep::purge(connection, before, limit)).await
    }

    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error> {
        self.read(upkeep::count_by_status).await.map_err(|error| self.failed(error))
    }

    async fn ping(&self) -> Result<(), Error> {
        self.commit(|_| Ok(())).await
    }

    fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}
