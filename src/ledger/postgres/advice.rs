//! Says what is wrong with the database, and what to do about it, in one line.

use std::error::Error as Cause;
use std::io;

use deadpool_postgres::{HookError, PoolError, TimeoutType};
use rustls::{AlertDescription, CertificateError};
use tokio_postgres::error::{DbError, SqlState};

use super::pool::Failed;
use super::schema::{Unusable, VERSION};
use super::settings::PostgresSettings;
use crate::job::JobId;
use crate::ledger::Error;

/// Where a ledger is, as its errors say it.
#[derive(Clone, Debug)]
pub(super) struct ErrorContext {
    address: String,
    schema: String,
    database: String,
}

impl ErrorContext {
    pub(super) fn of(settings: &PostgresSettings) -> Self {
        let database = settings.server.get_dbname().or(settings.server.get_user());
        Self {
            address: settings.place(),
            schema: settings.schema.clone(),
            database: database.unwrap_or("the user's name").to_owned(),
        }
    }

    /// The error of a request that came to nothing.
    pub(super) fn failed(&self, failed: Failed) -> Error {
        let what = match &failed {
            Failed::Pool(error) => match &**error {
                PoolError::Backend(error)
                | PoolError::PostCreateHook(HookError::Backend(error)) => self.sql(error),
                PoolError::Timeout(TimeoutType::Wait) => {
                    "is too slow: no connection came free in time; see what slows it".into()
                }
                PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => SILENT.into(),
                PoolError::PostCreateHook(HookError::Message(_))
                | PoolError::Closed
                | PoolError::NoRuntimeSpecified => STOPPED.into(),
            },
            Failed::Sql(error) => self.sql(error),
            Failed::Silence => SILENT.into(),
            Failed::Stopped => STOPPED.into(),
        };
        self.store(what, Some(Box::new(failed)))
    }

    /// The error of a database that can't be a ledger.
    pub(super) fn unusable(&self, unusable: Unusable) -> Error {
        let schema = &self.schema;
        match unusable {
            Unusable::Foreign => self.store(
                format!(
                    "has a schema {schema} of another program; name another one in ledger.url: \
                     ?options=-csearch_path=NAME"
                ),
                None,
            ),
            Unusable::Newer(version) => self.store(
                format!(
                    "was written by a newer ticketd (schema version {version}, this one knows \
                     {VERSION}); run that version, or set ledger.url to another database"
                ),
                None,
            ),
            Unusable::Forbidden(cause) => self.store(
                format!(
                    "has no schema {schema} as this version needs it, and this user may not make \
                     it; start one worker as the owner, or GRANT CREATE ON DATABASE {} to the user",
                    self.database
                ),
                Some(Box::new(cause)),
            ),
            Unusable::Sql(cause) => self.failed(cause.into()),
        }
    }

    /// The error of a row that can't be read.
    pub(super) fn unreadable(&self, job: &JobId, cause: serde_json::Error) -> Error {
        let what = format!(
            "holds job {job} in a form this version can't read; run the version of ticketd that \
             wrote it"
        );
        self.store(what, Some(Box::new(cause)))
    }

    /// The error of rows that can't be listed.
    pub(super) fn unlisted(&self, cause: String) -> Error {
        let what = "holds jobs in a form this version can't read; run the version of ticketd that \
                    wrote them";
        self.store(what.into(), Some(cause.into()))
    }

    /// The error of a value that can't be stored.
    pub(super) fn unwritable(&self, cause: serde_json::Error) -> Error {
        self.store("can't hold a value that is not JSON".into(), Some(Box::new(cause)))
    }

    fn sql(&self, error: &tokio_postgres::Error) -> String {
        if let Some(refusal) = error.as_db_error() {
            return self.refusal(refusal);
        }
        if let Some(tls) = found::<rustls::Error>(error) {
            return handshake(tls);
        }
        if let Some(io) = found::<io::Error>(error) {
            return connection(io);
        }
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        if said.contains("does not support TLS") {
            "offers no TLS; switch it on there (ssl = on), or set sslmode=disable where nobody can \
             listen"
                .into()
        } else if said.contains("password missing") {
            "wants a password; put one into ledger.url".into()
        } else if said.contains("resolve") {
            UNKNOWN_HOST.into()
        } else if error.is_closed() {
            BROKEN.into()
        } else {
            format!("can't be read or written ({error})")
        }
    }

    fn refusal(&self, refusal: &DbError) -> String {
        let (code, said) = (refusal.code(), refusal.message());
        let database = &self.database;
        if *code == SqlState::INVALID_PASSWORD {
            "refuses the user or its password; correct ledger.url".into()
        } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
            if said.contains("no encryption") {
                "does not let the user in from here without TLS; add ?sslmode=verify-full to \
                 ledger.url, or correct the server's pg_hba.conf"
                    .into()
            } else if said.contains("certificate") {
                "wants a certificate of its client; name yours with sslcert and sslkey".into()
            } else {
                format!(
                    "refuses the user ({said}); correct ledger.url, or the server's pg_hba.conf"
                )
            }
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            format!("is not there; create it: CREATE DATABASE {database}")
        } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            format!(
                "forbids something to this user ({said}); GRANT it USAGE on the schema {} and ALL \
                 on its tables",
                self.schema
            )
        } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            READ_ONLY.into()
        } else if *code == SqlState::TOO_MANY_CONNECTIONS {
            "has no connection left for us; raise its max_connections or the user's limit".into()
        } else if *code == SqlState::CANNOT_CONNECT_NOW {
            "is starting or stopping; wait until it is up".into()
        } else if *code == SqlState::ADMIN_SHUTDOWN || *code == SqlState::CRASH_SHUTDOWN {
            "was stopped, or somebody ended our connection; see that it is up".into()
        } else if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
            "took too long; see what slows it or keeps rows locked (pg_stat_activity)".into()
        } else if *code == SqlState::DISK_FULL {
            "can't grow: its disk is full; make room".into()
        } else if *code == SqlState::UNDEFINED_TABLE {
            format!("has lost its tables ({said}); restart the workers to make new ones")
        } else {
            format!("can't be read or written ({said})")
        }
    }

    fn store(&self, what: String, source: Option<Box<dyn Cause + Send + Sync>>) -> Error {
        Error::Store { place: self.address.clone(), what, source }
    }
}

const SILENT: &str =
    "does not answer; see that it is up, and that nothing drops what is sent there";
const STOPPED: &str = "has stopped working; restart the worker";
const BROKEN: &str = "closed the connection; see that it is up";
const UNKNOWN_HOST: &str = "can't be found: its host's name leads nowhere; correct ledger.url";
const READ_ONLY: &str =
    "can't be written: it is a standby or read-only; name the primary, or all hosts: host1,host2";

fn connection(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "can't be reached: nothing listens there; start it, or correct ledger.url".into()
        }
        io::ErrorKind::NotFound => {
            "can't be reached: there is no such socket; start it, or correct ledger.url".into()
        }
        io::ErrorKind::TimedOut => SILENT.into(),
        io::ErrorKind::PermissionDenied if error.to_string().contains("allow writes") => {
            READ_ONLY.into()
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => BROKEN.into(),
        _ if error.to_string().contains("lookup address") => UNKNOWN_HOST.into(),
        _ => format!("can't be reached ({error})"),
    }
}

fn handshake(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "shows the certificate of another host; use the name in it, or sslmode=verify-ca".into()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            "shows a certificate of an unknown authority; name its own with sslrootcert=FILE".into()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "shows a certificate that has expired; renew it".into(),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
        ) => "wants a certificate of its client; name yours with sslcert and sslkey".into(),
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA | AlertDescription::BadCertificate,
        ) => "does not trust our certificate; correct sslcert, or the server's ssl_ca_file".into(),
        _ => format!("can't be spoken to in private ({error})"),
    }
}

/// The first cause of a type; an `io::Error` may hide one.
fn found<'a, T: Cause + 'static>(error: &'a (dyn Cause + 'static)) -> Option<&'a T> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
