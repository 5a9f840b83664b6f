//! What the integration tests, the soak and the benchmark share: brokers, databases, a proxy and sample
//! jobs.

pub mod broker;
pub mod child_guard;
mod container;
pub mod database;
pub mod handshake;
pub mod node;
mod output;
pub mod proxy;
pub mod samples;

/// A random prefix for the names of exchanges, queues and containers, so that tests can share a
/// broker.
pub fn prefix() -> String {
    format!("ticketd-test-{:08x}", rand::random::<u32>())
}
