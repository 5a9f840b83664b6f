//! The ledger in memory, for tests and for trying things out: it keeps every promise but the first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Claim, ClaimRequest, Claimed, Counts, Error, Hold, Ledger, WakeUp, due};
use crate::job::{Job, JobId, State};

/// A ledger that ends with its process.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    rows: Mutex<HashMap<JobId, Row>>,
}

#[derive(Debug)]
struct Row {
    job: Job,
    fingerprint: String,
    state: State,
    due: Option<Timestamp>,
    done_at: Option<Timestamp>,
    fence: i64,
    lease: Duration,
    /// None once the claim is released.
    lease_until: Option<Timestamp>,
    /// Claims in a row that have saved nothing, the newest included.
    claims_without_save: u32,
}

impl Row {
    fn new(request: &ClaimRequest<'_>) -> Self {
        let mut row = Self {
            job: request.job.clone(),
            fingerprint: request.fingerprint.to_owned(),
            state: request.state.clone(),
            due: None,
            done_at: None,
            fence: 0,
            lease: request.lease,
            lease_until: None,
            claims_without_save: 0,
        };
        row.enter(request.state, request.now);
        row
    }

    fn enter(&mut self, state: &State, now: Timestamp) {
        self.state = state.clone();
        self.due = due(state, now);
        self.done_at = matches!(state, State::Done { .. }).then_some(now);
    }

    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.lease_until.filter(|until| *until > now)
    }

    fn grant(&mut self, request: &ClaimRequest<'_>) -> Claimed {
        let fruitless = self.claims_without_save;
        self.fence += 1;
        self.lease = request.lease;
        self.lease_until = Some(end(request.now, request.lease));
        self.claims_without_save += 1;
        Claimed::Granted {
            claim: Claim { job: self.job.id.clone(), fence: self.fence },
            job: Box::new(self.job.clone()),
            state: Box::new(self.state.clone()),
            fruitless,
        }
    }
}

fn end(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

impl MemoryLedger {
    fn rows(&self) -> MutexGuard<'_, HashMap<JobId, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let mut rows = self.rows();
        let row = rows.entry(request.job.id.clone()).or_insert_with(|| Row::new(&request));
        if row.fingerprint != request.fingerprint {
            return Ok(Claimed::Conflict);
        }
        match row.held_until(request.now) {
            Some(until) if !request.take_over => Ok(Claimed::Held { until }),
            Some(_) | None => Ok(row.grant(&request)),
        }
    }

    async fn save(
        &self,
        claim: &Claim,
        state: &State,
        hold: Hold,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut rows = self.rows();
        let row = rows
            .get_mut(&claim.job)
            .filter(|row| row.fence == claim.fence)
            .ok_or_else(|| Error::Superseded(claim.job.clone()))?;
        row.enter(state, now);
        row.claims_without_save = 0;
        row.lease_until = match hold {
            Hold::Keep => Some(end(now, row.lease)),
            Hold::Release => None,
        };
        Ok(())
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        let mut rows = self.rows();
        let mut found: Vec<&mut Row> = rows
            .values_mut()
            .filter(|row| row.due.is_some_and(|due| due < before) && row.held_until(now).is_none())
            .collect();
        found.sort_by_key(|row| row.due);
        let overdue = |row: &mut Row| {
            row.due = Some(again);
            WakeUp {
                job: row.job.clone(),
                fingerprint: row.fingerprint.clone(),
                state: row.state.clone(),
            }
        };
        Ok(found.into_iter().take(limit as usize).map(overdue).collect())
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut rows = self.rows();
        let mut old: Vec<(Timestamp, JobId)> = rows
            .iter()
            .filter(|(_, row)| row.held_until(before).is_none())
            .filter_map(|(id, row)| Some((row.done_at.filter(|at| *at < before)?, id.clone())))
            .collect();
        old.sort();
        old.truncate(limit as usize);
        for (_, id) in &old {
            rows.remove(id);
        }
        Ok(old.len() as u64)
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let rows = self.rows();
        let done = rows.values().filter(|row| row.done_at.is_some()).count() as u64;
        Ok(Counts { open: rows.len() as u64 - done, done })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MemoryLedger;

    crate::ledger::conformance::every_promise!((Arc::new(MemoryLedger::default()), ()));
}
