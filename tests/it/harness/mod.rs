//! The test harness: brokers, databases, environments, workers, proxies.

mod all_done;
pub mod all_operations;
mod broker;
mod certificates;
mod child_guard;
mod cluster;
mod collector;
mod container;
mod database;
mod env;
mod handshake;
mod ledger_proxy;
mod node;
mod output;
mod private;
mod proxy;
mod queue;
pub mod samples;

pub use all_done::{all_done, open_jobs};
pub use broker::{TestBroker, broker, own_broker};
pub use certificates::Authority;
pub use cluster::Cluster;
pub use collector::{Collector, attribute};
pub use database::{Stop, TestDatabase, database, own_database};
pub use env::{LIMIT, TestEnv, TestWorker, is_outcome, until, until_within};
pub use ledger_proxy::{Intercept, LedgerProxy};
pub use node::Node;
pub use private::own_node;
pub use proxy::{Proxy, Toward};
pub use queue::{Queue, header};

/// A random prefix for exchanges and queues, so that tests can share a broker.
pub fn prefix() -> String {
    format!("ticketd-it-{:08x}", rand::random::<u32>())
}
