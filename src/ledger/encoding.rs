//! Jobs as the ledgers that speak SQL store them. Every time is in milliseconds since 1970.

use jiff::Timestamp;

use super::{Claim, ClaimRequest, Claimed, CrashCount, due, is_progress};
use crate::job::{JobId, Kind, State, Status};

/// The longest lease: added to any time it is still a whole number to a database.
const LONGEST: i64 = 1000 * 366 * 24 * 60 * 60 * 1000;

/// The fence of a job's first claim.
pub(super) const FIRST_FENCE: i64 = 1;

/// A state as it is stored.
#[derive(Debug)]
pub(super) struct StoredState {
    pub(super) json: String,
    pub(super) status: Status,
    /// Whether it clears the deaths.
    pub(super) is_progress: bool,
    pub(super) due: Option<i64>,
    pub(super) done_at: Option<i64>,
}

/// A request to claim a job, ready to store.
#[derive(Debug)]
pub(super) struct StoredRequest {
    pub(super) id: JobId,
    pub(super) fingerprint: String,
    pub(super) operation: String,
    pub(super) kind: Kind,
    pub(super) account: String,
    pub(super) job: String,
    pub(super) state: StoredState,
    pub(super) take_over: bool,
    pub(super) exclusive: bool,
    pub(super) lease: i64,
    pub(super) now: i64,
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The job was new: it is stored as requested, and granted with [`FIRST_FENCE`].
    Stored { cancelled: Option<String> },
    /// The job was known.
    Known(Claimed),
}

impl StoredState {
    pub(super) fn of(state: &State, now: Timestamp) -> Result<Self, serde_json::Error> {
        Ok(Self {
            json: serde_json::to_string(state)?,
            status: state.status(),
            is_progress: is_progress(state),
            due: due(state, now).map(Timestamp::as_millisecond),
            done_at: matches!(state, State::Done { .. }).then(|| now.as_millisecond()),
        })
    }
}

impl StoredRequest {
    pub(super) fn of(request: &ClaimRequest<'_>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: request.job.id.clone(),
            fingerprint: request.fingerprint.to_owned(),
            operation: request.job.operation.clone(),
            kind: request.job.kind,
            account: request.job.account.clone(),
            job: serde_json::to_string(request.job)?,
            state: StoredState::of(request.state, request.now)?,
            take_over: request.take_over,
            exclusive: request.exclusive,
            lease: i64::try_from(request.lease.as_millis()).map_or(LONGEST, |ms| ms.min(LONGEST)),
            now: request.now.as_millisecond(),
        })
    }
}

impl Answer {
    /// What it says to whoever asked.
    pub(super) fn to(self, request: &ClaimRequest<'_>) -> Claimed {
        match self {
            Answer::Known(claimed) => claimed,
            Answer::Stored { cancelled } => Claimed::Granted {
                claim: Claim { job: request.job.id.clone(), fence: FIRST_FENCE },
                job: Box::new(request.job.clone()),
                state: Box::new(request.state.clone()),
                crashes: CrashCount::default(),
                cancelled,
            },
        }
    }
}

/// A time that was stored.
pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}
