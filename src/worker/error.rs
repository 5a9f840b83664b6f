//! Internal errors: of the ledger, the broker, or this worker. A provider's failure is not an error
//! here but an input of the machine.

use crate::broker;
use crate::job::machine::IllegalInput;
use crate::ledger;

/// Why a delivery could not be finished. Its job continues later from the saved state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger failed, or a newer claim exists.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The broker did not confirm a message.
    #[error(transparent)]
    Publish(#[from] broker::PublishError),
    /// The broker failed otherwise.
    #[error(transparent)]
    Broker(#[from] broker::Error),
    /// The machine was given an input that cannot happen.
    #[error(transparent)]
    Illegal(#[from] IllegalInput),
    /// A message could not be written as JSON.
    #[error("a message can't be written as JSON")]
    Serialize(#[from] serde_json::Error),
    /// The worker is stopping.
    #[error("the worker is stopping")]
    Stopping,
}
