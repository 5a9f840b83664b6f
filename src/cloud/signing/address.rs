//! The address and the bytes of a request.

use percent_encoding::percent_decode_str;
use url::Url;

use super::canonical::{canonical_query, encode, encode_pairs};
use crate::cloud::account::Account;
use crate::cloud::request::{Body, Request};
use crate::cloud::service::Service;
use crate::job::Failure;

/// A request that is ready to be signed.
pub(in crate::cloud) struct Addressed {
    pub method: &'static str,
    pub url: Url,
    /// The `Host` header: with the port, unless it is the scheme's own.
    pub host: String,
    /// The path as sent.
    pub path: String,
    /// `None` without a body.
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
}

/// Addresses a request to the account's endpoint of its service.
pub(in crate::cloud) fn address(
    request: &Request,
    account: &Account,
) -> Result<Addressed, Failure> {
    let base = endpoint(account, request.service)?;
    let segments: Vec<String> = request.path.split('/').map(recode).collect();
    // A URL would drop these, and its signature would no longer match.
    if segments.iter().any(|segment| segment == "." || segment == "..") {
        let what = format!("can't request {}: dot segments are not allowed", request.path);
        return Err(misconfigured(account, &what));
    }
    let path = format!("{}{}", base.path().trim_end_matches('/'), segments.join("/"));
    let mut url = base.clone();
    url.set_path(&path);
    let query = canonical_query(&request.query);
    url.set_query((!query.is_empty()).then_some(&query));

    let (content_type, body) = match &request.body {
        Body::Empty => (None, Vec::new()),
        Body::Form(pairs) => {
            (Some("application/x-www-form-urlencoded"), encode_pairs(pairs).into_bytes())
        }
        Body::Json(value) => {
            (Some("application/json;charset=UTF-8"), value.to_string().into_bytes())
        }
    };
    let method = request.method.as_str();
    let name = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    Ok(Addressed { method, url, host, path, content_type, body })
}

fn endpoint(account: &Account, service: Service) -> Result<&Url, Failure> {
    account.endpoints.get(&service).ok_or_else(|| {
        let (Account { name, region, .. }, key) = (account, service.key());
        let what = format!(
            "has no endpoint for {key}: region {region} is not known to have one; set it under \
             [accounts.{name}.endpoints] {key}"
        );
        misconfigured(account, &what)
    })
}

/// A fault of the configuration or of an operation. Nothing was sent.
pub(in crate::cloud) fn misconfigured(account: &Account, what: &str) -> Failure {
    Failure::permanent("Misconfigured", format!("account {} {what}", account.name))
}

fn recode(segment: &str) -> String {
    encode(&percent_decode_str(segment).decode_utf8_lossy())
}
