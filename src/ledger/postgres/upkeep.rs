//! Statements of the sweeper, the purge and the job counts.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row};

use super::pool::QueryError;
use super::reads::{parsed, wakeup};
use crate::job::{JobId, WakeUp};
use crate::ledger::StatusCount;
use crate::ledger::encoding::timestamp;

/// Skips and logs rows that can't be read. A few of them would otherwise fill every batch and keep
/// the sweeper from all other jobs.
pub(super) async fn overdue(
    client: &ClientWrapper,
    before: i64,
    now: i64,
    limit: u32,
) -> Result<Vec<WakeUp>, Error> {
    let select = client
        .prepare_cached(
            "SELECT id, fingerprint, job, state,
                    EXISTS (SELECT FROM cancel_requests WHERE job_id = jobs.id), due
             FROM jobs
             WHERE due < $1 AND lease_until <= $2 AND (due, id) > ($3, $4)
             ORDER BY due, id LIMIT $5",
        )
        .await?;
    let limit = limit as usize;
    let (mut found, mut last) = (Vec::new(), (i64::MIN, String::new()));
    while found.len() < limit {
        let missing = (limit - found.len()) as i64;
        let rows = client.query(&select, &[&before, &now, &last.0, &last.1, &missing]).await?;
        let Some(end) = rows.last() else { break };
        last = (end.get(5), end.get(0));
        found.extend(rows.iter().filter_map(readable_wakeup));
    }
    Ok(found)
}

fn readable_wakeup(row: &Row) -> Option<WakeUp> {
    wakeup(row)
        .inspect_err(|cause| {
            let id: &str = row.get(0);
            tracing::error!(job = id, %cause, "overdue job skipped: its row can't be read");
        })
        .ok()
}

/// Changes only jobs that are still overdue.
pub(super) async fn postpone(
    client: &ClientWrapper,
    jobs: &[JobId],
    before: i64,
    now: i64,
    until: i64,
) -> Result<u64, Error> {
    let ids: Vec<&str> = jobs.iter().map(JobId::as_str).collect();
    let update = client
        .prepare_cached(
            "WITH locked AS (
                 SELECT id FROM jobs WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
             )
             UPDATE jobs SET due = $4 FROM locked
             WHERE jobs.id = locked.id AND due < $2 AND lease_until <= $3",
        )
        .await?;
    client.execute(&update, &[&ids, &before, &now, &until]).await
}

/// Skips jobs that another replica deletes at the same time.
pub(super) async fn purge(client: &ClientWrapper, before: i64, limit: u32) -> Result<u64, Error> {
    let delete = client
        .prepare_cached(
            "WITH expired AS (DELETE FROM cancel_requests WHERE requested_at < $1)
             DELETE FROM jobs WHERE id IN (
                 SELECT id FROM jobs WHERE done_at < $1 AND lease_until <= $1
                 ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    client.execute(&delete, &[&before, &i64::from(limit)]).await
}

pub(super) async fn count_by_status(
    client: &ClientWrapper,
) -> Result<Vec<StatusCount>, QueryError> {
    let select = client
        .prepare_cached(
            "SELECT operation, status, count(*), min(due) FROM jobs WHERE due IS NOT NULL
             GROUP BY operation, status
             UNION ALL
             SELECT operation, status, count(*), NULL FROM jobs WHERE status = 'unknown'
             GROUP BY operation, status",
        )
        .await?;
    client.query(&select, &[]).await?.iter().map(status_count).collect()
}

fn status_count(row: &Row) -> Result<StatusCount, QueryError> {
    Ok(StatusCount {
        operation: row.get(0),
        status: parsed(row, 1)?,
        jobs: row.get::<_, i64>(2).unsigned_abs(),
        first_due: row.get::<_, Option<i64>>(3).map(timestamp),
    })
}
