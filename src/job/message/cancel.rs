//! Parses a cancellation.

use schemars::JsonSchema;

use super::super::JobId;
use super::parser::MessageParser;

/// The fields of a cancellation.
const FIELDS: [&str; 2] = ["id", "reason"];

/// Limit of the reason, in bytes.
const MAX_REASON: usize = 1024;

/// A request to cancel a job.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cancellation {
    /// The job's id. The job may still be on its way.
    #[schemars(rename = "id")]
    pub job: JobId,
    /// Why. The outcome repeats it. Empty by default.
    #[schemars(default, length(max = MAX_REASON))]
    pub reason: String,
}

impl MessageParser<'_> {
    /// The cancellation. Its `message_id` is never the job's id: it identifies this message.
    pub(super) fn cancellation(&mut self) -> Option<Cancellation> {
        let mut fields = self.fields()?;
        let id = self.text(&mut fields, "id", true);
        let reason = self.text(&mut fields, "reason", false).unwrap_or_default();
        if reason.len() > MAX_REASON {
            let why = format!("is {} bytes long; at most {MAX_REASON} are allowed", reason.len());
            self.problem("$.reason", why);
        }
        self.reject_unknown(fields, &FIELDS, "a cancellation");
        Some(Cancellation { job: self.parse("$.id", &id?)?, reason })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use jiff::Timestamp;

    use super::super::{Envelope, MessageValidator, Rejection};
    use super::*;
    use crate::job::{AccessPolicy, Catalogue, Trace};

    fn envelope(body: &[u8]) -> Envelope<'_> {
        Envelope {
            body,
            content_type: None,
            content_encoding: None,
            message_id: Some("m-1"),
            correlation_id: Some("c-1"),
            reply_to: None,
            user_id: None,
            trace: Trace::default(),
        }
    }

    fn read(envelope: &Envelope<'_>) -> Result<Cancellation, Box<Rejection>> {
        let (catalogue, accounts) = (Catalogue::new(Vec::new()), [].into());
        let validator = MessageValidator {
            catalogue,
            accounts,
            users: AccessPolicy::default(),
            max_bytes: 4096,
        };
        validator.read_cancellation(envelope, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_cancellation_needs_an_id_and_the_reason_is_optional() {
        for (body, reason) in [
            (r#"{"id":"chg-2041"}"#.to_owned(), ""),
            (r#"{"reason":"wrong table","id":"chg-2041"}"#.to_owned(), "wrong table"),
        ] {
            let cancellation = read(&envelope(body.as_bytes())).unwrap();
            assert_eq!(
                (cancellation.job.as_str(), cancellation.reason.as_str()),
                ("chg-2041", reason)
            );
        }
        let longest = format!(r#"{{"id":"a","reason":"{}"}}"#, "x".repeat(MAX_REASON));
        assert!(read(&envelope(longest.as_bytes())).is_ok());
    }

    #[test]
    fn an_invalid_cancellation_reports_every_problem_without_a_job_id() {
        let problems_of = |envelope: &Envelope<'_>| {
            let rejection = read(envelope).unwrap_err();
            assert_eq!((&rejection.job_id, rejection.operation), (&None, None));
            assert_eq!(rejection.correlation_id.as_deref(), Some("c-1"));
            rejection.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let long = format!(r#"{{"id":"a","reason":"{}"}}"#, "x".repeat(MAX_REASON + 1));
        for (body, problems) in [
            ("{}", &["$.id: is missing"][..]),
            (r#"{"id":7}"#, &["$.id: must be a string, is a number"]),
            (r#"{"id":"a b"}"#, &["$.id: has the character ' '; allowed are A-Za-z0-9._:/-"]),
            (
                r#"{"id":"a","id":"b","raeson":1}"#,
                &[
                    "$.id: is given more than once",
                    "$.raeson: is not a field of a cancellation (did you mean \"reason\"?)",
                ],
            ),
            (&long, &["$.reason: is 1025 bytes long; at most 1024 are allowed"]),
            ("[]", &["$: must be a JSON object"]),
        ] {
            assert_eq!(problems_of(&envelope(body.as_bytes())), problems, "{body}");
        }
        let text = Envelope { content_type: Some("text/plain"), ..envelope(br#"{"id":"a"}"#) };
        assert_eq!(problems_of(&text), ["content_type: is \"text/plain\"; send application/json"]);
        let large = [b' '; 4097];
        assert_eq!(problems_of(&envelope(&large)), ["$: is 4097 bytes long; the limit is 4096"]);
    }
}
