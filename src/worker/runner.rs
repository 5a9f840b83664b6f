//! Takes a delivery to where it can be acknowledged: reads it, claims its job, and has it carried
//! on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, warn};

use super::events::dead;
use super::execution::Execution;
use super::in_flight::InFlight;
use super::incoming::{JobMessage, envelope, is_wakeup, user};
use super::quarantine::Quarantine;
use super::spans;
use super::{Dependencies, Error, Metrics};
use crate::broker::{Delivery, SourceQueue};
use crate::job::machine::Input;
use crate::job::message::Cancellation;
use crate::job::{State, WakeUp};
use crate::ledger::{self, Claim, ClaimRequest, Claimed, CrashCount};

/// A copy of a job that runs elsewhere looks again after this long at the latest, however long the
/// claim holds: its producer may wait for the outcome in another place.
const RECHECK_AFTER: SignedDuration = SignedDuration::from_secs(8);

/// How long letting a claim go may take: the store may be what the trouble is with.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything jobs need to run.
pub struct Runner {
    dependencies: Dependencies,
    in_flight: InFlight,
    quarantine: Quarantine,
}

impl Runner {
    /// Joins the parts.
    pub fn new(dependencies: Dependencies) -> Self {
        Self { dependencies, in_flight: InFlight::default(), quarantine: Quarantine::new() }
    }

    /// Ends the taking of jobs and short waits.
    pub fn stopping(&self) -> &CancellationToken {
        &self.dependencies.stopping
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.dependencies.metrics
    }

    /// Works on a delivery until it may be acknowledged.
    pub async fn run(&self, delivery: &Delivery) -> Result<(), Error> {
        let now = self.dependencies.clock.now();
        let mut copy = match delivery.queue {
            SourceQueue::Cancel => return self.cancel(delivery, now).await,
            SourceQueue::Wake(_) if is_wakeup(delivery) => {
                match serde_json::from_slice::<WakeUp>(&delivery.body) {
                    Ok(wakeup) => JobMessage::is_wakeup(wakeup, delivery.redelivered),
                    Err(error) => {
                        let problem = format!("is no wake-up that this version can read: {error}");
                        let events = &self.dependencies.events;
                        return events.dead_letter(delivery, dead::UNREADABLE, &problem, now).await;
                    }
                }
            }
            SourceQueue::Job(kind) | SourceQueue::Wake(kind) => {
                match self.dependencies.rules.read(kind, &envelope(delivery), now) {
                    Ok(submission) => {
                        let capabilities =
                            self.dependencies.providers.capabilities(&submission.job);
                        let state = State::first(&submission.job, capabilities);
                        JobMessage::sent(submission, state, delivery.redelivered)
                    }
                    Err(rejection) => {
                        return self.dependencies.events.rejected(delivery, &rejection).await;
                    }
                }
            }
        };
        if let Some(due) = copy.not_due_before(now) {
            return self.dependencies.park(&copy.wakeup, due).await;
        }
        let span = spans::process(delivery, &copy);
        // A job that came without a trace begins one, to which all its later runs belong.
        copy.trace(&span);
        self.claim(delivery, &copy).instrument(span).await
    }

    /// Notes the wish that a job ends, and wakes the job for it.
    async fn cancel(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Error> {
        let Cancellation { job, reason } =
            match self.dependencies.rules.read_cancellation(&envelope(delivery), now) {
                Ok(cancellation) => cancellation,
                Err(rejection) => {
                    return self.dependencies.events.rejected(delivery, &rejection).await;
                }
            };
        // Of a job that is still to come nobody knows whose account it will name.
        if let Some(known) = self.dependencies.ledger.find(&job).await?
            && !self.dependencies.rules.users.may_use(user(delivery), &known.job.account)
        {
            let rejection = self.dependencies.rules.forbidden(&envelope(delivery), &known.job, now);
            return self.dependencies.events.rejected(delivery, &rejection).await;
        }
        let wakeup = self.dependencies.ledger.cancel(&job, &reason, now).await?;
        info!(%job, open = wakeup.is_some(), "to be cancelled");
        match wakeup {
            Some(wakeup) => self.dependencies.wake(&wakeup, Duration::ZERO).await,
            // It is done, or still to come; then it comes to its end.
            None => Ok(()),
        }
    }

    async fn claim(&self, delivery: &Delivery, copy: &JobMessage) -> Result<(), Error> {
        let id = &copy.wakeup.job.id;
        let place = if copy.redelivered {
            // It may come back to the very process in which its first run goes on.
            Some(self.dependencies.unless_stopping(self.in_flight.wait(id)).await?)
        } else {
            self.in_flight.enter(id)
        };
        let Some(_place) = place else {
            return self.look_again(delivery, copy, None).await;
        };
        let company = self.dependencies.unless_stopping(self.quarantine.shared()).await?;
        match self.request(copy, copy.may_take_over(), false).await? {
            Claimed::Granted { claim, job, state, crashes, .. }
                if crashes.are_suspicious() && !copy.is_superseded(&job, &state) =>
            {
                self.dependencies.ledger.release(&claim).await?;
                drop(company);
                self.carry_on_alone(delivery, copy, *state, crashes).await
            }
            claimed => self.carry_on(delivery, copy, claimed, false).await,
        }
    }

    /// Lets a suspect run with nothing beside it, as soon as this process has lived for long
    /// enough.
    async fn carry_on_alone(
        &self,
        delivery: &Delivery,
        copy: &JobMessage,
        state: State,
        crashes: CrashCount,
    ) -> Result<(), Error> {
        let id = &copy.wakeup.job.id;
        let wait = self.quarantine.wait(crashes);
        if !wait.is_zero() {
            info!(job = %id, ?crashes, ?wait, "workers died with it; it waits to run alone");
            return self.dependencies.wake(&WakeUp { state, ..copy.wakeup.clone() }, wait).await;
        }
        let _alone = self.dependencies.unless_stopping(self.quarantine.exclusive()).await?;
        warn!(job = %id, ?crashes, "workers died with it; it runs alone");
        // Its former holder is dead and done with; who has it by now is alive.
        let claimed = self.request(copy, false, true).await?;
        self.carry_on(delivery, copy, claimed, true).await
    }

    async fn request(
        &self,
        copy: &JobMessage,
        take_over: bool,
        exclusive: bool,
    ) -> Result<Claimed, ledger::Error> {
        let request = ClaimRequest {
            job: &copy.wakeup.job,
            fingerprint: &copy.wakeup.fingerprint,
            state: &copy.wakeup.state,
            take_over,
            exclusive,
            lease: self.dependencies.lease,
            now: self.dependencies.clock.now(),
        };
        self.dependencies.ledger.claim(request).await
    }

    async fn carry_on(
        &self,
        delivery: &Delivery,
        copy: &JobMessage,
        claimed: Claimed,
        exclusive: bool,
    ) -> Result<(), Error> {
        let id = &copy.wakeup.job.id;
        match claimed {
            Claimed::Granted { claim, job, state, .. } if copy.is_superseded(&job, &state) => {
                Ok(self.dependencies.ledger.release(&claim).await?)
            }
            Claimed::Granted { claim, job, state, crashes, cancelled } => {
                // A ledger that was lost has lost the reason as well.
                let cancelled = cancelled.or_else(|| copy.wakeup.cancelled.then(String::new));
                let execution = Execution {
                    dependencies: &self.dependencies,
                    delivery,
                    copy,
                    claim: &claim,
                    exclusive,
                    cancelled,
                };
                let event = if exclusive && crashes.is_poison() {
                    error!(job = %id, "condemned: workers die of it, and they ran nothing else");
                    Input::Poisoned
                } else {
                    execution.end(&state).unwrap_or(Input::Resumed)
                };
                let ended = execution.run(*job, *state, event).await;
                if let Err(error) = &ended {
                    self.release(&claim, error).await;
                }
                ended
            }
            Claimed::Held { until } => {
                debug!(job = %id, %until, "held elsewhere; looking again later");
                self.look_again(delivery, copy, Some(until)).await
            }
            Claimed::Conflict => {
                let job = copy.wakeup.job.clone();
                let rejection = self.dependencies.rules.conflict(&envelope(delivery), job);
                self.dependencies.events.rejected(delivery, &rejection).await
            }
        }
    }

    /// Puts a copy off as it came, until its job may have been let go of: should it turn out to be
    /// another job with the same id, it is to be a dead letter in its own words.
    async fn look_again(
        &self,
        delivery: &Delivery,
        copy: &JobMessage,
        held_until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let again = self.dependencies.clock.now() + RECHECK_AFTER;
        let due = held_until.map_or(again, |until| until.min(again));
        self.dependencies.postpone(delivery, copy.wakeup.job.kind, due).await
    }

    /// Trouble of ours is nobody's death, and must not be counted as one.
    async fn release(&self, claim: &Claim, error: &Error) {
        if let Error::Ledger(ledger::Error::Superseded(_)) = error {
            return;
        }
        let letting_go = self.dependencies.ledger.release(claim);
        match tokio::time::timeout(RELEASE_TIMEOUT, letting_go).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(job = %claim.job, %error, "the claim was not let go"),
            Err(_) => debug!(job = %claim.job, "the claim was not let go in time"),
        }
    }
}
