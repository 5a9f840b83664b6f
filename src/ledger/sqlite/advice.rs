//! Turns SQLite's errors into one line that says what is wrong with the file and what to do.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;

use super::group_commit::CommitError;
use super::open::{OpenError, VERSION};
use crate::job::JobId;
use crate::ledger::Error;

/// The error of a failed request.
pub(super) fn failed(path: &Path, error: CommitError) -> Error {
    match error {
        CommitError::Sqlite(cause) => sqlite(path, cause),
        CommitError::Stopped => store(path, "has stopped working; restart the worker", None),
    }
}

/// The error of a failed request about one job. Names the job if its row can't be read.
pub(super) fn failed_for_job(path: &Path, job: &JobId, error: CommitError) -> Error {
    match error {
        CommitError::Sqlite(cause) if is_unreadable(&cause) => {
            let problem = format!(
                "holds job {job} in a form this version can't read; run the version of ticketd \
                 that wrote it"
            );
            store(path, problem, Some(Box::new(cause)))
        }
        error @ (CommitError::Sqlite(_) | CommitError::Stopped) => failed(path, error),
    }
}

/// The error of a file that can't be used as a ledger.
pub(super) fn not_opened(path: &Path, error: OpenError) -> Error {
    match error {
        OpenError::Create(cause) => {
            store(path, creation_problem(path, &cause), Some(Box::new(cause)))
        }
        OpenError::OtherProgram => {
            let problem = "belongs to another program; set ledger.url to a file of its own";
            store(path, problem, None)
        }
        OpenError::NewerSchema(version) => {
            let problem = format!(
                "was written by a newer ticketd (schema {version}, this one knows {VERSION}); \
                 run that version, or set ledger.url to another file"
            );
            store(path, problem, None)
        }
        OpenError::SharedFileSystem(name) => {
            let problem = format!(
                "would be on a network or FUSE file system ({name}), which corrupts SQLite files; \
                 set ledger.url to a file on a local disk, or to postgres://…"
            );
            store(path, problem, None)
        }
        OpenError::Sqlite(cause) => sqlite(path, Arc::new(cause)),
    }
}

/// The error of a value that can't be written as JSON.
pub(super) fn not_encoded(path: &Path, cause: serde_json::Error) -> Error {
    store(path, "can't store a value that is not valid JSON", Some(Box::new(cause)))
}

/// The error of a ledger whose thread can't be started.
pub(super) fn no_thread(path: &Path, cause: io::Error) -> Error {
    let problem = "can't be used: no thread could be started; raise the limit on processes";
    store(path, problem, Some(Box::new(cause)))
}

fn creation_problem(path: &Path, cause: &io::Error) -> String {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.display().to_string(),
        _ => "the current folder".to_owned(),
    };
    match cause.kind() {
        io::ErrorKind::NotFound => format!("can't be created: {folder} does not exist; create it"),
        io::ErrorKind::NotADirectory => {
            format!("can't be created: {folder} is not a folder; set ledger.url to another file")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("can't be created: this user may not write to {folder}; allow it")
        }
        _ => format!("can't be created in {folder}; set ledger.url to another file"),
    }
}

fn sqlite(path: &Path, cause: Arc<rusqlite::Error>) -> Error {
    let problem = match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "is not an SQLite database; set ledger.url to another file"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "is locked by another program; close what keeps it open (a backup, a database shell)"
        }
        Some(ErrorCode::CannotOpen) => {
            "can't be opened; it must be a file in a folder, and this user must be able to write to both"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "can't be written; let this user write to the file and its folder"
        }
        Some(ErrorCode::DiskFull) => "can't grow: the disk is full; free some space",
        Some(ErrorCode::SystemIoFailure) => "can't be read or written; check the disk",
        Some(ErrorCode::DatabaseCorrupt) => {
            "is damaged; stop its workers, then restore or recover it (sqlite3 FILE .recover)"
        }
        _ if is_unreadable(&cause) => {
            "holds jobs in a form this version can't read; run the version of ticketd that wrote them"
        }
        _ => "can't be read or written",
    };
    store(path, problem, Some(Box::new(cause)))
}

fn is_unreadable(cause: &rusqlite::Error) -> bool {
    matches!(cause, rusqlite::Error::FromSqlConversionFailure(..))
}

fn store(
    path: &Path,
    problem: impl Into<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Store { location: path.display().to_string(), problem: problem.into(), source }
}
