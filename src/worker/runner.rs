//! Takes a delivery to where it can be acknowledged: reads it, claims its job, and has it carried
//! on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, warn};

use super::copy::{Copy, envelope, is_wakeup, user};
use super::course::Course;
use super::reporter::dead;
use super::roster::Roster;
use super::spans;
use super::suspicion::Suspicion;
use super::{Metrics, Parts, Trouble};
use crate::broker::{Delivery, Origin};
use crate::job::machine::Event;
use crate::job::message::Cancellation;
use crate::job::{State, WakeUp};
use crate::ledger::{self, Claim, ClaimRequest, Claimed, Deaths};

/// A copy of a job that runs elsewhere looks again after this long at the latest, however long the
/// claim holds: its producer may wait for the outcome in another place.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(8);

/// How long letting a claim go may take: the store may be what the trouble is with.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Everything jobs need to run.
pub struct Runner {
    parts: Parts,
    roster: Roster,
    suspicion: Suspicion,
}

impl Runner {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, roster: Roster::default(), suspicion: Suspicion::new() }
    }

    /// Ends the taking of jobs and short waits.
    pub fn stopping(&self) -> &CancellationToken {
        &self.parts.stopping
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// Works on a delivery until it may be acknowledged.
    pub async fn run(&self, delivery: &Delivery) -> Result<(), Trouble> {
        let now = self.parts.clock.now();
        let mut copy = match delivery.origin {
            Origin::Cancel => return self.cancel(delivery, now).await,
            Origin::Wake(_) if is_wakeup(delivery) => {
                match serde_json::from_slice::<WakeUp>(&delivery.body) {
                    Ok(wakeup) => Copy::parked(wakeup, delivery.redelivered),
                    Err(error) => {
                        let problem = format!("is no wake-up that this version can read: {error}");
                        let reporter = &self.parts.reporter;
                        return reporter.bury(delivery, dead::UNREADABLE, &problem, now).await;
                    }
                }
            }
            Origin::Job(kind) | Origin::Wake(kind) => {
                match self.parts.rules.read(kind, &envelope(delivery), now) {
                    Ok(submission) => {
                        let abilities = self.parts.clouds.abilities(&submission.job);
                        let state = State::first(&submission.job, abilities);
                        Copy::sent(submission, state, delivery.redelivered)
                    }
                    Err(rejection) => {
                        return self.parts.reporter.rejected(delivery, &rejection).await;
                    }
                }
            }
        };
        if let Some(due) = copy.early(now) {
            return self.parts.park(&copy.wakeup, due).await;
        }
        let span = spans::process(delivery, &copy);
        // A job that came without a trace begins one, to which all its later runs belong.
        copy.trace(&span);
        self.claim(delivery, &copy).instrument(span).await
    }

    /// Notes the wish that a job ends, and wakes the job for it.
    async fn cancel(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Trouble> {
        let Cancellation { job, reason } =
            match self.parts.rules.read_cancellation(&envelope(delivery), now) {
                Ok(cancellation) => cancellation,
                Err(rejection) => {
                    return self.parts.reporter.rejected(delivery, &rejection).await;
                }
            };
        // Of a job that is still to come nobody knows whose account it will name.
        if let Some(known) = self.parts.ledger.find(&job).await?
            && !self.parts.rules.users.may_use(user(delivery), &known.job.account)
        {
            let rejection = self.parts.rules.not_theirs(&envelope(delivery), &known.job, now);
            return self.parts.reporter.rejected(delivery, &rejection).await;
        }
        let wakeup = self.parts.ledger.cancel(&job, &reason, now).await?;
        info!(%job, open = wakeup.is_some(), "to be cancelled");
        match wakeup {
            Some(wakeup) => self.parts.wake(&wakeup, Duration::ZERO).await,
            // It is done, or still to come; then it comes to its end.
            None => Ok(()),
        }
    }

    async fn claim(&self, delivery: &Delivery, copy: &Copy) -> Result<(), Trouble> {
        let id = &copy.wakeup.job.id;
        let place = if copy.taken_over {
            // It may come back to the very process in which its first run goes on.
            Some(self.parts.unless_stopping(self.roster.wait(id)).await?)
        } else {
            self.roster.enter(id)
        };
        let Some(_place) = place else {
            return self.look_again(delivery, copy, None).await;
        };
        let company = self.parts.unless_stopping(self.suspicion.in_company()).await?;
        match self.request(copy, copy.may_take_over(), false).await? {
            Claimed::Granted { claim, job, state, deaths, .. }
                if deaths.are_suspicious() && !copy.is_stale(&job, &state) =>
            {
                self.parts.ledger.let_go(&claim).await?;
                drop(company);
                self.carry_on_alone(delivery, copy, *state, deaths).await
            }
            claimed => self.carry_on(delivery, copy, claimed, false).await,
        }
    }

    /// Lets a suspect run with nothing beside it, as soon as this process has lived for long
    /// enough.
    async fn carry_on_alone(
        &self,
        delivery: &Delivery,
        copy: &Copy,
        state: State,
        deaths: Deaths,
    ) -> Result<(), Trouble> {
        let id = &copy.wakeup.job.id;
        let wait = self.suspicion.wait(deaths);
        if !wait.is_zero() {
            info!(job = %id, ?deaths, ?wait, "workers died with it; it waits to run alone");
            return self.parts.wake(&WakeUp { state, ..copy.wakeup.clone() }, wait).await;
        }
        let _alone = self.parts.unless_stopping(self.suspicion.alone()).await?;
        warn!(job = %id, ?deaths, "workers died with it; it runs alone");
        // Its former holder is dead and done with; who has it by now is alive.
        let claimed = self.request(copy, false, true).await?;
        self.carry_on(delivery, copy, claimed, true).await
    }

    async fn request(
        &self,
        copy: &Copy,
        take_over: bool,
        alone: bool,
    ) -> Result<Claimed, ledger::Error> {
        let request = ClaimRequest {
            job: &copy.wakeup.job,
            fingerprint: &copy.wakeup.fingerprint,
            state: &copy.wakeup.state,
            take_over,
            alone,
            lease: self.parts.lease,
            now: self.parts.clock.now(),
        };
        self.parts.ledger.claim(request).await
    }

    async fn carry_on(
        &self,
        delivery: &Delivery,
        copy: &Copy,
        claimed: Claimed,
        alone: bool,
    ) -> Result<(), Trouble> {
        let id = &copy.wakeup.job.id;
        match claimed {
            Claimed::Granted { claim, job, state, .. } if copy.is_stale(&job, &state) => {
                Ok(self.parts.ledger.let_go(&claim).await?)
            }
            Claimed::Granted { claim, job, state, deaths, cancelled } => {
                // A ledger that was lost has lost the reason as well.
                let cancelled = cancelled.or_else(|| copy.wakeup.cancelled.then(String::new));
                let course =
                    Course { parts: &self.parts, delivery, copy, claim: &claim, alone, cancelled };
                let event = if alone && deaths.condemn() {
                    error!(job = %id, "condemned: workers die of it, and they ran nothing else");
                    Event::Condemned
                } else {
                    course.end(&state).unwrap_or(Event::Resumed)
                };
                let ended = course.run(*job, *state, event).await;
                if let Err(trouble) = &ended {
                    self.let_go(&claim, trouble).await;
                }
                ended
            }
            Claimed::Held { until } => {
                debug!(job = %id, %until, "held elsewhere; looking again later");
                self.look_again(delivery, copy, Some(until)).await
            }
            Claimed::Conflict => {
                let job = copy.wakeup.job.clone();
                let rejection = self.parts.rules.conflict(&envelope(delivery), job);
                self.parts.reporter.rejected(delivery, &rejection).await
            }
        }
    }

    /// Puts a copy off as it came, until its job may have been let go of: should it turn out to be
    /// another job with the same id, it is to be a dead letter in its own words.
    async fn look_again(
        &self,
        delivery: &Delivery,
        copy: &Copy,
        held_until: Option<Timestamp>,
    ) -> Result<(), Trouble> {
        let again = self.parts.clock.now() + LOOK_AGAIN;
        let due = held_until.map_or(again, |until| until.min(again));
        self.parts.put_off(delivery, copy.wakeup.job.kind, due).await
    }

    /// Trouble of ours is nobody's death, and must not be counted as one.
    async fn let_go(&self, claim: &Claim, trouble: &Trouble) {
        if let Trouble::Ledger(ledger::Error::Superseded(_)) = trouble {
            return;
        }
        let letting_go = self.parts.ledger.let_go(claim);
        match tokio::time::timeout(LETTING_GO, letting_go).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(job = %claim.job, %error, "the claim was not let go"),
            Err(_) => debug!(job = %claim.job, "the claim was not let go in time"),
        }
    }
}
