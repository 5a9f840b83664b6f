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
    /// at the provider after it was accepted; `poison` for what workers died of; `resolved` for
    /// what a person has closed; `deadline`, `cancelled`, `invalid`.
    pub class: String,
    /// What a person can do about it.
    pub advice: String,
}

/// A call was lost and could not be looked up.
pub const LOST_CALL: &str = "Look at the provider whether the call took effect, and settle the \
    job with `ticketd jobs resolve`, before submitting it again under a new id.";
/// What was started can no longer be followed.
pub const UNSEEN_END: &str = "The call was accepted; its end can't be seen from here. Look at \
    the provider, under the handle, how it ended.";
const NOTHING: &str = "Nothing: ticketd goes on by itself.";
const REFUSED: &str = "The provider refused and did nothing. Correct the cause, \
    then submit it under a new id.";
const OUT_OF_TRIES: &str = "The provider did not act in any of the tries. Submit it \
    under a new id when the provider works again.";
const TICKET: &str = "The provider took the call, and what it started did not \
    succeed. Look at it there, under the ids in the result.";
const DEADLINE_BEFORE: &str = "Nothing was done. Submit it under a new id with a \
    later deadline.";
const DEADLINE_AFTER: &str = "What was started goes on at the provider, under the \
    handle; nobody follows it any more.";
const CANCELLED_BEFORE: &str = "Nothing was done.";
const CANCELLED_AFTER: &str = "What was started still exists at the provider, under \
    the handle. Close it there if it must not go on.";
/// Workers die of it, and it has done nothing else.
pub const POISON: &str = "Nothing was done. Workers die of this job: its dead letter \
    keeps it. Find out why, then submit it under a new id.";
const RESOLVED: &str = "Nothing: a person has looked into it and closed it.";
const INVALID_CANCELLATION: &str = "Nothing was cancelled. Correct the message and \
    send it again.";
const INVALID: &str = "Nothing was done. Correct the message and send it again; its \
    id is still free.";

impl OutcomeError {
    /// A request that failed for good.
    pub fn failure(failure: &Failure) -> Self {
        let advice = match failure.meaning {
            FailureClass::Permanent => REFUSED,
            FailureClass::Retryable { .. } => OUT_OF_TRIES,
            FailureClass::Ambiguous => LOST_CALL,
        };
        Self::new(&failure.code, &failure.message, failure.meaning.as_str(), advice)
    }

    /// A request that failed and is not the end: it is tried again, or looked up.
    pub fn passing(failure: &Failure) -> Self {
        Self::new(&failure.code, &failure.message, failure.meaning.as_str(), NOTHING)
    }

    /// What the call started has failed at the provider.
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

    /// Somebody cancelled it; `started` says whether something exists at the provider. The reason
    /// may be empty.
    pub fn cancelled(started: bool, reason: &str) -> Self {
        let advice = if started { CANCELLED_AFTER } else { CANCELLED_BEFORE };
        let message = match reason {
            "" => "cancelled on request".to_owned(),
            reason => format!("cancelled on request: {reason}"),
        };
        Self::new("Cancelled", &message, "cancelled", advice)
    }

    /// Workers died of it; `doubt` says how a call was lost that may have taken effect.
    pub fn poison(doubt: Option<&str>, advice: &str) -> Self {
        let doubt = doubt.map(|cause| format!("; a call may have taken effect: {cause}"));
        let message = format!(
            "workers died again and again while they ran it, twice while they ran nothing else{}",
            doubt.unwrap_or_default()
        );
        Self::new("WorkersDied", &message, "poison", advice)
    }

    /// A person has closed it as failed, in these words.
    pub fn resolved(note: &str) -> Self {
        Self::new("Resolved", note, "resolved", RESOLVED)
    }

    /// Whether it is what workers died of.
    pub fn is_poison(&self) -> bool {
        self.class == "poison"
    }

    /// The message is not what it was meant to be.
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
    fn every_trouble_says_what_a_person_can_do() {
        let passing = Failure::retryable("Throttling", "slow down");
        let refused = Failure::permanent("NoPermission", "not yours");
        let lost = Failure::ambiguous("TimedOut", "no answer");
        let empty = [Problem::new("$", "is empty")];
        let troubles = [
            (OutcomeError::failure(&passing), "retryable", OUT_OF_TRIES),
            (OutcomeError::failure(&refused), "permanent", REFUSED),
            (OutcomeError::failure(&lost), "ambiguous", LOST_CALL),
            (OutcomeError::passing(&passing), "retryable", NOTHING),
            (OutcomeError::passing(&lost), "ambiguous", NOTHING),
            (OutcomeError::ticket("Rejected".into(), "no".into()), "ticket", TICKET),
            (OutcomeError::deadline(false), "deadline", DEADLINE_BEFORE),
            (OutcomeError::deadline(true), "deadline", DEADLINE_AFTER),
            (OutcomeError::cancelled(false, ""), "cancelled", CANCELLED_BEFORE),
            (OutcomeError::cancelled(true, ""), "cancelled", CANCELLED_AFTER),
            (OutcomeError::poison(None, POISON), "poison", POISON),
            (OutcomeError::poison(Some("cut"), LOST_CALL), "poison", LOST_CALL),
            (OutcomeError::resolved("seen by nobody"), "resolved", RESOLVED),
            (OutcomeError::invalid(MessageKind::Job, &empty), "invalid", INVALID),
            (
                OutcomeError::invalid(MessageKind::Cancellation, &empty),
                "invalid",
                INVALID_CANCELLATION,
            ),
        ];
        for (trouble, class, advice) in troubles {
            assert_eq!((trouble.class.as_str(), trouble.advice.as_str()), (class, advice));
            assert!(!trouble.code.is_empty() && !trouble.message.is_empty(), "{trouble:?}");
            assert!(trouble.advice.ends_with('.') && !trouble.advice.contains("  "), "{trouble:?}");
        }
    }

    #[test]
    fn nothing_was_done_is_only_said_where_it_is_true() {
        let nothing = "Nothing was done";
        assert!(!OutcomeError::deadline(true).advice.contains(nothing));
        assert!(!OutcomeError::cancelled(true, "").advice.contains(nothing));
        let lost = OutcomeError::failure(&Failure::ambiguous("TimedOut", "no answer"));
        assert!(!lost.advice.contains(nothing));
    }

    #[test]
    fn an_invalid_message_is_told_every_problem() {
        let problems = [Problem::new("$.id", "is empty"), Problem::new("$.params", "is missing")];
        assert_eq!(
            OutcomeError::invalid(MessageKind::Job, &problems).message,
            "$.id: is empty; $.params: is missing"
        );
    }
}
