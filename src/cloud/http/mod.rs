//! Sends HTTP requests. The only module that uses `reqwest`.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::request::Method;

/// Timeouts of requests to providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    pub connect_timeout: Duration,
    /// For a request with its reply.
    pub timeout: Duration,
}

/// Limit of a reply body, in bytes. No expected reply is longer.
pub const MAX_BODY: usize = 4 << 20;

/// A connection that the server closes during a request makes the outcome unknown, so idle
/// connections are closed well before the usual limits of servers.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// An addressed and signed request, sent unchanged.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    pub method: Method,
    /// With the query encoded as it was signed.
    pub url: Url,
    /// With `Host`.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Shows neither headers nor body, which may contain secrets, nor the query, which may contain a
/// producer's data.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, path) = (self.url.host_str().unwrap_or_default(), self.url.path());
        write!(f, "Signed({:?} {host}{path})", self.method)
    }
}

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReply {
    pub status: u16,
    /// Only headers that are text. Names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawReply {
    /// `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A request without a complete reply. The variants say whether the provider may have received it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// There was no connection, so nothing was sent.
    #[error("can't connect to {host}: {cause}")]
    NotSent { host: String, cause: String },
    /// The provider may have received it.
    #[error("no complete answer from {host}: {cause}")]
    Lost { host: String, cause: String },
}

/// Sends requests to a provider: [`Https`], or an in-process replacement in tests and benchmarks.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends once, without redirects or retries.
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError>;
}

/// HTTP over TLS, with a connection pool.
#[derive(Clone, Debug)]
pub struct Https {
    client: reqwest::Client,
}

#[derive(Debug, thiserror::Error)]
#[error("can't set up HTTPS; install the system's certificates (package ca-certificates)")]
pub struct SetUpError(#[source] reqwest::Error);

impl Https {
    pub fn new(settings: HttpSettings) -> Result<Self, SetUpError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let client = reqwest::Client::builder()
            .user_agent(concat!("ticketd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
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
        let transport_error = |error: reqwest::Error| {
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
        let mut builder = self.client.request(method, request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        // A POST without a body is sent with `content-length: 0`, a GET without it.
        if !request.body.is_empty() || request.method == Method::Post {
            builder = builder.body(request.body);
        }
        // A request that can't be built, by an invalid header, was not sent.
        let request = builder.build().map_err(|error| TransportError::NotSent {
            host: host.clone(),
            cause: innermost(&error),
        })?;

        let mut response = self.client.execute(request).await.map_err(transport_error)?;
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

/// The innermost cause. The outer ones only repeat it, and one of them contains the whole URL.
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
