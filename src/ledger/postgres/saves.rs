//! Saves of many jobs in one statement.

use std::collections::HashSet;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::group_commit::Batch;
use crate::job::JobId;
use crate::ledger::encoding::StoredState;
use crate::ledger::{Claim, HISTORY};

/// A state to be saved under a claim.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) claim: Claim,
    /// Higher than that of every earlier save under the claim.
    pub(super) number: i64,
    pub(super) state: StoredState,
    pub(super) keep: bool,
    pub(super) note: Option<HistoryRow>,
    pub(super) now: i64,
}

/// A line of a job's history, ready to store.
#[derive(Debug)]
pub(super) struct HistoryRow {
    pub(super) at: i64,
    pub(super) what: String,
    /// A JSON string.
    pub(super) detail: String,
}

/// The rows are locked in one order, so that no two statements wait for each other. A save whose
/// answer was lost is made once more, and its line is not to stand there twice.
const SAVE: &str = "
    WITH asked AS (
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
                             $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[],
                             $10::boolean[], $11::bigint[], $12::text[], $13::text[])
        AS asked (id, fence, number, state, status, due, done_at, now, is_progress, keep,
                  at, what, detail)
    ), locked AS (
        SELECT id FROM jobs WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
    ), saved AS (
        UPDATE jobs
        SET state = asked.state, status = asked.status, due = asked.due,
            done_at = asked.done_at, changed_at = asked.now, last_save = asked.number,
            deaths = CASE WHEN is_progress THEN 0 ELSE deaths END,
            deaths_alone = CASE WHEN is_progress THEN 0 ELSE deaths_alone END,
            lease_until = CASE WHEN keep THEN asked.now + lease ELSE 0 END,
            notes = notes + (asked.what IS NOT NULL)::int
        FROM asked JOIN locked USING (id)
        WHERE jobs.id = asked.id AND jobs.fence = asked.fence AND last_save <= asked.number
        RETURNING jobs.id, notes
    ), told AS (
        INSERT INTO job_events (job, number, at, what, detail)
        SELECT id, notes, at, what, detail FROM saved JOIN asked USING (id)
        WHERE what IS NOT NULL AND NOT EXISTS (
            SELECT FROM job_events AS last
            WHERE last.job = id AND last.number = notes - 1
              AND (last.at, last.what, last.detail) = (asked.at, asked.what, asked.detail)
        )
    ), forgotten AS (
        DELETE FROM job_events USING saved WHERE job = id AND number <= notes - $14
    )
    SELECT id FROM saved";

/// Whether the claim was the newest.
type Current = bool;

#[async_trait]
impl Batch for Request {
    type Answer = Current;

    fn job(&self) -> &JobId {
        &self.claim.job
    }

    fn size(&self) -> usize {
        self.state.json.len()
    }

    async fn run(client: &ClientWrapper, requests: &[Self]) -> Result<Vec<Current>, Error> {
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
                    &column(requests, |request| request.keep),
                    &column(requests, |request| request.note.as_ref().map(|line| line.at)),
                    &column(requests, |request| {
                        request.note.as_ref().map(|line| line.what.as_str())
                    }),
                    &column(requests, |request| {
                        request.note.as_ref().map(|line| line.detail.as_str())
                    }),
                    &(HISTORY as i64),
                ],
            )
            .await?;
        let saved: HashSet<&str> = rows.iter().map(|row| row.get(0)).collect();
        Ok(column(requests, |request| saved.contains(request.claim.job.as_str())))
    }
}

/// Ends a claim that does not count; false when it is not the newest, or the job is gone. Asked
/// twice, because the answer was lost, it is uncounted once.
pub(super) async fn release(
    client: &ClientWrapper,
    claim: &Claim,
    number: i64,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE jobs
             SET lease_until = 0, last_save = $3,
                 deaths = greatest(deaths - (NOT claimed_alone AND lease_until > 0)::int, 0),
                 deaths_alone = greatest(deaths_alone - (claimed_alone AND lease_until > 0)::int, 0)
             WHERE id = $1 AND fence = $2 AND last_save <= $3",
        )
        .await?;
    Ok(client.execute(&statement, &[&claim.job.as_str(), &claim.fence, &number]).await? == 1)
}

fn column<'a, T>(requests: &'a [Request], value: impl Fn(&'a Request) -> T) -> Vec<T> {
    requests.iter().map(value).collect()
}
