//! Bytes from strangers to a [`Job`], or everything that is wrong with them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::operation::bound;
use super::{AccountName, Catalogue, Job, Kind, Problem, Provider, ReplyTo, Trace, Until};

mod fields;
mod reading;
mod time;

use reading::Reading;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

/// A message as it came, before anything about it is believed.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The kind of the queue it came from.
    pub kind: Kind,
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

/// Why a message is not a job, with all that could be read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// Everything that is wrong, not only the first thing.
    pub problems: Vec<Problem>,
    /// Hash of the message: the rejection's own identity, since it does not use up the job's id.
    pub digest: String,
    /// The job's id, if it has a legal one.
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
pub struct Rules {
    /// The operations there are.
    pub catalogue: Catalogue,
    /// The accounts there are, and whose they are.
    pub accounts: BTreeMap<AccountName, Provider>,
    /// The largest body, in bytes.
    pub max_bytes: usize,
}

impl Rules {
    /// Reads a message. `now` becomes the job's `received_at`.
    pub fn read(
        &self,
        envelope: &Envelope<'_>,
        now: Timestamp,
    ) -> Result<Submission, Box<Rejection>> {
        let mut reading = Reading {
            rules: self,
            envelope,
            rejection: Rejection {
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
            },
        };
        match reading.job() {
            Some(job) if reading.rejection.problems.is_empty() => {
                let fingerprint = fingerprint(&job);
                Ok(Submission { job, fingerprint })
            }
            Some(_) | None => {
                bound(&mut reading.rejection.problems, "$");
                Err(Box::new(reading.rejection))
            }
        }
    }

    /// The rejection of a job whose id belongs to a job with other content.
    pub fn conflict(&self, envelope: &Envelope<'_>, job: Job) -> Rejection {
        Rejection {
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
