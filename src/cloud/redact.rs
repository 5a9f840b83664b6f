//! What is kept of a provider's replies, without secrets and cut to a fixed size.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::account::Account;
use super::request::Reply;
use crate::job::{Failure, ProviderReply};
use crate::secret::Secret;

/// Limits of a provider's error code and message, in characters.
const MAX_CODE: usize = 100;
const MAX_MESSAGE: usize = 1000;

/// Limit of a kept reply body, in bytes of JSON.
const MAX_REPLY: usize = 64 << 10;

/// The failure without the account's secrets and without the token that was used: providers repeat
/// parts of what they refuse.
pub(super) fn redact(failure: Failure, account: &Account, token: Option<&SecretString>) -> Failure {
    let configured: Vec<SecretString> =
        account.credentials.secrets().into_iter().flat_map(Secret::all).collect();
    let secrets: Vec<&str> = configured
        .iter()
        .chain(token)
        .map(ExposeSecret::expose_secret)
        .filter(|secret| !secret.is_empty())
        .collect();
    let mask = |text: String| secrets.iter().fold(text, |text, secret| text.replace(secret, "***"));
    // Cut after masking: a secret that is cut in half would not be found.
    let cut = |text: String, max| mask(text).chars().take(max).collect();
    let Failure { class, code, message, request_id } = failure;
    let (code, message) = (cut(code, MAX_CODE), cut(message, MAX_MESSAGE));
    Failure { class, code, message, request_id: request_id.map(mask) }
}

/// The ids of all requests, and the body of the last accepted reply.
pub(super) fn provider_reply(replies: &[Result<Reply, Failure>]) -> ProviderReply {
    let mut request_ids: Vec<String> = Vec::new();
    for reply in replies {
        let id = reply.as_ref().map_or_else(|f| f.request_id.as_ref(), |r| r.request_id.as_ref());
        request_ids.extend(id.filter(|id| !request_ids.contains(id)).cloned());
    }
    let last = replies.iter().rev().find_map(|reply| reply.as_ref().ok());
    ProviderReply { request_ids, reply: last.map_or(Value::Null, |reply| cut(&reply.body)) }
}

/// The body, or its beginning if it is too long. Encoded again as a JSON string the beginning grows
/// up to sixfold, so it is halved until it fits.
fn cut(body: &Value) -> Value {
    let text = body.to_string();
    if text.len() <= MAX_REPLY {
        return body.clone();
    }
    let mut max = MAX_REPLY;
    loop {
        max /= 2;
        let head: String = text.chars().take(max).collect();
        let short = json!({ "cut": true, "bytes": text.len(), "head": head });
        if short.to_string().len() <= MAX_REPLY {
            return short;
        }
    }
}
