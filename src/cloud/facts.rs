//! What is kept of a conversation, for people and for support requests.

use serde_json::{Value, json};

use super::protocol::Reply;
use crate::job::{Failure, ProviderReply};

/// The most that is kept of a reply's body, in bytes of JSON.
const LONGEST_REPLY: usize = 64 << 10;

/// The ids of all requests, and the body of the last reply that was taken.
pub(super) fn provider_reply(replies: &[Result<Reply, Failure>]) -> ProviderReply {
    let mut request_ids: Vec<String> = Vec::new();
    for reply in replies {
        let id = reply.as_ref().map_or_else(|f| f.request_id.as_ref(), |r| r.request_id.as_ref());
        request_ids.extend(id.filter(|id| !request_ids.contains(id)).cloned());
    }
    let last = replies.iter().rev().find_map(|reply| reply.as_ref().ok());
    ProviderReply { request_ids, reply: last.map_or(Value::Null, |reply| cut(&reply.body)) }
}

/// The body, or its beginning where it is too long. Encoded again as a JSON string the beginning
/// grows, at worst sixfold, so it is shortened until it fits.
fn cut(body: &Value) -> Value {
    let text = body.to_string();
    if text.len() <= LONGEST_REPLY {
        return body.clone();
    }
    let mut most = LONGEST_REPLY;
    loop {
        most /= 2;
        let head: String = text.chars().take(most).collect();
        let short = json!({ "cut": true, "bytes": text.len(), "head": head });
        if short.to_string().len() <= LONGEST_REPLY {
            return short;
        }
    }
}
