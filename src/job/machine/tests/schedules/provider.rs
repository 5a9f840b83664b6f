//! A provider that loses answers, and a person who looks at it afterwards.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::super::super::{Input, Resolution};
use super::super::fixtures::{accepted, answered};
use crate::job::{Answer, Ended, Failure, Outcome, RequestKind, Running};

/// The true effects of calls, the time, and all randomness of a life.
pub(super) struct FakeProvider {
    pub(super) random: StdRng,
    pub(super) now: Timestamp,
    pub(super) settle: Duration,
    pub(super) effects: Vec<Timestamp>,
    pub(super) polls_left: u32,
    pub(super) ticket_fails: bool,
}

impl FakeProvider {
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    pub(super) fn pass_time(&mut self, max: Duration) {
        let share = self.random.random_range(0.0..1.0);
        self.now += SignedDuration::try_from(max.mul_f64(share)).unwrap();
    }

    pub(super) fn answer(&mut self, request: &RequestKind) -> Input {
        let sent_at = self.now;
        // An answer takes less time than `settle`, which is what `settle` is for.
        self.pass_time(self.settle.mul_f64(0.9));
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
                // A lost call has no effect, or an immediate one, or a late one.
                let late = SignedDuration::try_from(self.settle.mul_f64(0.99)).unwrap();
                match self.random.random_range(0..3) {
                    0 if lost.is_some() => {}
                    1 if lost.is_some() => self.effects.push(sent_at + late),
                    _ => self.effects.push(sent_at),
                }
                Answer::Accepted(accepted())
            }
            RequestKind::Probe if self.effects.iter().any(|effect| *effect <= self.now) => {
                Answer::Found(accepted())
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
        lost.map_or_else(|| answered(answer), Input::Failed)
    }

    /// What a person finds long after the last call, if a person looks.
    pub(super) fn resolution(&mut self, outcome: &Outcome) -> Option<Resolution> {
        if outcome.execution.is_none() || outcome.resolutions == 3 || self.chance(0.3) {
            return None;
        }
        self.now += SignedDuration::try_from(self.settle * 2).unwrap();
        if self.chance(0.1) {
            return Some(Resolution::Fail("closed by hand".into()));
        }
        Some(match self.effects.is_empty() {
            true => Resolution::Absent,
            false => Resolution::Adopt(accepted()),
        })
    }
}
