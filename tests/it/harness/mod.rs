//! The test harness: environments and workers, on the brokers and databases of `support`.

mod all_done;
pub mod all_operations;
mod certificates;
mod cluster;
mod collector;
mod env;
mod ledger_proxy;
mod private;
mod queue;

pub use crate::support::broker::{TestBroker, broker, own_broker};
pub use crate::support::database::{Stop, TestDatabase, database, own_database};
pub use crate::support::node::Node;
pub use crate::support::proxy::{Proxy, Toward};
pub use crate::support::{prefix, samples};
pub use all_done::{all_done, open_jobs};
pub use certificates::Authority;
pub use cluster::Cluster;
pub use collector::{Collector, attribute};
pub use env::{LIMIT, TestEnv, TestWorker, is_outcome, until, until_within};
pub use ledger_proxy::{Intercept, LedgerProxy};
pub use private::own_node;
pub use queue::{Queue, header};
