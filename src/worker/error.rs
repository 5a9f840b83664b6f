//! Trouble of our own: the store, the broker, a stop. A provider's trouble is an event.

use crate::broker;
use crate::job::machine::IllegalInput;
use crate::ledger;

/// Why a delivery could not be finished. The saved state is taken up later.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed, or a newer claim exists.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The broker did not take or settle a message.
    #[error(transparent)]
    Publish(#[from] broker::PublishError),
    /// A message could not be settled.
    #[error(transparent)]
    Settle(#[from] broker::Error),
    /// The machine met what cannot happen.
    #[error(transparent)]
    Illegal(#[from] IllegalInput),
    /// What we publish can't be written as JSON.
    #[error("a message can't be written")]
    Write(#[from] serde_json::Error),
    /// The worker is stopping.
    #[error("the worker is stopping")]
    Stopping,
}
