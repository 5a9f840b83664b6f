//! Opens the file, checks that it is a ledger, and creates its schema.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

/// In the file's header: marks the file as a ledger.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"tick");

/// One step for each version of the schema. A released step never changes.
const MIGRATIONS: [&str; 1] = [include_str!("schema-1.sql")];

/// The schema version that this program reads and writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Pause between two attempts to lock the file. SQLite's own pauses grow to 100 ms. With those, a
/// process rarely gets the lock between two commits of a busy process.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_micros(500);

/// How long a reader waits for the short moments in which SQLite locks out even readers.
const READ_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// File systems that several machines can share, by `f_type` of statfs(2). SQLite's write-ahead log
/// needs memory that all its processes share, so two machines would corrupt the file.
const SHARED_FILE_SYSTEMS: [(u32, &str); 9] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x7375_7245, "Coda"),
    (0x6573_5546, "FUSE"),
];

/// Why a file can't be used as a ledger.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("can't be created")]
    Create(#[source] io::Error),
    #[error("belongs to another program")]
    OtherProgram,
    #[error("has schema version {0}")]
    NewerSchema(usize),
    #[error("is on a shared file system: {0}")]
    SharedFileSystem(&'static str),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens the file. Creates it, readable by this user only, if it does not exist.
pub(super) fn open(path: &Path, lock_timeout: Duration) -> Result<Connection, OpenError> {
    if let Some(name) = shared_file_system(path) {
        return Err(OpenError::SharedFileSystem(name));
    }
    create(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_handler(Some(wait_for_lock(lock_timeout)))?;
    // Nothing is written before this check.
    check_version(&connection)?;
    enable_write_ahead_log(&connection, lock_timeout)?;
    // A saved state has to survive a power failure.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrate(&connection)?;
    Ok(connection)
}

/// Opens an existing ledger's file for reading only.
pub(super) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(READ_LOCK_TIMEOUT)?;
    Ok(connection)
}

/// Creates an empty file. Does not open an existing one: closing it again would drop the POSIX locks
/// that this process may hold on it.
fn create(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(OpenError::Create(error)),
    }
}

/// A busy handler that sleeps until the timeout. SQLite has no notification for a released lock, and
/// calls the handler on the ledger's own thread, which may sleep.
fn wait_for_lock(timeout: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Instant::now();
    move |attempt| {
        if attempt == 0 {
            since = Instant::now();
        }
        #[expect(clippy::disallowed_methods, reason = "the thread belongs to the ledger")]
        thread::sleep(LOCK_RETRY_INTERVAL);
        since.elapsed() < timeout
    }
}

/// The file's schema version; 0 for an empty file.
fn check_version(connection: &Connection) -> Result<usize, OpenError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let empty = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))?;
    if !empty && number("application_id")? != APPLICATION_ID {
        return Err(OpenError::OtherProgram);
    }
    let version = usize::try_from(number("user_version")?).map_err(|_| OpenError::OtherProgram)?;
    if version > VERSION { Err(OpenError::NewerSchema(version)) } else { Ok(version) }
}

/// Switches to the write-ahead log: a commit then costs one wait for the disk. SQLite ignores the
/// busy handler if another process switches at the same time, so this function waits itself.
fn enable_write_ahead_log(connection: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    let mut wait = wait_for_lock(timeout);
    let mut attempt = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait(attempt) =>
            {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn migrate(connection: &Connection) -> Result<(), OpenError> {
    if check_version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Checked again under the lock: another process may have migrated the file in between.
    for step in MIGRATIONS.iter().skip(check_version(&transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION as i64)?;
    Ok(transaction.commit()?)
}

/// Name of the shared file system that a path is on; none for any other file system.
fn shared_file_system(path: &Path) -> Option<&'static str> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    shared_name(file_system_type(folder.unwrap_or(Path::new(".")))?)
}

fn shared_name(file_system_type: u32) -> Option<&'static str> {
    SHARED_FILE_SYSTEMS
        .into_iter()
        .find(|(number, _)| *number == file_system_type)
        .map(|(_, name)| name)
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a 32-bit number")]
fn file_system_type(folder: &Path) -> Option<u32> {
    rustix::fs::statfs(folder).ok().map(|status| status.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
fn file_system_type(_folder: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_file_system_is_recognized_by_its_type() {
        assert_eq!(shared_name(0x6969), Some("NFS"));
        assert_eq!(shared_name(0xff53_4d42), Some("CIFS"));
        assert_eq!(shared_name(0x6573_5546), Some("FUSE"));
        // ext4 and tmpfs.
        assert_eq!((shared_name(0xef53), shared_name(0x0102_1994)), (None, None));
        assert_eq!(shared_file_system(Path::new("ticketd.db")), None);
    }
}
