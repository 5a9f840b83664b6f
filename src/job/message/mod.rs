//! Validates a message: it becomes a [`Job`], or a [`Rejection`] with every problem.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Job, Kind, Until};

mod cancel;
mod job;
mod json;
mod parser;
mod rejection;
mod time;
mod validator;

pub use cancel::Cancellation;
use parser::MessageParser;
pub use rejection::{Envelope, MessageKind, Rejection};
pub use validator::MessageValidator;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

/// A valid job and the hash of its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The job.
    pub job: Job,
    /// The hash of the content. The same id with another fingerprint is a conflict.
    pub fingerprint: String,
}

impl MessageValidator {
    /// Validates a job from the queue of a kind. `now` becomes the job's `received_at`.
    pub fn read(
        &self,
        kind: Kind,
        envelope: &Envelope<'_>,
        now: Timestamp,
    ) -> Result<Submission, Box<Rejection>> {
        let mut parser = self.parser(MessageKind::Job, envelope, now);
        let job = parser.job(kind);
        let job = parser.finish(job)?;
        Ok(Submission { fingerprint: fingerprint(&job), job })
    }

    /// Validates a cancellation.
    pub fn read_cancellation(
        &self,
        envelope: &Envelope<'_>,
        now: Timestamp,
    ) -> Result<Cancellation, Box<Rejection>> {
        let mut parser = self.parser(MessageKind::Cancellation, envelope, now);
        let cancellation = parser.cancellation();
        parser.finish(cancellation)
    }

    /// The rejection of a cancellation by a user who may not use the job's account.
    pub fn forbidden(&self, envelope: &Envelope<'_>, job: &Job, now: Timestamp) -> Rejection {
        let mut parser = self.parser(MessageKind::Cancellation, envelope, now);
        parser.check_access(&job.account);
        parser.rejection
    }

    /// The rejection of a job whose id belongs to a job with other content.
    pub fn conflict(&self, envelope: &Envelope<'_>, job: Job) -> Rejection {
        let operation = self.catalogue.get(&job.operation).map(|found| (found.name, found.kind));
        Rejection::conflict(envelope, job, operation)
    }

    fn parser<'a>(
        &'a self,
        expected: MessageKind,
        envelope: &'a Envelope<'a>,
        now: Timestamp,
    ) -> MessageParser<'a> {
        let rejection = Rejection::new(expected, envelope, now);
        MessageParser { validator: self, envelope, rejection }
    }
}

/// The hash of a job's content: the whole body without the id, with defaults filled in.
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
