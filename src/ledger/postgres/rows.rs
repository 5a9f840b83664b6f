//! How a job is written into columns and read from them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use crate::job::WakeUp;
use crate::ledger::CrashCount;

pub(super) fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

/// What stands in a column as JSON.
pub(super) fn read<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, serde_json::Error> {
    serde_json::from_str(row.get(column))
}

/// The deaths in two columns, the second those of claims made alone.
pub(super) fn crashes(row: &Row, column: usize) -> CrashCount {
    let number = |column| row.get::<_, i32>(column).unsigned_abs();
    CrashCount { shared: number(column), exclusive: number(column + 1) }
}

/// Why a job is to end, if it is.
pub(super) fn wish(row: &Row, column: usize) -> Result<Option<String>, serde_json::Error> {
    row.get::<_, Option<&str>>(column).map(serde_json::from_str).transpose()
}

/// A wake-up, of the columns id, fingerprint, job, state, cancelled.
pub(super) fn wakeup(row: &Row) -> Result<WakeUp, serde_json::Error> {
    Ok(WakeUp {
        fingerprint: row.get(1),
        job: read(row, 2)?,
        state: read(row, 3)?,
        cancelled: row.get(4),
    })
}
