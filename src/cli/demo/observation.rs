//! What was observed of each job, compared with what is expected.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::jobs::DemoJob;
use crate::cli::output::OUTCOMES;
use crate::simulator::Effect;

#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub job: DemoJob,
    first_sent: Option<Instant>,
    /// From the first sending to the first outcome.
    pub duration: Option<Duration>,
    /// The states of the events, in order.
    pub states: Vec<String>,
    /// The ids of the outcome events.
    outcomes: Vec<String>,
    /// Calls made, according to the last event.
    pub calls: u64,
    /// Effects at the provider.
    pub effects: usize,
}

impl Observation {
    pub(super) fn new(job: DemoJob) -> Self {
        let (states, outcomes) = (Vec::new(), Vec::new());
        Self { job, first_sent: None, duration: None, states, outcomes, calls: 0, effects: 0 }
    }

    pub(super) fn mark_sent(&mut self) {
        self.first_sent.get_or_insert_with(Instant::now);
    }

    /// Records an event. Returns whether the job has to be sent again now.
    pub(super) fn record(&mut self, event: &Value) -> bool {
        let data = &event["data"];
        let state = data["state"].as_str().unwrap_or_default();
        self.states.push(state.to_owned());
        self.calls = data["attempts"].as_u64().unwrap_or_default();
        if OUTCOMES.contains(&state) {
            self.outcomes.push(event["id"].as_str().unwrap_or_default().to_owned());
            self.duration = self.duration.or_else(|| self.first_sent.map(|sent| sent.elapsed()));
        }
        self.job.send_again && self.outcomes.len() == 1 && OUTCOMES.contains(&state)
    }

    /// Whether every sending has its outcome.
    pub(super) fn is_complete(&self) -> bool {
        self.outcomes.len() > usize::from(self.job.send_again)
    }

    pub(super) fn count_effects(&mut self, effects: &[Effect]) {
        self.effects = effects.iter().filter(|effect| self.job.caused(effect)).count();
    }

    pub(super) fn outcome(&self) -> Option<&str> {
        self.states.iter().rev().map(String::as_str).find(|state| OUTCOMES.contains(state))
    }

    /// For example `effects 1, not 2`: what was expected, and what was observed.
    pub(super) fn differences(&self) -> Vec<String> {
        let expected = self.job.expected;
        let mut differences = Vec::new();
        let mut compare = |what: &str, observed: &str, expected: &str| {
            if observed != expected {
                differences.push(format!("{what} {expected}, not {observed}"));
            }
        };
        compare("outcome", self.outcome().unwrap_or("none"), expected.outcome);
        compare("calls", &self.calls.to_string(), &expected.calls.to_string());
        compare("effects", &self.effects.to_string(), &expected.effects.to_string());
        let mut observed = self.states.iter();
        if !expected.states.iter().all(|state| observed.any(|other| other == state)) {
            let (states, observed) = (expected.states.join(", "), self.states.join(", "));
            differences.push(format!("states {states}; not {observed}"));
        }
        if self.outcomes.iter().any(|id| Some(id) != self.outcomes.first()) {
            differences.push("one outcome, not several".to_owned());
        }
        differences
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cli::demo::jobs::jobs;
    use serde_json::json;

    fn unsent(id: &str) -> Observation {
        let found = jobs().unwrap().into_iter().find(|job| job.id == id);
        Observation::new(found.unwrap())
    }

    fn event(id: &str, state: &str, attempts: u64) -> Value {
        json!({ "id": id, "data": { "state": state, "attempts": attempts } })
    }

    fn observed(id: &str, states: &[&str], effects: usize) -> Observation {
        let mut observation = unsent(id);
        observation.mark_sent();
        for state in states {
            observation.record(&event(id, state, observation.job.expected.calls));
        }
        observation.effects = effects;
        observation
    }

    #[test]
    fn a_job_is_as_expected_with_its_outcome_states_and_effects_only() {
        let states = ["started", "doubtful", "submitted", "succeeded"];
        assert_eq!(observed("lost-answer", &states, 1).differences(), [""; 0]);
        let doubled = observed("lost-answer", &states, 2).differences();
        assert_eq!(doubled, ["effects 1, not 2"]);
        let smooth = observed("lost-answer", &["started", "succeeded"], 1).differences();
        assert_eq!(smooth, ["states started, doubtful, succeeded; not started, succeeded"]);
        let failed = observed("lost-answer", &["started", "doubtful", "failed"], 1).differences();
        assert_eq!(failed[0], "outcome succeeded, not failed");
        let silent = observed("lost-answer", &[], 0).differences();
        assert_eq!(silent[0], "outcome succeeded, not none");
    }

    #[test]
    fn a_job_sent_twice_is_complete_with_the_same_outcome_twice() {
        let mut twice = unsent("twice");
        twice.mark_sent();
        assert!(twice.record(&event("twice/outcome", "succeeded", 1)));
        assert!(!twice.is_complete());
        assert!(!twice.record(&event("twice/outcome", "succeeded", 1)));
        assert!(twice.is_complete());
        twice.record(&event("another", "succeeded", 1));
        assert!(twice.differences().contains(&"one outcome, not several".to_owned()));
    }
}
