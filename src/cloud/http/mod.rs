//! Sends. The only file that knows `reqwest`.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::protocol::Method;

/// How long we wait for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// To connect.
    pub connect_timeout: Duration,
    /// For the whole of a request and its reply.
    pub timeout: Duration,
}

/// The longest reply body read, in bytes. A longer one is not an answer to any of our questions.
pub const MAX_BODY: usize = 4 << 20;

/// Servers close idle connections at moments of their own. One closed under a request makes its
/// outcome unknown, so idle connections are dropped well before common server limits.
const IDLE: Duration = Duration::from_secs(10);

/// A request, addressed and signed: sent as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The method.
    pub method: Method,
    /// The address, its query encoded as it was signed.
    pub url: Url,
    /// Headers, `Host` among them: what was signed is what is sent.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte as it was signed.
    pub body: Vec<u8>,
}

/// Headers and body may hold secrets, a query may hold a producer's data.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, path) = (self.url.host_str().unwrap_or_default(), self.url.path());
        write!(f, "Signed({:?} {host}{path})", self.method)
    }
}

/// A reply as it came, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReply {
    /// The HTTP status.
    pub status: u16,
    /// Headers that are text; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl RawReply {
    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A request without a whole reply. What matters is whether the provider can have seen it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection came about, so nothing was sent.
    #[error("can't connect to {host}: {cause}")]
    NotSent {
        /// The provider's host.
        host: String,
        /// What went wrong.
        cause: String,
    },
    /// It may have been received.
    #[error("no whole answer from {host}: {cause}")]
    Lost {
        /// The provider's host.
        host: String,
        /// What went wrong.
        cause: String,
    },
}

/// Carries requests to a provider. [`Https`] does; tests and benchmarks answer in process.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends once. Never follows a redirect and never tries again.
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError>;
}

/// HTTP over TLS, with a pool of connections.
#[derive(Clone, Debug)]
pub struct Https {
    client: reqwest::Client,
}

/// The HTTP client can't be set up.
#[derive(Debug, thiserror::Error)]
#[error("can't set up HTTPS; are the system's certificates installed (package ca-certificates)?")]
pub struct SetUpError(#[source] reqwest::Error);

impl Https {
    /// Sets up a client.
    pub fn new(settings: HttpSettings) -> Result<Self, SetUpError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let client = reqwest::Client::builder()
            .user_agent(concat!("ticketd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(SetUpError)?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Transport for Https {
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let failed = |error: reqwest::Error| {
            let cause = innermost(&error);
            let host = host.clone();
            if error.is_connect() {
                TransportError::NotSent { host, cause }
            } else {
                TransportError::Lost { host, cause }
            }
        };
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut sending = self.client.request(method, request.url);
        for (name, value) in &request.headers {
            sending = sending.header(name, value);
        }
        // A POST without a body still says `content-length: 0`; a GET does not.
        if !request.body.is_empty() || request.method == Method::Post {
            sending = sending.body(request.body);
        }
        // A builder's fault (a header that can't be one) means that nothing was sent.
        let ready = sending.build().map_err(|error| TransportError::NotSent {
            host: host.clone(),
            cause: innermost(&error),
        })?;

        let mut response = self.client.execute(ready).await.map_err(failed)?;
        let status = response.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)))
            .collect();
        let mut body = Vec::new();
        let lost = |cause| TransportError::Lost { host: host.clone(), cause };
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(innermost(&error)))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                return Err(lost(format!("the reply is longer than {MAX_BODY} bytes")));
            }
        }
        Ok(RawReply { status, headers, body })
    }
}

/// The cause at the bottom of the chain: the layers above only repeat it, one of them with the
/// whole address.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
