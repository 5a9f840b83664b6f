//! Brokers that fail: every job is done once all the same.

mod cluster;
mod load;
mod memory_alarm;
mod restart;
mod revoked_credentials;
mod silent_connection;
mod topology_tampering;
