//! A parked job's message to whoever works next: a wake-up call, and a second copy of the state.

use serde::{Deserialize, Serialize};

use super::{Job, State};

/// The media type of a wake-up.
pub const CONTENT_TYPE: &str = "application/vnd.ticketd.wakeup+json";

/// A wake-up. The ledger's row is the truth: a wake-up may be lost, doubled or early. Its state
/// counts only when the row is lost, so that even then no call is made twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WakeUp {
    /// The job, whole.
    pub job: Job,
    /// The hash of its content.
    pub fingerprint: String,
    /// Its state when it was parked.
    pub state: State,
    /// Somebody wants it to end, so it wakes whatever its state waits for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}
