//! Processes one delivery until it can be acknowledged.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, warn};

use super::admission::{InFlight, Quarantine};
use super::execution::Execution;
use super::incoming::{CancelRequest, Incoming, JobMessage, Takeover, decode};
use super::{DeadLetterReason, Dependencies, Error, Metrics, observe};
use crate::broker::Delivery;
use crate::job::machine::{Input, Isolation};
use crate::job::message::{Cancellation, Rejection};
use crate::job::{State, WakeUp};
use crate::ledger::{self, Claim, ClaimRequest, Claimed, CrashCount};

/// Longest time before a message of a job that runs elsewhere is looked at again, however long that
/// claim is valid: its producer may want the outcome in another queue.
const RECHECK_AFTER: SignedDuration = SignedDuration::from_secs(8);

/// Longest time to release a claim after an error, which the ledger itself may have caused.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs jobs.
pub struct Runner {
    dependencies: Dependencies,
    in_flight: InFlight,
    quarantine: Quarantine,
}

impl Runner {
    /// A runner of a process that starts now.
    pub fn new(dependencies: Dependencies) -> Self {
        Self { dependencies, in_flight: InFlight::default(), quarantine: Quarantine::new() }
    }

    /// Cancelled when the worker stops.
    pub fn stopping(&self) -> &CancellationToken {
        &self.dependencies.stopping
    }

    /// Metrics of jobs.
    pub fn metrics(&self) -> &Metrics {
        &self.dependencies.metrics
    }

    /// Processes a delivery until it can be acknowledged.
    pub async fn run(&self, delivery: &Delivery) -> Result<(), Error> {
        let Dependencies { validator, providers, scheduler, dead_letters, clock, .. } =
            &self.dependencies;
        let now = clock.now();
        match decode(delivery, validator, providers, now) {
            Incoming::Job(mut message) => match message.not_due_before(now) {
                Some(due) => scheduler.park(&message.wakeup, due).await,
                None => {
                    let span = observe::process_span(delivery, &message);
                    message.start_trace(&span);
                    self.claim_and_execute(delivery, &message).instrument(span).await
                }
            },
            Incoming::Cancel(request) => self.cancel(delivery, request, now).await,
            Incoming::Rejected(rejection) => self.reject(delivery, &rejection).await,
            Incoming::Unreadable(problem) => {
                dead_letters.keep(delivery, DeadLetterReason::Unreadable, &problem, now).await
            }
        }
    }

    /// Publishes a rejection, and keeps the message as a dead letter.
    async fn reject(&self, delivery: &Delivery, rejection: &Rejection) -> Result<(), Error> {
        self.dependencies.events.publish_rejection(rejection).await?;
        let problems: Vec<String> = rejection.problems.iter().map(ToString::to_string).collect();
        let (reason, problems) = (DeadLetterReason::Invalid, problems.join("\n"));
        self.dependencies.dead_letters.keep(delivery, reason, &problems, rejection.at).await
    }

    /// Stores a cancel request, and wakes its job.
    async fn cancel(
        &self,
        delivery: &Delivery,
        request: CancelRequest<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Dependencies { validator, ledger, scheduler, .. } = &self.dependencies;
        let CancelRequest { envelope, cancellation: Cancellation { job, reason } } = request;
        // The account of a job that has not arrived yet is unknown, so nothing can be checked.
        if let Some(known) = ledger.find(&job).await?
            && !validator.users.may_use(envelope.user_id, &known.job.account)
        {
            let rejection = validator.forbidden(&envelope, &known.job, now);
            return self.reject(delivery, &rejection).await;
        }
        let wakeup = ledger.cancel(&job, &reason, now).await?;
        info!(%job, open = wakeup.is_some(), "cancel request stored");
        match wakeup {
            Some(wakeup) => scheduler.wake(&wakeup, Duration::ZERO).await,
            // The job is done, or its message has not arrived yet.
            None => Ok(()),
        }
    }

    async fn claim_and_execute(
        &self,
        delivery: &Delivery,
        message: &JobMessage<'_>,
    ) -> Result<(), Error> {
        let id = &message.wakeup.job.id;
        let in_flight = if message.redelivered {
            // The broker may redeliver a message to the process that still runs its job.
            Some(self.dependencies.unless_stopping(self.in_flight.wait(id)).await?)
        } else {
            self.in_flight.enter(id)
        };
        let Some(_in_flight) = in_flight else {
            return self.recheck_later(delivery, message, None).await;
        };
        let shared = self.dependencies.unless_stopping(self.quarantine.shared()).await?;
        match self.claim(message, message.takeover(), Isolation::Shared).await? {
            Claimed::Granted { claim, job, state, crashes, .. }
                if crashes.are_suspicious() && !message.is_superseded(&job, &state) =>
            {
                self.dependencies.ledger.release(&claim).await?;
                drop(shared);
                self.execute_alone(delivery, message, *state, crashes).await
            }
            claimed => self.execute(delivery, message, claimed, Isolation::Shared).await,
        }
    }

    /// Runs a suspect without any other job, once this process was up for long enough.
    async fn execute_alone(
        &self,
        delivery: &Delivery,
        message: &JobMessage<'_>,
        state: State,
        crashes: CrashCount,
    ) -> Result<(), Error> {
        let id = &message.wakeup.job.id;
        let wait = self.quarantine.wait(crashes);
        if !wait.is_zero() {
            info!(job = %id, ?crashes, ?wait, "workers crashed with this job; it waits to run alone");
            let wakeup = WakeUp { state, ..message.wakeup.clone() };
            return self.dependencies.scheduler.wake(&wakeup, wait).await;
        }
        let _exclusive = self.dependencies.unless_stopping(self.quarantine.exclusive()).await?;
        warn!(job = %id, ?crashes, "workers crashed with this job; it runs alone");
        // The crashed holder is known by now. A claim that still stands belongs to a live worker.
        let claimed = self.claim(message, Takeover::Refused, Isolation::Exclusive).await?;
        self.execute(delivery, message, claimed, Isolation::Exclusive).await
    }

    async fn claim(
        &self,
        message: &JobMessage<'_>,
        takeover: Takeover,
        isolation: Isolation,
    ) -> Result<Claimed, ledger::Error> {
        let WakeUp { job, fingerprint, state, .. } = &message.wakeup;
        let request = ClaimRequest {
            job,
            fingerprint,
            state,
            take_over: takeover == Takeover::Allowed,
            exclusive: isolation == Isolation::Exclusive,
            lease: self.dependencies.lease,
            now: self.dependencies.clock.now(),
        };
        self.dependencies.ledger.claim(request).await
    }

    async fn execute(
        &self,
        delivery: &Delivery,
        message: &JobMessage<'_>,
        claimed: Claimed,
        isolation: Isolation,
    ) -> Result<(), Error> {
        let Dependencies { validator, ledger, .. } = &self.dependencies;
        let id = &message.wakeup.job.id;
        match claimed {
            Claimed::Granted { claim, job, state, .. } if message.is_superseded(&job, &state) => {
                Ok(ledger.release(&claim).await?)
            }
            Claimed::Granted { claim, job, state, crashes, cancelled } => {
                // A ledger that lost the job has lost the reason, too.
                let cancelled = cancelled.or_else(|| message.wakeup.cancelled.then(String::new));
                let input = if isolation == Isolation::Exclusive && crashes.is_poison() {
                    error!(job = %id, ?crashes, "workers crashed while they ran only this job");
                    Input::Poisoned
                } else {
                    Input::Resumed
                };
                let (dependencies, claim) = (&self.dependencies, &claim);
                let execution =
                    Execution { dependencies, delivery, message, claim, isolation, cancelled };
                let result = execution.run(&job, *state, input).await;
                if let Err(error) = &result {
                    self.release(claim, error).await;
                }
                result
            }
            Claimed::Held { until } => {
                debug!(job = %id, %until, "another worker runs this job; checking again later");
                self.recheck_later(delivery, message, Some(until)).await
            }
            Claimed::Conflict => {
                let rejection = validator.conflict(&message.envelope, message.wakeup.job.clone());
                self.reject(delivery, &rejection).await
            }
        }
    }

    /// Delivers the message again when the job may no longer be claimed. It stays unchanged: if the
    /// id turns out to belong to other content, it becomes a dead letter byte for byte.
    async fn recheck_later(
        &self,
        delivery: &Delivery,
        message: &JobMessage<'_>,
        held_until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let latest = self.dependencies.clock.now() + RECHECK_AFTER;
        let due = held_until.map_or(latest, |until| until.min(latest));
        let kind = message.wakeup.job.kind;
        self.dependencies.scheduler.requeue_later(delivery, kind, due).await
    }

    /// Releases the claim after an internal error, which must not count as a crash.
    async fn release(&self, claim: &Claim, error: &Error) {
        if let Error::Ledger(ledger::Error::Superseded(_)) = error {
            return;
        }
        let releasing = self.dependencies.ledger.release(claim);
        match tokio::time::timeout(RELEASE_TIMEOUT, releasing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(job = %claim.job, %error, "the claim was not released"),
            Err(_) => debug!(job = %claim.job, "the claim was not released in time"),
        }
    }
}
