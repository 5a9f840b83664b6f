//! Opens the file, makes it ours, and brings its schema up to date.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::host_lock::{self, HostLock};

/// Written into the file's header, so that no other program's database is taken for a ledger.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"tick");

/// One step for each version of the schema. Steps are only ever added.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];

/// The version this program reads and writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// How often a locked file is tried again. SQLite's own pauses grow to a tenth of a second, and
/// with those a busy neighbour's tiny gaps between two commits are hardly ever met.
const LOCK_PAUSE: Duration = Duration::from_micros(500);

/// How long a reader waits for the short moments in which even readers are locked out.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// Why a file can't be used as a ledger.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("can't be created")]
    Create(#[source] io::Error),
    #[error("belongs to another program")]
    Foreign,
    #[error("has schema version {0}")]
    Newer(usize),
    #[error("is on a network: {0}")]
    Network(&'static str),
    /// Another machine had it open so many milliseconds ago.
    #[error("is open on {host}")]
    Elsewhere { host: String, ago: i64 },
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
}

/// Opens the file, creating it for this user alone. A lock is waited for as long as `patience`.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, Unusable> {
    if let Some(network) = host_lock::network(path) {
        return Err(Unusable::Network(network));
    }
    create(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_handler(Some(wait_for_lock(patience)))?;
    inspect(&connection)?;
    log_ahead(&connection, patience)?;
    // Full, because what is saved has to survive a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A job's history goes with its row.
    connection.pragma_update(None, "foreign_keys", true)?;
    migrate(&connection)?;
    HostLock::here().move_in(&connection)?;
    Ok(connection)
}

/// Opens the file of a ledger that is open already, only to read it.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(READ_PATIENCE)?;
    Ok(connection)
}

/// Makes an empty file that only this user can read. An existing one is not even opened: closing
/// it again would drop the locks that this process may hold on it.
fn create(path: &Path) -> Result<(), Unusable> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Unusable::Create(error)),
    }
}

/// Waits while another process has the file locked. There is nothing to wait for but time: SQLite
/// does not tell when a lock is let go. It asks on the ledger's own thread, which may sleep.
#[expect(clippy::disallowed_methods, reason = "the thread belongs to the ledger")]
fn wait_for_lock(patience: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Instant::now();
    move |tries| {
        if tries == 0 {
            since = Instant::now();
        }
        thread::sleep(LOCK_PAUSE);
        since.elapsed() < patience
    }
}

/// The file's schema version; nothing is written before this has found the file to be ours.
fn inspect(connection: &Connection) -> Result<usize, Unusable> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let empty = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))?;
    if !empty && number("application_id")? != APPLICATION_ID {
        return Err(Unusable::Foreign);
    }
    let version = usize::try_from(number("user_version")?).map_err(|_| Unusable::Foreign)?;
    if version > VERSION { Err(Unusable::Newer(version)) } else { Ok(version) }
}

/// Switches to the write-ahead log, with which a commit costs one wait for the disk. SQLite gives
/// up at once if another process is just doing the same, so the waiting is done here.
fn log_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let mut wait = wait_for_lock(patience);
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait(tries) =>
            {
                tries += 1;
            }
            settled => return settled,
        }
    }
}

fn migrate(connection: &Connection) -> Result<(), Unusable> {
    if inspect(connection)? == VERSION {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have been quicker.
    for step in MIGRATIONS.iter().skip(inspect(&transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION as i64)?;
    Ok(transaction.commit()?)
}
