//! What the integration tests, the soak and the benchmark share: brokers, databases, a proxy and sample
//! jobs.

pub(crate) mod broker;
pub(crate) mod child_guard;
mod container;
pub(crate) mod database;
pub(crate) mod handshake;
pub(crate) mod node;
mod output;
pub(crate) mod proxy;
pub(crate) mod samples;

/// A random prefix for the names of exchanges, queues and containers, so that tests can share a
/// broker.
pub(crate) fn prefix() -> String {
    format!("ticketd-test-{:08x}", rand::random::<u32>())
}
