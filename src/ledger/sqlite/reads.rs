//! Statements that read jobs, and how their columns are decoded.

use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use crate::job::{HistoryEntry, JobId, WakeUp};
use crate::ledger::encoding::timestamp;
use crate::ledger::{CrashCount, Filter, JobRecord, JobSummary};

pub(super) fn find(connection: &Connection, job: &JobId) -> rusqlite::Result<Option<JobRecord>> {
    let mut select = connection.prepare_cached(
        "SELECT job, fingerprint, state, lease_until, due, crashes, crashes_exclusive,
                EXISTS (SELECT 1 FROM cancel_requests WHERE job_id = jobs.id)
         FROM jobs WHERE id = ?1",
    )?;
    let record = |row: &Row<'_>| {
        Ok(JobRecord {
            job: json(row, 0)?,
            fingerprint: row.get(1)?,
            state: json(row, 2)?,
            held_until: Some(row.get(3)?).filter(|until| *until > 0).map(timestamp),
            due: row.get::<_, Option<i64>>(4)?.map(timestamp),
            crashes: CrashCount { shared: row.get(5)?, exclusive: row.get(6)? },
            cancelled: row.get(7)?,
            history: history(connection, job)?,
        })
    };
    select.query_row([job.as_str()], record).optional()
}

fn history(connection: &Connection, job: &JobId) -> rusqlite::Result<Vec<HistoryEntry>> {
    let mut select = connection.prepare_cached(
        "SELECT at, what, detail FROM job_history WHERE job_id = ?1 ORDER BY number",
    )?;
    let entry = |row: &Row<'_>| {
        Ok(HistoryEntry { at: timestamp(row.get(0)?), what: row.get(1)?, detail: row.get(2)? })
    };
    select.query_map([job.as_str()], entry)?.collect()
}

pub(super) fn list(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<JobSummary>> {
    let mut select = connection.prepare_cached(
        "SELECT id, operation, kind, account, status, due, changed_at FROM jobs
         WHERE (?1 = '[]' OR status IN (SELECT value FROM json_each(?1)))
           AND (?2 IS NULL OR operation = ?2)
           AND (?3 IS NULL OR kind = ?3)
           AND (?4 IS NULL OR account = ?4)
         ORDER BY changed_at DESC, id LIMIT ?5",
    )?;
    let summary = |row: &Row<'_>| {
        Ok(JobSummary {
            id: parsed(row, 0)?,
            operation: row.get(1)?,
            kind: parsed(row, 2)?,
            account: row.get(3)?,
            status: parsed(row, 4)?,
            due: row.get::<_, Option<i64>>(5)?.map(timestamp),
            changed_at: timestamp(row.get(6)?),
        })
    };
    let criteria = params![
        serde_json::json!(filter.statuses).to_string(),
        filter.operation,
        filter.kind.map(|kind| kind.as_str()),
        filter.account,
        filter.limit.map_or(-1, i64::from),
    ];
    select.query_map(criteria, summary)?.collect()
}

/// A wake-up from the columns id, fingerprint, job, state, cancelled.
pub(super) fn wakeup(row: &Row<'_>) -> rusqlite::Result<WakeUp> {
    Ok(WakeUp {
        fingerprint: row.get(1)?,
        job: json(row, 2)?,
        state: json(row, 3)?,
        cancelled: row.get(4)?,
    })
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|cause| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
    })
}

pub(super) fn parsed<T: FromStr<Err = String>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    row.get_ref(column)?.as_str()?.parse().map_err(|cause: String| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, cause.into())
    })
}
