//! The ledger in memory, for tests and for trying things out: it keeps every promise but the first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Claim, ClaimRequest, Claimed, Counts, CrashCount, Error, Filter, HISTORY, JobRecord,
    JobSummary, Lease, Ledger, Metrics, Save, StatusCount, due, is_progress,
};
use crate::job::{HistoryEntry, Job, JobId, State, Status, WakeUp};

/// A ledger that ends with its process.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    rows: HashMap<JobId, Row>,
    /// Who is to end, since when, and why.
    cancels: HashMap<JobId, (Timestamp, String)>,
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
    /// The newest claim included.
    crashes: CrashCount,
    /// Whether the newest claim was made alone.
    exclusive: bool,
    changed_at: Timestamp,
    history: Vec<HistoryEntry>,
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
            crashes: CrashCount::default(),
            exclusive: false,
            changed_at: request.now,
            history: Vec::new(),
        };
        row.enter(request.state, request.now);
        row
    }

    fn enter(&mut self, state: &State, now: Timestamp) {
        self.state = state.clone();
        self.due = due(state, now);
        self.done_at = matches!(state, State::Done { .. }).then_some(now);
        self.changed_at = now;
    }

    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.lease_until.filter(|until| *until > now)
    }

    fn grant(&mut self, request: &ClaimRequest<'_>, cancelled: Option<String>) -> Claimed {
        let crashes = self.crashes;
        self.fence += 1;
        self.lease = request.lease;
        self.lease_until = Some(end(request.now, request.lease));
        self.exclusive = request.exclusive;
        *self.claims() += 1;
        Claimed::Granted {
            claim: Claim { job: self.job.id.clone(), fence: self.fence },
            job: Box::new(self.job.clone()),
            state: Box::new(self.state.clone()),
            crashes,
            cancelled,
        }
    }

    /// Where a claim like the newest one is counted.
    fn claims(&mut self) -> &mut u32 {
        if self.exclusive { &mut self.crashes.exclusive } else { &mut self.crashes.shared }
    }

    fn wakeup(&self, cancelled: bool) -> WakeUp {
        WakeUp {
            job: self.job.clone(),
            fingerprint: self.fingerprint.clone(),
            state: self.state.clone(),
            cancelled,
        }
    }

    fn summary(&self) -> JobSummary {
        JobSummary {
            id: self.job.id.clone(),
            operation: self.job.operation.clone(),
            kind: self.job.kind,
            account: self.job.account.clone(),
            status: self.state.status(),
            due: self.due,
            changed_at: self.changed_at,
        }
    }

    fn is_overdue(&self, before: Timestamp, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due < before) && self.held_until(now).is_none()
    }
}

impl Filter {
    fn fits(&self, row: &Row) -> bool {
        let (job, status) = (&row.job, row.state.status());
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && self.operation.as_ref().is_none_or(|operation| *operation == job.operation)
            && self.kind.is_none_or(|kind| kind == job.kind)
            && self.account.as_ref().is_none_or(|account| *account == job.account)
    }
}

fn end(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

impl MemoryLedger {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// The row of a job, if the claim is the newest.
    fn claimed(&mut self, claim: &Claim) -> Result<&mut Row, Error> {
        self.rows
            .get_mut(&claim.job)
            .filter(|row| row.fence == claim.fence)
            .ok_or_else(|| Error::Superseded(claim.job.clone()))
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        let mut tables = self.tables();
        let cancelled = tables.cancels.get(&request.job.id).map(|(_, reason)| reason.clone());
        let row = tables.rows.entry(request.job.id.clone()).or_insert_with(|| Row::new(&request));
        if row.fingerprint != request.fingerprint {
            return Ok(Claimed::Conflict);
        }
        match row.held_until(request.now) {
            Some(until) if !request.take_over => Ok(Claimed::Held { until }),
            Some(_) | None => Ok(row.grant(&request, cancelled)),
        }
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let mut tables = self.tables();
        let row = tables.claimed(claim)?;
        row.enter(save.state, save.now);
        if is_progress(save.state) {
            row.crashes = CrashCount::default();
        }
        row.history.extend(save.note.cloned());
        row.history.drain(..row.history.len().saturating_sub(HISTORY));
        row.lease_until = match save.hold {
            Lease::Renew => Some(end(save.now, row.lease)),
            Lease::Release => None,
        };
        Ok(())
    }

    async fn release(&self, claim: &Claim) -> Result<(), Error> {
        let mut tables = self.tables();
        let row = tables.claimed(claim)?;
        let claims = row.claims();
        *claims = claims.saturating_sub(1);
        row.lease_until = None;
        Ok(())
    }

    async fn cancel(
        &self,
        job: &JobId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<WakeUp>, Error> {
        let mut tables = self.tables();
        tables.cancels.entry(job.clone()).or_insert_with(|| (now, reason.to_owned()));
        let open = tables.rows.get(job).filter(|row| row.done_at.is_none());
        Ok(open.map(|row| row.wakeup(true)))
    }

    async fn overdue(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WakeUp>, Error> {
        let tables = self.tables();
        let mut found: Vec<(&JobId, &Row)> =
            tables.rows.iter().filter(|(_, row)| row.is_overdue(before, now)).collect();
        found.sort_by_key(|(_, row)| row.due);
        let cancelled = |job: &JobId| tables.cancels.contains_key(job);
        Ok(found
            .into_iter()
            .take(limit as usize)
            .map(|(job, row)| row.wakeup(cancelled(job)))
            .collect())
    }

    async fn postpone(
        &self,
        jobs: &[JobId],
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<(), Error> {
        let mut tables = self.tables();
        for job in jobs {
            if let Some(row) = tables.rows.get_mut(job).filter(|row| row.is_overdue(before, now)) {
                row.due = Some(again);
            }
        }
        Ok(())
    }

    async fn find(&self, job: &JobId) -> Result<Option<JobRecord>, Error> {
        let tables = self.tables();
        Ok(tables.rows.get(job).map(|row| JobRecord {
            job: row.job.clone(),
            fingerprint: row.fingerprint.clone(),
            state: row.state.clone(),
            held_until: row.lease_until,
            due: row.due,
            crashes: row.crashes,
            cancelled: tables.cancels.contains_key(job),
            history: row.history.clone(),
        }))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<JobSummary>, Error> {
        let tables = self.tables();
        let mut found: Vec<JobSummary> =
            tables.rows.values().filter(|row| filter.fits(row)).map(Row::summary).collect();
        found.sort_by(|a, b| b.changed_at.cmp(&a.changed_at).then_with(|| a.id.cmp(&b.id)));
        found.truncate(filter.limit.map_or(usize::MAX, |limit| limit as usize));
        Ok(found)
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut tables = self.tables();
        tables.cancels.retain(|_, (at, _)| *at >= before);
        let mut old: Vec<(Timestamp, JobId)> = tables
            .rows
            .iter()
            .filter(|(_, row)| row.held_until(before).is_none())
            .filter_map(|(id, row)| Some((row.done_at?, id.clone())))
            .filter(|(done_at, _)| *done_at < before)
            .collect();
        old.sort();
        old.truncate(limit as usize);
        for (_, id) in &old {
            tables.rows.remove(id);
        }
        Ok(old.len() as u64)
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let tables = self.tables();
        let done = tables.rows.values().filter(|row| row.done_at.is_some()).count() as u64;
        Ok(Counts { open: tables.rows.len() as u64 - done, done })
    }

    async fn count_by_status(&self) -> Result<Vec<StatusCount>, Error> {
        let mut count_by_status: HashMap<(String, Status), StatusCount> = HashMap::new();
        for row in self.tables().rows.values() {
            let (operation, status) = (row.job.operation.clone(), row.state.status());
            if row.due.is_none() && status != Status::Unknown {
                continue;
            }
            let status_count = count_by_status
                .entry((operation.clone(), status))
                .or_insert(StatusCount { operation, status, jobs: 0, first_due: row.due });
            status_count.jobs += 1;
            status_count.first_due = status_count.first_due.min(row.due);
        }
        Ok(count_by_status.into_values().collect())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }

    fn metrics(&self) -> Metrics {
        Metrics::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MemoryLedger;

    crate::ledger::conformance::every_promise!((Arc::new(MemoryLedger::default()), ()));
}
