//! Alibaba Cloud: how its requests are addressed and signed, and how its refusals read.

pub mod endpoints;
pub(super) mod errors;
pub mod sign;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::account::{Account, Credentials};
use super::address::{Addressed, address, misfit};
use super::http::Signed;
use super::protocol::{Request, Service};
use super::signature::{Key, Message, sha256_hex};
use crate::job::Failure;

/// Addresses and signs a request. `now` is the provider's time, as well as we know it.
pub fn signed(
    request: &Request,
    account: &Account,
    now: Timestamp,
    nonce: &str,
) -> Result<Signed, Failure> {
    let Credentials::Key { id, secret, security_token } = &account.credentials else {
        return Err(misfit(account, "has no access key; Alibaba takes nothing else"));
    };
    let (id, secret) = (id.current(), secret.current());
    let Addressed { method, url, host, path, content_type, body } = address(request, account)?;
    let mut headers = vec![
        ("host", host),
        ("x-acs-action", request.action.to_owned()),
        ("x-acs-version", version(request.service).to_owned()),
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
        Message { method, path: &path, query: &request.query, headers: &headers, body: &body };
    let key = Key { id: id.expose_secret(), secret: secret.expose_secret() };
    let signature = sign::sign(&message, key);
    headers.push(("authorization".to_owned(), signature.authorization));
    // Without it DMS answers in XML.
    headers.push(("accept".to_owned(), "application/json".to_owned()));
    Ok(Signed { method: request.method, url, headers, body })
}

/// The version of a service's interface; empty for what is not Alibaba's, which has no address.
fn version(service: Service) -> &'static str {
    match service {
        Service::Dms => "2018-11-01",
        Service::Dataworks => "2020-05-18",
        Service::Factory | Service::Tasks => "",
    }
}

#[cfg(test)]
mod tests;
