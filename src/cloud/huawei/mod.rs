//! Huawei Cloud: how its requests are addressed and signed, and how its refusals read.

pub mod endpoints;
pub(super) mod errors;
pub mod sign;
pub(super) mod token;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::account::{Account, Credentials};
use super::address::{Addressed, address, misfit};
use super::http::Signed;
use super::protocol::Request;
use super::signature::{Key, Message};
use crate::job::Failure;
use crate::secret::Secret;

/// Addresses and signs a request; with an IAM account, `token` takes the signature's place.
/// `now` is the provider's time, as well as we know it.
pub fn signed(
    request: &Request,
    account: &Account,
    now: Timestamp,
    token: Option<&SecretString>,
) -> Result<Signed, Failure> {
    let Addressed { method, url, host, path, content_type, body } = address(request, account)?;
    let mut headers = vec![
        ("Host", host),
        ("X-Project-Id", account.project_id.clone()),
        ("Content-Type", content_type.unwrap_or("application/json;charset=UTF-8").to_owned()),
    ];
    headers.extend(account.workspace.clone().map(|id| ("workspace", id)));
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    match (&account.credentials, token) {
        (Credentials::Key { security_token, .. }, _) => {
            headers.push(("X-Sdk-Date", stamp));
            let token = security_token.as_ref().map(Secret::current);
            let token = token.map(|token| token.expose_secret().to_owned());
            headers.extend(token.map(|token| ("X-Security-Token", token)));
        }
        (Credentials::Iam { .. }, Some(token)) => {
            headers.push(("X-Auth-Token", token.expose_secret().to_owned()));
        }
        (Credentials::Iam { .. }, None) => return Err(misfit(account, "has no token yet")),
    }
    let mut headers: Vec<_> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();

    if let Credentials::Key { id, secret, .. } = &account.credentials {
        let (id, secret) = (id.current(), secret.current());
        let message =
            Message { method, path: &path, query: &request.query, headers: &headers, body: &body };
        let key = Key { id: id.expose_secret(), secret: secret.expose_secret() };
        headers.push(("Authorization".to_owned(), sign::sign(&message, key).authorization));
    }
    Ok(Signed { method: request.method, url, headers, body })
}

#[cfg(test)]
mod tests;
