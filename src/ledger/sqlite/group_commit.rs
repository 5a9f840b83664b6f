//! A thread that owns the connection and commits queued requests together.
//!
//! A commit costs one wait for the disk, whatever its size. The thread takes everything in its
//! queue, runs it in one transaction, and replies to all of it after the commit. A single request
//! waits for no other. Requests that arrive during a commit go into the next one.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::ledger::Metrics;

/// Limits how long the first request of a batch waits for the others.
const MAX_BATCH: usize = 512;

/// Why a request failed. None of its changes are stored.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// SQLite refused the request, or the commit that contained it.
    #[error(transparent)]
    Sqlite(#[from] Arc<rusqlite::Error>),
    #[error("the ledger's thread has ended")]
    Stopped,
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// The thread and its queue. Dropping it ends the thread after the queue is empty.
#[derive(Debug)]
pub(super) struct CommitThread {
    queue: Option<Sender<Box<dyn QueuedRequest>>>,
    thread: Option<JoinHandle<()>>,
}

impl CommitThread {
    pub(super) fn start(connection: Connection, metrics: Metrics) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("ledger".into())
            .spawn(move || process_queue(&connection, &requests, &metrics))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `statements` in the next transaction, and returns their result once it is on the disk.
    ///
    /// `statements` must change nothing when they fail: the rest of the batch is committed anyway.
    /// They run even if the caller drops the future.
    pub(super) async fn run<T, F>(&self, statements: F) -> Result<T, CommitError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, response) = oneshot::channel();
        let request = Box::new(TypedRequest { statements: Some(statements), result: None, reply });
        let queue = self.queue.as_ref().ok_or(CommitError::Stopped)?;
        queue.send(request).map_err(|_| CommitError::Stopped)?;
        response.await.unwrap_or(Err(CommitError::Stopped))
    }
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The thread has printed its own panic, if it had one.
            let _ = thread.join();
        }
    }
}

/// A request without its result type.
trait QueuedRequest: Send {
    /// Runs the statements, and keeps their result for the reply. Also returns their error.
    fn run(&mut self, connection: &Connection) -> Option<CommitError>;
    fn reply(self: Box<Self>, commit: Result<(), CommitError>);
}

struct TypedRequest<T, F> {
    statements: Option<F>,
    result: Option<Result<T, CommitError>>,
    reply: oneshot::Sender<Result<T, CommitError>>,
}

impl<T, F> QueuedRequest for TypedRequest<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> Option<CommitError> {
        let statements = self.statements.take()?;
        self.result = Some(statements(connection).map_err(CommitError::from));
        self.result.as_ref()?.as_ref().err().cloned()
    }

    fn reply(self: Box<Self>, commit: Result<(), CommitError>) {
        let result = self.result.unwrap_or(Err(CommitError::Stopped));
        // The caller may have dropped its future.
        let _ = self.reply.send(commit.and(result));
    }
}

fn process_queue(
    connection: &Connection,
    requests: &Receiver<Box<dyn QueuedRequest>>,
    metrics: &Metrics,
) {
    while let Ok(first) = requests.recv() {
        // `try_iter` also takes requests that arrive while the first ones run.
        let queued = std::iter::once(first).chain(requests.try_iter()).take(MAX_BATCH);
        let start = Instant::now();
        let (batch, commit) = commit_batch(connection, queued);
        metrics.observe_commit(commit.is_ok(), batch.len(), start.elapsed());
        for request in batch {
            request.reply(commit.clone());
        }
    }
}

fn commit_batch(
    connection: &Connection,
    queued: impl Iterator<Item = Box<dyn QueuedRequest>>,
) -> (Vec<Box<dyn QueuedRequest>>, Result<(), CommitError>) {
    // Immediate: a deferred transaction that meets another writer can't be retried.
    let transaction = match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        // All of them fail together. One by one, each would wait for the lock again.
        Err(error) => return (queued.collect(), Err(error.into())),
    };
    let mut batch = Vec::new();
    for mut request in queued {
        let error = request.run(&transaction);
        batch.push(request);
        // A full disk or an I/O error rolls back the whole transaction inside a statement.
        if let Some(cause) = error
            && transaction.is_autocommit()
        {
            return (batch, Err(cause));
        }
    }
    (batch, transaction.commit().map_err(CommitError::from))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A connection whose commits fail while they contain a child without a parent.
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

    fn add_parent(id: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send {
        move |connection| connection.execute("INSERT INTO parents VALUES (?1)", [id])
    }

    fn count_parents(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM parents", [], |row| row.get(0))
    }

    /// Blocks the thread until all the others are queued, so that they share one commit.
    async fn in_one_commit<T>(thread: &CommitThread, others: impl Future<Output = T>) -> T {
        let (release, gate) = mpsc::channel::<()>();
        let blocker = thread.run(move |_| Ok(gate.recv().is_ok()));
        let unblock = async { release.send(()).unwrap() };
        // Joined futures are first polled in order, and the first poll of `run` queues it.
        let (blocker, result, ()) = tokio::join!(blocker, others, unblock);
        blocker.ok();
        result
    }

    #[tokio::test]
    async fn a_failed_commit_fails_its_whole_batch_and_the_next_one_works() {
        let thread = CommitThread::start(connection(), Metrics::default()).unwrap();
        let orphan =
            thread.run(|connection| connection.execute("INSERT INTO children VALUES (99)", []));
        let (good, orphan) =
            in_one_commit(&thread, async { tokio::join!(thread.run(add_parent(1)), orphan) }).await;
        assert!(matches!(good, Err(CommitError::Sqlite(_))), "{good:?}");
        assert!(matches!(orphan, Err(CommitError::Sqlite(_))), "{orphan:?}");
        assert_eq!(thread.run(count_parents).await.unwrap(), 0);
        assert_eq!(thread.run(add_parent(2)).await.unwrap(), 1);
        assert_eq!(thread.run(count_parents).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_failed_request_leaves_the_rest_of_its_batch_intact() {
        let thread = CommitThread::start(connection(), Metrics::default()).unwrap();
        let (first, twice, last) = in_one_commit(&thread, async {
            tokio::join!(
                thread.run(add_parent(1)),
                thread.run(add_parent(1)),
                thread.run(add_parent(2))
            )
        })
        .await;
        assert_eq!(first.unwrap(), 1);
        assert!(matches!(twice, Err(CommitError::Sqlite(_))), "{twice:?}");
        assert_eq!(last.unwrap(), 1);
        assert_eq!(thread.run(count_parents).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_statement_that_rolls_back_fails_the_requests_before_it() {
        let thread = CommitThread::start(connection(), Metrics::default()).unwrap();
        let rollback = thread.run(|connection| {
            connection.execute("INSERT OR ROLLBACK INTO parents VALUES (1), (1)", [])
        });
        let (before, rollback, after) = in_one_commit(&thread, async {
            tokio::join!(thread.run(add_parent(1)), rollback, thread.run(add_parent(2)))
        })
        .await;
        assert!(before.is_err() && rollback.is_err());
        assert_eq!(after.unwrap(), 1);
        assert_eq!(thread.run(count_parents).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn queued_requests_are_committed_before_the_thread_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.db");
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch("CREATE TABLE parents (id INTEGER PRIMARY KEY)").unwrap();
        let thread = CommitThread::start(connection, Metrics::default()).unwrap();
        for id in 0..1000 {
            let mut queued = Box::pin(thread.run(add_parent(id)));
            // One poll queues the request; then its caller drops the future.
            assert!(futures_util::poll!(&mut queued).is_pending());
        }
        drop(thread);
        assert_eq!(count_parents(&Connection::open(&file).unwrap()).unwrap(), 1000);
    }
}
