//! The ledger in a PostgreSQL database: for replicas on several machines.

mod advice;
mod claims;
mod group_commit;
mod limits;
mod lookups;
mod pool;
mod rows;
mod saves;
mod schema;
mod settings;
mod tls;
mod upkeep;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::settings::PostgresSettings;

use self::advice::ErrorContext;
use self::group_commit::GroupCommit;
use self::pool::{Failed, Pool, PooledClient};
use self::rows::json;
use self::saves::HistoryRow;
use super::encoding::{StoredRequest, StoredState};
use super::{
    Claim, ClaimRequest, Claimed, Counts, Error, Filter, JobRecord, JobSummary, Lease, Ledger,
    Metrics, Save, StatusCount,
};
use crate::job::{HistoryEntry, JobId, WakeUp};

/// A ledger in a PostgreSQL database. What is saved is on the server's disk when a save returns;
/// what is saved at the same time shares round trips and the wait for the disk. Connections that
/// break are made again.
#[derive(Debug)]
pub struct PostgresLedger {
    place: ErrorContext,
    pool: Pool,
    claims: GroupCommit<StoredRequest>,
    saves: GroupCommit<saves::Request>,
    /// Numbers saves, so that one that was given up as lost can't undo its successors.
    next_save: AtomicI64,
    metrics: Metrics,
}

impl PostgresLedger {
    /// Connects, and makes the tables or brings them up to date. Several replicas may do so at
    /// once.
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, Error> {
        let place = ErrorContext::of(settings);
        let pool = Pool::new(settings).map_err(|_| place.failed(Failed::Stopped))?;
        let client = pool.lend().await.map_err(|failed| place.failed(failed))?;
        schema::migrate(&client, &settings.schema).await.map_err(|error| place.unusable(error))?;
        let metrics = Metrics::default();
        let (claims, saves) =
            (GroupCommit::start(&pool, &metrics), GroupCommit::start(&pool, &metrics));
        Ok(Self { place, pool, claims, saves, next_save: AtomicI64::new(1), metrics })
    }

    /// Takes the next turn of an account whose requests are limited to one `per` time, and `burst`
    /// of them at once: none if it may be made now, else how long it has to wait. Every replica
    /// asks the same clock, the database's.
    pub async fn take_turn(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, Error> {
        let client = self.client().await?;
        self.answer(&client, limits::take_turn(&client, account, per, burst)).await
    }

    async fn client(&self) -> Result<PooledClient, Error> {
        self.pool.lend().await.map_err(|failed| self.place.failed(failed))
    }

    async fn answer<T>(
        &self,
        client: &PooledClient,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        client.answer(asked).await.map_err(|failed| self.place.failed(failed))
    }

    fn number(&self) -> i64 {
        self.next_save.fetch_add(1, Ordering::Relaxed)
    }

    fn save_of(&self, claim: &Claim, save: &Save<'_>) -> Result<saves::Request, serde_json::Error> {
        let line = |note: &HistoryEntry| {
            let (at, what) = (note.at.as_millisecond(), note.what.clone());
            Ok(HistoryRow { at, what, detail: json(&note.detail)? })
        };
        Ok(saves::Request {
            claim: claim.clone(),
            number: self.number(),
            state: StoredState::of(save.state, save.now)?,
            keep: save.hold == Lease::Renew,
            note: save.note.map(line).transpose()?,
            now: save.now.as_millisecond(),
        })
    }
}

/// What became of a change under a claim.
fn settled(current: bool, claim: &Claim) -> Result<(), Error> {
    if current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let stored = StoredRequest::of(&request).map_err(|cause| self.place.unwritable(cause))?;
        let answer = self.claims.run(stored).await.map_err(|failed| self.place.failed(failed))?;
        let id = &request.job.id;
        let answer = answer.map_err(|cause| self.place.unreadable(id, cause))?;
        Ok(answer.to(&request))
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let stored = self.save_of(claim, &save).map_err(|cause| self.place.unwritable(cause))?;
        let current = self.saves.run(stored).await.map_err(|failed| self.place.failed(failed))?;
        settled(current, claim)
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        let client = self.client().await?;
        let current = self.answer(&client, saves::release(&client, claim, self.number())).await?;
        settled(current, claim)
    }

    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error> {
        let reason = json(&reason).map_err(|cause| self.place.unwritable(cause))?;
        let client = self.client().await?;
        self.answer(&client, lookups::cancel(&client, job, &reason, now.as_millisecond()))
            .await?
            .map_err(|cause| self.place.unreadable(job, cause))
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        let [before, now] = [before, now].map(Timestamp::as_millisecond);
        let client = self.client().await?;
        self.answer(&client, upkeep::overdue(&client, before, now, limit)).await
    }

    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<(), Error> {
        let [before, now, again] = [before, now, again].map(Timestamp::as_millisecond);
        let client = self.client().await?;
        self.answer(&client, upkeep::postpone(&client, jobs, before, now, again)).await.map(drop)
    }

    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error> {
        let client = self.client().await?;
        self.answer(&client, lookups::find(&client, job))
            .await?
            .map_err(|cause| self.place.unreadable(job, cause))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error> {
        let client = self.client().await?;
        self.answer(&client, lookups::list(&client, filter))
            .await?
            .map_err(|cause| self.place.unlisted(cause))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let client = self.client().await?;
        self.answer(&client, upkeep::purge(&client, before.as_millisecond(), limit)).await
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let client = self.client().await?;
        self.answer(&client, upkeep::counts(&client)).await
    }

    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error> {
        let client = self.client().await?;
        self.answer(&client, upkeep::count_by_status(&client))
            .await?
            .map_err(|cause| self.place.unlisted(cause))
    }

    async fn ping(&self) -> Result<(), Error> {
        let client = self.client().await?;
        // It changes nothing, and is refused where nothing could be changed.
        let write = "UPDATE jobs SET due = due WHERE false";
        self.answer(&client, client.batch_execute(write)).await
    }

    fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}
