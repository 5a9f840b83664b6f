//! Statements that read jobs, and how their columns are decoded.

use std::str::FromStr;

use deadpool_postgres::ClientWrapper;
use futures_util::future::try_join;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::pool::QueryError;
use crate::job::{HistoryEntry, JobId, WakeUp};
use crate::ledger::encoding::timestamp;
use crate::ledger::{CrashCount, Filter, JobRecord, JobSummary};

pub(super) async fn find(
    client: &ClientWrapper,
    job: &JobId,
) -> Result<Option<JobRecord>, QueryError> {
    let select = client
        .prepare_cached(
            "SELECT job, fingerprint, state, lease_until, due, crashes, crashes_exclusive,
                    EXISTS (SELECT FROM cancel_requests WHERE job_id = jobs.id)
             FROM jobs WHERE id = $1",
        )
        .await?;
    let select_history = client
        .prepare_cached(
            "SELECT at, what, detail FROM job_history WHERE job_id = $1 ORDER BY number",
        )
        .await?;
    let id = job.as_str();
    let (row, history) =
        try_join(client.query_opt(&select, &[&id]), client.query(&select_history, &[&id])).await?;
    row.map(|row| record(&row, &history)).transpose()
}

fn record(row: &Row, history: &[Row]) -> Result<JobRecord, QueryError> {
    let entry = |row: &Row| {
        Ok(HistoryEntry { at: timestamp(row.get(0)), what: row.get(1), detail: json(row, 2)? })
    };
    Ok(JobRecord {
        job: json(row, 0)?,
        fingerprint: row.get(1),
        state: json(row, 2)?,
        held_until: Some(row.get(3)).filter(|until| *until > 0).map(timestamp),
        due: row.get::<_, Option<i64>>(4).map(timestamp),
        crashes: crashes(row, 5),
        cancelled: row.get(7),
        history: history.iter().map(entry).collect::<Result<_, QueryError>>()?,
    })
}

pub(super) async fn list(
    client: &ClientWrapper,
    filter: &Filter,
) -> Result<Vec<JobSummary>, QueryError> {
    let select = client
        .prepare_cached(
            "SELECT id, operation, kind, account, status, due, changed_at FROM jobs
             WHERE ($1::text[] = '{}' OR status = ANY($1))
               AND ($2::text IS NULL OR operation = $2)
               AND ($3::text IS NULL OR kind = $3)
               AND ($4::text IS NULL OR account = $4)
             ORDER BY changed_at DESC, id LIMIT $5",
        )
        .await?;
    let statuses: Vec<&str> = filter.statuses.iter().map(|status| status.as_str()).collect();
    let kind = filter.kind.map(|kind| kind.as_str());
    let limit = filter.limit.map(i64::from);
    let criteria: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&statuses, &filter.operation, &kind, &filter.account, &limit];
    client.query(&select, &criteria).await?.iter().map(summary).collect()
}

fn summary(row: &Row) -> Result<JobSummary, QueryError> {
    Ok(JobSummary {
        id: parsed(row, 0)?,
        operation: row.get(1),
        kind: parsed(row, 2)?,
        account: row.get(3),
        status: parsed(row, 4)?,
        due: row.get::<_, Option<i64>>(5).map(timestamp),
        changed_at: timestamp(row.get(6)),
    })
}

/// A wake-up from the columns id, fingerprint, job, state, cancelled.
pub(super) fn wakeup(row: &Row) -> Result<WakeUp, QueryError> {
    Ok(WakeUp {
        fingerprint: row.get(1),
        job: json(row, 2)?,
        state: json(row, 3)?,
        cancelled: row.get(4),
    })
}

/// The crash counts in a column and the next one.
pub(super) fn crashes(row: &Row, column: usize) -> CrashCount {
    let number = |column| row.get::<_, i32>(column).unsigned_abs();
    CrashCount { shared: number(column), exclusive: number(column + 1) }
}

pub(super) fn cancel_reason(row: &Row, column: usize) -> Result<Option<String>, QueryError> {
    let text: Option<&str> = row.get(column);
    text.map(serde_json::from_str).transpose().map_err(QueryError::unreadable)
}

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, QueryError> {
    serde_json::from_str(row.get(column)).map_err(QueryError::unreadable)
}

pub(super) fn parsed<T: FromStr<Err = String>>(row: &Row, column: usize) -> Result<T, QueryError> {
    row.get::<_, &str>(column).parse().map_err(QueryError::unreadable)
}
