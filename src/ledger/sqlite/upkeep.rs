//! Statements of the sweeper, the purge and the job counts. Each function changes nothing when it
//! fails.

use rusqlite::{Connection, Row, params};

use super::reads::{parsed, wakeup};
use crate::job::{JobId, WakeUp};
use crate::ledger::StatusCount;
use crate::ledger::encoding::timestamp;

/// Skips and logs rows that can't be read. A few of them would otherwise fill every batch and keep
/// the sweeper from all other jobs.
pub(super) fn overdue(
    connection: &Connection,
    before: i64,
    now: i64,
    limit: u32,
) -> rusqlite::Result<Vec<WakeUp>> {
    let mut select = connection.prepare_cached(
        "SELECT id, fingerprint, job, state,
                EXISTS (SELECT 1 FROM cancel_requests WHERE job_id = jobs.id)
         FROM jobs WHERE due < ?1 AND lease_until <= ?2 ORDER BY due",
    )?;
    let mut rows = select.query([before, now])?;
    let mut found = Vec::new();
    while found.len() < limit as usize {
        let Some(row) = rows.next()? else { break };
        match wakeup(row) {
            Ok(overdue) => found.push(overdue),
            Err(rusqlite::Error::FromSqlConversionFailure(_, _, cause)) => {
                let id = row.get_ref(0)?.as_str()?;
                tracing::error!(job = id, cause, "overdue job skipped: its row can't be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Changes only jobs that are still overdue. One statement, so that a failure changes none.
pub(super) fn postpone(
    connection: &Connection,
    jobs: &[JobId],
    before: i64,
    now: i64,
    until: i64,
) -> rusqlite::Result<()> {
    let ids: Vec<&str> = jobs.iter().map(JobId::as_str).collect();
    let mut postpone = connection.prepare_cached(
        "UPDATE jobs SET due = ?4
         WHERE id IN (SELECT value FROM json_each(?1)) AND due < ?2 AND lease_until <= ?3",
    )?;
    postpone.execute(params![serde_json::json!(ids).to_string(), before, now, until])?;
    Ok(())
}

pub(super) fn purge(connection: &Connection, before: i64, limit: u32) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM jobs WHERE rowid IN (
             SELECT rowid FROM jobs WHERE done_at < ?1 AND lease_until <= ?1
             ORDER BY done_at LIMIT ?2
         )",
    )?;
    let purged = delete.execute(params![before, limit])? as u64;
    connection
        .prepare_cached("DELETE FROM cancel_requests WHERE requested_at < ?1")?
        .execute([before])?;
    Ok(purged)
}

pub(super) fn count_by_status(connection: &Connection) -> rusqlite::Result<Vec<StatusCount>> {
    let mut select = connection.prepare_cached(
        "SELECT operation, status, count(*), min(due) FROM jobs WHERE due IS NOT NULL
         GROUP BY operation, status
         UNION ALL
         SELECT operation, status, count(*), NULL FROM jobs WHERE status = 'unknown'
         GROUP BY operation",
    )?;
    let status_count = |row: &Row<'_>| {
        Ok(StatusCount {
            operation: row.get(0)?,
            status: parsed(row, 1)?,
            jobs: row.get::<_, i64>(2)?.unsigned_abs(),
            first_due: row.get::<_, Option<i64>>(3)?.map(timestamp),
        })
    };
    select.query_map([], status_count)?.collect()
}
