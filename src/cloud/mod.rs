//! Asks providers. Operations describe requests and read replies; only [`http`] sends.

mod access_check;
pub mod account;
mod address;
pub mod alibaba;
mod breaker;
mod classify;
mod client;
mod clock_skew;
pub mod endpoints;
mod facts;
mod health;
pub mod http;
pub mod huawei;
mod limits;
mod lockout;
mod metrics;
mod nonce;
pub mod operations;
pub mod protocol;
mod rate;
mod redact;
pub mod shared_limit;
pub mod signature;
mod spans;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::{Instrument, error};

use crate::job::machine::{Capabilities, Input};
use crate::job::{
    Accepted, AccountName, Answered, ExecutionState, Failure, FailureClass, Job, RequestKind,
};
pub use access_check::AccessCheck;
use account::Account;
use client::{AccountClient, RequestLabels, Sent};
use http::Transport;
use limits::WhenLimited;
pub use metrics::Metrics;
use operations::{Operation, OperationContext, OperatorInput, Suspend};
use protocol::Reply;
use shared_limit::SharedLimit;

/// The most requests one question may take. The longest real one reads the pages of a list.
const MAX_REQUESTS: usize = 200;

/// How long a job waits for an account or operation that is not there.
const NOT_CONFIGURED: SignedDuration = SignedDuration::from_secs(60);

/// Every account there is, and every operation that can be asked of them.
pub struct Providers {
    lines: HashMap<AccountName, AccountClient>,
    operations: HashMap<&'static str, Box<dyn Operation>>,
    transport: Arc<dyn Transport>,
    metrics: Metrics,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts: Vec<_> = self.lines.keys().collect();
        f.debug_struct("Clouds").field("accounts", &accounts).finish_non_exhaustive()
    }
}

impl Providers {
    /// Joins accounts, operations and what carries requests.
    pub fn new(
        accounts: Vec<Account>,
        operations: Vec<Box<dyn Operation>>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let metrics = Metrics::default();
        let line =
            |account: Account| (account.name.clone(), AccountClient::new(account, metrics.clone()));
        let lines = accounts.into_iter().map(line).collect();
        let operations = operations.into_iter().map(|p| (p.spec().name, p)).collect();
        Self { lines, operations, transport, metrics }
    }

    /// The same, with a limit that replicas share, for the accounts that say so.
    #[must_use]
    pub fn sharing(self, limit: &Arc<dyn SharedLimit>) -> Self {
        let share =
            |(name, line): (AccountName, AccountClient)| (name, line.sharing(limit.clone()));
        Self { lines: self.lines.into_iter().map(share).collect(), ..self }
    }

    /// What is counted of requests.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the machine may count on for a job; nothing where its account or operation is unknown.
    pub fn capabilities(&self, job: &Job) -> Capabilities {
        match self.parties(job) {
            Ok((line, protocol)) => protocol.capabilities(&line.account),
            Err(_) => Capabilities { baseline: false, probe: false, may_repeat_lost_call: false },
        }
    }

    /// Asks what the turn wants asked, and holds the conversation that it takes.
    pub async fn ask(&self, job: &Job, execution: &ExecutionState) -> Input {
        self.converse(job, execution).instrument(spans::ask(job, execution)).await
    }

    async fn converse(&self, job: &Job, execution: &ExecutionState) -> Input {
        let (line, protocol) = match self.parties(job) {
            Ok(parties) => parties,
            Err(missing) => {
                // Said when the message was first read, this would have been a rejection. Now it is
                // a change of our own configuration, which is no reason to end a job.
                error!(job = %job.id, %missing, "a job waits for what is not configured here");
                return Input::Deferred(Timestamp::now() + NOT_CONFIGURED);
            }
        };
        let mut replies: Vec<Result<Reply, Failure>> = Vec::new();
        let mut away = None;
        loop {
            let now = Timestamp::now();
            let cx = OperationContext { job, execution, account: &line.account, now };
            let request = match protocol.answer(&cx, &replies) {
                Err(Suspend::Send(request)) => request,
                Ok(answer) => {
                    return Input::Answered(Answered {
                        answer,
                        provider_reply: facts::provider_reply(&replies),
                    });
                }
                Err(Suspend::Fail(failure)) => {
                    // What has changed nothing counts for nothing while a service is away. A call
                    // that may have is in doubt all the same.
                    let harmless =
                        execution.request != RequestKind::Call || may_be_repeated(&failure);
                    return match away {
                        Some(until) if harmless => Input::Deferred(until),
                        Some(_) | None => Input::Failed(failure),
                    };
                }
            };
            if replies.len() == MAX_REQUESTS {
                return Input::Failed(endless(&execution.request));
            }
            let patience = if replies.is_empty() { WhenLimited::Defer } else { WhenLimited::Wait };
            let nonce = nonce::nonce(&line.account, job, execution, replies.len());
            let transport = self.transport.as_ref();
            let errand = RequestLabels {
                operation: &job.operation,
                ask: &execution.request,
                trace: &job.trace,
            };
            match line.send(transport, &request, patience, &nonce, errand).await {
                Sent::Deferred(until) => return Input::Deferred(until),
                Sent::Done(reply) => replies.push(reply),
                // Some questions can be answered without it, by a second witness.
                Sent::Away(failure, until) => {
                    replies.push(Err(failure));
                    away = Some(until);
                }
                Sent::Barred(failure) => replies.push(Err(outlasted(&execution.request, failure))),
            }
        }
    }

    /// Reads what a person found at the provider who looked for the job's lost call. `Err` says
    /// what is expected.
    pub fn adopt(&self, job: &Job, text: &str) -> Result<Accepted, String> {
        let (_, protocol) = self.parties(job).map_err(|missing| missing.message)?;
        protocol.adopt(job, OperatorInput::new(text))
    }

    fn parties(&self, job: &Job) -> Result<(&AccountClient, &dyn Operation), Failure> {
        let line = self.lines.get(&job.account).ok_or_else(|| {
            let message = format!(
                "account {:?} is not configured here; add [accounts.{}] or send the job again \
                 with another account",
                job.account, job.account
            );
            Failure::permanent("UnknownAccount", message)
        })?;
        let protocol = self.operations.get(job.operation.as_str()).ok_or_else(|| {
            let message = format!("operation {:?} is not known to this version", job.operation);
            Failure::permanent("UnknownOperation", message)
        })?;
        Ok((line, protocol.as_ref()))
    }
}

fn may_be_repeated(failure: &Failure) -> bool {
    match failure.meaning {
        FailureClass::Retryable { .. } => true,
        FailureClass::Permanent | FailureClass::Ambiguous => false,
    }
}

/// What the account's own refusal means to a question. Once the call is made, an account that is
/// barred for now must not end the job: people renew keys, and quotas come back.
fn outlasted(ask: &RequestKind, failure: Failure) -> Failure {
    match (ask, failure.meaning) {
        (RequestKind::Probe | RequestKind::Poll(_), FailureClass::Permanent) => {
            Failure { meaning: FailureClass::Retryable { retry_after: None }, ..failure }
        }
        (
            RequestKind::Baseline | RequestKind::Call | RequestKind::Probe | RequestKind::Poll(_),
            _,
        ) => failure,
    }
}

/// A conversation that finds no end: a fault of ours, or a list longer than any real one.
fn endless(ask: &RequestKind) -> Failure {
    let message = format!("no answer after {MAX_REQUESTS} requests");
    match ask {
        RequestKind::Call => Failure::ambiguous("EndlessConversation", message),
        RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_) => {
            Failure::permanent("EndlessConversation", message)
        }
    }
}
