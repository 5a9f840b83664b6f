//! The statements on the table of jobs. Each function runs inside a transaction of
//! [`super::group_commit`] and changes nothing when it fails.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use crate::job::JobId;
use crate::ledger::{Claim, Claimed, Counts, WakeUp};

/// A state as it is stored.
#[derive(Debug)]
pub(super) struct StoredState {
    pub(super) json: String,
    /// In milliseconds since 1970, as every time here.
    pub(super) due: Option<i64>,
    pub(super) done_at: Option<i64>,
}

/// A request to claim a job, ready to store.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: JobId,
    pub(super) fingerprint: String,
    pub(super) job: String,
    pub(super) state: StoredState,
    pub(super) take_over: bool,
    pub(super) lease: i64,
    pub(super) now: i64,
}

/// The fence of a job's first claim.
pub(super) const FIRST_FENCE: i64 = 1;

/// Claims a job. Nothing is returned when its id was new: it is now stored as requested and
/// granted with [`FIRST_FENCE`].
pub(super) fn claim(
    connection: &Connection,
    request: &Request,
) -> rusqlite::Result<Option<Claimed>> {
    let mut known = connection.prepare_cached(
        "SELECT fingerprint, lease_until, fence, claims_without_save, job, state
         FROM jobs WHERE id = ?1",
    )?;
    let Some(claimed) =
        known.query_row([request.id.as_str()], |row| grant(row, request)).optional()?
    else {
        return insert(connection, request).map(|()| None);
    };
    if let Claimed::Granted { claim, .. } = &claimed {
        let mut raise_fence = connection.prepare_cached(
            "UPDATE jobs SET fence = ?2, lease_until = ?3, lease = ?4,
                             claims_without_save = claims_without_save + 1
             WHERE id = ?1",
        )?;
        let until = request.now.saturating_add(request.lease);
        raise_fence.execute(params![request.id.as_str(), claim.fence, until, request.lease])?;
    }
    Ok(Some(claimed))
}

/// What to answer to a request for a job that is stored. The long columns are read last, and only
/// for a job that is granted.
fn grant(row: &Row<'_>, request: &Request) -> rusqlite::Result<Claimed> {
    if row.get_ref(0)?.as_str()? != request.fingerprint {
        return Ok(Claimed::Conflict);
    }
    let until: i64 = row.get(1)?;
    if until > request.now && !request.take_over {
        return Ok(Claimed::Held {
            until: Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX),
        });
    }
    let fence = row.get::<_, i64>(2)? + 1;
    Ok(Claimed::Granted {
        claim: Claim { job: request.id.clone(), fence },
        fruitless: row.get(3)?,
        job: Box::new(read(row, 4)?),
        state: Box::new(read(row, 5)?),
    })
}

fn insert(connection: &Connection, request: &Request) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO jobs (id, fingerprint, fence, lease, lease_until, claims_without_save,
                           due, done_at, state, job)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        request.id.as_str(),
        request.fingerprint,
        FIRST_FENCE,
        request.lease,
        request.now.saturating_add(request.lease),
        request.state.due,
        request.state.done_at,
        request.state.json,
        request.job,
    ])?;
    Ok(())
}

/// Saves a state; false when the claim is not the newest, or the job is gone.
pub(super) fn save(
    connection: &Connection,
    claim: &Claim,
    state: &StoredState,
    keep: bool,
    now: i64,
) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE jobs SET state = ?3, due = ?4, done_at = ?5, claims_without_save = 0,
                         lease_until = CASE WHEN ?6 THEN ?7 + lease ELSE 0 END
         WHERE id = ?1 AND fence = ?2",
    )?;
    let changed = update.execute(params![
        claim.job.as_str(),
        claim.fence,
        state.json,
        state.due,
        state.done_at,
        keep,
        now,
    ])?;
    Ok(changed == 1)
}

/// WakeUp jobs nobody holds, longest overdue first; they are due at `again` from then on. Rows that
/// can't be read are passed over, or a few of them would keep every other job from being looked
/// after; the log names them.
pub(super) fn overdue(
    connection: &Connection,
    before: i64,
    now: i64,
    again: i64,
    limit: u32,
) -> rusqlite::Result<Vec<WakeUp>> {
    let mut select = connection.prepare_cached(
        "SELECT id, fingerprint, job, state, rowid FROM jobs
         WHERE due < ?1 AND lease_until <= ?2 ORDER BY due",
    )?;
    let mut rows = select.query([before, now])?;
    let (mut found, mut seen) = (Vec::new(), Vec::<i64>::new());
    while found.len() < limit as usize {
        let Some(row) = rows.next()? else { break };
        seen.push(row.get(4)?);
        match readable(row) {
            Ok(overdue) => found.push(overdue),
            Err(rusqlite::Error::FromSqlConversionFailure(_, _, cause)) => {
                let id = row.get_ref(0)?.as_str()?;
                tracing::error!(job = id, cause, "an overdue job's row can't be read");
            }
            Err(error) => return Err(error),
        }
    }
    drop(rows);
    // One statement for all of them, so that a failure changes none.
    let mut put_off = connection.prepare_cached(
        "UPDATE jobs SET due = ?2 WHERE rowid IN (SELECT value FROM json_each(?1))",
    )?;
    put_off.execute(params![format!("{seen:?}"), again])?;
    Ok(found)
}

fn readable(row: &Row<'_>) -> rusqlite::Result<WakeUp> {
    Ok(WakeUp { fingerprint: row.get(1)?, job: read(row, 2)?, state: read(row, 3)? })
}

/// Deletes jobs done before `before`, oldest first; one that is just being answered again stays.
pub(super) fn purge(connection: &Connection, before: i64, limit: u32) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM jobs WHERE rowid IN (
             SELECT rowid FROM jobs WHERE done_at < ?1 AND lease_until <= ?1
             ORDER BY done_at LIMIT ?2
         )",
    )?;
    Ok(delete.execute(params![before, limit])? as u64)
}

/// Counts the jobs. Each count reads only the index that holds exactly those jobs.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let count = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
    let open = count("SELECT count(*) FROM jobs WHERE due IS NOT NULL")?;
    let done = count("SELECT count(*) FROM jobs WHERE done_at IS NOT NULL")?;
    Ok(Counts { open: open.unsigned_abs(), done: done.unsigned_abs() })
}

fn read<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|cause| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
    })
}
