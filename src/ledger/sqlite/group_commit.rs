//! One thread that owns the connection and lets whoever is waiting share a commit.
//!
//! A commit costs one wait for the disk however much it holds. So the thread takes everything that
//! is queued, runs it in one transaction, and answers it all after the commit. Who comes alone
//! waits for nobody; who comes while a commit is under way goes into the next.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::ledger::Metrics;

/// The most requests that share a commit; bounds how long the first of them waits for the rest.
const BATCH: usize = 512;

/// Why a request came to nothing. What it would have changed is unchanged.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failed {
    /// SQLite refused the request, or the commit it was part of.
    #[error(transparent)]
    Sql(#[from] Arc<rusqlite::Error>),
    /// The thread has ended.
    #[error("the ledger's thread has ended")]
    Stopped,
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

/// Something the thread does from time to time between two transactions, also when nobody asks it
/// for anything.
pub(super) struct PeriodicTask {
    pub(super) every: Duration,
    pub(super) work: Box<Work>,
}

type Work = dyn Fn(&Connection) -> rusqlite::Result<()> + Send;

/// The thread and the way to it. Dropping it ends the thread once the queue is worked off.
#[derive(Debug)]
pub(super) struct GroupCommit {
    queue: Option<Sender<Box<dyn Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl GroupCommit {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        chore: PeriodicTask,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("ledger".into())
            .spawn(move || work_off(&connection, &requests, &chore, &metrics))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `work` in the next transaction, and returns its result once that is on the disk.
    ///
    /// `work` must change nothing when it fails: its neighbours are committed all the same. It
    /// runs even if nobody waits for the result any more.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Failed>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(Pending { work: Some(work), result: None, reply });
        self.queue.as_ref().and_then(|queue| queue.send(request).ok()).ok_or(Failed::Stopped)?;
        answer.await.unwrap_or(Err(Failed::Stopped))
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by its own thread, and this one has nobody to tell.
            let _ = thread.join();
        }
    }
}

/// A request whose result type the thread needn't know.
trait Request: Send {
    /// Returns the failure, if there was one; it is part of the answer too.
    fn run(&mut self, connection: &Connection) -> Option<Failed>;
    fn answer(self: Box<Self>, commit: Result<(), Failed>);
}

struct Pending<T, F> {
    work: Option<F>,
    result: Option<Result<T, Failed>>,
    reply: oneshot::Sender<Result<T, Failed>>,
}

impl<T, F> Request for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> Option<Failed> {
        self.result = self.work.take().map(|work| work(connection).map_err(Failed::from));
        self.result.as_ref()?.as_ref().err().cloned()
    }

    fn answer(self: Box<Self>, commit: Result<(), Failed>) {
        let result = self.result.unwrap_or(Err(Failed::Stopped));
        // Nobody waits any more when the caller was cancelled.
        let _ = self.reply.send(commit.and(result));
    }
}

fn work_off(
    connection: &Connection,
    requests: &Receiver<Box<dyn Request>>,
    chore: &PeriodicTask,
    metrics: &Metrics,
) {
    let mut done = Instant::now();
    loop {
        let left = chore.every.saturating_sub(done.elapsed());
        match requests.recv_timeout(left) {
            Ok(first) => {
                // What arrives while the first ones run still comes along.
                let waiting = std::iter::once(first).chain(requests.try_iter()).take(BATCH);
                let begun = Instant::now();
                let (batch, commit) = commit_together(connection, waiting);
                metrics.commit(commit.is_ok(), batch.len(), begun.elapsed());
                for request in batch {
                    request.answer(commit.clone());
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if done.elapsed() >= chore.every {
            if let Err(error) = (chore.work)(connection) {
                tracing::warn!(%error, "the ledger's file could not be looked after");
            }
            done = Instant::now();
        }
    }
}

fn commit_together(
    connection: &Connection,
    waiting: impl Iterator<Item = Box<dyn Request>>,
) -> (Vec<Box<dyn Request>>, Result<(), Failed>) {
    // Immediate: a deferred transaction that finds another process writing can't be retried.
    let transaction = match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        // All that wait fail together; one by one, each would wait out the lock again.
        Err(error) => return (waiting.collect(), Err(error.into())),
    };
    let mut batch = Vec::new();
    for mut request in waiting {
        let failure = request.run(&transaction);
        batch.push(request);
        // A full disk or an I/O error ends the whole transaction from inside a statement.
        if let Some(cause) = failure
            && transaction.is_autocommit()
        {
            return (batch, Err(cause));
        }
    }
    (batch, transaction.commit().map_err(Failed::from))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A connection on which a commit fails as long as a child without a parent is in it.
    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE parents (id INTEGER PRIMARY KEY);
                 CREATE TABLE children (
                     parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED
                 );",
            )
            .unwrap();
        connection
    }

    fn idle() -> PeriodicTask {
        PeriodicTask { every: Duration::MAX, work: Box::new(|_| Ok(())) }
    }

    fn add_parent(id: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send {
        move |connection| connection.execute("INSERT INTO parents VALUES (?1)", [id])
    }

    fn count_parents(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM parents", [], |row| row.get(0))
    }

    /// Holds the thread until all the others are queued, so that they share one commit.
    async fn together<T>(commit: &GroupCommit, others: impl Future<Output = T>) -> T {
        let (open, gate) = mpsc::channel::<()>();
        let held = commit.run(move |_| Ok(gate.recv().is_ok()));
        let release = async { open.send(()).unwrap() };
        // Joined futures are first polled in order, and the first poll of `run` queues it.
        let (held, outcome, ()) = tokio::join!(held, others, release);
        held.ok();
        outcome
    }

    #[tokio::test]
    async fn a_failed_commit_fails_all_that_shared_it_and_the_next_one_works() {
        let commit = GroupCommit::start(connection(), idle(), Metrics::default()).unwrap();
        let orphan =
            commit.run(|connection| connection.execute("INSERT INTO children VALUES (99)", []));
        let (good, orphan) =
            together(&commit, async { tokio::join!(commit.run(add_parent(1)), orphan) }).await;
        assert!(matches!(good, Err(Failed::Sql(_))), "{good:?}");
        assert!(matches!(orphan, Err(Failed::Sql(_))), "{orphan:?}");
        assert_eq!(commit.run(count_parents).await.unwrap(), 0);
        assert_eq!(commit.run(add_parent(2)).await.unwrap(), 1);
        assert_eq!(commit.run(count_parents).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_failed_request_does_not_harm_those_it_shares_the_commit_with() {
        let commit = GroupCommit::start(connection(), idle(), Metrics::default()).unwrap();
        let (first, twice, last) = together(&commit, async {
            tokio::join!(
                commit.run(add_parent(1)),
                commit.run(add_parent(1)),
                commit.run(add_parent(2))
            )
        })
        .await;
        assert_eq!(first.unwrap(), 1);
        assert!(matches!(twice, Err(Failed::Sql(_))), "{twice:?}");
        assert_eq!(last.unwrap(), 1);
        assert_eq!(commit.run(count_parents).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_statement_that_ends_the_transaction_fails_all_that_ran_before_it() {
        let commit = GroupCommit::start(connection(), idle(), Metrics::default()).unwrap();
        let rollback = commit.run(|connection| {
            connection.execute("INSERT OR ROLLBACK INTO parents VALUES (1), (1)", [])
        });
        let (before, rollback, after) = together(&commit, async {
            tokio::join!(commit.run(add_parent(1)), rollback, commit.run(add_parent(2)))
        })
        .await;
        assert!(before.is_err() && rollback.is_err());
        assert_eq!(after.unwrap(), 1);
        assert_eq!(commit.run(count_parents).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_chore_is_done_again_and_again_though_nobody_asks() {
        let (done, times) = mpsc::channel();
        let work = Box::new(move |connection: &Connection| {
            connection.execute("INSERT INTO parents DEFAULT VALUES", [])?;
            done.send(()).unwrap();
            Ok(())
        });
        let every = Duration::from_millis(5);
        let commit =
            GroupCommit::start(connection(), PeriodicTask { every, work }, Metrics::default())
                .unwrap();
        for _ in 0..3 {
            times.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        assert!(commit.run(count_parents).await.unwrap() >= 3);
    }

    #[tokio::test]
    async fn what_is_queued_is_finished_before_the_thread_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.db");
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch("CREATE TABLE parents (id INTEGER PRIMARY KEY)").unwrap();
        let commit = GroupCommit::start(connection, idle(), Metrics::default()).unwrap();
        for id in 0..1000 {
            let mut queued = Box::pin(commit.run(add_parent(id)));
            // One poll queues the request; then its caller goes away.
            assert!(futures_util::poll!(&mut queued).is_pending());
        }
        drop(commit);
        assert_eq!(count_parents(&Connection::open(&file).unwrap()).unwrap(), 1000);
    }
}
