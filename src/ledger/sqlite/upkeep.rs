//! The statements that look after jobs nobody works on. As in [`super::jobs`], each function
//! changes nothing when it fails.

use rusqlite::{Connection, Row, params};

use super::jobs::wakeup;
use super::lookups::parse;
use crate::job::{JobId, WakeUp};
use crate::ledger::encoding::time;
use crate::ledger::{Counts, StatusCount};

/// Jobs nobody holds, longest overdue first. Rows that can't be read are passed over, or a few of
/// them would keep every other job from being looked after; the log names them.
pub(super) fn overdue(
    connection: &Connection,
    before: i64,
    now: i64,
    limit: u32,
) -> rusqlite::Result<Vec<WakeUp>> {
    let mut select = connection.prepare_cached(
        "SELECT id, fingerprint, job, state,
                EXISTS (SELECT 1 FROM cancels WHERE cancels.id = jobs.id)
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
                tracing::error!(job = id, cause, "an overdue job's row can't be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Makes jobs that are still overdue due later. One statement for all of them, so that a failure
/// changes none.
pub(super) fn postpone(
    connection: &Connection,
    jobs: &[JobId],
    before: i64,
    now: i64,
    again: i64,
) -> rusqlite::Result<()> {
    let ids: Vec<&str> = jobs.iter().map(JobId::as_str).collect();
    let mut postpone = connection.prepare_cached(
        "UPDATE jobs SET due = ?4
         WHERE id IN (SELECT value FROM json_each(?1)) AND due < ?2 AND lease_until <= ?3",
    )?;
    postpone.execute(params![serde_json::json!(ids).to_string(), before, now, again])?;
    Ok(())
}

/// Deletes jobs done before `before`, oldest first; one that is just being answered again stays.
pub(super) fn purge(connection: &Connection, before: i64, limit: u32) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM jobs WHERE rowid IN (
             SELECT rowid FROM jobs WHERE done_at < ?1 AND lease_until <= ?1
             ORDER BY done_at LIMIT ?2
         )",
    )?;
    let purged = delete.execute(params![before, limit])? as u64;
    connection.prepare_cached("DELETE FROM cancels WHERE at < ?1")?.execute([before])?;
    Ok(purged)
}

/// Counts the jobs. Each count reads only the index that holds exactly those jobs.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let count = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
    let open = count("SELECT count(*) FROM jobs WHERE due IS NOT NULL")?;
    let done = count("SELECT count(*) FROM jobs WHERE done_at IS NOT NULL")?;
    Ok(Counts { open: open.unsigned_abs(), done: done.unsigned_abs() })
}

/// Counts the jobs that are not done, and those that wait for a person, by where they stand.
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
            status: parse(row, 1)?,
            jobs: row.get::<_, i64>(2)?.unsigned_abs(),
            first_due: row.get::<_, Option<i64>>(3)?.map(time),
        })
    };
    select.query_map([], status_count)?.collect()
}
