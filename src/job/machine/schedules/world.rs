//! The provider as random lives meet it, and the person who looks at it afterwards.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::super::{Input, Resolution};
use crate::job::{
    Accepted, Answer, Answered, Ended, Failure, Outcome, ProviderReply, RequestKind, Running,
};

/// The provider: the truth about effects, and a will to lose answers.
pub(super) struct World {
    pub(super) random: StdRng,
    pub(super) now: Timestamp,
    pub(super) settle: Duration,
    pub(super) effects: Vec<Timestamp>,
    pub(super) polls_left: u32,
    pub(super) ticket_fails: bool,
}

impl World {
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    pub(super) fn pass(&mut self, longest: Duration) {
        let part = self.random.random_range(0.0..1.0);
        self.now += SignedDuration::try_from(longest.mul_f64(part)).unwrap_or_default();
    }

    pub(super) fn answer(&mut self, request: &RequestKind) -> Input {
        let asked = self.now;
        // An answer takes time, but less than `settle`: that is what `settle` is for.
        self.pass(self.settle.mul_f64(0.9));
        if self.chance(0.05) {
            return Input::Deferred(self.now + SignedDuration::from_secs(2));
        }
        if self.chance(0.15) {
            return Input::Failed(Failure::retryable("Throttling", "slow down"));
        }
        if self.chance(0.01) {
            return Input::Failed(Failure::permanent("NoPermission", "no"));
        }
        let lost = self.chance(0.3).then(|| Failure::ambiguous("TimedOut", "no answer"));
        let answer = match request {
            RequestKind::Call => {
                // A lost call may have had no effect, or one by now, or one shortly after.
                let late = SignedDuration::try_from(self.settle.mul_f64(0.99)).unwrap_or_default();
                match self.random.random_range(0..3) {
                    0 if lost.is_some() => {}
                    1 if lost.is_some() => self.effects.push(asked + late),
                    _ => self.effects.push(asked),
                }
                Answer::Accepted(self.accepted())
            }
            RequestKind::Probe if self.effects.iter().any(|effect| *effect <= self.now) => {
                Answer::Found(self.accepted())
            }
            RequestKind::Probe => Answer::Absent,
            RequestKind::Baseline => Answer::Baseline(json!([])),
            RequestKind::Poll(_) if self.polls_left > 0 => {
                self.polls_left -= 1;
                let seen = format!("stage {}", self.polls_left / 2);
                let waits_for_person = self.chance(0.2);
                Answer::Running(Running { seen, waits_for_person, result: Value::Null })
            }
            RequestKind::Poll(_) => {
                let failure = self.ticket_fails.then(|| ("FAIL".to_owned(), "failed".to_owned()));
                Answer::Ended(Ended { result: Value::Null, failure })
            }
        };
        match lost {
            Some(failure) => Input::Failed(failure),
            None => Input::Answered(Answered { answer, provider_reply: ProviderReply::default() }),
        }
    }

    fn accepted(&self) -> Accepted {
        Accepted { handle: json!(7), result: json!({ "order_ids": [7] }) }
    }

    /// What a person finds who looks long after the last call, if anybody does.
    pub(super) fn resolution(&mut self, outcome: &Outcome) -> Option<Resolution> {
        if outcome.execution.is_none() || outcome.resolutions == 3 || self.chance(0.3) {
            return None;
        }
        self.now += SignedDuration::try_from(self.settle * 2).unwrap_or_default();
        if self.chance(0.1) {
            return Some(Resolution::Fail("closed by hand".into()));
        }
        Some(match self.effects.is_empty() {
            true => Resolution::Absent,
            false => Resolution::Adopt(self.accepted()),
        })
    }
}
