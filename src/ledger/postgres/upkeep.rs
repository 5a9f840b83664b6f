//! The statements that look after jobs nobody works on.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row};

use super::rows::wakeup;
use crate::job::{JobId, WakeUp};
use crate::ledger::encoding::time;
use crate::ledger::{Counts, StatusCount};

/// Jobs nobody holds, longest overdue first. Rows that can't be read are passed over, or a few of
/// them would keep every other job from being looked after; the log names them.
pub(super) async fn overdue(
    client: &ClientWrapper,
    before: i64,
    now: i64,
    limit: u32,
) -> Result<Vec<WakeUp>, Error> {
    let select = client
        .prepare_cached(
            "SELECT id, fingerprint, job, state,
                    EXISTS (SELECT FROM cancels WHERE cancels.id = jobs.id), due
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
        found.extend(rows.iter().filter_map(readable));
    }
    Ok(found)
}

fn readable(row: &Row) -> Option<WakeUp> {
    let read = wakeup(row);
    if let Err(cause) = &read {
        let id: &str = row.get(0);
        tracing::error!(job = id, %cause, "an overdue job's row can't be read");
    }
    read.ok()
}

/// Makes jobs that are still overdue due later.
pub(super) async fn postpone(
    client: &ClientWrapper,
    jobs: &[JobId],
    before: i64,
    now: i64,
    again: i64,
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
    client.execute(&update, &[&ids, &before, &now, &again]).await
}

/// Deletes jobs done before `before`, oldest first; one that is just being answered again stays.
/// What another replica is just deleting is left to it.
pub(super) async fn purge(client: &ClientWrapper, before: i64, limit: u32) -> Result<u64, Error> {
    let delete = client
        .prepare_cached(
            "WITH unwanted AS (DELETE FROM cancels WHERE at < $1)
             DELETE FROM jobs WHERE id IN (
                 SELECT id FROM jobs WHERE done_at < $1 AND lease_until <= $1
                 ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    client.execute(&delete, &[&before, &i64::from(limit)]).await
}

/// Counts the jobs. Each count reads only the index that holds exactly those jobs.
pub(super) async fn counts(client: &ClientWrapper) -> Result<Counts, Error> {
    let select = client
        .prepare_cached(
            "SELECT (SELECT count(*) FROM jobs WHERE due IS NOT NULL),
                    (SELECT count(*) FROM jobs WHERE done_at IS NOT NULL)",
        )
        .await?;
    let row = client.query_one(&select, &[]).await?;
    let number = |column| row.get::<_, i64>(column).unsigned_abs();
    Ok(Counts { open: number(0), done: number(1) })
}

/// Counts the jobs that are not done, and those that wait for a person, by where they stand.
pub(super) async fn count_by_status(
    client: &ClientWrapper,
) -> Result<Result<Vec<StatusCount>, String>, Error> {
    let select = client
        .prepare_cached(
            "SELECT operation, status, count(*), min(due) FROM jobs WHERE due IS NOT NULL
             GROUP BY operation, status
             UNION ALL
             SELECT operation, status, count(*), NULL FROM jobs WHERE status = 'unknown'
             GROUP BY operation, status",
        )
        .await?;
    let rows = client.query(&select, &[]).await?;
    Ok(rows.iter().map(status_count).collect())
}

fn status_count(row: &Row) -> Result<StatusCount, String> {
    Ok(StatusCount {
        operation: row.get(0),
        status: row.get::<_, &str>(1).parse()?,
        jobs: row.get::<_, i64>(2).unsigned_abs(),
        first_due: row.get::<_, Option<i64>>(3).map(time),
    })
}
