//! What a runner needs to run jobs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Clock, DeadLetters, Error, EventPublisher, Metrics, Scheduler};
use crate::cloud::Providers;
use crate::job::message::MessageValidator;
use crate::job::policy::Policies;
use crate::ledger::Ledger;

/// What a runner needs to run jobs.
pub struct Dependencies {
    /// Validates messages.
    pub validator: MessageValidator,
    /// Retry, probe and poll settings of each operation.
    pub policies: Policies,
    /// The cloud accounts and operations.
    pub providers: Providers,
    /// Stores states.
    pub ledger: Arc<dyn Ledger>,
    /// How long a claim is valid without a save.
    pub lease: Duration,
    /// Publishes wake-ups.
    pub scheduler: Scheduler,
    /// Publishes events.
    pub events: EventPublisher,
    /// Publishes dead letters.
    pub dead_letters: DeadLetters,
    /// Metrics of jobs.
    pub metrics: Metrics,
    /// The current time.
    pub clock: Clock,
    /// Cancelled when the worker stops.
    pub stopping: CancellationToken,
}

impl Dependencies {
    /// Awaits something that may take long, unless the worker stops first.
    pub(super) async fn unless_stopping<T>(
        &self,
        waiting: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            // A wait that ends at the same moment must not start anything.
            biased;
            () = self.stopping.cancelled() => Err(Error::Stopping),
            result = waiting => Ok(result),
        }
    }
}
