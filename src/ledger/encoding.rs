//! Jobs and states as SQL columns. Every time is in milliseconds since 1970.

use jiff::Timestamp;

use super::{Claim, ClaimRequest, Claimed, CrashCount};
use crate::job::{JobId, Kind, State, Status};

/// 1,000 years. A time plus this lease still fits into a 64-bit column.
const MAX_LEASE_MS: i64 = 1000 * 366 * 24 * 60 * 60 * 1000;

/// The fence of a job's first claim.
pub(super) const FIRST_FENCE: i64 = 1;

/// A state as it is stored.
#[derive(Debug)]
pub(super) struct StoredState {
    pub(super) json: String,
    pub(super) status: Status,
    /// Whether it resets the crash count.
    pub(super) is_progress: bool,
    pub(super) due: Option<i64>,
    pub(super) done_at: Option<i64>,
}

/// A claim request, ready to store.
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
    pub(super) lease_until: i64,
    pub(super) now: i64,
}

/// What a store replies to a claim request.
#[derive(Debug)]
pub(super) enum ClaimReply {
    /// The job was new. It is stored as requested and claimed with [`FIRST_FENCE`].
    Inserted { cancelled: Option<String> },
    /// The job was stored before.
    Existing(Claimed),
}

impl StoredState {
    pub(super) fn new(state: &State, now: Timestamp) -> Result<Self, serde_json::Error> {
        Ok(Self {
            json: serde_json::to_string(state)?,
            status: state.status(),
            is_progress: !matches!(state, State::Asking { .. }),
            due: due(state, now).map(Timestamp::as_millisecond),
            done_at: matches!(state, State::Done { .. }).then(|| now.as_millisecond()),
        })
    }
}

impl StoredRequest {
    pub(super) fn new(request: &ClaimRequest<'_>) -> Result<Self, serde_json::Error> {
        let now = request.now.as_millisecond();
        let lease = i64::try_from(request.lease.as_millis()).unwrap_or(i64::MAX).min(MAX_LEASE_MS);
        Ok(Self {
            id: request.job.id.clone(),
            fingerprint: request.fingerprint.to_owned(),
            operation: request.job.operation.clone(),
            kind: request.job.kind,
            account: request.job.account.clone(),
            job: serde_json::to_string(request.job)?,
            state: StoredState::new(request.state, request.now)?,
            take_over: request.take_over,
            exclusive: request.exclusive,
            lease,
            lease_until: now.saturating_add(lease),
            now,
        })
    }
}

impl ClaimReply {
    pub(super) fn into_claimed(self, request: &ClaimRequest<'_>) -> Claimed {
        match self {
            ClaimReply::Existing(claimed) => claimed,
            ClaimReply::Inserted { cancelled } => Claimed::Granted {
                claim: Claim { job: request.job.id.clone(), fence: FIRST_FENCE },
                job: Box::new(request.job.clone()),
                state: Box::new(request.state.clone()),
                crashes: CrashCount::default(),
                cancelled,
            },
        }
    }
}

/// When the sweeper wakes a job. A state that is not done and has no time of its own is due now, so
/// that no open job is lost.
fn due(state: &State, now: Timestamp) -> Option<Timestamp> {
    match state {
        State::Done { .. } => None,
        State::Waiting { .. } | State::Asking { .. } | State::Reporting { .. } => {
            Some(state.due().unwrap_or(now))
        }
    }
}

/// A stored time.
pub(super) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}
