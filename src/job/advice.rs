//! The error of an outcome: what happened, and what a person can do about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::{Failure, FailureClass};
use super::message::MessageKind;
use super::spec::Problem;

/// Why an outcome is not a success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeError {
    /// The provider's code, or ours.
    pub code: String,
    /// The provider's message, or ours.
    pub message: String,
    /// `retryable`, `permanent` or `ambiguous` for a failed request; `ticket` for what failed
    /// at the provider after it was accepted; `poison` for a job that crashes workers; `resolved` for
    /// a job that a person has resolved as failed; `deadline`, `cancelled`, `invalid`.
    pub class: String,
    /// What a person can do about it.
    pub advice: String,
}

/// The advice for a lost call that could not be looked up.
pub const LOST_CALL: &str = "Check at the provider whether the call took effect, and resolve the \
    job with `ticketd jobs resolve` before submitting it again under a new id.";
/// The advice for an accepted call whose end cannot be polled.
pub const UNSEEN_END: &str = "The call was accepted, but its end cannot be read. Check its end at \
    the provider, under the handle.";
const NOTHING: &str = "Nothing: ticketd continues by itself.";
const REFUSED: &str = "The provider refused the call and did nothing. Correct the cause, then \
    submit the job under a new id.";
const OUT_OF_TRIES: &str = "The provider did not act in any attempt. Submit the job under a new id \
    when the provider works again.";
const TICKET: &str = "The provider accepted the call, and what the call started did not succeed. \
    Check it at the provider, under the ids in the result.";
const DEADLINE_BEFORE: &str = "Nothing was done. Submit the job under a new id with a later \
    deadline.";
const DEADLINE_AFTER: &str = "What the call started continues at the provider, under the handle. \
    ticketd does not poll it any more.";
const CANCELLED_BEFORE: &str = "Nothing was done.";
const CANCELLED_AFTER: &str = "What the call started still exists at the provider, under the \
    handle. Close it there if it must not continue.";
/// The advice for a job that crashes workers and has had no effect.
pub const POISON: &str = "Nothing was done. This job crashes workers and is kept as a dead \
    letter. Find the cause, then submit the job under a new id.";
const RESOLVED: &str = "Nothing: a person has resolved the job as failed.";
const INVALID_CANCELLATION: &str = "Nothing was cancelled. Correct the message and \
    send it again.";
const INVALID: &str = "Nothing was done. Correct the message and send it again; its \
    id is still free.";

impl OutcomeError {
    /// A request that failed permanently.
    pub fn failure(failure: &Failure) -> Self {
        let advice = match failure.class {
            FailureClass::Permanent => REFUSED,
            FailureClass::Retryable { .. } => OUT_OF_TRIES,
            FailureClass::Ambiguous => LOST_CALL,
        };
        Self::new(&failure.code, &failure.message, failure.class.as_str(), advice)
    }

    /// A failed request that ticketd itself repeats or looks up.
    pub fn temporary(failure: &Failure) -> Self {
        Self::new(&failure.code, &failure.message, failure.class.as_str(), NOTHING)
    }

    /// What the call started failed at the provider.
    pub fn ticket(code: String, message: String) -> Self {
        Self { code, message, class: "ticket".to_owned(), advice: TICKET.to_owned() }
    }

    /// The deadline passed; `started` says whether something exists at the provider.
    pub fn deadline(started: bool) -> Self {
        let (message, advice) = if started {
            ("the deadline passed before it was finished", DEADLINE_AFTER)
        } else {
            ("the deadline passed before the call was made", DEADLINE_BEFORE)
        };
        Self::new("DeadlinePassed", message, "deadline", advice)
    }

    /// The job was cancelled; `started` says whether something exists at the provider. The reason
    /// may be empty.
    pub fn cancelled(started: bool, reason: &str) -> Self {
        let advice = if started { CANCELLED_AFTER } else { CANCELLED_BEFORE };
        let message = match reason {
            "" => "cancelled on request".to_owned(),
            reason => format!("cancelled on request: {reason}"),
        };
        Self::new("Cancelled", &message, "cancelled", advice)
    }

    /// The job crashes workers; `doubt` says how a call was lost that may have taken effect.
    pub fn poison(doubt: Option<&str>, advice: &str) -> Self {
        let doubt = doubt.map(|cause| format!("; a call may have taken effect: {cause}"));
        let message = format!(
            "workers crashed repeatedly while they ran this job, twice while they ran nothing else{}",
            doubt.unwrap_or_default()
        );
        Self::new("WorkersDied", &message, "poison", advice)
    }

    /// A person has resolved the job as failed, with this note.
    pub fn resolved(note: &str) -> Self {
        Self::new("Resolved", note, "resolved", RESOLVED)
    }

    /// Whether the job crashes workers.
    pub fn is_poison(&self) -> bool {
        self.class == "poison"
    }

    /// The message is not valid.
    pub fn invalid(expected: MessageKind, problems: &[Problem]) -> Self {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let (code, advice) = match expected {
            MessageKind::Job => ("InvalidJob", INVALID),
            MessageKind::Cancellation => ("InvalidCancellation", INVALID_CANCELLATION),
        };
        Self::new(code, &lines.join("; "), "invalid", advice)
    }

    fn new(code: &str, message: &str, class: &str, advice: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
            class: class.to_owned(),
            advice: advice.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_advice() {
        let passing = Failure::retryable("Throttling", "slow down");
        let refused = Failure::permanent("NoPermission", "not yours");
        let lost = Failure::ambiguous("TimedOut", "no answer");
        let empty = [Problem::new("$", "is empty")];
        let errors = [
            (OutcomeError::failure(&passing), "retryable", OUT_OF_TRIES),
            (OutcomeError::failure(&refused), "permanent", REFUSED),
            (OutcomeError::failure(&lost), "ambiguous", LOST_CALL),
            (OutcomeError::temporary(&passing), "retryable", NOTHING),
            (OutcomeError::temporary(&lost), "ambiguous", NOTHING),
            (OutcomeError::ticket("Rejected".into(), "no".into()), "ticket", TICKET),
            (OutcomeError::deadline(false), "deadline", DEADLINE_BEFORE),
            (OutcomeError::deadline(true), "deadline", DEADLINE_AFTER),
            (OutcomeError::cancelled(false, ""), "cancelled", CANCELLED_BEFORE),
            (OutcomeError::cancelled(true, ""), "cancelled", CANCELLED_AFTER),
            (OutcomeError::poison(None, POISON), "poison", POISON),
            (OutcomeError::poison(Some("cut"), LOST_CALL), "poison", LOST_CALL),
            (OutcomeError::resolved("replaced"), "resolved", RESOLVED),
            (OutcomeError::invalid(MessageKind::Job, &empty), "invalid", INVALID),
            (
                OutcomeError::invalid(MessageKind::Cancellation, &empty),
                "invalid",
                INVALID_CANCELLATION,
            ),
        ];
        for (error, class, advice) in errors {
            assert_eq!((error.class.as_str(), error.advice.as_str()), (class, advice));
            assert!(!error.code.is_empty() && !error.message.is_empty(), "{error:?}");
            assert!(error.advice.ends_with('.') && !error.advice.contains("  "), "{error:?}");
        }
    }

    #[test]
    fn nothing_was_done_is_said_only_if_it_is_true() {
        let nothing = "Nothing was done";
        assert!(!OutcomeError::deadline(true).advice.contains(nothing));
        assert!(!OutcomeError::cancelled(true, "").advice.contains(nothing));
        let lost = OutcomeError::failure(&Failure::ambiguous("TimedOut", "no answer"));
        assert!(!lost.advice.contains(nothing));
    }

    #[test]
    fn the_error_of_an_invalid_message_lists_every_problem() {
        let problems = [Problem::new("$.id", "is empty"), Problem::new("$.params", "is missing")];
        assert_eq!(
            OutcomeError::invalid(MessageKind::Job, &problems).message,
            "$.id: is empty; $.params: is missing"
        );
    }
}
