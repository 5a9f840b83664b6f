//! The ledger in a PostgreSQL database: for replicas on several machines.

mod advice;
mod claims;
mod group_commit;
mod pool;
mod rate_limit;
mod reads;
mod saves;
mod schema;
mod tls;
mod upkeep;
mod url;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::url::PostgresSettings;

use self::advice::ErrorContext;
use self::group_commit::BatchQueue;
use self::pool::{ConnectionPool, PooledClient, QueryError};
use self::saves::StoredSave;
use super::encoding::StoredRequest;
use super::{
    Claim, ClaimRequest, Claimed, Error, Filter, JobRecord, JobSummary, Ledger, Metrics, Save,
    StatusCount,
};
use crate::job::{JobId, WakeUp};

/// A ledger in a PostgreSQL database.
///
/// A save is on the server's disk when it returns. Concurrent saves share round trips and waits for
/// the disk. Broken connections are replaced.
#[derive(Debug)]
pub struct PostgresLedger {
    context: ErrorContext,
    pool: ConnectionPool,
    claims: BatchQueue<StoredRequest>,
    saves: BatchQueue<StoredSave>,
    /// Numbers saves in the order they are made. A save that timed out and arrives late can't undo
    /// one with a higher number.
    next_save: AtomicI64,
    metrics: Metrics,
}

impl PostgresLedger {
    /// Connects, and creates or updates the tables. Several replicas may do so at the same time.
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, Error> {
        let context = ErrorContext::new(settings);
        let pool =
            ConnectionPool::new(settings).map_err(|_| context.failed(QueryError::Stopped))?;
        let client = pool.get().await.map_err(|error| context.failed(error))?;
        schema::migrate(&client, &settings.schema)
            .await
            .map_err(|error| context.not_migrated(error))?;
        let metrics = Metrics::default();
        let claims = BatchQueue::start(&pool, &metrics);
        let saves = BatchQueue::start(&pool, &metrics);
        Ok(Self { context, pool, claims, saves, next_save: AtomicI64::new(1), metrics })
    }

    /// Takes the next request slot of an account that is limited to one request per `interval`, with
    /// bursts of `burst` requests.
    ///
    /// Returns none if the request may be sent now, else how long the caller has to wait before it
    /// asks again. All replicas share the slots, by the database's clock.
    pub async fn take_slot(
        &self,
        account: &str,
        interval: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, Error> {
        let client = self.client().await?;
        self.answer(&client, rate_limit::take_slot(&client, account, interval, burst)).await
    }

    async fn client(&self) -> Result<PooledClient, Error> {
        self.pool.get().await.map_err(|error| self.context.failed(error))
    }

    async fn answer<T, E: Into<QueryError>>(
        &self,
        client: &PooledClient,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        client.answer(request).await.map_err(|error| self.context.failed(error))
    }

    async fn answer_for_job<T>(
        &self,
        client: &PooledClient,
        job: &JobId,
        request: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, Error> {
        client.answer(request).await.map_err(|error| self.context.failed_for_job(job, error))
    }

    fn next_save(&self) -> i64 {
        self.next_save.fetch_add(1, Ordering::Relaxed)
    }
}

fn check_current(is_current: bool, claim: &Claim) -> Result<(), Error> {
    if is_current { Ok(()) } else { Err(Error::Superseded(claim.job.clone())) }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let stored =
            StoredRequest::new(&request).map_err(|cause| self.context.not_encoded(cause))?;
        let reply = self.claims.run(stored).await;
        let reply = reply.map_err(|error| self.context.failed_for_job(&request.job.id, error))?;
        Ok(reply.into_claimed(&request))
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let stored = StoredSave::new(claim, &save, self.next_save())
            .map_err(|cause| self.context.not_encoded(cause))?;
        let is_current =
            self.saves.run(stored).await.map_err(|error| self.context.failed(error))?;
        check_current(is_current, claim)
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        let client = self.client().await?;
        let release = saves::release(&client, claim, self.next_save());
        check_current(self.answer(&client, release).await?, claim)
    }

    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error> {
        let reason =
            serde_json::to_string(reason).map_err(|cause| self.context.not_encoded(cause))?;
        let client = self.client().await?;
        let cancel = saves::cancel(&client, job, &reason, now.as_millisecond());
        self.answer_for_job(&client, job, cancel).await
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
        until: Timestamp,
    ) -> Result<(), Error> {
        let [before, now, until] = [before, now, until].map(Timestamp::as_millisecond);
        let client = self.client().await?;
        self.answer(&client, upkeep::postpone(&client, jobs, before, now, until)).await.map(drop)
    }

    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error> {
        let client = self.client().await?;
        self.answer_for_job(&client, job, reads::find(&client, job)).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error> {
        let client = self.client().await?;
        self.answer(&client, reads::list(&client, filter)).await
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let client = self.client().await?;
        self.answer(&client, upkeep::purge(&client, before.as_millisecond(), limit)).await
    }

    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error> {
        let client = self.client().await?;
        self.answer(&client, upkeep::count_by_status(&client)).await
    }

    async fn ping(&self) -> Result<(), Error> {
        let client = self.client().await?;
        // Changes nothing, but a standby refuses it as it would refuse a save.
        let write = "UPDATE jobs SET due = due WHERE false";
        self.answer(&client, client.batch_execute(write)).await
    }

    fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}
