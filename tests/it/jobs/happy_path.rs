//! The main path: a message, a call, an outcome.

use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::worker::Drained;

use crate::harness::TestEnv;

fn ticket(id: &str) -> Value {
    json!({
        "id": id, "operation": "dms.CreateOrder", "until": "finished",
        "params": {
            "Comment": "close stale carts", "PluginType": "NDDL",
            "PluginParam": { "title": "t", "description": "d", "dbId": 1, "logic": false },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_created_once_and_polled_to_its_outcome() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    env.submit(Kind::Create, &ticket("chg-1")).await;
    let outcome = env.outcome("chg-1").await;
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    assert_eq!(env.simulator.effects().len(), 1);
    let states = env.states("chg-1");
    assert_eq!(states[..2], ["started", "submitted"], "{states:?}");
    assert_eq!(worker.stop().await, Drained::Clean);
}
