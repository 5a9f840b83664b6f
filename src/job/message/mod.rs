//! Bytes from strangers to a [`Job`], or everything that is wrong with them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    AccessPolicy, AccountName, Catalogue, Job, Kind, Problem, Provider, ReplyTo, Trace, Until,
};

mod cancel;
mod job;
mod json;
mod parser;
mod time;

pub use cancel::Cancellation;
use parser::MessageParser;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

/// A message as it came, before anything about it is believed.
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
    /// The user who sent it, vouched for by the broker.
    pub user_id: Option<&'a str>,
    /// Trace context headers.
    pub trace: Trace,
}

/// A valid job and the hash of its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The job.
    pub job: Job,
    /// The same id with another fingerprint is a conflict.
    pub fingerprint: String,
}

/// What a message was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A job.
    Job,
    /// A wish that a job ends.
    Cancellation,
}

/// Why a message is not what it was meant to be, with all that could be read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// What it was meant to be.
    pub expected: MessageKind,
    /// Everything that is wrong, not only the first thing.
    pub problems: Vec<Problem>,
    /// Hash of the message: the rejection's own identity, since it does not use up the job's id.
    pub digest: String,
    /// The job's id, if it has a legal one; never that of a job which a bad message wants to end.
    pub job_id: Option<String>,
    /// The operation, if it is one of ours.
    pub operation: Option<(&'static str, Kind)>,
    /// The account it names, if it is one of ours.
    pub account: Option<AccountName>,
    /// Its metadata, if that is not too large.
    pub metadata: Option<Value>,
    /// The message's trace context.
    pub trace: Trace,
    /// The message's `correlation_id`.
    pub correlation_id: Option<String>,
    /// Where a copy of the outcome goes.
    pub reply_to: Option<ReplyTo>,
    /// When it was read.
    pub at: Timestamp,
}

/// What a message is judged by.
#[derive(Debug)]
pub struct MessageValidator {
    /// The operations there are.
    pub catalogue: Catalogue,
    /// The accounts there are, and whose they are.
    pub accounts: BTreeMap<AccountName, Provider>,
    /// Who may ask for what.
    pub users: AccessPolicy,
    /// The largest body, in bytes.
    pub max_bytes: usize,
}

impl MessageValidator {
    /// Reads a message from the queue of a kind. `now` becomes the job's `received_at`.
    pub fn read(
        &self,
        kind: Kind,
        envelope: &Envelope<'_>,
        now: Timestamp,
    ) -> Result<Submission, Box<Rejection>> {
        let mut reading = self.reading(MessageKind::Job, envelope, now);
        let job = reading.job(kind);
        let job = reading.judge(job)?;
        Ok(Submission { fingerprint: fingerprint(&job), job })
    }

    /// Reads a message that wants a job to end.
    pub fn read_cancellation(
        &self,
        envelope: &Envelope<'_>,
        now: Timestamp,
    ) -> Result<Cancellation, Box<Rejection>> {
        let mut reading = self.reading(MessageKind::Cancellation, envelope, now);
        let cancellation = reading.cancellation();
        reading.judge(cancellation)
    }

    /// The rejection of a cancellation by somebody who may not use the job's account.
    pub fn forbidden(&self, envelope: &Envelope<'_>, job: &Job, now: Timestamp) -> Rejection {
        let mut reading = self.reading(MessageKind::Cancellation, envelope, now);
        reading.may_use(&job.account);
        reading.rejection
    }

    fn reading<'a>(
        &'a self,
        expected: MessageKind,
        envelope: &'a Envelope<'a>,
        now: Timestamp,
    ) -> MessageParser<'a> {
        let rejection = Rejection {
            expected,
            problems: Vec::new(),
            digest: digest(envelope),
            job_id: None,
            operation: None,
            account: None,
            metadata: None,
            trace: envelope.trace.clone(),
            correlation_id: envelope.correlation_id.map(str::to_owned),
            reply_to: envelope.reply_to.map(|queue| ReplyTo { queue: queue.to_owned() }),
            at: now,
        };
        MessageParser { rules: self, envelope, rejection }
    }

    /// The rejection of a job whose id belongs to a job with other content.
    pub fn conflict(&self, envelope: &Envelope<'_>, job: Job) -> Rejection {
        Rejection {
            expected: MessageKind::Job,
            problems: vec![Problem {
                path: "$.id".to_owned(),
                message: format!(
                    "{:?} belongs to a job with other content, which stands; use a new id",
                    job.id.as_str()
                ),
            }],
            digest: digest(envelope),
            operation: self.catalogue.get(&job.operation).map(|found| (found.name, found.kind)),
            job_id: Some(job.id.into()),
            account: Some(job.account),
            metadata: job.metadata,
            trace: job.trace,
            correlation_id: job.correlation_id,
            reply_to: job.reply_to,
            at: job.received_at,
        }
    }
}

/// The hash of what makes two jobs the same: all of the body but the id, defaults filled in.
fn fingerprint(job: &Job) -> String {
    #[derive(Serialize)]
    struct Content<'a> {
        operation: &'a str,
        account: &'a str,
        params: &'a Value,
        until: Until,
        not_before: Option<Timestamp>,
        deadline: Option<Timestamp>,
        metadata: &'a Option<Value>,
    }
    let content = serde_json::json!(Content {
        operation: &job.operation,
        account: &job.account,
        params: &job.params,
        until: job.until,
        not_before: job.not_before,
        deadline: job.deadline,
        metadata: &job.metadata,
    });
    hex::encode(&Sha256::digest(content.to_string())[..16])
}

/// The hash of a message as it came.
fn digest(envelope: &Envelope<'_>) -> String {
    let mut hash = Sha256::new();
    for part in [envelope.message_id, envelope.correlation_id, envelope.content_type] {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    hash.update(envelope.body);
    hex::encode(&hash.finalize()[..16])
}
