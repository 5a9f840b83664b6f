//! What was sent, and what was heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::jobs::Job;

/// What producer and listener write down.
#[derive(Debug, Default)]
pub struct Book(Mutex<Pages>);

/// The pages of the book.
#[derive(Debug, Default)]
pub struct Pages {
    /// Jobs the broker has confirmed, by id.
    pub accepted: BTreeMap<String, Job>,
    /// Invalid messages the broker has confirmed, by name.
    pub invalid: BTreeSet<String>,
    /// What was heard, by the correlation id of what was sent.
    pub heard: BTreeMap<String, Transcript>,
    /// Events heard, repeats included.
    pub events: u64,
}

/// What was heard of one message.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The last state along the way.
    pub state: String,
    /// The hash of each event along the way, by its id.
    told: BTreeMap<String, u64>,
    /// Ids of events that were told in two ways: whoever drops repeats by their id misses one.
    pub contradictions: BTreeSet<String>,
    /// Each outcome that is not like another: by its event id and its whole content.
    pub outcomes: BTreeMap<(String, String), Value>,
}

/// Which states are outcomes.
const OUTCOMES: [&str; 6] = ["succeeded", "failed", "unknown", "expired", "cancelled", "rejected"];

impl Book {
    /// Opens it.
    pub fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down an event.
    pub fn hear(&self, correlation_id: &str, body: &[u8]) {
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("unreadable").to_owned();
        let state = text(&event["data"]["state"]);
        let mut pages = self.open();
        pages.events += 1;
        let heard = pages.heard.entry(correlation_id.to_owned()).or_default();
        if OUTCOMES.contains(&state.as_str()) {
            let content = String::from_utf8_lossy(body).into_owned();
            heard.outcomes.insert((text(&event["id"]), content), event["data"].clone());
            return;
        }
        heard.state = state;
        let (id, mut hash) = (text(&event["id"]), DefaultHasher::new());
        body.hash(&mut hash);
        if *heard.told.entry(id.clone()).or_insert(hash.finish()) != hash.finish() {
            heard.contradictions.insert(id);
        }
    }
}

impl Pages {
    /// Jobs and invalid messages that nothing final was heard of yet.
    pub fn open(&self) -> Vec<&str> {
        let sent = self.accepted.keys().chain(&self.invalid);
        sent.filter(|name| !self.is_over(name)).map(String::as_str).collect()
    }

    /// Whether an outcome was heard.
    pub fn is_over(&self, name: &str) -> bool {
        self.heard.get(name).is_some_and(|heard| !heard.outcomes.is_empty())
    }
}
