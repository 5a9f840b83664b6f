//! Holds what was told of every job against what really happened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use ticketd::simulator::Effect;

use crate::book::{Pages, Transcript};
use crate::jobs::{Job, mark};
use crate::listener::DeadLetter;

/// An operation that nobody can look up afterwards: only it may end as `unknown`.
const BLIND: &str = "dataworks.DeployDISyncTask";

/// What was counted.
#[derive(Debug, Default)]
pub struct Reckoning {
    /// By operation.
    pub rows: BTreeMap<String, Row>,
    /// Jobs without an outcome.
    pub lost: Vec<String>,
    /// Jobs with several effects.
    pub doubled: u32,
    /// Jobs with several outcomes.
    pub many: u32,
    /// Everything that is not as it was promised, a line each.
    pub damage: Vec<String>,
}

/// Jobs of one operation.
#[derive(Debug, Default)]
pub struct Row {
    pub jobs: u32,
    pub effects: usize,
    /// Outcomes by state.
    pub states: BTreeMap<String, u32>,
}

impl Reckoning {
    /// Reckons with everything that was heard, the effects at the clouds, and the dead letters.
    pub fn new(pages: &Pages, effects: &[Effect], letters: &[DeadLetter]) -> Self {
        let mut reckoning = Self::default();
        let mut by_mark: BTreeMap<String, Vec<&Effect>> = BTreeMap::new();
        for effect in effects {
            by_mark.entry(mark(effect)).or_default().push(effect);
        }
        let silence = Transcript::default();
        for job in pages.accepted.values() {
            let effects = by_mark.remove(&job.mark).unwrap_or_default();
            reckoning.job(job, &effects, pages.heard.get(&job.id).unwrap_or(&silence));
        }
        let buried: BTreeSet<&str> =
            letters.iter().map(|letter| letter.correlation_id.as_str()).collect();
        for name in &pages.invalid {
            let heard = pages.heard.get(name).unwrap_or(&silence);
            reckoning.invalid(name, heard, buried.contains(name.as_str()));
        }
        for (mark, effects) in by_mark {
            let count = effects.len();
            reckoning.damage.push(format!("{count} effects are of no job that was sent: {mark}"));
        }
        for DeadLetter { correlation_id, reason, .. } in letters {
            if !pages.invalid.contains(correlation_id) {
                let damage =
                    format!("{correlation_id:?} is a dead letter, and was valid: {reason}");
                reckoning.damage.push(damage);
            }
        }
        let sent = |name: &str| pages.accepted.contains_key(name) || pages.invalid.contains(name);
        for name in pages.heard.keys().filter(|name| !sent(name)) {
            reckoning.damage.push(format!("{name:?} was told of and never sent"));
        }
        reckoning
    }

    /// Jobs in all.
    pub fn jobs(&self) -> u32 {
        self.rows.values().map(|row| row.jobs).sum()
    }

    fn job(&mut self, job: &Job, effects: &[&Effect], heard: &Transcript) {
        let row = self.rows.entry(job.operation.clone()).or_default();
        row.jobs += 1;
        row.effects += effects.len();
        let who = format!("{} ({})", job.id, job.operation);
        if effects.len() > 1 {
            self.doubled += 1;
            let calls = effects.iter().map(|effect| {
                let nonce = effect.nonce.as_deref().unwrap_or("none");
                format!("\n    {} at {}, nonce {nonce}", effect.request_id, effect.at)
            });
            let calls: String = calls.collect();
            self.damage.push(format!("{who} has {} effects:{calls}", effects.len()));
        }
        if !heard.contradictions.is_empty() {
            let ids = &heard.contradictions;
            self.damage.push(format!("{who} has events that were told in two ways: {ids:?}"));
        }
        let outcomes: Vec<&Value> = heard.outcomes.values().collect();
        match outcomes.as_slice() {
            [] => {
                self.lost.push(job.id.clone());
                let last = if heard.state.is_empty() { "nothing" } else { &heard.state };
                self.damage.push(format!("{who} has no outcome; heard last: {last}"));
            }
            [outcome] => {
                let state = outcome["state"].as_str().unwrap_or_default();
                *row.states.entry(state.to_owned()).or_default() += 1;
                // What was doubled is told of already.
                let lie = lie(&job.operation, outcome, effects.len());
                if let Some(lie) = lie.filter(|_| effects.len() < 2) {
                    self.damage.push(format!("{who} {lie}: {}", gist(outcome)));
                }
            }
            several => {
                self.many += 1;
                let several: String =
                    several.iter().map(|outcome| format!("\n    {}", gist(outcome))).collect();
                self.damage.push(format!("{who} has several outcomes:{several}"));
            }
        }
    }

    fn invalid(&mut self, name: &str, heard: &Transcript, buried: bool) {
        let rejected = heard.outcomes.values().filter(|data| data["state"] == "rejected").count();
        let ids: BTreeSet<&str> = heard.outcomes.keys().map(|(id, _)| id.as_str()).collect();
        if rejected == 0 || ids.len() != 1 {
            let told: Vec<_> = heard.outcomes.keys().collect();
            self.damage.push(format!("{name} is no valid job and was not rejected once: {told:?}"));
        }
        if !buried {
            self.damage.push(format!("{name} is no valid job and not among the dead letters"));
        }
    }
}

/// What an outcome says, without the provider's whole reply.
fn gist(outcome: &Value) -> String {
    let parts = ["state", "attempts", "times", "error", "handle"];
    let parts = parts.iter().filter(|part| !outcome[**part].is_null());
    parts.map(|part| format!("{part} {}", outcome[*part])).collect::<Vec<_>>().join(", ")
}

/// What an outcome says that is not so; none where it is the truth.
fn lie(operation: &str, outcome: &Value, effects: usize) -> Option<String> {
    let state = outcome["state"].as_str().unwrap_or_default();
    let error = &outcome["error"];
    let expected = match state {
        "succeeded" => 1,
        "failed" if error["class"] == "ticket" => 1,
        "failed" => 0,
        "expired" | "cancelled" => usize::from(!outcome["handle"].is_null()),
        "unknown" if operation == BLIND && error["code"] == "AnswerLost" => effects.min(1),
        "unknown" => return Some("is unknown, and could have been looked up".into()),
        other => return Some(format!("is {other}, and is a valid job")),
    };
    let lies = effects != expected;
    lies.then(|| format!("is {state}, and there are {effects} effects, not {expected}"))
}
