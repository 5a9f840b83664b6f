//! Follows the sample jobs and keeps what was seen of each.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::samples::Sample;
use crate::cli::show::OUTCOMES;
use crate::simulator::Effect;

/// What was seen of a sample.
#[derive(Clone, Debug)]
pub struct JobRecord {
    /// The sample.
    pub sample: Sample,
    /// When it was first sent.
    sent: Option<Instant>,
    /// How long it took from then to its outcome.
    pub took: Option<Duration>,
    /// The states that were told, in their order.
    pub states: Vec<String>,
    /// The ids of the outcome's events.
    outcomes: Vec<String>,
    /// Calls made, as the last event has it.
    pub calls: u64,
    /// Effects at the provider.
    pub effects: usize,
}

impl JobRecord {
    /// Nothing has been seen yet.
    pub fn new(sample: Sample) -> Self {
        let (states, outcomes) = (Vec::new(), Vec::new());
        Self { sample, sent: None, took: None, states, outcomes, calls: 0, effects: 0 }
    }

    /// It was sent, for the first time or again.
    pub fn was_sent(&mut self) {
        self.sent.get_or_insert_with(Instant::now);
    }

    /// Takes an event in. Whether the sample is to be sent again now.
    pub fn take(&mut self, event: &Value) -> bool {
        let data = &event["data"];
        let state = data["state"].as_str().unwrap_or_default();
        self.states.push(state.to_owned());
        self.calls = data["attempts"].as_u64().unwrap_or_default();
        if OUTCOMES.contains(&state) {
            self.outcomes.push(event["id"].as_str().unwrap_or_default().to_owned());
            self.took = self.took.or_else(|| self.sent.map(|sent| sent.elapsed()));
        }
        self.sample.again && self.outcomes.len() == 1 && OUTCOMES.contains(&state)
    }

    /// Whether all that is expected of it has been seen, in time at least.
    pub fn is_over(&self) -> bool {
        self.outcomes.len() > usize::from(self.sample.again)
    }

    /// Counts what the provider really did for it.
    pub fn count(&mut self, effects: &[Effect]) {
        self.effects = effects.iter().filter(|effect| self.sample.caused(effect)).count();
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<&str> {
        self.states.iter().rev().map(String::as_str).find(|state| OUTCOMES.contains(state))
    }

    /// What is not as expected, in words.
    pub fn surprises(&self) -> Vec<String> {
        let expected = self.sample.expected;
        let mut surprises = Vec::new();
        let mut differs = |what: &str, is: &str, wanted: &str| {
            if is != wanted {
                surprises.push(format!("{what} {wanted}, not {is}"));
            }
        };
        differs("outcome", self.outcome().unwrap_or("none"), expected.state);
        differs("calls", &self.calls.to_string(), &expected.calls.to_string());
        differs("effects", &self.effects.to_string(), &expected.effects.to_string());
        let mut seen = self.states.iter();
        if !expected.way.iter().all(|state| seen.any(|seen| seen == state)) {
            let (way, seen) = (expected.way.join(", "), self.states.join(", "));
            surprises.push(format!("way {way}; not {seen}"));
        }
        if self.outcomes.iter().any(|id| Some(id) != self.outcomes.first()) {
            surprises.push("one outcome, not several".to_owned());
        }
        surprises
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cli::demo::samples::samples;
    use serde_json::json;

    fn sample(id: &str) -> JobRecord {
        let found = samples().unwrap().into_iter().find(|sample| sample.id == id);
        JobRecord::new(found.unwrap())
    }

    fn event(id: &str, state: &str, attempts: u64) -> Value {
        json!({ "id": id, "data": { "state": state, "attempts": attempts } })
    }

    fn record(id: &str, states: &[&str], effects: usize) -> JobRecord {
        let mut record = sample(id);
        record.was_sent();
        for state in states {
            record.take(&event(id, state, record.sample.expected.calls));
        }
        record.effects = effects;
        record
    }

    #[test]
    fn a_job_is_as_expected_only_with_its_outcome_its_way_and_its_effects() {
        let way = ["started", "doubtful", "submitted", "succeeded"];
        assert_eq!(record("lost-answer", &way, 1).surprises(), [""; 0]);
        let doubled = record("lost-answer", &way, 2).surprises();
        assert_eq!(doubled, ["effects 1, not 2"]);
        let smooth = record("lost-answer", &["started", "succeeded"], 1).surprises();
        assert_eq!(smooth, ["way started, doubtful, succeeded; not started, succeeded"]);
        let failed = record("lost-answer", &["started", "doubtful", "failed"], 1).surprises();
        assert_eq!(failed[0], "outcome succeeded, not failed");
        let silent = record("lost-answer", &[], 0).surprises();
        assert_eq!(silent[0], "outcome succeeded, not none");
    }

    #[test]
    fn a_job_that_is_sent_again_is_over_with_the_same_outcome_once_more() {
        let mut twice = sample("twice");
        twice.was_sent();
        assert!(twice.take(&event("twice/outcome", "succeeded", 1)));
        assert!(!twice.is_over());
        assert!(!twice.take(&event("twice/outcome", "succeeded", 1)));
        assert!(twice.is_over());
        twice.take(&event("another", "succeeded", 1));
        assert!(twice.surprises().contains(&"one outcome, not several".to_owned()));
    }
}
