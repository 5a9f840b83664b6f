//! The statements that change jobs. Each function runs inside a transaction of
//! [`super::group_commit`] and changes nothing when it fails.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use crate::job::{HistoryEntry, JobId, WakeUp};
use crate::ledger::encoding::{Answer, FIRST_FENCE, StoredRequest, StoredState, time};
use crate::ledger::{Claim, Claimed, CrashCount, HISTORY};

/// Claims a job.
pub(super) fn claim(connection: &Connection, request: &StoredRequest) -> rusqlite::Result<Answer> {
    let mut known = connection.prepare_cached(
        "SELECT fingerprint, lease_until, fence, deaths, deaths_alone,
                (SELECT reason FROM cancels WHERE cancels.id = jobs.id), job, state
         FROM jobs WHERE id = ?1",
    )?;
    let Some(claimed) =
        known.query_row([request.id.as_str()], |row| grant(row, request)).optional()?
    else {
        insert(connection, request)?;
        return Ok(Answer::Stored { cancelled: wish(connection, &request.id)? });
    };
    if let Claimed::Granted { claim, .. } = &claimed {
        let mut raise_fence = connection.prepare_cached(
            "UPDATE jobs SET fence = ?2, lease_until = ?3, lease = ?4, claimed_alone = ?5,
                             deaths = deaths + NOT ?5, deaths_alone = deaths_alone + ?5
             WHERE id = ?1",
        )?;
        let until = request.now.saturating_add(request.lease);
        let id = request.id.as_str();
        raise_fence.execute(params![id, claim.fence, until, request.lease, request.exclusive])?;
    }
    Ok(Answer::Known(claimed))
}

/// What to answer to a request for a job that is stored. The long columns are read last, and only
/// for a job that is granted.
fn grant(row: &Row<'_>, request: &StoredRequest) -> rusqlite::Result<Claimed> {
    if row.get_ref(0)?.as_str()? != request.fingerprint {
        return Ok(Claimed::Conflict);
    }
    let until: i64 = row.get(1)?;
    if until > request.now && !request.take_over {
        return Ok(Claimed::Held { until: time(until) });
    }
    let fence = row.get::<_, i64>(2)? + 1;
    Ok(Claimed::Granted {
        claim: Claim { job: request.id.clone(), fence },
        crashes: CrashCount { shared: row.get(3)?, exclusive: row.get(4)? },
        cancelled: row.get(5)?,
        job: Box::new(read(row, 6)?),
        state: Box::new(read(row, 7)?),
    })
}

fn insert(connection: &Connection, request: &StoredRequest) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO jobs (id, fingerprint, fence, lease, lease_until, deaths, deaths_alone,
                           claimed_alone, due, done_at, changed_at, operation, kind, account,
                           status, state, job)
         VALUES (?1, ?2, ?3, ?4, ?5, NOT ?6, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    insert.execute(params![
        request.id.as_str(),
        request.fingerprint,
        FIRST_FENCE,
        request.lease,
        request.now.saturating_add(request.lease),
        request.exclusive,
        request.state.due,
        request.state.done_at,
        request.now,
        request.operation,
        request.kind.as_str(),
        request.account,
        request.state.status.as_str(),
        request.state.json,
        request.job,
    ])?;
    Ok(())
}

/// Why a job is to end, if it is.
fn wish(connection: &Connection, job: &JobId) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT reason FROM cancels WHERE id = ?1")?
        .query_row([job.as_str()], |row| row.get(0))
        .optional()
}

/// Saves a state; false when the claim is not the newest, or the job is gone.
pub(super) fn save(
    connection: &Connection,
    claim: &Claim,
    state: &StoredState,
    keep: bool,
    note: Option<&HistoryEntry>,
    now: i64,
) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE jobs SET state = ?3, status = ?4, due = ?5, done_at = ?6, changed_at = ?7,
                         deaths = CASE WHEN ?8 THEN 0 ELSE deaths END,
                         deaths_alone = CASE WHEN ?8 THEN 0 ELSE deaths_alone END,
                         lease_until = CASE WHEN ?9 THEN ?7 + lease ELSE 0 END
         WHERE id = ?1 AND fence = ?2",
    )?;
    let changed = update.execute(params![
        claim.job.as_str(),
        claim.fence,
        state.json,
        state.status.as_str(),
        state.due,
        state.done_at,
        now,
        state.is_progress,
        keep,
    ])?;
    if let Some(note) = note.filter(|_| changed == 1) {
        remember(connection, &claim.job, note)?;
    }
    Ok(changed == 1)
}

fn remember(connection: &Connection, job: &JobId, note: &HistoryEntry) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO job_events (job, number, at, what, detail)
         SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM job_events WHERE job = ?1
         RETURNING number",
    )?;
    let line = params![job.as_str(), note.at.as_millisecond(), note.what, note.detail];
    let number: i64 = insert.query_row(line, |row| row.get(0))?;
    let kept = HISTORY as i64;
    if number > kept {
        connection
            .prepare_cached("DELETE FROM job_events WHERE job = ?1 AND number <= ?2")?
            .execute(params![job.as_str(), number - kept])?;
    }
    Ok(())
}

/// Ends a claim that does not count; false when it is not the newest, or the job is gone.
pub(super) fn release(connection: &Connection, claim: &Claim) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE jobs SET lease_until = 0, deaths = max(deaths - NOT claimed_alone, 0),
                         deaths_alone = max(deaths_alone - claimed_alone, 0)
         WHERE id = ?1 AND fence = ?2",
    )?;
    Ok(update.execute(params![claim.job.as_str(), claim.fence])? == 1)
}

/// Notes that a job is to end; returns its wake-up if it is known and not done.
pub(super) fn cancel(
    connection: &Connection,
    job: &JobId,
    reason: &str,
    now: i64,
) -> rusqlite::Result<Option<WakeUp>> {
    let wakeup = connection
        .prepare_cached(
            "SELECT id, fingerprint, job, state, 1 FROM jobs WHERE id = ?1 AND done_at IS NULL",
        )?
        .query_row([job.as_str()], wakeup)
        .optional()?;
    connection
        .prepare_cached(
            "INSERT INTO cancels (id, at, reason) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![job.as_str(), now, reason])?;
    Ok(wakeup)
}

/// A wake-up, of the columns id, fingerprint, job, state, cancelled.
pub(super) fn wakeup(row: &Row<'_>) -> rusqlite::Result<WakeUp> {
    Ok(WakeUp {
        fingerprint: row.get(1)?,
        job: read(row, 2)?,
        state: read(row, 3)?,
        cancelled: row.get(4)?,
    })
}

pub(super) fn read<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|cause| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
    })
}
