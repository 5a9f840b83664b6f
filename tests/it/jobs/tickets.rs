//! Numbered tickets, and their effects at the simulator.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ticketd::simulator::RunningSimulator;

/// The id of a ticket's job.
pub(crate) fn id(number: usize) -> String {
    format!("ticket-{number}")
}

/// A job that creates a ticket and polls it. `words` in its comment control the simulator.
pub(crate) fn ticket(number: usize, words: &str) -> Value {
    json!({
        "id": id(number), "operation": "dms.CreateOrder", "until": "finished",
        "params": {
            "Comment": format!("{}. {words}", id(number)), "PluginType": "DC_CHUNK",
            "PluginParam": {
                "execSQL": "delete from t", "dbItemList": [{"dbId": 17, "logic": false}],
            },
        },
    })
}

/// Tickets that were created, by job.
pub(crate) fn made(simulator: &RunningSimulator) -> BTreeMap<String, usize> {
    let mut made = BTreeMap::new();
    for effect in simulator.effects() {
        let comment = effect.comment.unwrap_or_default();
        let job = comment.split_once(". ").map_or("nobody", |(job, _)| job).to_owned();
        *made.entry(job).or_default() += 1;
    }
    made
}

/// Asserts that exactly the tickets of these jobs were created, each once.
pub(crate) fn assert_one_each(simulator: &RunningSimulator, jobs: usize) {
    let made = made(simulator);
    let wrong: Vec<_> = made.iter().filter(|(_, times)| **times != 1).collect();
    assert!(wrong.is_empty(), "not created exactly once: {wrong:?}");
    assert_eq!(made.len(), jobs);
}

/// Requests of an action that the simulator has received.
pub(crate) fn received(simulator: &RunningSimulator, action: &str) -> u64 {
    simulator.requests().get(action).map_or(0, |count| count.received)
}
