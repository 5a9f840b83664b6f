//! Alibaba Cloud: signed requests, and its errors.

pub(super) mod errors;
pub mod sign;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::account::{Account, Credentials};
use super::http::Signed;
use super::request::Request;
use super::signing::address::{Addressed, address, misconfigured};
use super::signing::canonical::{HttpMessage, KeyPair, sha256_hex};
use crate::job::Failure;

/// Addresses and signs a request. `now` is the provider's time.
pub fn signed(
    request: &Request,
    account: &Account,
    now: Timestamp,
    nonce: &str,
) -> Result<Signed, Failure> {
    let Credentials::Key { id, secret, security_token } = &account.credentials else {
        return Err(misconfigured(account, "has no access key, which Alibaba requires"));
    };
    let (id, secret) = (id.current(), secret.current());
    let Addressed { method, url, host, path, content_type, body } = address(request, account)?;
    let mut headers = vec![
        ("host", host),
        ("x-acs-action", request.action.to_owned()),
        ("x-acs-version", request.service.version().to_owned()),
        ("x-acs-date", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("x-acs-signature-nonce", nonce.to_owned()),
        ("x-acs-content-sha256", sha256_hex(&body)),
    ];
    headers.extend(content_type.map(|value| ("content-type", value.to_owned())));
    if let Some(token) = security_token {
        headers.push(("x-acs-accesskey-id", id.expose_secret().to_owned()));
        headers.push(("x-acs-security-token", token.current().expose_secret().to_owned()));
    }
    let mut headers: Vec<_> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();

    let message =
        HttpMessage { method, path: &path, query: &request.query, headers: &headers, body: &body };
    let key = KeyPair { id: id.expose_secret(), secret: secret.expose_secret() };
    let signature = sign::sign(&message, key);
    headers.push(("authorization".to_owned(), signature.authorization));
    // Without it, DMS answers in XML.
    headers.push(("accept".to_owned(), "application/json".to_owned()));
    Ok(Signed { method: request.method, url, headers, body })
}

#[cfg(test)]
mod tests;
