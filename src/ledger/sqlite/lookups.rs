//! The statements that answer people.

use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::jobs::read;
use crate::job::{HistoryEntry, JobId};
use crate::ledger::encoding::time;
use crate::ledger::{CrashCount, Filter, JobRecord, JobSummary};

/// All that is known of a job.
pub(super) fn find(connection: &Connection, job: &JobId) -> rusqlite::Result<Option<JobRecord>> {
    let mut select = connection.prepare_cached(
        "SELECT job, fingerprint, state, lease_until, due, deaths, deaths_alone,
                EXISTS (SELECT 1 FROM cancels WHERE cancels.id = jobs.id)
         FROM jobs WHERE id = ?1",
    )?;
    let record = |row: &Row<'_>| {
        Ok(JobRecord {
            job: read(row, 0)?,
            fingerprint: row.get(1)?,
            state: read(row, 2)?,
            held_until: Some(row.get(3)?).filter(|until| *until > 0).map(time),
            due: row.get::<_, Option<i64>>(4)?.map(time),
            crashes: CrashCount { shared: row.get(5)?, exclusive: row.get(6)? },
            cancelled: row.get(7)?,
            history: history(connection, job)?,
        })
    };
    select.query_row([job.as_str()], record).optional()
}

fn history(connection: &Connection, job: &JobId) -> rusqlite::Result<Vec<HistoryEntry>> {
    let mut select = connection
        .prepare_cached("SELECT at, what, detail FROM job_events WHERE job = ?1 ORDER BY number")?;
    let note = |row: &Row<'_>| {
        Ok(HistoryEntry { at: time(row.get(0)?), what: row.get(1)?, detail: row.get(2)? })
    };
    select.query_map([job.as_str()], note)?.collect()
}

/// The jobs that fit, last changed first.
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
            id: parse(row, 0)?,
            operation: row.get(1)?,
            kind: parse(row, 2)?,
            account: row.get(3)?,
            status: parse(row, 4)?,
            due: row.get::<_, Option<i64>>(5)?.map(time),
            changed_at: time(row.get(6)?),
        })
    };
    let wanted = params![
        serde_json::json!(filter.statuses).to_string(),
        filter.operation,
        filter.kind.map(|kind| kind.as_str()),
        filter.account,
        filter.limit.map_or(-1, i64::from),
    ];
    select.query_map(wanted, summary)?.collect()
}

pub(super) fn parse<T: FromStr<Err = String>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get_ref(column)?.as_str()?.parse().map_err(|cause: String| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, cause.into())
    })
}
