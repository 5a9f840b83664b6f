//! The test harness: environments and workers, on the brokers and databases of `support`.

mod all_done;
pub(crate) mod all_operations;
mod certificates;
mod cluster;
mod collector;
mod env;
mod ledger_proxy;
mod private;
mod queue;

pub(crate) use crate::support::broker::{TestBroker, broker, own_broker};
pub(crate) use crate::support::database::{Stop, TestDatabase, database, own_database};
pub(crate) use crate::support::node::Node;
pub(crate) use crate::support::proxy::{Proxy, Toward};
pub(crate) use crate::support::{prefix, samples};
pub(crate) use all_done::{all_done, open_jobs};
pub(crate) use certificates::Authority;
pub(crate) use cluster::Cluster;
pub(crate) use collector::{Collector, attribute};
pub(crate) use env::{LIMIT, TestEnv, TestWorker, is_outcome, until, until_within};
pub(crate) use ledger_proxy::{Intercept, LedgerProxy};
pub(crate) use private::own_node;
pub(crate) use queue::{Queue, header};
