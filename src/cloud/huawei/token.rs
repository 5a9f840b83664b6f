//! IAM tokens: fetched with a user's password, cached, and refreshed before they expire. Requests
//! that wait for a token share one fetch.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use crate::cloud::account::{Account, Credentials};
use crate::cloud::errors;
use crate::cloud::http::{RawReply, Signed, Transport};
use crate::cloud::request::Method;
use crate::job::{Failure, FailureClass, Provider};

/// How long before it expires a token is refreshed.
const REFRESH_AHEAD: SignedDuration = SignedDuration::from_mins(30);

/// A refused token of less than this age is not replaced: the next one would be refused too.
const MIN_TOKEN_AGE: SignedDuration = SignedDuration::from_secs(60);

/// How long a failed fetch is cached.
const FAILURE_TTL: SignedDuration = SignedDuration::from_secs(10);

/// How long a refused fetch is cached: IAM locks a user after too many wrong passwords.
const REFUSAL_TTL: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Debug)]
pub(in crate::cloud) struct Token {
    pub value: SecretString,
    fetched_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug)]
enum Cached {
    Nothing,
    Token {
        token: Token,
        refresh_at: Timestamp,
    },
    Failure {
        failure: Failure,
        until: Timestamp,
        /// The version of the password that was used.
        version: u64,
    },
}

/// The token of one account.
#[derive(Debug)]
pub(in crate::cloud) struct TokenCache {
    cached: Mutex<Cached>,
}

impl TokenCache {
    pub(crate) fn new() -> Self {
        Self { cached: Mutex::new(Cached::Nothing) }
    }

    /// A valid token, or `None` for an account that signs with a key. A failure never means that a
    /// call took effect. `now` is the provider's time.
    pub(crate) async fn token(
        &self,
        account: &Account,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<Option<Token>, Failure> {
        let Credentials::Iam { user, domain, password, endpoint } = &account.credentials else {
            return Ok(None);
        };
        let version = password.version();
        // Locked during the fetch on purpose: all who wait for the lock share its result.
        let mut cached = self.cached.lock().await;
        match &*cached {
            Cached::Token { token, refresh_at } if now < (*refresh_at).min(token.expires_at) => {
                return Ok(Some(token.clone()));
            }
            Cached::Failure { failure, until, version: used }
                if now < *until && *used == version =>
            {
                return Err(failure.clone());
            }
            Cached::Nothing | Cached::Token { .. } | Cached::Failure { .. } => {}
        }
        let identity = json!({ "methods": ["password"], "password": { "user": {
            "name": user,
            "password": password.current().expose_secret(),
            "domain": { "name": domain },
        }}});
        let scope = json!({ "project": { "id": account.project_id() } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        match fetch(endpoint, body.to_string().into_bytes(), transport, now).await {
            Ok(token) => {
                let refresh_at =
                    token.expires_at.saturating_sub(REFRESH_AHEAD).unwrap_or(token.expires_at);
                *cached = Cached::Token { token: token.clone(), refresh_at };
                Ok(Some(token))
            }
            Err(failure) => cached.on_fetch_failure(failure, now, version).map(Some),
        }
    }

    /// Records that a token was refused. Returns whether asking again, with another one, can help.
    pub(crate) async fn refused(&self, used: &Token, now: Timestamp) -> bool {
        let mut cached = self.cached.lock().await;
        match &*cached {
            Cached::Token { token, .. } if token.fetched_at == used.fetched_at => {
                let is_new = now.duration_since(used.fetched_at) < MIN_TOKEN_AGE;
                if !is_new {
                    *cached = Cached::Nothing;
                }
                !is_new
            }
            // Another request recorded it first.
            Cached::Nothing | Cached::Token { .. } | Cached::Failure { .. } => true,
        }
    }
}

impl Cached {
    /// Keeps using the previous token until it expires. Without one, the failure is cached.
    fn on_fetch_failure(
        &mut self,
        failure: Failure,
        now: Timestamp,
        version: u64,
    ) -> Result<Token, Failure> {
        let ttl = match failure.class {
            FailureClass::Permanent => REFUSAL_TTL,
            FailureClass::Retryable { .. } | FailureClass::Ambiguous => FAILURE_TTL,
        };
        let until = now.saturating_add(ttl).unwrap_or(now);
        if let Cached::Token { token, refresh_at } = self
            && now < token.expires_at
        {
            *refresh_at = until;
            return Ok(token.clone());
        }
        *self = Cached::Failure { failure: failure.clone(), until, version };
        Err(failure)
    }
}

async fn fetch(
    endpoint: &Url,
    body: Vec<u8>,
    transport: &dyn Transport,
    now: Timestamp,
) -> Result<Token, Failure> {
    let mut url = endpoint.clone();
    url.set_path(&format!("{}/v3/auth/tokens", endpoint.path().trim_end_matches('/')));
    url.set_query(Some("nocatalog=true"));
    let headers = vec![("Content-Type".to_owned(), "application/json;charset=UTF-8".to_owned())];
    let request = Signed { method: Method::Post, url, headers, body };
    let raw = transport
        .send(request)
        .await
        .map_err(|error| as_retryable(errors::transport_failure(&error)))?;
    let reply = errors::read_reply(Provider::Huawei, &raw, now)
        .map_err(|error| as_retryable(error.failure))?;
    read_token(&raw, &reply.body, now).ok_or_else(|| {
        let what = "the reply of IAM has no X-Subject-Token or no token.expires_at";
        Failure::retryable("TokenNotFetched", what)
    })
}

fn read_token(raw: &RawReply, body: &serde_json::Value, now: Timestamp) -> Option<Token> {
    let value = SecretString::from(raw.header("x-subject-token")?);
    let expires_at = body["token"]["expires_at"].as_str()?.parse().ok()?;
    Some(Token { value, fetched_at: now, expires_at })
}

/// A fetch changes nothing, so a fetch with an unknown result can be repeated.
fn as_retryable(failure: Failure) -> Failure {
    let class = match failure.class {
        FailureClass::Ambiguous => FailureClass::Retryable { retry_after: None },
        class @ (FailureClass::Retryable { .. } | FailureClass::Permanent) => class,
    };
    let message = format!("can't fetch an IAM token: {}", failure.message);
    Failure { class, message, ..failure }
}
