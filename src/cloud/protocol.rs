//! How an operation speaks with its provider: a conversation of requests and replies, as values.
//!
//! Every method is a pure function from the replies so far to what comes next, so a question that
//! takes several requests (pages of a list, a ticket and then its tasks) needs no state of its own.

use jiff::Timestamp;
use serde_json::Value;

use super::account::Account;
pub use super::request::{Body, Method, Reply, Request};
pub use super::service::Service;
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Answer, ExecutionState, Failure, Job, OperationSpec};

/// What an operation may look at.
#[derive(Debug)]
pub struct OperationContext<'a> {
    /// The job.
    pub job: &'a Job,
    /// What is known so far.
    pub execution: &'a ExecutionState,
    /// Whose credentials and limits are used.
    pub account: &'a Account,
    /// The time.
    pub now: Timestamp,
}

/// What comes next in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Send this, and come back with its reply added.
    Send(Request),
    /// The question is answered.
    Tell(Answer),
}

/// The replies so far, oldest first; a failed request stands among them.
pub type Replies<'a> = &'a [Result<Reply, Failure>];

/// One operation's side of its conversations. A failure returned is the failure of the question.
pub trait Operation: Send + Sync {
    /// What producers see.
    fn operation(&self) -> OperationSpec;

    /// What the machine may count on with this account.
    fn capabilities(&self, account: &Account) -> Capabilities;

    /// Reads what a probe will compare with. Asked only where [`Capabilities::baseline`].
    fn baseline(
        &self,
        inquiry: &OperationContext<'_>,
        replies: Replies<'_>,
    ) -> Result<Next, Failure>;

    /// Makes the call: exactly one request, then [`Answer::Accepted`].
    fn call(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure>;

    /// Asks whether an unanswered call took effect. Asked only where [`Capabilities::probe`].
    fn probe(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure>;

    /// Reads what a person found at the provider who looked for a lost call: ids as they are shown
    /// there, or a handle as our events show it. `Err` says what is expected.
    fn adopt(&self, job: &Job, text: &str) -> Result<Accepted, String>;

    /// Asks how far it is.
    fn poll(
        &self,
        inquiry: &OperationContext<'_>,
        handle: &Value,
        replies: Replies<'_>,
    ) -> Result<Next, Failure>;
}
