//! The address of a PostgreSQL server. Its parameters have the names that libpq gives them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tracing::warn;

use super::tls::{TlsMode, TlsSettings};
use crate::secret::Secret;

/// The default schema for the tables. Other programs may have theirs in the same database.
const DEFAULT_SCHEMA: &str = "ticketd";

/// Default time for one address of the server to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long sent data may stay unacknowledged, and how long a connection may be silent before the
/// kernel probes it. A dead connection must not delay a save for long.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(15);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// Valid settings of a connection. `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresSettings {
    pub(super) server: Config,
    pub(super) tls: Option<TlsSettings>,
    pub(super) schema: String,
    /// Where the address can be read again.
    source: Option<Secret>,
}

/// The parameters of an address that the driver does not know.
#[derive(Default)]
struct ExtraParameters {
    sslmode: Option<TlsMode>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    tcp_user_timeout: Option<Duration>,
}

impl PostgresSettings {
    /// Parses an address such as `postgres://user:password@host:5432/database?sslmode=require`, and
    /// reads the certificates that it names. Errors never quote the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (extra, rest) = ExtraParameters::split_off(text)?;
        let mut server: Config = rest.parse().map_err(|error| explain(&error))?;
        if server.get_hosts().is_empty() || server.get_hosts().contains(&Host::Tcp(String::new())) {
            return Err("names no host".into());
        }
        let schema = schema(server.get_options().unwrap_or_default())?;
        if server.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
            return Err("has target_session_attrs=read-only; the ledger has to be written".into());
        }
        server.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let tls = extra.tls(&server)?;
        server.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if server.get_connect_timeout().is_none() {
            server.connect_timeout(CONNECT_TIMEOUT);
        }
        if server.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            server.keepalives_idle(KEEPALIVE_IDLE);
        }
        if server.get_keepalives_interval().is_none() {
            server.keepalives_interval(KEEPALIVE_INTERVAL).keepalives_retries(KEEPALIVE_RETRIES);
        }
        server.tcp_user_timeout(extra.tcp_user_timeout.unwrap_or(UNACKNOWLEDGED_TIMEOUT));
        if server.get_application_name().is_none() {
            server.application_name("ticketd");
        }
        Ok(Self { server, tls, schema, source: None })
    }

    /// The same settings, with a source where a renewed address can be read.
    #[must_use]
    pub fn kept_in(self, source: Secret) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The settings by the source's current address and the current certificates. Unchanged if
    /// either can't be read. The schema never changes: it has the tables.
    pub(super) fn renewed(&self) -> Self {
        let Some(source) = &self.source else { return self.clone() };
        match Self::parse(source.current().expose_secret()) {
            Ok(Self { server, tls, .. }) => Self { server, tls, ..self.clone() },
            Err(problem) => {
                warn!("the previous ledger.url stays in use: the new one {problem}");
                self.clone()
            }
        }
    }

    /// The address for messages, without password and parameters.
    pub(super) fn address(&self) -> String {
        let user = self.server.get_user().map_or(String::new(), |user| format!("{user}@"));
        let ports = self.server.get_ports();
        let hosts: Vec<String> = self
            .server
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(index, host)| match (host, ports.get(index).or(ports.first())) {
                (Host::Tcp(name), Some(port)) if name.contains(':') => format!("[{name}]:{port}"),
                (Host::Tcp(name), Some(port)) => format!("{name}:{port}"),
                (Host::Tcp(name), None) => name.clone(),
                (Host::Unix(path), _) => path.display().to_string(),
            })
            .collect();
        let database = self.server.get_dbname().map_or(String::new(), |name| format!("/{name}"));
        format!("postgres://{user}{}{database}", hosts.join(","))
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PostgresSettings").field(&self.address()).finish()
    }
}

impl ExtraParameters {
    /// Splits these parameters off an address. Also returns the rest of it.
    fn split_off(text: &str) -> Result<(Self, String), String> {
        let Some((base, query)) = text.split_once('?') else {
            return Ok((Self::default(), text.to_owned()));
        };
        let (mut extra, mut rest) = (Self::default(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or("has a parameter without a value; write NAME=VALUE after the '?'")?;
            let decoded = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| format!("has {name} with bytes that are not UTF-8"))?;
            match name {
                "sslmode" => extra.sslmode = Some(decoded.parse()?),
                "sslrootcert" if decoded == "system" => extra.root = None,
                "sslrootcert" => extra.root = Some(decoded.as_ref().into()),
                "sslcert" => extra.certificate = Some(decoded.as_ref().into()),
                "sslkey" => extra.key = Some(decoded.as_ref().into()),
                // libpq counts milliseconds here, the driver seconds.
                "tcp_user_timeout" => {
                    let value =
                        decoded.parse().map_err(|_| "has a tcp_user_timeout that is no number")?;
                    extra.tcp_user_timeout = Some(Duration::from_millis(value));
                }
                "keepalives_count" => rest.push(format!("keepalives_retries={value}")),
                _ => rest.push(pair.to_owned()),
            }
        }
        Ok((extra, format!("{base}?{}", rest.join("&"))))
    }

    /// The TLS settings for a server. TLS is required by default unless the server is on this
    /// machine.
    fn tls(&self, server: &Config) -> Result<Option<TlsSettings>, String> {
        let default = if is_local(server) { TlsMode::Disable } else { TlsMode::Require };
        let only_sockets = server.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        if only_sockets && self.sslmode == Some(TlsMode::Require) {
            return Err("asks for TLS on a socket; leave sslmode out".into());
        }
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            (Some(_), None) => return Err("has sslcert without sslkey".into()),
            (None, Some(_)) => return Err("has sslkey without sslcert".into()),
        };
        match self.sslmode.unwrap_or(default) {
            TlsMode::Require => TlsSettings::new(self.root.clone(), identity).map(Some),
            TlsMode::Disable if self.root.is_none() && identity.is_none() => Ok(None),
            TlsMode::Disable => {
                Err("names certificates, but does not use TLS; write sslmode=require".into())
            }
        }
    }
}

/// Whether every host is this machine, so that no network is in between.
fn is_local(server: &Config) -> bool {
    let is_loopback = |name: &str| {
        let address = name.parse::<std::net::IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    let hosts = server.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => is_loopback(name),
        Host::Unix(_) => true,
    });
    hosts && server.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// The schema in the options' `search_path`, or the default.
fn schema(options: &str) -> Result<String, String> {
    let Some((_, value)) = options.split_once("search_path=") else {
        return Ok(DEFAULT_SCHEMA.to_owned());
    };
    let name = value.split_whitespace().next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with("pg_") {
        return Err("has a search_path that is not one plain name: a-z, 0-9 and _".into());
    }
    Ok(name.to_owned())
}

/// Explains why the driver refused an address. The driver's text names a parameter, never a value.
fn explain(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let name = cause.split('`').nth(1).unwrap_or_default();
    if cause.starts_with("unknown option") {
        format!("has the unknown parameter {name}; leave it out")
    } else if cause.starts_with("invalid value") {
        format!("has a {name} that can't be read")
    } else {
        "is not a URL; write it like postgres://user@host:5432/database".into()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A password that no message may contain.
    const CANARY: &str = "c4n4ry";

    #[test]
    fn an_invalid_address_is_refused_and_never_quoted() {
        for (address, expected) in [
            ("postgres://u:c4n4ry@/d", "names no host"),
            ("postgres://u:c4n4ry@:/d", "names no host"),
            ("postgres://u:c4n4ry@h:c4n4ry/d", "has a port that can't be read"),
            ("postgres://u:c4n4ry@h/d?sslmode=c4n4ry", "write sslmode=require, which verifies"),
            ("postgres://u:c4n4ry@h/d?sslmode=prefer", "write sslmode=require, which verifies"),
            ("postgres://u:c4n4ry@h/d?sslmode=verify-ca", "write sslmode=require, which verifies"),
            ("postgres://u:c4n4ry@h/d?sslmode=verify-full", "write sslmode=require, which verifi"),
            ("postgres://u:c4n4ry@h/d?sslmode", "has a parameter without a value"),
            ("postgres://u:c4n4ry@h/d?gssencmode=c4n4ry", "has the unknown parameter gssencmode"),
            ("postgres://u:c4n4ry@h/d?connect_timeout=x", "has a connect_timeout that can't be"),
            ("postgres://u:c4n4ry@h/d?sslrootcert=/none.pem", "sslrootcert=/none.pem, which can't"),
            ("postgres://u:c4n4ry@h/d?sslcert=/none.pem", "has sslcert without sslkey"),
            ("postgres://u:c4n4ry@h/d?sslmode=disable&sslrootcert=/x", "write sslmode=require"),
            ("postgres://u:c4n4ry@%2Ftmp/d?sslmode=require", "asks for TLS on a socket"),
            ("postgres://u:c4n4ry@h/d?target_session_attrs=read-only", "has to be written"),
            ("postgres://u:c4n4ry@h/d?options=-csearch_path%3D%22x%22", "one plain name"),
        ] {
            let message = PostgresSettings::parse(address).unwrap_err();
            assert!(message.contains(expected), "{address}: {message}");
            assert!(!message.contains(CANARY), "{message}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, shown) in [
            ("postgres://u:c4n4ry@db.example:5433/d?sslmode=require", "u@db.example:5433/d"),
            ("postgres://h/d?user=u&password=c4n4ry", "u@h:5432/d"),
            ("postgresql://u:c4n4ry@a,b:6000/d", "u@a:5432,b:6000/d"),
            ("postgres://u@[::1]/d", "u@[::1]:5432/d"),
            ("postgres://u@%2Frun%2Fpostgresql/d", "u@/run/postgresql/d"),
        ] {
            let settings = PostgresSettings::parse(address).unwrap();
            assert_eq!(settings.address(), format!("postgres://{shown}"));
            assert!(!format!("{settings:?}").contains(CANARY));
        }
    }

    #[test]
    fn tls_is_the_default_unless_every_host_is_local() {
        for (address, has_tls) in [
            ("postgres://u@127.0.0.1/d", false),
            ("postgres://u@localhost,[::1]/d", false),
            ("postgres://u@%2Frun%2Fpostgresql/d", false),
            ("postgres://u@db.example/d", true),
            ("postgres://u@localhost,db.example/d", true),
            ("postgres://u@localhost/d?hostaddr=10.0.0.1", true),
            ("postgres://u@db.example/d?sslmode=disable", false),
            ("postgres://u@127.0.0.1/d?sslmode=require", true),
        ] {
            let settings = PostgresSettings::parse(address).unwrap();
            assert_eq!(settings.tls.is_some(), has_tls, "{address}");
        }
    }
}
