//! Counts of the injected faults, and of failures that must not happen.

use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Replicas killed.
    pub kills: AtomicU32,
    /// Replicas killed while their group had jobs in progress.
    pub busy_kills: AtomicU32,
    /// Replicas stopped by SIGTERM.
    pub stops: AtomicU32,
    /// Replicas that had jobs in progress when their stop ended.
    pub unclean_stops: AtomicU32,
    /// Replicas frozen for less than a lease.
    pub short_freezes: AtomicU32,
    /// Replicas frozen until other replicas took over their jobs.
    pub long_freezes: AtomicU32,
    /// Replicas that exited by themselves, as they do if the broker is down at their start.
    pub own_exits: AtomicU32,
    pub broker_restarts: AtomicU32,
    pub broker_kills: AtomicU32,
    pub database_restarts: AtomicU32,
    pub database_crashes: AtomicU32,
    /// Times all connections were cut.
    pub cuts: AtomicU32,
    /// Times some connections were stalled.
    pub stalls: AtomicU32,
    /// Publishes that the producer repeated.
    pub republished: AtomicU32,
    /// Violation: replicas that did not stop in time.
    pub hung_stops: AtomicU32,
    /// Violation: replicas that had jobs in progress at their last stop, when all jobs had ended.
    pub unclean_ends: AtomicU32,
    /// Violation: replicas that ended by a panic or an unexpected signal.
    pub crashes: AtomicU32,
}

pub(crate) fn increment(count: &AtomicU32) {
    count.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn value(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}
