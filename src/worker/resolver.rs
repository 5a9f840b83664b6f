//! A person settles what was reported as `unknown`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Error;
use super::incoming::message;
use crate::broker::Publisher;
use crate::cloud::Providers;
use crate::job::machine::{Context, Input, Resolution, step};
use crate::job::policy::Policies;
use crate::job::{HistoryEntry, Job, JobId, OutcomeKind, State, WakeUp};
use crate::ledger::{ClaimRequest, Claimed, Lease, Ledger, Save};

/// Settling takes a moment; a longer claim would only hold up what follows a crash.
const LEASE: Duration = Duration::from_secs(10);

/// What a person found out at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveRequest {
    /// The call took effect: ids as they are shown there, or the handle of an event.
    Adopt(String),
    /// The call had no effect, and is to be made again.
    Absent,
    /// The job is to end as failed, for this reason.
    Fail(String),
}

/// Why a job is not settled. Nothing was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
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
        cause: Error,
    },
    /// Trouble of ours.
    #[error(transparent)]
    Error(#[from] Error),
}

/// Settles jobs.
pub struct Resolver {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Where wake-ups go.
    pub publisher: Publisher,
    /// The providers; nothing is asked of them here.
    pub providers: Providers,
    /// How patient we are, per operation.
    pub policies: Policies,
}

impl Resolver {
    /// Settles a job whose outcome is `unknown`, and wakes it to go on from there. Returns the
    /// state it is in then.
    pub async fn resolve(
        &self,
        id: &JobId,
        request: ResolveRequest,
    ) -> Result<State, ResolveError> {
        let known = self.ledger.find(id).await.map_err(Error::from)?;
        let known = known.ok_or_else(|| ResolveError::NotKnown(id.clone()))?;
        let now = Timestamp::now();
        let claim_request = ClaimRequest {
            job: &known.job,
            fingerprint: &known.fingerprint,
            state: &known.state,
            take_over: false,
            exclusive: false,
            lease: LEASE,
            now,
        };
        let claimed = self.ledger.claim(claim_request).await.map_err(Error::from)?;
        let (claim, job, before) = match claimed {
            Claimed::Granted { claim, job, state, .. } => (claim, job, *state),
            Claimed::Held { .. } | Claimed::Conflict => return Err(ResolveError::Busy(id.clone())),
        };
        let stepped = self.step(&job, &before, &request, now);
        let Ok(state) = stepped else {
            self.ledger.release(&claim).await.map_err(Error::from)?;
            return stepped;
        };
        let note = HistoryEntry::new(now, "resolved", words(&request));
        let save = Save { state: &state, lease: Lease::Release, entry: Some(&note), now };
        self.ledger.save(&claim, save).await.map_err(Error::from)?;
        let wakeup = WakeUp {
            job: *job,
            fingerprint: known.fingerprint,
            state: state.clone(),
            cancelled: false,
        };
        self.wake(&wakeup)
            .await
            .map_err(|cause| ResolveError::NotWoken { job: id.clone(), cause })?;
        Ok(state)
    }

    fn step(
        &self,
        job: &Job,
        before: &State,
        request: &ResolveRequest,
        now: Timestamp,
    ) -> Result<State, ResolveError> {
        match before {
            State::Done { outcome } if outcome.kind == OutcomeKind::Unknown => {
                if outcome.handle.is_some() && *request == ResolveRequest::Absent {
                    return Err(ResolveError::Accepted(job.id.clone()));
                }
            }
            State::Waiting { .. }
            | State::Asking { .. }
            | State::Reporting { .. }
            | State::Done { .. } => {
                let (job, status) = (job.id.clone(), before.status().to_string());
                return Err(ResolveError::NotUnknown { job, status });
            }
        }
        let resolution = match request {
            ResolveRequest::Adopt(text) => {
                let adopted = self.providers.adopt(job, text);
                Resolution::Adopt(adopted.map_err(ResolveError::Unreadable)?)
            }
            ResolveRequest::Absent => Resolution::Absent,
            ResolveRequest::Fail(note) => Resolution::Fail(note.clone()),
        };
        let policy = self.policies.of(&job.operation);
        let capabilities = self.providers.capabilities(job);
        let context = Context { job, policy, capabilities, now, random: rand::random() };
        let event = Input::Resolved(resolution);
        Ok(step(before.clone(), event, &context).map_err(Error::from)?)
    }

    async fn wake(&self, wakeup: &WakeUp) -> Result<(), Error> {
        let message = message(wakeup)?;
        Ok(self.publisher.wake_after(wakeup.job.kind, Duration::ZERO, &message).await?)
    }
}

/// The finding, for the job's history.
fn words(request: &ResolveRequest) -> String {
    match request {
        ResolveRequest::Adopt(text) => format!("adopted {text}"),
        ResolveRequest::Absent => "absent: the call is made again".to_owned(),
        ResolveRequest::Fail(note) => format!("failed: {note}"),
    }
}
