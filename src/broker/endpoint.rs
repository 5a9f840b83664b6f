//! The broker's address and our credentials. The only file that reads the password.

use std::io;
use std::path::Path;
use std::time::Duration;

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPUri, SASLMechanism};
use lapin::{ConnectionProperties, DefaultConnectionBuilder, ErrorKind};
use secrecy::ExposeSecret;
use url::Url;

use super::error::{Cause, Error};
use super::settings::BrokerSettings;

/// AMQP heartbeat in seconds. A silent peer counts as lost after twice this.
const HEARTBEAT: u16 = 10;

/// How long connecting may take, the handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) struct Endpoint {
    settings: BrokerSettings,
    address: String,
    user: Option<String>,
}

/// What a connection needs. Read again for each, because passwords and certificates are rotated
/// while we run.
struct Access {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
}

impl Access {
    fn read(settings: &BrokerSettings) -> Result<Self, Error> {
        let url = settings.url.current();
        let mut uri: AMQPUri = url.expose_secret().parse().map_err(Error::Address)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let identity = match &settings.client_certificate {
            Some((certificate, key)) => {
                Some(OwnedIdentity::PKCS8 { pem: read_file(certificate)?, key: read_file(key)? })
            }
            None => None,
        };
        let cert_chain = match &settings.ca {
            Some(path) => Some(String::from_utf8_lossy(&read_file(path)?).into_owned()),
            None => None,
        };
        Ok(Self { uri, tls: OwnedTLSConfig { identity, cert_chain } })
    }

    /// The user in the URL. None with SASL EXTERNAL, where the certificate identifies the user.
    fn user(&self) -> Option<String> {
        let by_password =
            self.uri.query.auth_mechanism.is_none_or(|sasl| sasl == SASLMechanism::Plain);
        by_password.then(|| self.uri.authority.userinfo.username.clone())
    }
}

impl Endpoint {
    pub(super) fn read(settings: &BrokerSettings) -> Result<Self, Error> {
        let address = without_password(settings.url.current().expose_secret())?;
        let user = Access::read(settings)?.user();
        Ok(Self { settings: settings.clone(), address, user })
    }

    /// Our user on the broker, as far as we know it.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The address without a password.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection without the library's recovery, which does not restore every channel.
    pub(super) async fn dial(&self, purpose: &str) -> Result<lapin::Connection, Error> {
        let Access { uri, tls } = Access::read(&self.settings)?;
        let vhost = uri.vhost.clone();
        let name = format!("ticketd {purpose} {}", std::process::id());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let builder = DefaultConnectionBuilder::new()
            .map_err(|error| self.unreachable(error.into()))?
            .with_uri(uri)
            .with_tls_config(tls)
            .with_properties(properties);
        match tokio::time::timeout(CONNECT_TIMEOUT, builder.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.connect_error(error, vhost)),
            Err(elapsed) => Err(self.unreachable(elapsed.into())),
        }
    }

    fn connect_error(&self, error: lapin::Error, vhost: String) -> Error {
        let address = self.address.clone();
        let refusal = match error.kind() {
            ErrorKind::ProtocolError(refusal) => refusal,
            ErrorKind::IOError(io) if self.is_tls_failure(io.kind()) => {
                return Error::Tls { address, source: error.into() };
            }
            _ => return self.unreachable(error.into()),
        };
        match refusal.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                Error::Credentials { address, source: error.into() }
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => {
                Error::VirtualHost { address, vhost, source: error.into() }
            }
            AMQPErrorKind::Soft(_) | AMQPErrorKind::Hard(_) => self.unreachable(error.into()),
        }
    }

    /// Whether one side rejected the other's certificate. The TLS library reports a broker's
    /// certificate as invalid data; a broker that rejects ours may just close the connection.
    fn is_tls_failure(&self, kind: io::ErrorKind) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let hung_up = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
        let uses_tls = self.address.starts_with("amqps:");
        kind == io::ErrorKind::InvalidData || uses_tls && hung_up.contains(&kind)
    }

    fn unreachable(&self, source: Cause) -> Error {
        Error::Unreachable { address: self.address.clone(), source }
    }
}

/// The address without its password and its query, which may contain one too.
fn without_password(text: &str) -> Result<String, Error> {
    // An address that can't be parsed is not repeated: any part of it may be the password.
    let mut url = Url::parse(text).map_err(|error| Error::Address(error.to_string()))?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        return Err(Error::Address("it begins with neither amqp:// nor amqps://".into()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Error::Address("it names no host".into()));
    }
    url.set_query(None);
    url.set_password(None).map_err(|()| Error::Address("it names no host".into()))?;
    Ok(url.to_string())
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Certificate { path: path.to_owned(), source })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let shown = without_password("amqp://me:s3cret@broker:5672/%2f?auth=s3cret").unwrap();
        assert_eq!(shown, "amqp://me@broker:5672/%2f");
    }

    #[test]
    fn an_unusable_address_is_an_error_that_does_not_repeat_it() {
        for text in ["s3cret", "http://me:s3cret@broker/", "amqp:///s3cret", "amqp://me:s3cret@"] {
            let error = without_password(text).unwrap_err().to_string();
            assert!(error.starts_with("broker.url is not usable: "), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
