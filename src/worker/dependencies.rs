//! What a runner is made of, and how it sends a job to later.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::incoming::{message, user};
use super::{Clock, Error, EventPublisher, Metrics, header};
use crate::broker::{Delivery, Publisher};
use crate::cloud::Providers;
use crate::job::message::MessageValidator;
use crate::job::policy::Policies;
use crate::job::{Kind, WakeUp};
use crate::ledger::Ledger;

/// A wait shorter than this is sat out; a longer one is parked.
pub(super) const PARK: SignedDuration = SignedDuration::from_secs(1);

/// What a runner is made of.
pub struct Dependencies {
    /// What a message is judged by.
    pub rules: MessageValidator,
    /// How patient we are, per operation.
    pub policies: Policies,
    /// The providers.
    pub providers: Providers,
    /// Where states are saved.
    pub ledger: Arc<dyn Ledger>,
    /// How long a claim holds without a save.
    pub lease: Duration,
    /// Where wake-ups go.
    pub publisher: Publisher,
    /// Where events go.
    pub events: EventPublisher,
    /// What is counted.
    pub metrics: Metrics,
    /// The time.
    pub clock: Clock,
    /// Ends short waits.
    pub stopping: CancellationToken,
}

impl Dependencies {
    /// Sends the job to the delay ladder; confirmed.
    pub(super) async fn park(&self, wakeup: &WakeUp, due: Timestamp) -> Result<(), Error> {
        let wait = due.duration_since(self.clock.now()).max(PARK);
        self.wake(wakeup, wait.unsigned_abs()).await
    }

    /// Sends a message to the delay ladder as it came; confirmed.
    pub(super) async fn postpone(
        &self,
        delivery: &Delivery,
        kind: Kind,
        due: Timestamp,
    ) -> Result<(), Error> {
        let wait = due.duration_since(self.clock.now()).max(PARK).unsigned_abs();
        let mut message = delivery.message();
        // The broker would not take another's user_id from us.
        let user = user(delivery).map(|user| (header::USER.to_owned(), user.to_owned()));
        message.properties.headers.remove(header::USER);
        message.properties.headers.extend(user);
        Ok(self.publisher.wake_after(kind, wait, &message).await?)
    }

    /// Wakes the job after a wait; confirmed.
    pub(super) async fn wake(&self, wakeup: &WakeUp, wait: Duration) -> Result<(), Error> {
        let message = message(wakeup)?;
        Ok(self.publisher.wake_after(wakeup.job.kind, wait, &message).await?)
    }

    /// What comes of something that may take long, unless the worker stops before.
    pub(super) async fn unless_stopping<T>(
        &self,
        waiting: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            // First, so that a wait that is over just then begins nothing any more.
            biased;
            () = self.stopping.cancelled() => Err(Error::Stopping),
            came = waiting => Ok(came),
        }
    }
}
