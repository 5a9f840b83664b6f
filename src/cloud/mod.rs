//! Asks providers. Operations describe requests and read replies; only [`http`] sends.

pub mod account;
mod address;
pub mod alibaba;
mod breaker;
mod classify;
pub mod endpoints;
mod facts;
mod health;
pub mod http;
pub mod huawei;
mod limits;
mod line;
mod lockout;
mod mask;
mod metrics;
mod nonce;
pub mod operations;
pub mod protocol;
mod rate;
pub mod shared_limit;
pub mod signature;
mod skew;
mod spans;
#[cfg(test)]
mod tests;
mod visit;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::{Instrument, error};

use crate::job::machine::{Abilities, Event};
use crate::job::{Accepted, AccountName, Answered, Ask, Failure, Job, Meaning, Turn};
use account::Account;
use http::Transport;
use limits::Patience;
use line::{Errand, Line, Sent};
pub use metrics::Metrics;
use protocol::{Inquiry, Next, Protocol, Reply};
use shared_limit::SharedLimit;
pub use visit::Visited;

/// The most requests one question may take. The longest real one reads the pages of a list.
const MAX_REQUESTS: usize = 200;

/// How long a job waits for an account or operation that is not there.
const NOT_CONFIGURED: SignedDuration = SignedDuration::from_secs(60);

/// Every account there is, and every operation that can be asked of them.
pub struct Clouds {
    lines: HashMap<AccountName, Line>,
    protocols: HashMap<&'static str, Box<dyn Protocol>>,
    transport: Arc<dyn Transport>,
    metrics: Metrics,
}

impl fmt::Debug for Clouds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts: Vec<_> = self.lines.keys().collect();
        f.debug_struct("Clouds").field("accounts", &accounts).finish_non_exhaustive()
    }
}

impl Clouds {
    /// Joins accounts, operations and what carries requests.
    pub fn new(
        accounts: Vec<Account>,
        protocols: Vec<Box<dyn Protocol>>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let metrics = Metrics::default();
        let line = |account: Account| (account.name.clone(), Line::new(account, metrics.clone()));
        let lines = accounts.into_iter().map(line).collect();
        let protocols = protocols.into_iter().map(|p| (p.operation().name, p)).collect();
        Self { lines, protocols, transport, metrics }
    }

    /// The same, with a limit that replicas share, for the accounts that say so.
    #[must_use]
    pub fn sharing(self, limit: &Arc<dyn SharedLimit>) -> Self {
        let share = |(name, line): (AccountName, Line)| (name, line.sharing(limit.clone()));
        Self { lines: self.lines.into_iter().map(share).collect(), ..self }
    }

    /// What is counted of requests.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the machine may count on for a job; nothing where its account or operation is unknown.
    pub fn abilities(&self, job: &Job) -> Abilities {
        match self.parties(job) {
            Ok((line, protocol)) => protocol.abilities(&line.account),
            Err(_) => Abilities { baseline: false, probe: false, repeat_in_doubt: false },
        }
    }

    /// Asks what the turn wants asked, and holds the conversation that it takes.
    pub async fn ask(&self, job: &Job, turn: &Turn) -> Event {
        self.converse(job, turn).instrument(spans::ask(job, turn)).await
    }

    async fn converse(&self, job: &Job, turn: &Turn) -> Event {
        let (line, protocol) = match self.parties(job) {
            Ok(parties) => parties,
            Err(missing) => {
                // Said when the message was first read, this would have been a rejection. Now it is
                // a change of our own configuration, which is no reason to end a job.
                error!(job = %job.id, %missing, "a job waits for what is not configured here");
                return Event::Deferred(Timestamp::now() + NOT_CONFIGURED);
            }
        };
        let mut replies: Vec<Result<Reply, Failure>> = Vec::new();
        let mut away = None;
        loop {
            let now = Timestamp::now();
            let inquiry = Inquiry { job, turn, account: &line.account, now };
            let next = match &turn.ask {
                Ask::Baseline => protocol.baseline(&inquiry, &replies),
                Ask::Call => protocol.call(&inquiry, &replies),
                Ask::Probe => protocol.probe(&inquiry, &replies),
                Ask::Poll(handle) => protocol.poll(&inquiry, handle, &replies),
            };
            let request = match next {
                Ok(Next::Send(request)) => request,
                Ok(Next::Tell(answer)) => {
                    return Event::Answered(Answered { answer, facts: facts::facts(&replies) });
                }
                Err(failure) => {
                    // What has changed nothing counts for nothing while a service is away. A call
                    // that may have is in doubt all the same.
                    let harmless = turn.ask != Ask::Call || may_be_repeated(&failure);
                    return match away {
                        Some(until) if harmless => Event::Deferred(until),
                        Some(_) | None => Event::Failed(failure),
                    };
                }
            };
            if replies.len() == MAX_REQUESTS {
                return Event::Failed(endless(&turn.ask));
            }
            let patience = if replies.is_empty() { Patience::MayDefer } else { Patience::Waits };
            let nonce = nonce::nonce(&line.account, job, turn, replies.len());
            let transport = self.transport.as_ref();
            let errand = Errand { operation: &job.operation, ask: &turn.ask, trace: &job.trace };
            match line.send(transport, &request, patience, &nonce, errand).await {
                Sent::Deferred(until) => return Event::Deferred(until),
                Sent::Done(reply) => replies.push(reply),
                // Some questions can be answered without it, by a second witness.
                Sent::Away(failure, until) => {
                    replies.push(Err(failure));
                    away = Some(until);
                }
                Sent::Barred(failure) => replies.push(Err(outlasted(&turn.ask, failure))),
            }
        }
    }

    /// Reads what a person found at the provider who looked for the job's lost call. `Err` says
    /// what is expected.
    pub fn adopt(&self, job: &Job, text: &str) -> Result<Accepted, String> {
        let (_, protocol) = self.parties(job).map_err(|missing| missing.message)?;
        protocol.adopt(job, text)
    }

    fn parties(&self, job: &Job) -> Result<(&Line, &dyn Protocol), Failure> {
        let line = self.lines.get(&job.account).ok_or_else(|| {
            let message = format!(
                "account {:?} is not configured here; add [accounts.{}] or send the job again \
                 with another account",
                job.account, job.account
            );
            Failure::permanent("UnknownAccount", message)
        })?;
        let protocol = self.protocols.get(job.operation.as_str()).ok_or_else(|| {
            let message = format!("operation {:?} is not known to this version", job.operation);
            Failure::permanent("UnknownOperation", message)
        })?;
        Ok((line, protocol.as_ref()))
    }
}

fn may_be_repeated(failure: &Failure) -> bool {
    match failure.meaning {
        Meaning::Retryable { .. } => true,
        Meaning::Permanent | Meaning::Ambiguous => false,
    }
}

/// What the account's own refusal means to a question. Once the call is made, an account that is
/// barred for now must not end the job: people renew keys, and quotas come back.
fn outlasted(ask: &Ask, failure: Failure) -> Failure {
    match (ask, failure.meaning) {
        (Ask::Probe | Ask::Poll(_), Meaning::Permanent) => {
            Failure { meaning: Meaning::Retryable { retry_after: None }, ..failure }
        }
        (Ask::Baseline | Ask::Call | Ask::Probe | Ask::Poll(_), _) => failure,
    }
}

/// A conversation that finds no end: a fault of ours, or a list longer than any real one.
fn endless(ask: &Ask) -> Failure {
    let message = format!("no answer after {MAX_REQUESTS} requests");
    match ask {
        Ask::Call => Failure::ambiguous("EndlessConversation", message),
        Ask::Baseline | Ask::Probe | Ask::Poll(_) => {
            Failure::permanent("EndlessConversation", message)
        }
    }
}
