//! Checks whether the services of an account accept it, by reads that change nothing.

use url::form_urlencoded;

use super::client::{AccountClient, RequestLabels, SendError};
use super::rate_limit::WhenLimited;
use super::request::{Body, Method, Request};
use super::service::Service;
use super::signing::nonce;
use crate::job::{AccountName, Failure, FailureClass, Provider, Trace};

/// What a service said to a signed read.
#[derive(Debug)]
pub struct AccessCheck {
    pub account: AccountName,
    pub service: Service,
    /// Whether the service accepts the account. A service that refuses only the read accepts it.
    pub outcome: Result<(), Failure>,
}

/// Checks every service of an account, one after the other.
pub(super) async fn check(client: &AccountClient) -> Vec<AccessCheck> {
    let account = &client.account;
    let mut checks = Vec::new();
    for service in account.endpoints.keys().copied() {
        if let Some(request) = request(service, account.project_id()) {
            let outcome = send(client, &request).await;
            checks.push(AccessCheck { account: account.name.clone(), service, outcome });
        }
    }
    checks
}

fn request(service: Service, project_id: &str) -> Option<Request> {
    let check = service.access_check()?;
    let (method, action, path, query) = match service.provider() {
        Provider::Alibaba => {
            let (action, query) = check.split_once('?').unwrap_or((check, ""));
            let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            (Method::Post, action, "/".to_owned(), query)
        }
        Provider::Huawei => (Method::Get, "", check.replace("{project}", project_id), Vec::new()),
    };
    Some(Request { service, action, method, path, query, body: Body::Empty })
}

async fn send(client: &AccountClient, request: &Request) -> Result<(), Failure> {
    let trace = Trace::default();
    let labels = RequestLabels { operation: "access_check", request: "probe", trace: &trace };
    match client.send(request, WhenLimited::Wait, &nonce::random(), labels).await {
        Ok(_) => Ok(()),
        Err(SendError::Failed(failure)) => match failure.class {
            // What the read asks for does not exist.
            FailureClass::Permanent => Ok(()),
            FailureClass::Retryable { .. } | FailureClass::Ambiguous => Err(failure),
        },
        Err(SendError::AccountRefused(failure) | SendError::CircuitOpen(failure, _)) => {
            Err(failure)
        }
        Err(SendError::RateLimited(until)) => {
            let message = format!("the account's rate limit allows no request before {until:.0}");
            Err(Failure::retryable("RateLimited", message))
        }
    }
}
