//! A ledger proxy that lets a test intercept claims and saves.

use async_trait::async_trait;
use jiff::Timestamp;
use ticketd::job::{JobId, WakeUp};
use ticketd::ledger::{
    Claim, ClaimRequest, Claimed, Error, Filter, JobRecord, JobSummary, Ledger, Metrics, Save,
    StatusCount,
};

/// Intercepts claims and saves.
#[async_trait]
pub(crate) trait Intercept: Send + Sync + 'static {
    /// The real ledger.
    fn ledger(&self) -> &dyn Ledger;

    /// See [`Ledger::claim`].
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error>;

    /// See [`Ledger::save`].
    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error>;
}

/// Forwards everything else to the real ledger.
pub(crate) struct LedgerProxy<T>(pub T);

#[async_trait]
impl<T: Intercept> Ledger for LedgerProxy<T> {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        self.0.claim(request).await
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        self.0.save(claim, save).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        self.0.ledger().release(claim).await
    }

    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error> {
        self.0.ledger().cancel(job, reason, now).await
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        self.0.ledger().overdue(before, now, limit).await
    }

    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), Error> {
        self.0.ledger().postpone(jobs, before, now, until).await
    }

    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error> {
        self.0.ledger().find(job).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error> {
        self.0.ledger().list(filter).await
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.0.ledger().purge(before, limit).await
    }

    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error> {
        self.0.ledger().count_by_status().await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.0.ledger().ping().await
    }

    fn metrics(&self) -> Metrics {
        self.0.ledger().metrics()
    }
}
