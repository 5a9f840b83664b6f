//! The ledger in one SQLite file: the default for one machine. Several worker processes on that
//! machine may share the file.

mod advice;
mod file;
mod group_commit;
mod jobs;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use self::group_commit::{Failed, GroupCommit};
use self::jobs::StoredState;
use super::{Claim, ClaimRequest, Claimed, Counts, Error, Hold, Ledger, WakeUp, due};
use crate::job::State;

/// How long another process's lock is waited for: its longest commit, and room to spare.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest lease, in milliseconds: added to any time it is still a whole number to SQLite.
const LONGEST: i64 = 1000 * 366 * 24 * 60 * 60 * 1000;

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
        let commit =
            GroupCommit::start(connection).map_err(|error| advice::threadless(path, error))?;
        Ok(Self { path: path.to_owned(), commit })
    }

    fn failed(&self, failed: Failed) -> Error {
        advice::failed(&self.path, failed)
    }

    fn stored(&self, state: &State, now: Timestamp) -> Result<StoredState, Error> {
        let done_at = matches!(state, State::Done { .. }).then(|| now.as_millisecond());
        let due = due(state, now).map(Timestamp::as_millisecond);
        Ok(StoredState { json: self.json(state)?, due, done_at })
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
            job: self.json(request.job)?,
            state: self.stored(request.state, request.now)?,
            take_over: request.take_over,
            lease: i64::try_from(request.lease.as_millis()).map_or(LONGEST, |ms| ms.min(LONGEST)),
            now: request.now.as_millisecond(),
        };
        let known = self
            .commit
            .run(move |connection| jobs::claim(connection, &stored))
            .await
            .map_err(|error| {
                advice::unreadable(&self.path, &id, &error).unwrap_or_else(|| self.failed(error))
            })?;
        Ok(known.unwrap_or_else(|| Claimed::Granted {
            claim: Claim { job: id, fence: jobs::FIRST_FENCE },
            job: Box::new(request.job.clone()),
            state: Box::new(request.state.clone()),
            fruitless: 0,
        }))
    }

    async fn save(
        &self,
        claim: &Claim,
        state: &State,
        hold: Hold,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (mine, state) = (claim.clone(), self.stored(state, now)?);
        let (keep, now) = (hold == Hold::Keep, now.as_millisecond());
        let current = self
            .commit
            .run(move |connection| jobs::save(connection, &mine, &state, keep, now))
            .await
            .map_err(|error| self.failed(error))?;
        if current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        let [before, now, again] = [before, now, again].map(Timestamp::as_millisecond);
        self.commit
            .run(move |connection| jobs::overdue(connection, before, now, again, limit))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let before = before.as_millisecond();
        self.commit
            .run(move |connection| jobs::purge(connection, before, limit))
            .await
            .map_err(|error| self.failed(error))
    }

    async fn counts(&self) -> Result<Counts, Error> {
        self.commit.run(jobs::counts).await.map_err(|error| self.failed(error))
    }
}
