//! Says what is wrong with the file, and what to do about it, in one line.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;

use super::file::{Unusable, VERSION};
use super::group_commit::Failed;
use crate::job::JobId;
use crate::ledger::Error;

/// The error of a request that came to nothing.
pub(super) fn failed(place: &Path, failed: Failed) -> Error {
    match failed {
        Failed::Sql(cause) => sql(place, cause),
        Failed::Stopped => store(place, "has stopped working; restart the worker", None),
    }
}

/// The error of a file that can't be a ledger.
pub(super) fn unusable(place: &Path, unusable: Unusable) -> Error {
    match unusable {
        Unusable::Create(cause) => store(place, creation(place, &cause), Some(Box::new(cause))),
        Unusable::Foreign => {
            let what = "belongs to another program; set ledger.url to a file of its own";
            store(place, what, None)
        }
        Unusable::Newer(version) => {
            let what = format!(
                "was written by a newer ticketd (schema {version}, this one knows {VERSION}); \
                 run that version, or set ledger.url to another file"
            );
            store(place, what, None)
        }
        Unusable::Network(network) => {
            let what = format!(
                "would be on a network ({network}), where SQLite files come to harm; set \
                 ledger.url to a file on a disk of this machine, or to postgres://…"
            );
            store(place, what, None)
        }
        Unusable::Elsewhere { host, ago } => {
            let seconds = ago / 1000;
            let what = format!(
                "is open on another machine, {host} ({seconds} s ago), and a file is for one; stop \
                 the workers there and wait two minutes, or set ledger.url to postgres://… on both"
            );
            store(place, what, None)
        }
        Unusable::Sql(cause) => sql(place, Arc::new(cause)),
    }
}

/// The error of a row that can't be read; none if the failure is another one.
pub(super) fn unreadable(place: &Path, job: &JobId, failed: &Failed) -> Option<Error> {
    let Failed::Sql(cause) = failed else { return None };
    let rusqlite::Error::FromSqlConversionFailure(..) = **cause else { return None };
    let what = format!(
        "holds job {job} in a form this version can't read; run the version of ticketd that wrote it"
    );
    Some(store(place, what, Some(Box::new(Arc::clone(cause)))))
}

/// The error of a value that can't be stored.
pub(super) fn unwritable(place: &Path, cause: serde_json::Error) -> Error {
    store(place, "can't hold a value that is not JSON", Some(Box::new(cause)))
}

/// The error of a thread that can't be started.
pub(super) fn threadless(place: &Path, cause: io::Error) -> Error {
    let what = "can't be served: no thread could be started; raise the limit on processes";
    store(place, what, Some(Box::new(cause)))
}

fn creation(place: &Path, cause: &io::Error) -> String {
    let folder = match place.parent() {
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

fn sql(place: &Path, cause: Arc<rusqlite::Error>) -> Error {
    let what = match cause.sqlite_error_code() {
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
        Some(ErrorCode::DiskFull) => "can't grow: the disk is full; make room",
        Some(ErrorCode::SystemIoFailure) => "can't be read or written; check the disk",
        Some(ErrorCode::DatabaseCorrupt) => {
            "is damaged; stop its workers, then restore or recover it (sqlite3 FILE .recover)"
        }
        _ => "can't be read or written",
    };
    store(place, what, Some(Box::new(cause)))
}

fn store(
    place: &Path,
    what: impl Into<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Store { place: place.display().to_string(), what: what.into(), source }
}
