//! Writers that let whoever is waiting share a round trip and a commit.
//!
//! A commit costs one wait for the server's disk, and a round trip, however much it holds. So a
//! writer takes everything that is queued, runs it as one transaction, and answers it all after the
//! commit. Who comes alone waits for nobody; who comes while commits are under way goes into the
//! next.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use tokio_postgres::error::SqlState;

use super::pool::{Failed, Pool};
use crate::job::JobId;
use crate::ledger::Metrics;

/// The most requests, and the most bytes, that share a commit; bounds how long the first of them
/// waits for the rest.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Writers for each kind of request: while one waits for its commit, the next gathers.
const WRITERS: usize = 2;

/// Requests of a kind that can be run together.
#[async_trait]
pub(super) trait Batch: Sized + Send + Sync + 'static {
    /// What one of them is answered.
    type Answer: Send;

    /// The job it is about. A batch has one request for each job.
    fn job(&self) -> &JobId;

    /// About how long it is, in bytes.
    fn size(&self) -> usize;

    /// Runs requests, ordered by job, in one transaction of their own. The answers come in the same
    /// order. Nothing is changed when it fails, unless only the answer was lost.
    async fn run(
        client: &ClientWrapper,
        requests: &[Self],
    ) -> Result<Vec<Self::Answer>, tokio_postgres::Error>;
}

/// The way to the writers. They end once it is dropped and the queue is worked off.
#[derive(Debug)]
pub(super) struct GroupCommit<R: Batch> {
    queue: UnboundedSender<Pending<R>>,
}

#[derive(Debug)]
struct Pending<R: Batch> {
    request: R,
    reply: oneshot::Sender<Result<R::Answer, Failed>>,
}

impl<R: Batch> GroupCommit<R> {
    /// Starts the writers.
    pub(super) fn start(pool: &Pool, metrics: &Metrics) -> Self {
        #[expect(clippy::disallowed_methods, reason = "each sender waits for its answer")]
        let (queue, arrivals) = unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting { arrivals, left_over: VecDeque::new() }));
        for _ in 0..WRITERS {
            tokio::spawn(write(pool.clone(), Arc::clone(&waiting), metrics.clone()));
        }
        Self { queue }
    }

    /// Runs a request in one of the next transactions, and returns its answer once that is safe.
    /// It runs even if nobody waits for the answer any more.
    pub(super) async fn run(&self, request: R) -> Result<R::Answer, Failed> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Pending { request, reply }).map_err(|_| Failed::Stopped)?;
        answer.await.unwrap_or(Err(Failed::Stopped))
    }
}

/// What no writer has taken yet.
struct Waiting<R: Batch> {
    arrivals: UnboundedReceiver<Pending<R>>,
    /// A second request for a job waits until the batch with the first one is made up.
    left_over: VecDeque<Pending<R>>,
}

impl<R: Batch> Waiting<R> {
    /// The next batch, ordered by job: whoever locks rows in one order waits for nobody in a circle.
    async fn next(&mut self) -> Option<Vec<Pending<R>>> {
        if self.left_over.is_empty() {
            self.left_over.push_back(self.arrivals.recv().await?);
        }
        let (mut batch, mut jobs, mut bytes) = (Vec::new(), HashSet::new(), 0);
        let mut again = VecDeque::new();
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let next = self.left_over.pop_front().or_else(|| self.arrivals.try_recv().ok());
            let Some(pending) = next else { break };
            if jobs.insert(pending.request.job().clone()) {
                bytes += pending.request.size();
                batch.push(pending);
            } else {
                again.push_back(pending);
            }
        }
        again.append(&mut self.left_over);
        self.left_over = again;
        batch.sort_unstable_by(|one, other| one.request.job().cmp(other.request.job()));
        Some(batch)
    }
}

async fn write<R: Batch>(pool: Pool, waiting: Arc<Mutex<Waiting<R>>>, metrics: Metrics) {
    loop {
        let Some(batch) = waiting.lock().await.next().await else { return };
        let (requests, replies): (Vec<R>, Vec<_>) =
            batch.into_iter().map(|pending| (pending.request, pending.reply)).unzip();
        let begun = Instant::now();
        let committed = commit(&pool, &requests).await;
        metrics.commit(committed.is_ok(), requests.len(), begun.elapsed());
        match committed {
            Ok(answers) => answer(replies, answers.into_iter().map(Ok)),
            Err(failed) if requests.len() > 1 && is_of_one(&failed) => {
                let mut answers = Vec::new();
                for request in requests.chunks(1) {
                    let exclusive = commit(&pool, request).await;
                    answers.push(exclusive.and_then(|mut one| one.pop().ok_or(Failed::Stopped)));
                }
                answer(replies, answers.into_iter());
            }
            Err(failed) => {
                let failures = std::iter::repeat_with(|| Err(failed.clone()));
                answer(replies, failures);
            }
        }
    }
}

async fn commit<R: Batch>(pool: &Pool, requests: &[R]) -> Result<Vec<R::Answer>, Failed> {
    let lent = pool.lend().await?;
    lent.answer(R::run(&lent, requests)).await
}

fn answer<A>(
    replies: Vec<oneshot::Sender<Result<A, Failed>>>,
    answers: impl Iterator<Item = Result<A, Failed>>,
) {
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Nobody waits any more when the caller was cancelled.
        let _ = reply.send(answer);
    }
}

/// Whether one request made all of them fail: a text that the database can't hold, a row too long, a
/// rule that somebody laid on the table, a row that somebody keeps locked.
fn is_of_one(failed: &Failed) -> bool {
    let Failed::Sql(error) = failed else { return false };
    error.code().map(SqlState::code).is_some_and(|code| {
        let class = code.get(..2).unwrap_or_default();
        ["22", "23", "54"].contains(&class) || code == SqlState::LOCK_NOT_AVAILABLE.code()
    })
}
