//! A person settles what was reported as `unknown`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Trouble;
use super::copy::message;
use crate::broker::Publisher;
use crate::cloud::Clouds;
use crate::job::machine::{Context, Event, Resolution, step};
use crate::job::policy::Policies;
use crate::job::{Job, JobId, Note, State, Verdict, WakeUp};
use crate::ledger::{ClaimRequest, Claimed, Hold, Ledger, Save};

/// Settling takes a moment; a longer claim would only hold up what follows a crash.
const LEASE: Duration = Duration::from_secs(10);

/// What a person found out at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The call took effect: ids as they are shown there, or the handle of an event.
    Adopt(String),
    /// The call had no effect, and is to be made again.
    Absent,
    /// The job is to end as failed, for this reason.
    Fail(String),
}

/// Why a job is not settled. Nothing was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// The ledger has no such job.
    #[error("job {0} is not known")]
    NotKnown(JobId),
    /// A worker has it just now.
    #[error("job {0} is being worked on; try again in a moment")]
    Busy(JobId),
    /// There is nothing to settle.
    #[error("job {job} is {status}; only a job whose outcome is unknown can be settled")]
    NotUnknown {
        /// The job.
        job: JobId,
        /// Where it stands.
        status: String,
    },
    /// It can't be absent.
    #[error(
        "the provider accepted the call of job {0}, so it can't be absent; adopt it, or end the \
         job as failed"
    )]
    Accepted(JobId),
    /// The person's ids can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// It is settled; what follows waits for a sweep, which takes minutes.
    #[error("job {job} is settled, and goes on later: it could not be woken")]
    NotWoken {
        /// The job.
        job: JobId,
        /// Why.
        #[source]
        cause: Trouble,
    },
    /// Trouble of ours.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// Settles jobs.
pub struct Resolver {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Where wake-ups go.
    pub publisher: Publisher,
    /// The providers; nothing is asked of them here.
    pub clouds: Clouds,
    /// How patient we are, per operation.
    pub policies: Policies,
}

impl Resolver {
    /// Settles a job whose outcome is `unknown`, and wakes it to go on from there. Returns the
    /// state it is in then.
    pub async fn resolve(&self, id: &JobId, finding: Finding) -> Result<State, Unresolved> {
        let known = self.ledger.find(id).await.map_err(Trouble::from)?;
        let known = known.ok_or_else(|| Unresolved::NotKnown(id.clone()))?;
        let now = Timestamp::now();
        let request = ClaimRequest {
            job: &known.job,
            fingerprint: &known.fingerprint,
            state: &known.state,
            take_over: false,
            alone: false,
            lease: LEASE,
            now,
        };
        let claimed = self.ledger.claim(request).await.map_err(Trouble::from)?;
        let (claim, job, before) = match claimed {
            Claimed::Granted { claim, job, state, .. } => (claim, job, *state),
            Claimed::Held { .. } | Claimed::Conflict => return Err(Unresolved::Busy(id.clone())),
        };
        let stepped = self.step(&job, &before, &finding, now);
        let Ok(state) = stepped else {
            self.ledger.let_go(&claim).await.map_err(Trouble::from)?;
            return stepped;
        };
        let note = Note::new(now, "resolved", words(&finding));
        let save = Save { state: &state, hold: Hold::Release, note: Some(&note), now };
        self.ledger.save(&claim, save).await.map_err(Trouble::from)?;
        let wakeup = WakeUp {
            job: *job,
            fingerprint: known.fingerprint,
            state: state.clone(),
            cancelled: false,
        };
        self.wake(&wakeup)
            .await
            .map_err(|cause| Unresolved::NotWoken { job: id.clone(), cause })?;
        Ok(state)
    }

    fn step(
        &self,
        job: &Job,
        before: &State,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<State, Unresolved> {
        match before {
            State::Done { outcome } if outcome.verdict == Verdict::Unknown => {
                if outcome.handle.is_some() && *finding == Finding::Absent {
                    return Err(Unresolved::Accepted(job.id.clone()));
                }
            }
            State::Waiting { .. }
            | State::Asking { .. }
            | State::Reporting { .. }
            | State::Done { .. } => {
                let (job, status) = (job.id.clone(), before.status().to_string());
                return Err(Unresolved::NotUnknown { job, status });
            }
        }
        let resolution = match finding {
            Finding::Adopt(text) => {
                let adopted = self.clouds.adopt(job, text);
                Resolution::Adopt(adopted.map_err(Unresolved::Unreadable)?)
            }
            Finding::Absent => Resolution::Absent,
            Finding::Fail(note) => Resolution::Fail(note.clone()),
        };
        let policy = self.policies.of(&job.operation);
        let abilities = self.clouds.abilities(job);
        let context = Context { job, policy, abilities, now, dice: rand::random() };
        let event = Event::Resolved(resolution);
        Ok(step(before.clone(), event, &context).map_err(Trouble::from)?)
    }

    async fn wake(&self, wakeup: &WakeUp) -> Result<(), Trouble> {
        let message = message(wakeup)?;
        Ok(self.publisher.wake_after(wakeup.job.kind, Duration::ZERO, &message).await?)
    }
}

/// The finding, for the job's history.
fn words(finding: &Finding) -> String {
    match finding {
        Finding::Adopt(text) => format!("adopted {text}"),
        Finding::Absent => "absent: the call is made again".to_owned(),
        Finding::Fail(note) => format!("failed: {note}"),
    }
}
