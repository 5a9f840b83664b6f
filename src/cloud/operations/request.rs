//! Building requests.

use serde::Serialize;
use serde_json::Value;

use crate::cloud::protocol::{Body, Method, Request, Service};
use crate::job::Problem;
use crate::job::spec::Problems;

/// Bytes of a URL we count on, once encoded. The gateway's own limit is not documented; this much
/// passes everywhere.
const URL_ROOM: usize = 8000;

/// Query parameters. What is not given is left out.
#[derive(Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// With one more parameter.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// With one more parameter, if there is one.
    pub(super) fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// A request in Alibaba's RPC style: all in the query.
pub(super) fn rpc(service: Service, action: &'static str, query: Query) -> Request {
    let path = "/".to_owned();
    Request { service, action, method: Method::Post, path, query: query.0, body: Body::Empty }
}

/// A read by path, Huawei's style.
pub(super) fn get(service: Service, path: String) -> Request {
    Request { service, action: "", method: Method::Get, path, query: vec![], body: Body::Empty }
}

/// A JSON body sent to a path, Huawei's style.
pub(super) fn post(service: Service, path: String, body: Value) -> Request {
    let body = Body::Json(body);
    Request { service, action: "", method: Method::Post, path, query: vec![], body }
}

/// Compact JSON, as the providers take it inside a parameter.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Tells of it if the named parameters together are too long for a URL; it stands at the longest.
pub(super) fn too_long_for_url(
    params: &Value,
    names: &[&str],
    way_out: &str,
    found: &mut Problems,
) {
    let length = |name: &&str| match params.get(name) {
        Some(Value::String(text)) => encoded_length(text),
        Some(value) => encoded_length(&json(value)),
        None => 0,
    };
    let total: usize = names.iter().map(length).sum();
    let longest = names.iter().max_by_key(|name| length(name));
    if let Some(longest) = longest.filter(|_| total > URL_ROOM) {
        let message = format!("needs {total} bytes in a URL, where {URL_ROOM} fit: {way_out}");
        found.add(|| Problem::new(format!("$.params.{longest}"), message));
    }
}

fn encoded_length(text: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum()
}
