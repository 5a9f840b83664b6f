//! Asks providers. Operations build requests and read replies; only [`http`] sends.

mod access_check;
pub mod account;
pub mod alibaba;
mod circuit_breaker;
mod client;
mod clock_skew;
mod error_body;
mod errors;
pub mod http;
pub mod huawei;
mod metrics;
pub mod operations;
pub mod rate_limit;
mod redact;
pub mod request;
pub mod service;
pub mod signing;
mod spans;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use tracing::{Instrument, error};

use crate::clock::Clock;
use crate::job::machine::{Capabilities, Input};
use crate::job::{
    Accepted, AccountName, Answered, ExecutionState, Failure, FailureClass, Job, RequestKind,
};
pub use access_check::AccessCheck;
use account::Account;
use client::{AccountClient, RequestLabels, SendError};
use http::Transport;
pub use metrics::Metrics;
use operations::{Operation, OperationContext, OperatorInput, Suspend};
use rate_limit::{RateSource, WhenLimited};
use request::Reply;
use signing::nonce;

/// Limit of requests in one step of an operation. The longest real step reads the pages of a list.
const MAX_REQUESTS: usize = 200;

/// How long a job waits for an account or operation that is not configured.
const NOT_CONFIGURED_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// All accounts, and all operations that can be requested of them.
pub struct Providers {
    clients: HashMap<AccountName, AccountClient>,
    operations: HashMap<&'static str, Box<dyn Operation>>,
    metrics: Metrics,
    clock: Clock,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts: Vec<_> = self.clients.keys().collect();
        f.debug_struct("Providers").field("accounts", &accounts).finish_non_exhaustive()
    }
}

impl Providers {
    pub fn new(
        accounts: Vec<Account>,
        operations: Vec<Box<dyn Operation>>,
        transport: Arc<dyn Transport>,
        clock: Clock,
    ) -> Self {
        let metrics = Metrics::default();
        let client = |account: Account| {
            let name = account.name.clone();
            (name, AccountClient::new(account, transport.clone(), metrics.clone(), clock.clone()))
        };
        let clients = accounts.into_iter().map(client).collect();
        let operations = operations.into_iter().map(|it| (it.spec().name, it)).collect();
        Self { clients, operations, metrics, clock }
    }

    /// The same, with a limit that replicas share, for the accounts that ask for one.
    #[must_use]
    pub fn sharing(self, limit: &Arc<dyn RateSource>) -> Self {
        let share =
            |(name, client): (AccountName, AccountClient)| (name, client.sharing(limit.clone()));
        Self { clients: self.clients.into_iter().map(share).collect(), ..self }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the machine can rely on for a job; nothing if its account or operation is missing.
    pub fn capabilities(&self, job: &Job) -> Capabilities {
        match self.find(job) {
            Ok((client, operation)) => operation.capabilities(&client.account),
            Err(_) => Capabilities { baseline: false, probe: false, may_repeat_lost_call: false },
        }
    }

    /// Makes the request that the execution needs next, with all HTTP requests that it takes.
    pub async fn ask(&self, job: &Job, execution: &ExecutionState) -> Input {
        self.make_request(job, execution).instrument(spans::operation(job, execution)).await
    }

    async fn make_request(&self, job: &Job, execution: &ExecutionState) -> Input {
        let (client, operation) = match self.find(job) {
            Ok(found) => found,
            Err(missing) => {
                // The job was valid when it was accepted. A later change of the configuration must
                // not end it.
                error!(job = %job.id, %missing, "the job waits for missing configuration");
                return Input::Deferred(self.clock.now() + NOT_CONFIGURED_WAIT);
            }
        };
        let mut replies: Vec<Result<Reply, Failure>> = Vec::new();
        let mut unavailable_until = None;
        loop {
            let now = self.clock.now();
            let context = OperationContext { job, execution, account: &client.account, now };
            let request = match operation.answer(&context, &replies) {
                Err(Suspend::Send(request)) => request,
                Ok(answer) => {
                    let provider_reply = redact::provider_reply(&replies);
                    return Input::Answered(Answered { answer, provider_reply });
                }
                Err(Suspend::Fail(failure)) => {
                    // A failure without an effect does not count while a service is unavailable. A
                    // call that may have had one is in doubt all the same.
                    let has_no_effect = execution.request != RequestKind::Call
                        || matches!(failure.class, FailureClass::Retryable { .. });
                    return match unavailable_until {
                        Some(until) if has_no_effect => Input::Deferred(until),
                        Some(_) | None => Input::Failed(failure),
                    };
                }
            };
            if replies.len() == MAX_REQUESTS {
                return Input::Failed(too_many_requests(&execution.request));
            }
            let when_limited =
                if replies.is_empty() { WhenLimited::Defer } else { WhenLimited::Wait };
            let nonce = nonce::nonce(&client.account, job, execution, replies.len());
            let labels = RequestLabels {
                operation: &job.operation,
                request: execution.request.as_str(),
                trace: &job.trace,
            };
            replies.push(match client.send(&request, when_limited, &nonce, labels).await {
                Ok(reply) => Ok(reply),
                Err(SendError::RateLimited(until)) => return Input::Deferred(until),
                Err(SendError::Failed(failure)) => Err(failure),
                Err(SendError::AccountRefused(failure)) => {
                    Err(after_account_refusal(&execution.request, failure))
                }
                // Not the end: some operations can be decided by another service.
                Err(SendError::CircuitOpen(failure, until)) => {
                    unavailable_until = Some(until);
                    Err(failure)
                }
            });
        }
    }

    /// Checks every service of every account, one after the other.
    pub async fn check_access(&self) -> Vec<AccessCheck> {
        let mut clients: Vec<&AccountClient> = self.clients.values().collect();
        clients.sort_by(|one, other| one.account.name.cmp(&other.account.name));
        let mut checks = Vec::new();
        for client in clients {
            checks.extend(access_check::check(client).await);
        }
        checks
    }

    /// Reads what an operator entered after looking for the job's lost call at the provider. `Err`
    /// says what is expected.
    pub fn adopt(&self, job: &Job, text: &str) -> Result<Accepted, String> {
        let (_, operation) = self.find(job).map_err(|missing| missing.message)?;
        operation.adopt(job, OperatorInput::new(text))
    }

    fn find(&self, job: &Job) -> Result<(&AccountClient, &dyn Operation), Failure> {
        let client = self.clients.get(&job.account).ok_or_else(|| {
            let message = format!(
                "account {:?} is not configured; add [accounts.{}] or send the job again with \
                 another account",
                job.account, job.account
            );
            Failure::permanent("UnknownAccount", message)
        })?;
        let operation = self.operations.get(job.operation.as_str()).ok_or_else(|| {
            let message = format!("operation {:?} does not exist in this version", job.operation);
            Failure::permanent("UnknownOperation", message)
        })?;
        Ok((client, operation.as_ref()))
    }
}

/// The failure of a request whose account was refused. After the call, the refusal must not end the
/// job: keys are renewed, and quotas are reset.
fn after_account_refusal(request: &RequestKind, failure: Failure) -> Failure {
    match request {
        RequestKind::Probe | RequestKind::Poll(_) if failure.class == FailureClass::Permanent => {
            Failure { class: FailureClass::Retryable { retry_after: None }, ..failure }
        }
        RequestKind::Baseline | RequestKind::Call | RequestKind::Probe | RequestKind::Poll(_) => {
            failure
        }
    }
}

/// The failure of a step that needs too many requests: our fault, or an unexpectedly long list.
fn too_many_requests(request: &RequestKind) -> Failure {
    let message = format!("no result after {MAX_REQUESTS} requests");
    match request {
        RequestKind::Call => Failure::ambiguous("RequestLimitExceeded", message),
        RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_) => {
            Failure::permanent("RequestLimitExceeded", message)
        }
    }
}
