//! Worker processes: stopped, replaced, sharing a ledger, without a broker or a store.

mod lost_state;
mod missing_broker;
mod postgres;
pub(crate) mod process;
pub(crate) mod queues;
mod rolling_restart;
mod shared_file;
mod stopping;
mod store_errors;
