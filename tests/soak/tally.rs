//! What was done to the replicas and to what they stand on.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counts of all that went wrong on purpose, and of what should not have happened.
#[derive(Debug, Default)]
pub struct Tally {
    /// Replicas killed.
    pub kills: AtomicU32,
    /// Of these, with jobs under way.
    pub busy_kills: AtomicU32,
    /// Replicas told to stop.
    pub stops: AtomicU32,
    /// Of these, stopped before all was settled.
    pub cut_off: AtomicU32,
    /// Replicas frozen for less than their claims hold.
    pub naps: AtomicU32,
    /// Replicas frozen until others have taken over from them.
    pub long_freezes: AtomicU32,
    /// Replicas that ended by themselves, as they do when the broker is away at their start.
    pub own_ends: AtomicU32,
    /// Brokers stopped and started.
    pub broker_restarts: AtomicU32,
    /// Brokers killed and started.
    pub broker_kills: AtomicU32,
    /// Databases stopped and started.
    pub database_restarts: AtomicU32,
    /// Databases crashed and started.
    pub database_crashes: AtomicU32,
    /// Times all connections were cut.
    pub cuts: AtomicU32,
    /// Times connections stood still, and went on or were cut.
    pub stalls: AtomicU32,
    /// Publishes of the producer's that were tried again.
    pub republished: AtomicU32,
    /// Damage: replicas that were told to stop and did not in time.
    pub overstayed: AtomicU32,
    /// Damage: replicas that could not settle everything when all was quiet.
    pub unsettled: AtomicU32,
    /// Damage: replicas that ended by a panic or a signal that nobody sent.
    pub crashes: AtomicU32,
}

/// One more.
pub fn add(count: &AtomicU32) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// How many.
pub fn of(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}
