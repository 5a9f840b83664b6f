//! Building requests.

use serde::Serialize;
use serde_json::Value;

use crate::cloud::request::{Body, Method, Request};
use crate::cloud::service::Service;
use crate::job::Problem;
use crate::job::spec::Problems;

/// Longest query of a URL after encoding, in bytes. The gateway's own limit is not documented;
/// servers and proxies commonly accept this much.
const MAX_URL_BYTES: usize = 8000;

/// Query parameters.
#[derive(Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds the parameter if it has a value.
    pub(super) fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// A request in Alibaba's RPC style: everything in the query.
pub(super) fn rpc(service: Service, action: &'static str, query: Query) -> Request {
    let path = "/".to_owned();
    Request { service, action, method: Method::Post, path, query: query.0, body: Body::Empty }
}

/// A read by path, as Huawei has it.
pub(super) fn get(service: Service, path: String) -> Request {
    Request { service, action: "", method: Method::Get, path, query: vec![], body: Body::Empty }
}

/// A JSON body sent to a path, as Huawei has it.
pub(super) fn post(service: Service, path: String, body: Value) -> Request {
    let body = Body::Json(body);
    Request { service, action: "", method: Method::Post, path, query: vec![], body }
}

/// Compact JSON, the form of a structured value inside a parameter.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Reports the longest of the named params if all of them together are too long for a URL. `remedy`
/// says what the producer can do.
pub(super) fn check_url_length(params: &Value, names: &[&str], remedy: &str, found: &mut Problems) {
    let length = |name: &&str| match params.get(name) {
        Some(Value::String(text)) => encoded_length(text),
        Some(value) => encoded_length(&json(value)),
        None => 0,
    };
    let total: usize = names.iter().map(length).sum();
    let longest = names.iter().max_by_key(|name| length(name));
    if let Some(longest) = longest.filter(|_| total > MAX_URL_BYTES) {
        let message = format!(
            "needs {total} bytes in the URL, but at most {MAX_URL_BYTES} are allowed: {remedy}"
        );
        found.add(|| Problem::new(format!("$.params.{longest}"), message));
    }
}

fn encoded_length(text: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum()
}
