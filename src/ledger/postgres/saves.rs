//! Statements that save, release and cancel jobs. Many saves share one statement.

use std::collections::HashSet;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::group_commit::Batch;
use super::pool::QueryError;
use super::reads::wakeup;
use crate::job::{HistoryEntry, JobId, WakeUp};
use crate::ledger::encoding::StoredState;
use crate::ledger::{Claim, Lease, MAX_HISTORY_ENTRIES, Save};

/// A save, ready to store.
#[derive(Debug)]
pub(super) struct StoredSave {
    claim: Claim,
    /// Higher than the number of every earlier save under the claim.
    number: i64,
    state: StoredState,
    lease: Lease,
    entry: Option<HistoryRow>,
    now: i64,
}

/// A history entry, ready to store.
#[derive(Debug)]
struct HistoryRow {
    at: i64,
    what: String,
    /// A JSON string.
    detail: String,
}

impl StoredSave {
    pub(super) fn new(
        claim: &Claim,
        save: &Save<'_>,
        number: i64,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            claim: claim.clone(),
            number,
            state: StoredState::new(save.state, save.now)?,
            lease: save.lease,
            entry: save.entry.map(HistoryRow::new).transpose()?,
            now: save.now.as_millisecond(),
        })
    }
}

impl HistoryRow {
    fn new(entry: &HistoryEntry) -> Result<Self, serde_json::Error> {
        let (at, what) = (entry.at.as_millisecond(), entry.what.clone());
        Ok(Self { at, what, detail: serde_json::to_string(&entry.detail)? })
    }
}

/// Locks rows in the order of their ids, so that two statements can't deadlock. A worker repeats a
/// save whose answer was lost; its history entry is not added twice.
const SAVE: &str = "
    WITH request AS (
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
                             $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[],
                             $10::boolean[], $11::bigint[], $12::text[], $13::text[])
        AS request (id, fence, number, state, status, due, done_at, now, is_progress, renew,
                    at, what, detail)
    ), locked AS (
        SELECT id FROM jobs WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
    ), saved AS (
        UPDATE jobs
        SET state = request.state, status = request.status, due = request.due,
            done_at = request.done_at, changed_at = request.now, last_save = request.number,
            crashes = CASE WHEN is_progress THEN 0 ELSE crashes END,
            crashes_exclusive = CASE WHEN is_progress THEN 0 ELSE crashes_exclusive END,
            lease_until = CASE WHEN renew THEN request.now + lease ELSE 0 END,
            history_length = history_length + (request.what IS NOT NULL)::int
        FROM request JOIN locked USING (id)
        WHERE jobs.id = request.id AND jobs.fence = request.fence AND last_save <= request.number
        RETURNING jobs.id, history_length
    ), inserted AS (
        INSERT INTO job_history (job_id, number, at, what, detail)
        SELECT id, history_length, at, what, detail FROM saved JOIN request USING (id)
        WHERE what IS NOT NULL AND NOT EXISTS (
            SELECT FROM job_history AS last
            WHERE last.job_id = id AND last.number = history_length - 1
              AND (last.at, last.what, last.detail) = (request.at, request.what, request.detail)
        )
    ), deleted AS (
        DELETE FROM job_history USING saved WHERE job_id = id AND number <= history_length - $14
    )
    SELECT id FROM saved";

#[async_trait]
impl Batch for StoredSave {
    /// Whether the claim is the newest.
    type Reply = bool;

    fn job(&self) -> &JobId {
        &self.claim.job
    }

    fn size(&self) -> usize {
        self.state.json.len()
    }

    async fn run(
        client: &ClientWrapper,
        requests: &[Self],
    ) -> Result<Vec<Result<bool, QueryError>>, Error> {
        let save = client.prepare_cached(SAVE).await?;
        let rows = client
            .query(
                &save,
                &[
                    &column(requests, |request| request.claim.job.as_str()),
                    &column(requests, |request| request.claim.fence),
                    &column(requests, |request| request.number),
                    &column(requests, |request| request.state.json.as_str()),
                    &column(requests, |request| request.state.status.as_str()),
                    &column(requests, |request| request.state.due),
                    &column(requests, |request| request.state.done_at),
                    &column(requests, |request| request.now),
                    &column(requests, |request| request.state.is_progress),
                    &column(requests, |request| request.lease == Lease::Renew),
                    &column(requests, |request| request.entry.as_ref().map(|entry| entry.at)),
                    &column(requests, |request| {
                        request.entry.as_ref().map(|entry| entry.what.as_str())
                    }),
                    &column(requests, |request| {
                        request.entry.as_ref().map(|entry| entry.detail.as_str())
                    }),
                    &(MAX_HISTORY_ENTRIES as i64),
                ],
            )
            .await?;
        let saved: HashSet<&str> = rows.iter().map(|row| row.get(0)).collect();
        Ok(column(requests, |request| Ok(saved.contains(request.claim.job.as_str()))))
    }
}

/// Ends a claim without counting it as a crash. Returns false if the claim is not the newest, or the
/// job does not exist. A repeated release, after a lost answer, changes the crash count only once.
pub(super) async fn release(
    client: &ClientWrapper,
    claim: &Claim,
    number: i64,
) -> Result<bool, Error> {
    let update = client
        .prepare_cached(
            "UPDATE jobs
             SET lease_until = 0, last_save = $3,
                 crashes = greatest(crashes - (NOT claimed_exclusive AND lease_until > 0)::int, 0),
                 crashes_exclusive =
                     greatest(crashes_exclusive - (claimed_exclusive AND lease_until > 0)::int, 0)
             WHERE id = $1 AND fence = $2 AND last_save <= $3",
        )
        .await?;
    Ok(client.execute(&update, &[&claim.job.as_str(), &claim.fence, &number]).await? == 1)
}

/// Stores a cancel request whose reason is a JSON string. Returns the wake-up of a job that is stored
/// and not done.
pub(super) async fn cancel(
    client: &ClientWrapper,
    job: &JobId,
    reason: &str,
    now: i64,
) -> Result<Option<WakeUp>, QueryError> {
    let statement = client
        .prepare_cached(
            "WITH inserted AS (
                 INSERT INTO cancel_requests (job_id, requested_at, reason) VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING
             )
             SELECT id, fingerprint, job, state, true FROM jobs WHERE id = $1 AND done_at IS NULL",
        )
        .await?;
    let row = client.query_opt(&statement, &[&job.as_str(), &now, &reason]).await?;
    row.as_ref().map(wakeup).transpose()
}

fn column<'a, T>(requests: &'a [StoredSave], value: impl Fn(&'a StoredSave) -> T) -> Vec<T> {
    requests.iter().map(value).collect()
}
