//! How patient we are, per operation.

use std::collections::BTreeMap;
use std::time::Duration;

/// For calls that were refused in passing, and for reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The first wait.
    pub initial: Duration,
    /// How much longer each wait is than the one before.
    pub multiplier: f64,
    /// Share of the interval, up or down, that chance decides; 0 to 1.
    pub jitter: f64,
    /// The longest wait, a provider's `Retry-After` included.
    pub max_interval: Duration,
    /// Tries, the first included, before we give up.
    pub max_attempts: u32,
    /// Time since the first failure before we give up.
    pub max_elapsed: Duration,
}

/// For looking up a call whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// How long after the loss the first look is; never shorter than the HTTP time-out.
    pub settle: Duration,
    /// The time between looks.
    pub interval: Duration,
    /// Looks without a trace before the call counts as absent: lists lag.
    pub tries: u32,
}

/// For following what a call started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    /// The time between polls.
    pub interval: Duration,
    /// What it grows to while nothing changes.
    pub max_interval: Duration,
    /// The time between polls while a person has to act.
    pub people_interval: Duration,
}

/// All three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// For refused calls and reads.
    pub retry: Retry,
    /// For lost calls.
    pub probe: Probe,
    /// For what was started.
    pub poll: Poll,
}

/// The policy of every operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Policies {
    /// For operations without one of their own.
    pub default: Policy,
    /// By operation name.
    pub operations: BTreeMap<String, Policy>,
}

impl Policies {
    /// The policy of an operation.
    pub fn of(&self, operation: &str) -> &Policy {
        self.operations.get(operation).unwrap_or(&self.default)
    }
}
