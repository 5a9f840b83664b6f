//! What every test starts from: the run's broker, and names that no other test uses.

mod broker;
mod certificates;
mod cluster;
mod collector;
mod container;
mod database;
mod done;
pub mod five;
mod handshake;
mod keeper;
mod node;
mod output;
mod private;
mod proxy;
mod queue;
pub mod samples;
mod stage;
mod wrapped;

pub use broker::{TestBroker, broker, own_broker};
pub use certificates::Authority;
pub use cluster::Cluster;
pub use collector::{Collector, attribute};
pub use database::{Stop, TestDatabase, database, own_database};
pub use done::{all_done, open_jobs};
pub use node::Node;
pub use private::own_node;
pub use proxy::{Proxy, Toward};
pub use queue::{Queue, header};
pub use stage::{LIMIT, Stage, Troupe, is_outcome, until, until_within};
pub use wrapped::{Between, Wrapped};

/// A random prefix for exchanges and queues, so that tests share a broker without meeting.
pub fn prefix() -> String {
    format!("ticketd-it-{:08x}", rand::random::<u32>())
}
