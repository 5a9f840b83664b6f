//! Writers that commit queued requests together.
//!
//! A commit costs a round trip and one wait for the server's disk, whatever its size. A writer takes
//! everything in its queue, runs it in one transaction, and replies to all of it after the commit.
//! A single request waits for no other. Requests that arrive while all writers commit go into the
//! next batch.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use tokio_postgres::error::SqlState;

use super::pool::{ConnectionPool, QueryError};
use crate::job::JobId;
use crate::ledger::Metrics;

/// These limit how long the first request of a batch waits for the others.
const MAX_BATCH: usize = 256;
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Writers for each kind of request. One gathers the next batch while the other commits.
const WRITERS: usize = 2;

/// A kind of request that can run in batches.
#[async_trait]
pub(super) trait Batch: Sized + Send + Sync + 'static {
    type Reply: Send;

    /// The request's job. A batch has at most one request for each job.
    fn job(&self) -> &JobId;

    /// Approximate size in bytes.
    fn size(&self) -> usize;

    /// Runs requests, ordered by job, in one transaction. Replies in the same order. If it fails,
    /// nothing is changed, unless only the server's answer was lost.
    async fn run(
        client: &ClientWrapper,
        requests: &[Self],
    ) -> Result<Vec<Result<Self::Reply, QueryError>>, tokio_postgres::Error>;
}

/// The writers' queue. Dropping it ends the writers after the queue is empty.
#[derive(Debug)]
pub(super) struct BatchQueue<R: Batch>(UnboundedSender<Pending<R>>);

#[derive(Debug)]
struct Pending<R: Batch> {
    request: R,
    reply: oneshot::Sender<Result<R::Reply, QueryError>>,
}

impl<R: Batch> BatchQueue<R> {
    /// Starts the writers.
    pub(super) fn start(pool: &ConnectionPool, metrics: &Metrics) -> Self {
        #[expect(clippy::disallowed_methods, reason = "each sender waits for its reply")]
        let (sender, receiver) = unbounded_channel();
        let queue = Arc::new(Mutex::new(QueueReader { receiver, deferred: VecDeque::new() }));
        for _ in 0..WRITERS {
            tokio::spawn(write(pool.clone(), Arc::clone(&queue), metrics.clone()));
        }
        Self(sender)
    }

    /// Runs a request in one of the next transactions, and returns its reply after the commit. The
    /// request runs even if the caller drops the future.
    pub(super) async fn run(&self, request: R) -> Result<R::Reply, QueryError> {
        let (reply, response) = oneshot::channel();
        self.0.send(Pending { request, reply }).map_err(|_| QueryError::Stopped)?;
        response.await.unwrap_or(Err(QueryError::Stopped))
    }
}

/// The requests that no writer has taken yet.
struct QueueReader<R: Batch> {
    receiver: UnboundedReceiver<Pending<R>>,
    /// Requests for a job that already has one in the last batch.
    deferred: VecDeque<Pending<R>>,
}

impl<R: Batch> QueueReader<R> {
    /// The next batch, ordered by job: transactions that lock rows in one order can't deadlock.
    async fn next(&mut self) -> Option<Vec<Pending<R>>> {
        if self.deferred.is_empty() {
            self.deferred.push_back(self.receiver.recv().await?);
        }
        let (mut batch, mut jobs, mut bytes) = (Vec::new(), HashSet::new(), 0);
        let mut deferred = VecDeque::new();
        while batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let next = self.deferred.pop_front().or_else(|| self.receiver.try_recv().ok());
            let Some(pending) = next else { break };
            if jobs.insert(pending.request.job().clone()) {
                bytes += pending.request.size();
                batch.push(pending);
            } else {
                deferred.push_back(pending);
            }
        }
        deferred.append(&mut self.deferred);
        self.deferred = deferred;
        batch.sort_unstable_by(|one, other| one.request.job().cmp(other.request.job()));
        Some(batch)
    }
}

async fn write<R: Batch>(
    pool: ConnectionPool,
    queue: Arc<Mutex<QueueReader<R>>>,
    metrics: Metrics,
) {
    loop {
        let Some(batch) = queue.lock().await.next().await else { return };
        let (requests, senders): (Vec<R>, Vec<_>) =
            batch.into_iter().map(|pending| (pending.request, pending.reply)).unzip();
        let start = Instant::now();
        let result = commit(&pool, &requests).await;
        metrics.observe_commit(result.is_ok(), requests.len(), start.elapsed());
        let replies =
            match result {
                Ok(replies) => replies,
                Err(error) if requests.len() > 1 && is_caused_by_one_request(&error) => {
                    let mut replies = Vec::new();
                    for request in requests.chunks(1) {
                        let reply = commit(&pool, request).await;
                        replies.push(reply.and_then(|mut replies| {
                            replies.pop().unwrap_or(Err(QueryError::Stopped))
                        }));
                    }
                    replies
                }
                Err(error) => senders.iter().map(|_| Err(error.clone())).collect(),
            };
        for (sender, reply) in senders.into_iter().zip(replies) {
            // The caller may have dropped its future.
            let _ = sender.send(reply);
        }
    }
}

async fn commit<R: Batch>(
    pool: &ConnectionPool,
    requests: &[R],
) -> Result<Vec<Result<R::Reply, QueryError>>, QueryError> {
    let client = pool.get().await?;
    client.answer(R::run(&client, requests)).await
}

/// Whether one request made its batch fail: a text that the database can't store, a row that is too
/// long, a constraint that an operator added, a row that another program keeps locked.
fn is_caused_by_one_request(error: &QueryError) -> bool {
    let QueryError::Database(error) = error else { return false };
    error.code().map(SqlState::code).is_some_and(|code| {
        let class = code.get(..2).unwrap_or_default();
        ["22", "23", "54"].contains(&class) || code == SqlState::LOCK_NOT_AVAILABLE.code()
    })
}
