//! Resolves jobs whose outcome is `unknown`, with what a person found out.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Error, Scheduler};
use crate::cloud::Providers;
use crate::job::machine::{Context, Input, Isolation, Resolution, step};
use crate::job::policy::Policies;
use crate::job::{HistoryEntry, Job, JobId, OutcomeKind, State, WakeUp};
use crate::ledger::{ClaimRequest, Claimed, Lease, Ledger, Save};

/// Resolving takes a moment. A longer lease would only delay the job after a crash.
const LEASE: Duration = Duration::from_secs(10);

/// What a person found out at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveRequest {
    /// The call took effect: ids as the provider shows them, or the handle of an event.
    Adopt(String),
    /// The call had no effect and is made again.
    Absent,
    /// The job ends as failed, for this reason.
    Fail(String),
}

/// Why a job was not resolved. Nothing was changed, except with [`NotWoken`](Self::NotWoken).
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The ledger has no such job.
    #[error("job {0} is not known")]
    NotKnown(JobId),
    /// A worker is running the job.
    #[error("job {0} is running; try again in a moment")]
    Busy(JobId),
    /// The outcome is not `unknown`.
    #[error("job {job} is {status}; only a job whose outcome is unknown can be resolved")]
    NotUnknown {
        /// The job.
        job: JobId,
        /// Its state as one word.
        status: String,
    },
    /// The provider accepted the call, so it can't be absent.
    #[error(
        "the provider accepted the call of job {0}, so it can't be absent; adopt it, or end the \
         job as failed"
    )]
    Accepted(JobId),
    /// The given ids can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// The job is resolved, and continues with the next sweep, minutes later.
    #[error("job {job} is resolved; it could not be woken and continues within minutes")]
    NotWoken {
        /// The job.
        job: JobId,
        /// Why the wake-up was not published.
        #[source]
        cause: Error,
    },
    /// An internal error.
    #[error(transparent)]
    Error(#[from] Error),
}

/// Resolves jobs.
pub struct Resolver {
    /// Stores the jobs.
    pub ledger: Arc<dyn Ledger>,
    /// Publishes wake-ups.
    pub scheduler: Scheduler,
    /// The operations. No request is sent.
    pub providers: Providers,
    /// Retry, probe and poll settings of each operation.
    pub policies: Policies,
}

impl Resolver {
    /// Resolves a job whose outcome is `unknown`, and wakes it. Returns its new state.
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
        let entry = HistoryEntry::new(now, "resolved", describe(&request));
        let save = Save { state: &state, lease: Lease::Release, entry: Some(&entry), now };
        self.ledger.save(&claim, save).await.map_err(Error::from)?;
        let wakeup = WakeUp {
            job: *job,
            fingerprint: known.fingerprint,
            state: state.clone(),
            cancelled: false,
        };
        self.scheduler
            .wake(&wakeup, Duration::ZERO)
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
        let (cancelled, isolation, random) = (None, Isolation::Shared, rand::random());
        let context = Context { job, policy, capabilities, cancelled, isolation, now, random };
        Ok(step(before, Input::Resolved(resolution), &context).map_err(Error::from)?.state)
    }
}

/// The detail of the history entry.
fn describe(request: &ResolveRequest) -> String {
    match request {
        ResolveRequest::Adopt(text) => format!("adopted {text}"),
        ResolveRequest::Absent => "absent: the call is made again".to_owned(),
        ResolveRequest::Fail(note) => format!("failed: {note}"),
    }
}
