//! The ledger in one SQLite file: the default for one machine. Several worker processes on that
//! machine may share the file.

mod advice;
mod file;
mod group_commit;
mod home;
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
use serde::Serialize;

use self::group_commit::{Chore, Failed, GroupCommit};
use self::home::Machine;
use self::jobs::{Answer, StoredState};
use super::{
    Claim, ClaimRequest, Claimed, Counts, Deaths, Error, Filter, Hold, Ledger, Record, Save,
    Summary, due, is_progress,
};
use crate::job::{JobId, State, WakeUp};

/// How long another process's lock is waited for: its longest commit, and room to spare.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest lease, in milliseconds: added to any time it is still a whole number to SQLite.
const LONGEST: i64 = 1000 * 366 * 24 * 60 * 60 * 1000;

/// What the ledger's thread does by the way.
fn chore() -> Chore {
    let here = Machine::here();
    Chore { every: home::REFRESH, work: Box::new(move |connection| here.stay(connection)) }
}

/// A ledger in one SQLite file. A save is on the disk when it returns; saves that are made at the
/// same time share the wait for the disk. Dropping it finishes what is queued, which may take as
/// long as a commit.
#[derive(Debug)]
pub struct SqliteLedger {
    path: PathBuf,
    commit: GroupCommit,
}

impl SqliteLedger {
    /// Opens the file, or creates it, readable by this user alone. Takes a moment of disk time.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_within(path.as_ref(), PATIENCE)
    }

    fn open_within(path: &Path, patience: Duration) -> Result<Self, Error> {
        let connection =
            file::open(path, patience).map_err(|error| advice::unusable(path, error))?;
        let commit = GroupCommit::start(connection, chore())
            .map_err(|error| advice::threadless(path, error))?;
        Ok(Self { path: path.to_owned(), commit })
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

    fn stored(&self, state: &State, now: Timestamp) -> Result<StoredState, Error> {
        let done_at = matches!(state, State::Done { .. }).then(|| now.as_millisecond());
        let due = due(state, now).map(Timestamp::as_millisecond);
        Ok(StoredState {
            json: self.json(state)?,
            status: state.status(),
            is_progress: is_progress(state),
            due,
            done_at,
        })
    }

    fn json(&self, value: &impl Serialize) -> Result<String, Error> {
        serde_json::to_string(value).map_err(|cause| Error::Store {
            place: self.path.display().to_string(),
            what: "can't hold a value that is not JSON".into(),
            source: Some(Box::new(cause)),
        })
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let id = request.job.id.clone();
        let stored = jobs::Request {
            id: id.clone(),
            fingerprint: request.fingerprint.to_owned(),
            operation: request.job.operation.clone(),
            kind: request.job.kind,
            account: request.job.account.clone(),
            job: self.json(request.job)?,
            state: self.stored(request.state, request.now)?,
            take_over: request.take_over,
            alone: request.alone,
            lease: i64::try_from(request.lease.as_millis()).map_or(LONGEST, |ms| ms.min(LONGEST)),
            now: request.now.as_millisecond(),
        };
        let answer = self.run(&id, move |connection| jobs::claim(connection, &stored)).await?;
        Ok(match answer {
            Answer::Known(claimed) => claimed,
            Answer::Stored { cancelled } => Claimed::Granted {
                claim: Claim { job: id, fence: jobs::FIRST_FENCE },
                job: Box::new(request.job.clone()),
                state: Box::new(request.state.clone()),
                deaths: Deaths::default(),
                cancelled,
            },
        })
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let (mine, state) = (claim.clone(), self.stored(save.state, save.now)?);
        let (keep, note, now) =
            (save.hold == Hold::Keep, save.note.cloned(), save.now.as_millisecond());
        let current = self
            .run(&claim.job, move |connection| {
                jobs::save(connection, &mine, &state, keep, note.as_ref(), now)
            })
            .await?;
        if current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
    }

    async fn let_go(&self, claim: &Claim) -> Result<(), Error> {
        let mine = claim.clone();
        let current =
            self.run(&claim.job, move |connection| jobs::let_go(connection, &mine)).await?;
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

    async fn put_off(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<(), Error> {
        let jobs = jobs.to_vec();
        let [before, now, again] = [before, now, again].map(Timestamp::as_millisecond);
        self.commit
            .run(move |connection| upkeep::put_off(connection, &jobs, before, now, again))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn find(&self, job: &JobId) -> Result<Option<Record>, Error> {
        let id = job.clone();
        self.look(move |connection| lookups::find(connection, &id)).await.map_err(|error| {
            advice::unreadable(&self.path, job, &error).unwrap_or_else(|| self.failed(error))
        })
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>, Error> {
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
}
