//! Claims of many jobs in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use futures_util::future::{OptionFuture, join, join3};
use tokio_postgres::{Error, Row, Statement};

use super::group_commit::Batch;
use super::rows::{crashes, read, wish};
use crate::job::JobId;
use crate::ledger::encoding::{Answer, FIRST_FENCE, StoredRequest, time};
use crate::ledger::{Claim, Claimed};

/// The rows in one order, so that no two transactions wait for each other.
const LOCK: &str = "
    SELECT id, fingerprint, lease_until, fence, deaths, deaths_alone,
           (SELECT reason FROM cancels WHERE cancels.id = jobs.id), job, state
    FROM jobs WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

const RAISE: &str = "
    UPDATE jobs
    SET fence = jobs.fence + 1, last_save = 0, lease = asked.lease, lease_until = asked.until,
        claimed_alone = asked.alone, deaths = deaths + (NOT asked.alone)::int,
        deaths_alone = deaths_alone + asked.alone::int
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[])
         AS asked (id, lease, until, alone)
    WHERE jobs.id = asked.id";

const INSERT: &str = "
    INSERT INTO jobs (id, fingerprint, fence, last_save, lease, lease_until, deaths, deaths_alone,
                      claimed_alone, due, done_at, changed_at, status, operation, kind, account,
                      state, job)
    SELECT id, fingerprint, $14::bigint, 0, lease, until, (NOT alone)::int, alone::int, alone, due,
           done_at, now, status, operation, kind, account, state, job
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[],
                $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
                $13::text[], $15::text[])
         AS asked (id, fingerprint, lease, until, alone, due, done_at, now, status, operation, kind,
                   account, state, job)
    ON CONFLICT DO NOTHING
    RETURNING id, (SELECT reason FROM cancels WHERE cancels.id = jobs.id)";

#[async_trait]
impl Batch for StoredRequest {
    type Answer = Result<Answer, serde_json::Error>;

    fn job(&self) -> &JobId {
        &self.id
    }

    fn size(&self) -> usize {
        self.job.len() + self.state.json.len()
    }

    async fn run(client: &ClientWrapper, requests: &[Self]) -> Result<Vec<Self::Answer>, Error> {
        let mut answers = HashMap::new();
        let mut open: Vec<&Self> = requests.iter().collect();
        // A second round only for jobs that another replica stores in the same moment.
        while !open.is_empty() {
            round(client, &open, &mut answers).await?;
            open.retain(|request| !answers.contains_key(request.id.as_str()));
        }
        Ok(requests.iter().filter_map(|request| answers.remove(request.id.as_str())).collect())
    }
}

type Answers<'a> = HashMap<&'a str, Result<Answer, serde_json::Error>>;

/// One transaction in two round trips: what is there, and what follows.
async fn round<'a>(
    client: &ClientWrapper,
    requests: &[&'a StoredRequest],
    answers: &mut Answers<'a>,
) -> Result<(), Error> {
    // Before anything else: what is sent together has to leave in its order.
    let lock = client.prepare_cached(LOCK).await?;
    let raise = client.prepare_cached(RAISE).await?;
    let insert = client.prepare_cached(INSERT).await?;
    let ids = texts(requests, |request| request.id.as_str());
    let (begun, rows) = join(client.batch_execute("BEGIN"), client.query(&lock, &[&ids])).await;
    begun?;
    let rows = rows?;
    let known: HashMap<&str, &Row> = rows.iter().map(|row| (row.get(0), row)).collect();

    let (mut granted, mut fresh) = (Vec::new(), Vec::new());
    for request in requests {
        let Some(row) = known.get(request.id.as_str()) else {
            fresh.push(*request);
            continue;
        };
        let claimed = grant(row, request);
        if matches!(claimed, Ok(Claimed::Granted { .. })) {
            granted.push(*request);
        }
        answers.insert(request.id.as_str(), claimed.map(Answer::Known));
    }
    let raised = (!granted.is_empty()).then(|| raise_fences(client, &raise, &granted));
    let inserted = (!fresh.is_empty()).then(|| store(client, &insert, &fresh));
    let (raised, inserted, committed) = join3(
        OptionFuture::from(raised),
        OptionFuture::from(inserted),
        client.batch_execute("COMMIT"),
    )
    .await;
    // The statements first: a commit after a failed one succeeds, and undoes everything.
    raised.transpose()?;
    let inserted = inserted.transpose()?.unwrap_or_default();
    committed?;
    for row in inserted {
        let id: &str = row.get(0);
        if let Some(request) = fresh.iter().find(|request| request.id.as_str() == id) {
            let answer = wish(&row, 1).map(|cancelled| Answer::Stored { cancelled });
            answers.insert(request.id.as_str(), answer);
        }
    }
    Ok(())
}

/// What to answer to a request for a job that is stored. The long columns are read only for a job
/// that is granted.
fn grant(row: &Row, request: &StoredRequest) -> Result<Claimed, serde_json::Error> {
    if row.get::<_, &str>(1) != request.fingerprint {
        return Ok(Claimed::Conflict);
    }
    let until: i64 = row.get(2);
    if until > request.now && !request.take_over {
        return Ok(Claimed::Held { until: time(until) });
    }
    let fence = row.get::<_, i64>(3) + 1;
    Ok(Claimed::Granted {
        claim: Claim { job: request.id.clone(), fence },
        crashes: crashes(row, 4),
        cancelled: wish(row, 6)?,
        job: Box::new(read(row, 7)?),
        state: Box::new(read(row, 8)?),
    })
}

async fn raise_fences(
    client: &ClientWrapper,
    raise: &Statement,
    granted: &[&StoredRequest],
) -> Result<u64, Error> {
    let ids = texts(granted, |request| request.id.as_str());
    let leases = column(granted, |request| request.lease);
    let untils = column(granted, StoredRequest::until);
    let exclusive = column(granted, |request| request.exclusive);
    client.execute(raise, &[&ids, &leases, &untils, &exclusive]).await
}

async fn store(
    client: &ClientWrapper,
    insert: &Statement,
    fresh: &[&StoredRequest],
) -> Result<Vec<Row>, Error> {
    client
        .query(
            insert,
            &[
                &texts(fresh, |request| request.id.as_str()),
                &texts(fresh, |request| request.fingerprint.as_str()),
                &column(fresh, |request| request.lease),
                &column(fresh, StoredRequest::until),
                &column(fresh, |request| request.exclusive),
                &column(fresh, |request| request.state.due),
                &column(fresh, |request| request.state.done_at),
                &column(fresh, |request| request.now),
                &texts(fresh, |request| request.state.status.as_str()),
                &texts(fresh, |request| request.operation.as_str()),
                &texts(fresh, |request| request.kind.as_str()),
                &texts(fresh, |request| request.account.as_str()),
                &texts(fresh, |request| request.state.json.as_str()),
                &FIRST_FENCE,
                &texts(fresh, |request| request.job.as_str()),
            ],
        )
        .await
}

impl StoredRequest {
    fn until(&self) -> i64 {
        self.now.saturating_add(self.lease)
    }
}

fn column<T>(requests: &[&StoredRequest], value: impl Fn(&StoredRequest) -> T) -> Vec<T> {
    requests.iter().map(|request| value(request)).collect()
}

fn texts<'a>(
    requests: &[&'a StoredRequest],
    text: impl Fn(&'a StoredRequest) -> &'a str,
) -> Vec<&'a str> {
    requests.iter().map(|request| text(request)).collect()
}
