//! What the integration tests have already: a broker of one's own, and sample jobs.

#[path = "../it/harness/broker.rs"]
#[allow(dead_code, reason = "the soak shares no broker with anybody")]
mod broker;
#[path = "../it/harness/child_guard.rs"]
pub mod child_guard;
#[path = "../it/harness/container.rs"]
mod container;
#[path = "../it/harness/handshake.rs"]
mod handshake;
#[path = "../it/harness/node.rs"]
#[allow(dead_code, reason = "the soak needs no cluster")]
mod node;
#[path = "../it/harness/output.rs"]
mod output;
#[path = "../it/harness/samples.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the soak takes some of the samples")]
pub mod samples;

pub use broker::{TestBroker, own_broker};

/// A random name, so that soaks side by side don't meet.
fn prefix() -> String {
    format!("ticketd-soak-{:08x}", rand::random::<u32>())
}
