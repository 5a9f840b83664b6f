//! A message before validation, and why it is rejected.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::job::{AccountName, Job, Kind, Problem, ReplyTo, Trace};

/// A message as received, not yet validated.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The body.
    pub body: &'a [u8],
    /// The AMQP property of that name.
    pub content_type: Option<&'a str>,
    /// The AMQP property of that name.
    pub content_encoding: Option<&'a str>,
    /// The AMQP property of that name.
    pub message_id: Option<&'a str>,
    /// The AMQP property of that name.
    pub correlation_id: Option<&'a str>,
    /// The AMQP property of that name.
    pub reply_to: Option<&'a str>,
    /// The user who sent it; the broker verifies this property.
    pub user_id: Option<&'a str>,
    /// The trace context headers.
    pub trace: Trace,
}

impl Envelope<'_> {
    /// The hash of the message.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.message_id, self.correlation_id, self.content_type] {
            hash.update(part.unwrap_or_default());
            hash.update([0]);
        }
        hash.update(self.body);
        hex::encode(&hash.finalize()[..16])
    }
}

/// What a message is expected to contain, by the queue it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A job.
    Job,
    /// A request to cancel a job.
    Cancellation,
}

/// Why a message is not valid, with everything that could be read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// What the message was expected to contain.
    pub expected: MessageKind,
    /// Every problem, not only the first.
    pub problems: Vec<Problem>,
    /// The hash of the message. It identifies the rejection, because a rejection does not use up the
    /// job's id.
    pub digest: String,
    /// The job's id, if it is valid. None for a cancellation: an invalid cancellation is not an event
    /// of the job it names.
    pub job_id: Option<String>,
    /// The operation, if it exists.
    pub operation: Option<(&'static str, Kind)>,
    /// The account, if it is configured.
    pub account: Option<AccountName>,
    /// The metadata, if it is within its limit.
    pub metadata: Option<Value>,
    /// The message's trace context.
    pub trace: Trace,
    /// The message's `correlation_id`.
    pub correlation_id: Option<String>,
    /// Where a copy of the outcome goes.
    pub reply_to: Option<ReplyTo>,
    /// When the message was read.
    pub at: Timestamp,
}

impl Rejection {
    /// A rejection without a problem yet, with what the envelope says.
    pub(super) fn new(expected: MessageKind, envelope: &Envelope<'_>, at: Timestamp) -> Self {
        Self {
            expected,
            problems: Vec::new(),
            digest: envelope.digest(),
            job_id: None,
            operation: None,
            account: None,
            metadata: None,
            trace: envelope.trace.clone(),
            correlation_id: envelope.correlation_id.map(str::to_owned),
            reply_to: envelope.reply_to.map(|queue| ReplyTo { queue: queue.to_owned() }),
            at,
        }
    }

    /// The rejection of a job whose id belongs to a job with other content.
    pub(super) fn conflict(
        envelope: &Envelope<'_>,
        job: Job,
        operation: Option<(&'static str, Kind)>,
    ) -> Self {
        let id = job.id.as_str();
        let problem = format!("{id:?} is the id of another job with other content; use a new id");
        Self {
            problems: vec![Problem::new("$.id", problem)],
            operation,
            account: Some(job.account),
            metadata: job.metadata,
            trace: job.trace,
            correlation_id: job.correlation_id,
            reply_to: job.reply_to,
            job_id: Some(job.id.into()),
            ..Self::new(MessageKind::Job, envelope, job.received_at)
        }
    }
}
