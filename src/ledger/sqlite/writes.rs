//! Statements that claim, save and cancel jobs. Each function runs inside a transaction of
//! [`super::group_commit`] and changes nothing when it fails.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::reads::{json, wakeup};
use crate::job::{HistoryEntry, JobId, WakeUp};
use crate::ledger::encoding::{ClaimReply, FIRST_FENCE, StoredRequest, StoredState, timestamp};
use crate::ledger::{Claim, Claimed, CrashCount, Lease, MAX_HISTORY_ENTRIES};

pub(super) fn claim(
    connection: &Connection,
    request: &StoredRequest,
) -> rusqlite::Result<ClaimReply> {
    let mut select = connection.prepare_cached(
        "SELECT fingerprint, lease_until, fence, crashes, crashes_exclusive,
                (SELECT reason FROM cancel_requests WHERE job_id = jobs.id), job, state
         FROM jobs WHERE id = ?1",
    )?;
    let Some(claimed) =
        select.query_row([request.id.as_str()], |row| decide(row, request)).optional()?
    else {
        insert(connection, request)?;
        let cancelled = cancel_reason(connection, &request.id)?;
        return Ok(ClaimReply::Inserted { cancelled });
    };
    if let Claimed::Granted { claim, .. } = &claimed {
        let mut update = connection.prepare_cached(
            "UPDATE jobs SET fence = ?2, lease_until = ?3, lease = ?4, claimed_exclusive = ?5,
                             crashes = crashes + NOT ?5, crashes_exclusive = crashes_exclusive + ?5
             WHERE id = ?1",
        )?;
        update.execute(params![
            request.id.as_str(),
            claim.fence,
            request.lease_until,
            request.lease,
            request.exclusive,
        ])?;
    }
    Ok(ClaimReply::Existing(claimed))
}

/// Whether a stored job can be claimed. Reads the long columns last, and only for a granted claim.
fn decide(row: &Row<'_>, request: &StoredRequest) -> rusqlite::Result<Claimed> {
    if row.get_ref(0)?.as_str()? != request.fingerprint {
        return Ok(Claimed::Conflict);
    }
    let lease_until: i64 = row.get(1)?;
    if lease_until > request.now && !request.take_over {
        return Ok(Claimed::Held { until: timestamp(lease_until) });
    }
    let fence = row.get::<_, i64>(2)? + 1;
    Ok(Claimed::Granted {
        claim: Claim { job: request.id.clone(), fence },
        crashes: CrashCount { shared: row.get(3)?, exclusive: row.get(4)? },
        cancelled: row.get(5)?,
        job: Box::new(json(row, 6)?),
        state: Box::new(json(row, 7)?),
    })
}

fn insert(connection: &Connection, request: &StoredRequest) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO jobs (id, fingerprint, fence, lease, lease_until, crashes, crashes_exclusive,
                           claimed_exclusive, due, done_at, changed_at, operation, kind, account,
                           status, state, job)
         VALUES (?1, ?2, ?3, ?4, ?5, NOT ?6, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    insert.execute(params![
        request.id.as_str(),
        request.fingerprint,
        FIRST_FENCE,
        request.lease,
        request.lease_until,
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

fn cancel_reason(connection: &Connection, job: &JobId) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT reason FROM cancel_requests WHERE job_id = ?1")?
        .query_row([job.as_str()], |row| row.get(0))
        .optional()
}

/// Returns false if the claim is not the newest, or the job does not exist.
pub(super) fn save(
    connection: &Connection,
    claim: &Claim,
    state: &StoredState,
    lease: Lease,
    entry: Option<&HistoryEntry>,
    now: i64,
) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE jobs SET state = ?3, status = ?4, due = ?5, done_at = ?6, changed_at = ?7,
                         crashes = CASE WHEN ?8 THEN 0 ELSE crashes END,
                         crashes_exclusive = CASE WHEN ?8 THEN 0 ELSE crashes_exclusive END,
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
        lease == Lease::Renew,
    ])?;
    if let Some(entry) = entry.filter(|_| changed == 1) {
        insert_history(connection, &claim.job, entry)?;
    }
    Ok(changed == 1)
}

fn insert_history(
    connection: &Connection,
    job: &JobId,
    entry: &HistoryEntry,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO job_history (job_id, number, at, what, detail)
         SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM job_history WHERE job_id = ?1
         RETURNING number",
    )?;
    let columns = params![job.as_str(), entry.at.as_millisecond(), entry.what, entry.detail];
    let number: i64 = insert.query_row(columns, |row| row.get(0))?;
    let oldest = number - MAX_HISTORY_ENTRIES as i64;
    if oldest > 0 {
        connection
            .prepare_cached("DELETE FROM job_history WHERE job_id = ?1 AND number <= ?2")?
            .execute(params![job.as_str(), oldest])?;
    }
    Ok(())
}

/// Ends a claim without counting it as a crash. Returns false if the claim is not the newest, or the
/// job does not exist.
pub(super) fn release(connection: &Connection, claim: &Claim) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE jobs SET lease_until = 0, crashes = max(crashes - NOT claimed_exclusive, 0),
                         crashes_exclusive = max(crashes_exclusive - claimed_exclusive, 0)
         WHERE id = ?1 AND fence = ?2",
    )?;
    Ok(update.execute(params![claim.job.as_str(), claim.fence])? == 1)
}

/// Stores a cancel request. Returns the wake-up of a job that is stored and not done.
pub(super) fn store_cancel_request(
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
            "INSERT INTO cancel_requests (job_id, requested_at, reason) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![job.as_str(), now, reason])?;
    Ok(wakeup)
}
