//! Huawei Cloud: signed requests, IAM tokens, and its errors.

pub(super) mod errors;
pub(super) mod lockout;
pub mod sign;
pub(super) mod token;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::account::{Account, Credentials, ProviderSettings};
use super::http::Signed;
use super::request::Request;
use super::signing::address::{Addressed, address, misconfigured};
use super::signing::canonical::{HttpMessage, KeyPair};
use crate::job::Failure;
use crate::secret::Secret;

/// Addresses and signs a request. For an IAM user, `token` replaces the signature. `now` is the
/// provider's time.
pub fn signed(
    request: &Request,
    account: &Account,
    now: Timestamp,
    token: Option<&SecretString>,
) -> Result<Signed, Failure> {
    let ProviderSettings::Huawei { project_id, workspace, .. } = &account.provider else {
        return Err(misconfigured(account, "is not a Huawei account"));
    };
    let Addressed { method, url, host, path, content_type, body } = address(request, account)?;
    let mut headers = vec![
        ("Host", host),
        ("X-Project-Id", project_id.clone()),
        ("Content-Type", content_type.unwrap_or("application/json;charset=UTF-8").to_owned()),
    ];
    headers.extend(workspace.clone().map(|id| ("workspace", id)));
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
        (Credentials::Iam { .. }, None) => return Err(misconfigured(account, "has no token yet")),
    }
    let mut headers: Vec<_> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();

    if let Credentials::Key { id, secret, .. } = &account.credentials {
        let (id, secret) = (id.current(), secret.current());
        let message = HttpMessage {
            method,
            path: &path,
            query: &request.query,
            headers: &headers,
            body: &body,
        };
        let key = KeyPair { id: id.expose_secret(), secret: secret.expose_secret() };
        headers.push(("Authorization".to_owned(), sign::sign(&message, key).authorization));
    }
    Ok(Signed { method: request.method, url, headers, body })
}

#[cfg(test)]
mod tests;
