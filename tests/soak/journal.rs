//! What was sent, and which events were received about it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::jobs::Job;

/// The states that are outcomes.
const OUTCOMES: [&str; 6] = ["succeeded", "failed", "unknown", "expired", "cancelled", "rejected"];

/// Written by the producer and the listener.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Jobs that the broker has confirmed, by id.
    pub accepted: BTreeMap<String, Job>,
    /// Invalid messages that the broker has confirmed, by name.
    pub invalid: BTreeSet<String>,
    /// Events by the correlation id of the message they are about.
    pub events: BTreeMap<String, MessageEvents>,
    /// Number of received events, duplicates included.
    pub received: u64,
}

/// The events about one message.
#[derive(Debug, Default)]
pub(crate) struct MessageEvents {
    /// The state in the last milestone.
    pub state: String,
    /// The hash of each milestone, by event id.
    milestones: BTreeMap<String, u64>,
    /// Ids of milestones that were received with different contents. A consumer that drops
    /// duplicates by id would miss one of them.
    pub contradictions: BTreeSet<String>,
    /// The distinct outcomes, by event id and whole content.
    pub outcomes: BTreeMap<(String, String), Value>,
}

impl Journal {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event.
    pub(crate) fn record(&self, correlation_id: &str, body: &[u8]) {
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("unreadable").to_owned();
        let state = text(&event["data"]["state"]);
        let mut entries = self.lock();
        entries.received += 1;
        let events = entries.events.entry(correlation_id.to_owned()).or_default();
        if OUTCOMES.contains(&state.as_str()) {
            let content = String::from_utf8_lossy(body).into_owned();
            events.outcomes.insert((text(&event["id"]), content), event["data"].clone());
            return;
        }
        events.state = state;
        let (id, mut hash) = (text(&event["id"]), DefaultHasher::new());
        body.hash(&mut hash);
        if *events.milestones.entry(id.clone()).or_insert(hash.finish()) != hash.finish() {
            events.contradictions.insert(id);
        }
    }
}

impl Entries {
    /// Jobs and invalid messages that have no outcome yet.
    pub(crate) fn unfinished(&self) -> Vec<&str> {
        let sent = self.accepted.keys().chain(&self.invalid);
        sent.filter(|name| !self.has_outcome(name)).map(String::as_str).collect()
    }

    pub(crate) fn has_outcome(&self, name: &str) -> bool {
        self.events.get(name).is_some_and(|events| !events.outcomes.is_empty())
    }
}
