//! Claims of many jobs in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use futures_util::future::{OptionFuture, join, join3};
use tokio_postgres::{Error, Row, Statement};

use super::group_commit::Batch;
use super::pool::QueryError;
use super::reads::{cancel_reason, crashes, json};
use crate::job::JobId;
use crate::ledger::encoding::{ClaimReply, FIRST_FENCE, StoredRequest, timestamp};
use crate::ledger::{Claim, Claimed};

/// Locks rows in the order of their ids, so that two transactions can't deadlock.
const LOCK: &str = "
    SELECT id, fingerprint, lease_until, fence, crashes, crashes_exclusive,
           (SELECT reason FROM cancel_requests WHERE job_id = jobs.id), job, state
    FROM jobs WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

const RAISE_FENCES: &str = "
    UPDATE jobs
    SET fence = jobs.fence + 1, last_save = 0, lease = request.lease,
        lease_until = request.lease_until, claimed_exclusive = request.exclusive,
        crashes = crashes + (NOT request.exclusive)::int,
        crashes_exclusive = crashes_exclusive + request.exclusive::int
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[])
         AS request (id, lease, lease_until, exclusive)
    WHERE jobs.id = request.id";

const INSERT: &str = "
    INSERT INTO jobs (id, fingerprint, fence, last_save, lease, lease_until, crashes,
                      crashes_exclusive, claimed_exclusive, due, done_at, changed_at, status,
                      operation, kind, account, state, job)
    SELECT id, fingerprint, $14::bigint, 0, lease, lease_until, (NOT exclusive)::int,
           exclusive::int, exclusive, due, done_at, now, status, operation, kind, account, state,
           job
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[],
                $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
                $13::text[], $15::text[])
         AS request (id, fingerprint, lease, lease_until, exclusive, due, done_at, now, status,
                     operation, kind, account, state, job)
    ON CONFLICT DO NOTHING
    RETURNING id, (SELECT reason FROM cancel_requests WHERE job_id = jobs.id)";

#[async_trait]
impl Batch for StoredRequest {
    type Reply = ClaimReply;

    fn job(&self) -> &JobId {
        &self.id
    }

    fn size(&self) -> usize {
        self.job.len() + self.state.json.len()
    }

    async fn run(
        client: &ClientWrapper,
        requests: &[Self],
    ) -> Result<Vec<Result<ClaimReply, QueryError>>, Error> {
        let mut replies = HashMap::new();
        let mut open: Vec<&Self> = requests.iter().collect();
        // There is a second round only if another replica inserts one of the jobs at the same time.
        while !open.is_empty() {
            claim(client, &open, &mut replies).await?;
            open.retain(|request| !replies.contains_key(request.id.as_str()));
        }
        Ok(requests.iter().filter_map(|request| replies.remove(request.id.as_str())).collect())
    }
}

/// One transaction in two round trips: locks the stored jobs, then claims them and inserts the rest.
async fn claim<'a>(
    client: &ClientWrapper,
    requests: &[&'a StoredRequest],
    replies: &mut HashMap<&'a str, Result<ClaimReply, QueryError>>,
) -> Result<(), Error> {
    // Prepared first: statements that share a round trip have to be sent in order.
    let lock = client.prepare_cached(LOCK).await?;
    let raise = client.prepare_cached(RAISE_FENCES).await?;
    let insert = client.prepare_cached(INSERT).await?;
    let ids = column(requests, |request| request.id.as_str());
    let (begin, rows) = join(client.batch_execute("BEGIN"), client.query(&lock, &[&ids])).await;
    begin?;
    let rows = rows?;
    let stored: HashMap<&str, &Row> = rows.iter().map(|row| (row.get(0), row)).collect();

    let (mut granted, mut new) = (Vec::new(), Vec::new());
    for request in requests {
        let Some(row) = stored.get(request.id.as_str()) else {
            new.push(*request);
            continue;
        };
        let claimed = decide(row, request);
        if matches!(claimed, Ok(Claimed::Granted { .. })) {
            granted.push(*request);
        }
        replies.insert(request.id.as_str(), claimed.map(ClaimReply::Existing));
    }
    let raise = (!granted.is_empty()).then(|| raise_fences(client, &raise, &granted));
    let insert = (!new.is_empty()).then(|| insert_jobs(client, &insert, &new));
    let (raised, inserted, commit) = join3(
        OptionFuture::from(raise),
        OptionFuture::from(insert),
        client.batch_execute("COMMIT"),
    )
    .await;
    // The statements' errors come first: COMMIT after a failed statement succeeds and rolls back.
    raised.transpose()?;
    let inserted = inserted.transpose()?.unwrap_or_default();
    commit?;
    for row in inserted {
        let id: &str = row.get(0);
        if let Some(request) = new.iter().find(|request| request.id.as_str() == id) {
            let reply = cancel_reason(&row, 1).map(|cancelled| ClaimReply::Inserted { cancelled });
            replies.insert(request.id.as_str(), reply);
        }
    }
    Ok(())
}

/// Whether a stored job can be claimed. Reads the long columns only for a granted claim.
fn decide(row: &Row, request: &StoredRequest) -> Result<Claimed, QueryError> {
    if row.get::<_, &str>(1) != request.fingerprint {
        return Ok(Claimed::Conflict);
    }
    let lease_until: i64 = row.get(2);
    if lease_until > request.now && !request.take_over {
        return Ok(Claimed::Held { until: timestamp(lease_until) });
    }
    let fence = row.get::<_, i64>(3) + 1;
    Ok(Claimed::Granted {
        claim: Claim { job: request.id.clone(), fence },
        crashes: crashes(row, 4),
        cancelled: cancel_reason(row, 6)?,
        job: Box::new(json(row, 7)?),
        state: Box::new(json(row, 8)?),
    })
}

async fn raise_fences(
    client: &ClientWrapper,
    raise: &Statement,
    granted: &[&StoredRequest],
) -> Result<u64, Error> {
    let ids = column(granted, |request| request.id.as_str());
    let leases = column(granted, |request| request.lease);
    let lease_untils = column(granted, |request| request.lease_until);
    let exclusive = column(granted, |request| request.exclusive);
    client.execute(raise, &[&ids, &leases, &lease_untils, &exclusive]).await
}

async fn insert_jobs(
    client: &ClientWrapper,
    insert: &Statement,
    new: &[&StoredRequest],
) -> Result<Vec<Row>, Error> {
    client
        .query(
            insert,
            &[
                &column(new, |request| request.id.as_str()),
                &column(new, |request| request.fingerprint.as_str()),
                &column(new, |request| request.lease),
                &column(new, |request| request.lease_until),
                &column(new, |request| request.exclusive),
                &column(new, |request| request.state.due),
                &column(new, |request| request.state.done_at),
                &column(new, |request| request.now),
                &column(new, |request| request.state.status.as_str()),
                &column(new, |request| request.operation.as_str()),
                &column(new, |request| request.kind.as_str()),
                &column(new, |request| request.account.as_str()),
                &column(new, |request| request.state.json.as_str()),
                &FIRST_FENCE,
                &column(new, |request| request.job.as_str()),
            ],
        )
        .await
}

fn column<'a, T>(requests: &[&'a StoredRequest], value: impl Fn(&'a StoredRequest) -> T) -> Vec<T> {
    requests.iter().map(|request| value(request)).collect()
}
