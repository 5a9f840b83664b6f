//! The ledger's promises on each store, and what only one store can do.

mod conformance;
mod postgres;
mod sqlite;
mod throughput;
