//! Turns the database's errors into one line that says what is wrong and what to do.

use std::error::Error as Cause;
use std::io;

use deadpool_postgres::{HookError, PoolError, TimeoutType};
use rustls::{AlertDescription, CertificateError};
use tokio_postgres::error::{DbError, SqlState};

use super::pool::QueryError;
use super::schema::{SchemaError, VERSION};
use super::url::PostgresSettings;
use crate::job::JobId;
use crate::ledger::Error;

/// Names that the errors of one ledger mention.
#[derive(Clone, Debug)]
pub(super) struct ErrorContext {
    address: String,
    schema: String,
    database: String,
}

impl ErrorContext {
    pub(super) fn new(settings: &PostgresSettings) -> Self {
        let database = settings.server.get_dbname().or(settings.server.get_user());
        Self {
            address: settings.address(),
            schema: settings.schema.clone(),
            database: database.unwrap_or("the user's name").to_owned(),
        }
    }

    /// The error of a failed request.
    pub(super) fn failed(&self, error: QueryError) -> Error {
        let problem = match &error {
            QueryError::Connection(error) => self.connection_problem(error),
            QueryError::Database(error) => self.database_problem(error),
            QueryError::Timeout => NO_ANSWER.into(),
            QueryError::Unreadable(_) => "holds jobs in a form this version can't read; run the \
                                          version of ticketd that wrote them"
                .into(),
            QueryError::Stopped => STOPPED.into(),
        };
        self.store(problem, Some(Box::new(error)))
    }

    /// The error of a failed request about one job. Names the job if its row can't be read.
    pub(super) fn failed_for_job(&self, job: &JobId, error: QueryError) -> Error {
        let QueryError::Unreadable(_) = error else { return self.failed(error) };
        let problem = format!(
            "holds job {job} in a form this version can't read; run the version of ticketd that \
             wrote it"
        );
        self.store(problem, Some(Box::new(error)))
    }

    /// The error of a database that can't be used as a ledger.
    pub(super) fn not_migrated(&self, error: SchemaError) -> Error {
        let schema = &self.schema;
        match error {
            SchemaError::OtherProgram => self.store(
                format!(
                    "has a schema {schema} of another program; name another one in ledger.url: \
                     ?options=-csearch_path=NAME"
                ),
                None,
            ),
            SchemaError::Newer(version) => self.store(
                format!(
                    "was written by a newer ticketd (schema version {version}, this one knows \
                     {VERSION}); run that version, or set ledger.url to another database"
                ),
                None,
            ),
            SchemaError::NotPermitted(cause) => self.store(
                format!(
                    "has no schema {schema} as this version needs it, and this user may not \
                     create it; start one worker as the owner, or GRANT CREATE ON DATABASE {} to \
                     the user",
                    self.database
                ),
                Some(Box::new(cause)),
            ),
            SchemaError::Database(cause) => self.failed(cause.into()),
        }
    }

    /// The error of a value that can't be written as JSON.
    pub(super) fn not_encoded(&self, cause: serde_json::Error) -> Error {
        self.store("can't store a value that is not valid JSON".into(), Some(Box::new(cause)))
    }

    fn connection_problem(&self, error: &PoolError) -> String {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                self.database_problem(error)
            }
            PoolError::Timeout(TimeoutType::Wait) => {
                "is too slow: no connection was free in time; check the server's load".into()
            }
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => NO_ANSWER.into(),
            PoolError::PostCreateHook(HookError::Message(_))
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified => STOPPED.into(),
        }
    }

    fn database_problem(&self, error: &tokio_postgres::Error) -> String {
        if let Some(refusal) = error.as_db_error() {
            return self.refusal(refusal);
        }
        if let Some(tls) = find_cause::<rustls::Error>(error) {
            return tls_problem(tls);
        }
        if let Some(io) = find_cause::<io::Error>(error) {
            return io_problem(io);
        }
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        if cause.contains("does not support TLS") {
            "does not offer TLS; set ssl = on in the server, or sslmode=disable in ledger.url if \
             the network is trusted"
                .into()
        } else if cause.contains("password missing") {
            "needs a password; add one to ledger.url".into()
        } else if cause.contains("resolve") {
            UNKNOWN_HOST.into()
        } else if error.is_closed() {
            CLOSED.into()
        } else {
            format!("can't be read or written ({error})")
        }
    }

    fn refusal(&self, error: &DbError) -> String {
        let (code, message) = (error.code(), error.message());
        let database = &self.database;
        if *code == SqlState::INVALID_PASSWORD {
            "refuses the user or its password; correct ledger.url".into()
        } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
            if message.contains("no encryption") {
                "refuses this user without TLS; add ?sslmode=require to ledger.url, or correct the \
                 server's pg_hba.conf"
                    .into()
            } else if message.contains("certificate") {
                NEEDS_CERTIFICATE.into()
            } else {
                format!(
                    "refuses the user ({message}); correct ledger.url, or the server's pg_hba.conf"
                )
            }
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            format!("does not exist; create it: CREATE DATABASE {database}")
        } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            format!(
                "denies a right to this user ({message}); GRANT it USAGE on the schema {} and ALL \
                 on its tables",
                self.schema
            )
        } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            READ_ONLY.into()
        } else if *code == SqlState::TOO_MANY_CONNECTIONS {
            "has no free connection; raise its max_connections or the user's limit".into()
        } else if *code == SqlState::CANNOT_CONNECT_NOW {
            "is starting or stopping; wait until it is up".into()
        } else if *code == SqlState::ADMIN_SHUTDOWN || *code == SqlState::CRASH_SHUTDOWN {
            "was stopped, or an operator closed the connection; check that it is up".into()
        } else if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
            "took too long; check its load, and what keeps rows locked (pg_stat_activity)".into()
        } else if *code == SqlState::DISK_FULL {
            "can't grow: its disk is full; free some space".into()
        } else if *code == SqlState::UNDEFINED_TABLE {
            format!("has lost its tables ({message}); restart the workers to create new ones")
        } else {
            format!("can't be read or written ({message})")
        }
    }

    fn store(&self, problem: String, source: Option<Box<dyn Cause + Send + Sync>>) -> Error {
        Error::Store { location: self.address.clone(), problem, source }
    }
}

const NO_ANSWER: &str = "does not answer; check that it is up, and that no firewall drops packets";
const STOPPED: &str = "has stopped working; restart the worker";
const CLOSED: &str = "closed the connection; check that it is up";
const UNKNOWN_HOST: &str = "can't be found: its host name does not resolve; correct ledger.url";
const READ_ONLY: &str =
    "can't be written: it is a standby or read-only; name the primary, or all hosts: host1,host2";
const NEEDS_CERTIFICATE: &str = "needs a client certificate; set sslcert and sslkey in ledger.url";

fn io_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "can't be reached: nothing listens there; start it, or correct ledger.url".into()
        }
        io::ErrorKind::NotFound => {
            "can't be reached: the socket does not exist; start it, or correct ledger.url".into()
        }
        io::ErrorKind::TimedOut => NO_ANSWER.into(),
        io::ErrorKind::PermissionDenied if error.to_string().contains("allow writes") => {
            READ_ONLY.into()
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => CLOSED.into(),
        _ if error.to_string().contains("lookup address") => UNKNOWN_HOST.into(),
        _ => format!("can't be reached ({error})"),
    }
}

fn tls_problem(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "has the certificate of another host; write the host name from its certificate in \
             ledger.url"
            .into(),
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            "has a certificate from an unknown authority; set sslrootcert=FILE in ledger.url".into()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "has an expired certificate; renew it".into(),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
        ) => NEEDS_CERTIFICATE.into(),
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA | AlertDescription::BadCertificate,
        ) => "does not trust the client certificate; correct sslcert, or the server's ssl_ca_file"
            .into(),
        _ => format!("can't be reached over TLS ({error})"),
    }
}

/// The first cause of a type, also inside an `io::Error`.
fn find_cause<'a, T: Cause + 'static>(error: &'a (dyn Cause + 'static)) -> Option<&'a T> {
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
