//! What a PostgreSQL address says. Its parameters are those of libpq, as users know them from
//! everywhere else.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tracing::warn;

use super::tls::{Mode, Tls};
use crate::secret::Secret;

/// The schema that holds our tables, unless the address says otherwise: other programs may have
/// theirs in the same database.
const SCHEMA: &str = "ticketd";

/// How long one address of the server may take to answer, unless the address says otherwise.
const CONNECT: Duration = Duration::from_secs(5);

/// How long sent data may stay unacknowledged, and after which silence the server is asked whether
/// it is still there: a connection that died without a word must not hold up a save for long.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(15);

/// A database as configured, checked. It can be shown: the password is kept apart.
#[derive(Clone)]
pub struct PostgresSettings {
    pub(super) server: Config,
    pub(super) tls: Option<Tls>,
    pub(super) schema: String,
    /// Where the address stands, to be read again.
    source: Option<Secret>,
}

/// The parameters that the driver leaves to us.
#[derive(Default)]
struct Ours {
    mode: Option<Mode>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    tcp_user_timeout: Option<Duration>,
}

impl PostgresSettings {
    /// Reads an address such as `postgres://user:password@host:5432/database?sslmode=require`, and
    /// the certificates it names. The error never quotes the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (ours, rest) = Ours::take(text)?;
        let mut server: Config = rest.parse().map_err(|error| refusal(&error))?;
        if server.get_hosts().is_empty() || server.get_hosts().contains(&Host::Tcp(String::new())) {
            return Err("names no host".into());
        }
        let schema = schema(server.get_options().unwrap_or_default())?;
        match server.get_target_session_attrs() {
            TargetSessionAttrs::ReadOnly => {
                return Err(
                    "has target_session_attrs=read-only; the ledger has to be written".into()
                );
            }
            _ => server.target_session_attrs(TargetSessionAttrs::ReadWrite),
        };
        let mode =
            ours.mode.unwrap_or(if is_near(&server) { Mode::Disable } else { Mode::VerifyFull });
        let only_sockets = server.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        if only_sockets && ours.mode.is_some_and(|mode| mode != Mode::Disable) {
            return Err("asks for TLS on a socket; leave sslmode out".into());
        }
        server.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        let identity = match (ours.certificate, ours.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("has sslcert without sslkey".into()),
            (None, Some(_)) => return Err("has sslkey without sslcert".into()),
        };
        let tls = Tls::new(mode, ours.root, identity)?;
        if server.get_connect_timeout().is_none() {
            server.connect_timeout(CONNECT);
        }
        if server.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            server.keepalives_idle(SILENCE);
        }
        if server.get_keepalives_interval().is_none() {
            server.keepalives_interval(SILENCE / 3).keepalives_retries(3);
        }
        server.tcp_user_timeout(ours.tcp_user_timeout.unwrap_or(UNACKNOWLEDGED));
        if server.get_application_name().is_none() {
            server.application_name("ticketd");
        }
        Ok(Self { server, tls, schema, source: None })
    }

    /// The same, of an address that is kept there and may be renewed.
    #[must_use]
    pub fn kept_in(self, source: Secret) -> Self {
        Self { source: Some(source), ..self }
    }

    /// As the address says by now, and the certificates it names; as they were, if either can't be
    /// read. The schema stays: our tables are in it.
    pub(super) fn renewed(&self) -> Self {
        let Some(source) = &self.source else { return self.clone() };
        match Self::parse(source.current().expose_secret()) {
            Ok(Self { server, tls, .. }) => Self { server, tls, ..self.clone() },
            Err(what) => {
                warn!("ledger.url stays as it was: it {what}");
                self.clone()
            }
        }
    }

    /// Where it is, for people: without password and parameters.
    pub(super) fn place(&self) -> String {
        let user = self.server.get_user().map_or(String::new(), |user| format!("{user}@"));
        let ports = self.server.get_ports();
        let hosts: Vec<String> = self
            .server
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(at, host)| match (host, ports.get(at).or(ports.first())) {
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
        formatter.debug_tuple("Settings").field(&self.place()).finish()
    }
}

impl Ours {
    /// Takes our parameters out of an address; returns what is left of it as well.
    fn take(text: &str) -> Result<(Self, String), String> {
        let Some((base, query)) = text.split_once('?') else {
            return Ok((Self::default(), text.to_owned()));
        };
        let (mut ours, mut rest) = (Self::default(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or("has a parameter without a value; write NAME=VALUE after the '?'")?;
            let decoded = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| format!("has {name} with bytes that are not UTF-8"))?;
            match name {
                "sslmode" => ours.mode = Some(decoded.parse()?),
                "sslrootcert" if decoded == "system" => ours.root = None,
                "sslrootcert" => ours.root = Some(decoded.as_ref().into()),
                "sslcert" => ours.certificate = Some(decoded.as_ref().into()),
                "sslkey" => ours.key = Some(decoded.as_ref().into()),
                // libpq counts these in milliseconds, the driver in seconds.
                "tcp_user_timeout" => {
                    let value =
                        decoded.parse().map_err(|_| "has a tcp_user_timeout that is no number")?;
                    ours.tcp_user_timeout = Some(Duration::from_millis(value));
                }
                "keepalives_count" => rest.push(format!("keepalives_retries={value}")),
                _ => rest.push(pair.to_owned()),
            }
        }
        Ok((ours, format!("{base}?{}", rest.join("&"))))
    }
}

/// Whether every host is this machine, where nobody listens in between.
fn is_near(server: &Config) -> bool {
    let loopback = |name: &str| {
        let address = name.parse::<std::net::IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    let hosts = server.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => loopback(name),
        Host::Unix(_) => true,
    });
    hosts && server.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// The schema that the options name by their search_path, or ours.
fn schema(options: &str) -> Result<String, String> {
    let Some((_, value)) = options.split_once("search_path=") else { return Ok(SCHEMA.to_owned()) };
    let name = value.split_whitespace().next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with("pg_") {
        return Err("has a search_path that is not one plain name: a-z, 0-9 and _".into());
    }
    Ok(name.to_owned())
}

/// What the driver has against an address, in our words. Its words name a parameter, never a value.
fn refusal(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let name = cause.split('`').nth(1).unwrap_or_default();
    if cause.starts_with("unknown option") {
        format!("has the parameter {name}, which means nothing here; leave it out")
    } else if cause.starts_with("invalid value") {
        format!("has a {name} that can't be read")
    } else {
        "is not a URL; write it like postgres://user@host:5432/database".into()
    }
}
