//! Where a request goes and the bytes it carries: what both providers' requests have in common.

use percent_encoding::percent_decode_str;
use url::Url;

use super::account::Account;
use super::protocol::{Body, Request};
use super::signature::{canonical_query, encode, encode_pairs};
use crate::job::Failure;

/// A request with its address and bytes, ready to be signed.
pub(super) struct Addressed {
    pub method: &'static str,
    pub url: Url,
    /// The `Host` header: with the port, unless it is the scheme's own.
    pub host: String,
    /// The path as sent.
    pub path: String,
    /// None without a body.
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
}

/// Addresses a request at the account's endpoint for its service.
pub(super) fn address(request: &Request, account: &Account) -> Result<Addressed, Failure> {
    let Some(base) = account.endpoints.get(&request.service) else {
        let key = request.service.key();
        let what = format!(
            "has no endpoint for {key}: region {} is not known to have one; set it under \
             [accounts.{}.endpoints] {key}",
            account.region, account.name
        );
        return Err(misfit(account, &what));
    };
    let segments: Vec<String> = request.path.split('/').map(recode).collect();
    // An address would lose these, and its signature would no longer match.
    if segments.iter().any(|segment| segment == "." || segment == "..") {
        let what = format!("can't ask for {}: a path has no dot segments", request.path);
        return Err(misfit(account, &what));
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

/// A fault of the configuration or of an operation: nothing was sent, and nothing will be.
pub(super) fn misfit(account: &Account, what: &str) -> Failure {
    Failure::permanent("Misconfigured", format!("account {} {what}", account.name))
}

fn recode(segment: &str) -> String {
    encode(&percent_decode_str(segment).decode_utf8_lossy())
}
