//! Worker processes: stopped, replaced, sharing a ledger, without a broker or a store.

mod lost_state;
mod missing_broker;
mod postgres;
pub mod process;
pub mod queues;
mod rolling_restart;
mod shared_file;
mod stopping;
mod store_errors;
