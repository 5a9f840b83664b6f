//! IAM tokens: fetched with a user's password, kept, renewed early, and fetched by one request at
//! a time however many are waiting.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use crate::cloud::account::{Account, Credentials};
use crate::cloud::classify;
use crate::cloud::http::{RawReply, Signed, Transport};
use crate::cloud::protocol::Method;
use crate::job::{Failure, FailureClass, Provider};

/// How long before its end a token is renewed.
const EARLY: SignedDuration = SignedDuration::from_mins(30);

/// A token refused while younger than this would be refused again.
const YOUNG: SignedDuration = SignedDuration::from_secs(60);

/// For how long a failed fetch answers everybody.
const SORE: SignedDuration = SignedDuration::from_secs(10);

/// The same where it was refused for good: a user with a wrong password gets locked.
const REFUSED: SignedDuration = SignedDuration::from_mins(5);

/// A token, for as long as it is good.
#[derive(Clone, Debug)]
pub(in crate::cloud) struct Token {
    pub value: SecretString,
    fetched_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug)]
enum Kept {
    Nothing,
    Token {
        token: Token,
        renew_at: Timestamp,
    },
    /// With the password as it was then.
    Failure {
        failure: Failure,
        until: Timestamp,
        version: u64,
    },
}

/// The tokens of one account.
#[derive(Debug)]
pub(in crate::cloud) struct Tokens {
    kept: Mutex<Kept>,
}

impl Tokens {
    pub fn new() -> Self {
        Self { kept: Mutex::new(Kept::Nothing) }
    }

    /// A good token; none for an account that signs with a key. A failure here never means that a
    /// call took effect. `now` is the provider's time.
    pub async fn token(
        &self,
        account: &Account,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<Option<Token>, Failure> {
        let Credentials::Iam { user, domain, password, endpoint } = &account.credentials else {
            return Ok(None);
        };
        let version = password.version();
        // Held over the fetch on purpose: whoever waits here gets its result.
        let mut kept = self.kept.lock().await;
        match &*kept {
            Kept::Token { token, renew_at } if now < (*renew_at).min(token.expires_at) => {
                return Ok(Some(token.clone()));
            }
            Kept::Failure { failure, until, version: then } if now < *until && *then == version => {
                return Err(failure.clone());
            }
            Kept::Nothing | Kept::Token { .. } | Kept::Failure { .. } => {}
        }
        let identity = json!({ "methods": ["password"], "password": { "user": {
            "name": user, "password": password.current().expose_secret(), "domain": { "name": domain },
        }}});
        let scope = json!({ "project": { "id": account.project_id } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        match fetch(endpoint, body.to_string().into_bytes(), transport, now).await {
            Ok(token) => {
                let renew_at = token.expires_at.saturating_sub(EARLY).unwrap_or(token.expires_at);
                *kept = Kept::Token { token: token.clone(), renew_at };
                Ok(Some(token))
            }
            Err(failure) => kept.outlive(failure, now, version).map(Some),
        }
    }

    /// Takes note that a token was refused. Says whether asking again, with another one, can help.
    pub async fn refused(&self, used: &Token, now: Timestamp) -> bool {
        let mut kept = self.kept.lock().await;
        match &*kept {
            Kept::Token { token, .. } if token.fetched_at == used.fetched_at => {
                let young = now.duration_since(used.fetched_at) < YOUNG;
                if !young {
                    *kept = Kept::Nothing;
                }
                !young
            }
            // Another request found out first.
            Kept::Nothing | Kept::Token { .. } | Kept::Failure { .. } => true,
        }
    }
}

impl Kept {
    /// A failed fetch: what was fetched before serves to its end; without it, the failure answers.
    fn outlive(
        &mut self,
        failure: Failure,
        now: Timestamp,
        version: u64,
    ) -> Result<Token, Failure> {
        let pause = match failure.meaning {
            FailureClass::Permanent => REFUSED,
            FailureClass::Retryable { .. } | FailureClass::Ambiguous => SORE,
        };
        let until = now.saturating_add(pause).unwrap_or(now);
        if let Kept::Token { token, renew_at } = self
            && now < token.expires_at
        {
            *renew_at = until;
            return Ok(token.clone());
        }
        *self = Kept::Failure { failure: failure.clone(), until, version };
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
    let raw = transport.send(request).await.map_err(|e| harmless(classify::unanswered(&e)))?;
    let reply = classify::reply(Provider::Huawei, &raw, now)
        .map_err(|refusal| harmless(refusal.failure))?;
    read(&raw, &reply.body, now).ok_or_else(|| {
        let what = "the IAM reply lacks X-Subject-Token or token.expires_at";
        Failure::retryable("TokenNotFetched", what)
    })
}

fn read(raw: &RawReply, body: &serde_json::Value, now: Timestamp) -> Option<Token> {
    let value = SecretString::from(raw.header("x-subject-token")?);
    let expires_at = body["token"]["expires_at"].as_str()?.parse().ok()?;
    Some(Token { value, fetched_at: now, expires_at })
}

/// A fetch changes nothing, so one that may or may not have worked is simply made again.
fn harmless(failure: Failure) -> Failure {
    let meaning = match failure.meaning {
        FailureClass::Ambiguous => FailureClass::Retryable { retry_after: None },
        known @ (FailureClass::Retryable { .. } | FailureClass::Permanent) => known,
    };
    let message = format!("no IAM token: {}", failure.message);
    Failure { meaning, message, ..failure }
}
