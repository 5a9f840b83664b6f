//! Verifies the events about every job against the effects at the providers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use ticketd::simulator::Effect;

use crate::jobs::{Job, effect_key};
use crate::journal::{Entries, MessageEvents};
use crate::listener::LeftMessage;

/// The operation without a probe: only its jobs may end as `unknown`.
const WITHOUT_PROBE: &str = "dataworks.DeployDISyncTask";

/// The result of the soak.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    /// By operation.
    pub rows: BTreeMap<String, Row>,
    /// Jobs without an outcome.
    pub lost: Vec<String>,
    /// Number of jobs with several effects.
    pub doubled: u32,
    /// Number of jobs with several outcomes.
    pub several_outcomes: u32,
    /// Everything that breaks a promise, one line each.
    pub violations: Vec<String>,
}

/// The jobs of one operation.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub jobs: u32,
    pub effects: usize,
    /// Outcomes by state.
    pub states: BTreeMap<String, u32>,
}

impl Verification {
    pub(crate) fn new(entries: &Entries, effects: &[Effect], dead_letters: &[LeftMessage]) -> Self {
        let mut verification = Self::default();
        let mut effects_by_key: BTreeMap<String, Vec<&Effect>> = BTreeMap::new();
        for effect in effects {
            effects_by_key.entry(effect_key(effect)).or_default().push(effect);
        }
        let no_events = MessageEvents::default();
        for job in entries.accepted.values() {
            let effects = effects_by_key.remove(&job.effect_key).unwrap_or_default();
            let events = entries.events.get(&job.id).unwrap_or(&no_events);
            verification.check_job(job, &effects, events);
        }
        let dead: BTreeSet<&str> =
            dead_letters.iter().map(|letter| letter.correlation_id.as_str()).collect();
        for name in &entries.invalid {
            let events = entries.events.get(name).unwrap_or(&no_events);
            verification.check_invalid(name, events, dead.contains(name.as_str()));
        }
        for (key, effects) in effects_by_key {
            let count = effects.len();
            verification.violation(format!("{count} effects belong to no job: {key}"));
        }
        for LeftMessage { correlation_id, reason, .. } in dead_letters {
            if !entries.invalid.contains(correlation_id) {
                verification.violation(format!(
                    "{correlation_id:?} is valid, but it is a dead letter: {reason}"
                ));
            }
        }
        let was_sent =
            |name: &str| entries.accepted.contains_key(name) || entries.invalid.contains(name);
        for name in entries.events.keys().filter(|name| !was_sent(name)) {
            verification.violation(format!("{name:?} has events, but it was never sent"));
        }
        verification
    }

    /// Number of jobs.
    pub(crate) fn jobs(&self) -> u32 {
        self.rows.values().map(|row| row.jobs).sum()
    }

    pub(crate) fn violation(&mut self, message: String) {
        self.violations.push(message);
    }

    fn check_job(&mut self, job: &Job, effects: &[&Effect], events: &MessageEvents) {
        let row = self.rows.entry(job.operation.clone()).or_default();
        row.jobs += 1;
        row.effects += effects.len();
        let outcomes: Vec<&Value> = events.outcomes.values().collect();
        if let [outcome] = outcomes.as_slice() {
            let state = outcome["state"].as_str().unwrap_or_default();
            *row.states.entry(state.to_owned()).or_default() += 1;
        }
        let name = format!("{} ({})", job.id, job.operation);
        if effects.len() > 1 {
            self.doubled += 1;
            let calls = effects.iter().map(|effect| {
                let nonce = effect.nonce.as_deref().unwrap_or("none");
                format!("\n    {} at {}, nonce {nonce}", effect.request_id, effect.at)
            });
            let calls: String = calls.collect();
            self.violation(format!("{name} has {} effects:{calls}", effects.len()));
        }
        if !events.contradictions.is_empty() {
            let ids = &events.contradictions;
            self.violation(format!(
                "{name} has events with the same id and other content: {ids:?}"
            ));
        }
        match outcomes.as_slice() {
            [] => {
                self.lost.push(job.id.clone());
                let last = if events.state.is_empty() { "none" } else { &events.state };
                self.violation(format!("{name} has no outcome; last milestone: {last}"));
            }
            [outcome] => {
                let error = outcome_error(&job.operation, outcome, effects.len());
                // Several effects are reported above.
                if let Some(error) = error.filter(|_| effects.len() < 2) {
                    self.violation(format!("{name} {error}: {}", summary(outcome)));
                }
            }
            several => {
                self.several_outcomes += 1;
                let several: String =
                    several.iter().map(|outcome| format!("\n    {}", summary(outcome))).collect();
                self.violation(format!("{name} has several outcomes:{several}"));
            }
        }
    }

    fn check_invalid(&mut self, name: &str, events: &MessageEvents, is_dead_letter: bool) {
        let rejected = events.outcomes.values().filter(|data| data["state"] == "rejected").count();
        let ids: BTreeSet<&str> = events.outcomes.keys().map(|(id, _)| id.as_str()).collect();
        if rejected == 0 || ids.len() != 1 {
            let outcomes: Vec<_> = events.outcomes.keys().collect();
            self.violation(format!(
                "{name} is invalid, but it was not rejected exactly once: {outcomes:?}"
            ));
        }
        if !is_dead_letter {
            self.violation(format!("{name} is invalid, but it is not a dead letter"));
        }
    }
}

/// An outcome without the provider's reply.
fn summary(outcome: &Value) -> String {
    let fields = ["state", "attempts", "times", "error", "handle"];
    let fields = fields.iter().filter(|field| !outcome[**field].is_null());
    fields.map(|field| format!("{field} {}", outcome[*field])).collect::<Vec<_>>().join(", ")
}

/// Why an outcome is wrong; none if it is right.
fn outcome_error(operation: &str, outcome: &Value, effects: usize) -> Option<String> {
    let state = outcome["state"].as_str().unwrap_or_default();
    let error = &outcome["error"];
    let expected = match state {
        "succeeded" => 1,
        "failed" if error["class"] == "ticket" => 1,
        "failed" => 0,
        "expired" | "cancelled" => usize::from(!outcome["handle"].is_null()),
        "unknown" if operation == WITHOUT_PROBE && error["code"] == "AnswerLost" => effects.min(1),
        "unknown" => return Some("is unknown, but the operation has a probe".into()),
        other => return Some(format!("is {other}, but the job is valid")),
    };
    let is_wrong = effects != expected;
    is_wrong.then(|| format!("is {state} with {effects} effects instead of {expected}"))
}
