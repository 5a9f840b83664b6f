//! The statements that answer people, and take down what they wish.

use deadpool_postgres::ClientWrapper;
use futures_util::future::try_join;
use tokio_postgres::{Error, Row};

use super::rows::{crashes, read, wakeup};
use crate::job::{HistoryEntry, JobId, WakeUp};
use crate::ledger::encoding::time;
use crate::ledger::{Filter, JobRecord, JobSummary};

/// A row that this version may not be able to read.
type Readable<T> = Result<T, serde_json::Error>;

/// All that is known of a job.
pub(super) async fn find(
    client: &ClientWrapper,
    job: &JobId,
) -> Result<Readable<Option<JobRecord>>, Error> {
    let select = client
        .prepare_cached(
            "SELECT job, fingerprint, state, lease_until, due, deaths, deaths_alone,
                    EXISTS (SELECT FROM cancels WHERE cancels.id = jobs.id)
             FROM jobs WHERE id = $1",
        )
        .await?;
    let history = client
        .prepare_cached("SELECT at, what, detail FROM job_events WHERE job = $1 ORDER BY number")
        .await?;
    let id = job.as_str();
    let (row, lines) =
        try_join(client.query_opt(&select, &[&id]), client.query(&history, &[&id])).await?;
    Ok(row.map(|row| record(&row, &lines)).transpose())
}

fn record(row: &Row, lines: &[Row]) -> Readable<JobRecord> {
    let note = |row: &Row| {
        Ok(HistoryEntry { at: time(row.get(0)), what: row.get(1), detail: read(row, 2)? })
    };
    Ok(JobRecord {
        job: read(row, 0)?,
        fingerprint: row.get(1),
        state: read(row, 2)?,
        held_until: Some(row.get(3)).filter(|until| *until > 0).map(time),
        due: row.get::<_, Option<i64>>(4).map(time),
        crashes: crashes(row, 5),
        cancelled: row.get(7),
        history: lines.iter().map(note).collect::<Result<_, _>>()?,
    })
}

/// The jobs that fit, last changed first.
pub(super) async fn list(
    client: &ClientWrapper,
    filter: &Filter,
) -> Result<Result<Vec<JobSummary>, String>, Error> {
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
    let wanted: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&statuses, &filter.operation, &kind, &filter.account, &limit];
    let rows = client.query(&select, &wanted).await?;
    Ok(rows.iter().map(summary).collect())
}

fn summary(row: &Row) -> Result<JobSummary, String> {
    Ok(JobSummary {
        id: row.get::<_, &str>(0).parse()?,
        operation: row.get(1),
        kind: row.get::<_, &str>(2).parse()?,
        account: row.get(3),
        status: row.get::<_, &str>(4).parse()?,
        due: row.get::<_, Option<i64>>(5).map(time),
        changed_at: time(row.get(6)),
    })
}

/// Notes that a job is to end, for a reason that is a JSON string; returns its wake-up if it is
/// known and not done.
pub(super) async fn cancel(
    client: &ClientWrapper,
    job: &JobId,
    reason: &str,
    now: i64,
) -> Result<Readable<Option<WakeUp>>, Error> {
    let note = client
        .prepare_cached(
            "WITH noted AS (
                 INSERT INTO cancels (id, at, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
             )
             SELECT id, fingerprint, job, state, true FROM jobs WHERE id = $1 AND done_at IS NULL",
        )
        .await?;
    let row = client.query_opt(&note, &[&job.as_str(), &now, &reason]).await?;
    Ok(row.as_ref().map(wakeup).transpose())
}
