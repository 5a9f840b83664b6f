//! Keeps a connection alive. Whoever needs it waits here while it is being rebuilt.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use rand::Rng;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info, warn};

use super::endpoint::Endpoint;
use super::error::Error;
use super::flapping::{FLAPPING_HINT, FlapDetector};
use super::metrics::Metrics;
use super::topology::TopologySpec;
use crate::error_chain::chain;

/// How often we look at a connection that says nothing.
const WATCH: Duration = Duration::from_millis(500);

/// How often we look whether the topology is still there. Publishes don't show it: what goes
/// through a queue that somebody deleted is kept as unrouted, and nobody is told.
const LOOK: Duration = Duration::from_secs(15);

/// How long that look may take before it is left to the next.
const LOOKING: Duration = Duration::from_secs(10);

/// How long a clean close may take.
const CLOSING: Duration = Duration::from_secs(3);

/// A connection under supervision. Dropped, it closes.
pub(super) struct SupervisedConnection {
    current: watch::Receiver<Option<Arc<Connection>>>,
    blocked: watch::Receiver<bool>,
    metrics: Metrics,
    /// Queues that nothing can be taken from, and why.
    unavailable_queue: std::sync::Mutex<BTreeMap<String, String>>,
    closing: CancellationToken,
    supervisor: std::sync::Mutex<Option<JoinHandle<()>>>,
    _closed_when_dropped: DropGuard,
}

impl SupervisedConnection {
    /// Watches over a connection and replaces it when it is lost. A plan, where given, is carried
    /// out on every new connection before anybody may use it.
    pub(super) fn over(
        first: Connection,
        endpoint: Arc<Endpoint>,
        purpose: &'static str,
        plan: Option<Arc<TopologySpec>>,
        metrics: Metrics,
    ) -> Arc<Self> {
        metrics.begin(purpose);
        let closing = CancellationToken::new();
        let (current, current_seen) = watch::channel(Some(Arc::new(first)));
        let (blocked, blocked_seen) = watch::channel(false);
        let supervisor = Supervisor {
            endpoint,
            purpose,
            plan,
            current,
            blocked,
            metrics: metrics.clone(),
            closing: closing.clone(),
        };
        Arc::new(Self {
            current: current_seen,
            blocked: blocked_seen,
            metrics,
            unavailable_queue: std::sync::Mutex::default(),
            supervisor: std::sync::Mutex::new(Some(tokio::spawn(supervisor.run()))),
            _closed_when_dropped: closing.clone().drop_guard(),
            closing,
        })
    }

    /// The connection, as soon as there is one.
    pub(super) async fn connection(&self, what: &str) -> Result<Arc<Connection>, Error> {
        let usable = |current: &Option<Arc<Connection>>| {
            current.as_ref().is_some_and(|connection| connection.status().connected())
        };
        let mut current = self.current.clone();
        let found = current.wait_for(usable).await.ok().and_then(|current| current.clone());
        found.ok_or_else(|| Error::Lost { what: what.into(), source: None })
    }

    /// A new channel, as soon as there is a connection.
    pub(super) async fn channel(&self, what: &str) -> Result<Channel, Error> {
        let connection = self.connection(what).await?;
        connection.create_channel().await.map_err(|error| lost(what, error))
    }

    /// A new channel on which the broker confirms what is published.
    pub(super) async fn confirm_channel(&self) -> Result<Channel, Error> {
        let channel = self.channel("publish").await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| lost("publish", error))?;
        Ok(channel)
    }

    /// Whether the broker takes nothing from us, because it is out of memory or disk.
    pub(super) fn blocked(&self) -> watch::Receiver<bool> {
        self.blocked.clone()
    }

    /// Whether it stands just now.
    pub(super) fn is_connected(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|connection| connection.status().connected())
    }

    /// Notes why nothing can be taken from a queue, or that it can. Returns whether that is news.
    pub(super) fn note_unavailable(&self, queue: &str, why: Option<&str>) -> bool {
        let mut unavailable_queue =
            self.unavailable_queue.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match why {
            Some(why) => unavailable_queue.insert(queue.to_owned(), why.to_owned()),
            None => unavailable_queue.remove(queue),
        };
        before.as_deref() != why
    }

    /// What is in the way of taking from a queue, if anything is.
    pub(super) fn unavailable_queue(&self) -> Option<String> {
        let unavailable_queue =
            self.unavailable_queue.lock().unwrap_or_else(PoisonError::into_inner);
        unavailable_queue.iter().next().map(|(queue, why)| format!("{queue}: {why}"))
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether it was closed on purpose, and will not come back.
    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_cancelled()
    }

    pub(super) async fn close(&self) {
        self.closing.cancel();
        let supervisor = self.supervisor.lock().map(|mut task| task.take()).unwrap_or_default();
        if let Some(supervisor) = supervisor {
            // A panic of the supervisor is reported by the runtime; nothing is left to close.
            supervisor.await.ok();
        }
    }
}

pub(super) fn lost(what: &str, error: lapin::Error) -> Error {
    Error::Lost { what: what.into(), source: Some(error.into()) }
}

struct Supervisor {
    endpoint: Arc<Endpoint>,
    purpose: &'static str,
    plan: Option<Arc<TopologySpec>>,
    current: watch::Sender<Option<Arc<Connection>>>,
    blocked: watch::Sender<bool>,
    metrics: Metrics,
    closing: CancellationToken,
}

impl Supervisor {
    async fn run(self) {
        let closing = self.closing.clone();
        closing.run_until_cancelled(self.keep_alive()).await;
        let last = self.current.send_replace(None);
        if let Some(connection) = last.filter(|connection| connection.status().connected()) {
            let closed = connection.close(200, "closed by ticketd".into());
            // A broker that does not answer a close will notice that we are gone.
            tokio::time::timeout(CLOSING, closed).await.ok();
        }
    }

    async fn keep_alive(&self) {
        let mut short_lives = FlapDetector::default();
        loop {
            let connection = self.current.borrow().clone();
            let since = Instant::now();
            if let Some(connection) = connection {
                self.watch_over(&connection).await;
                warn!(address = self.endpoint.address(), purpose = self.purpose, "connection lost");
            }
            self.current.send_replace(None);
            self.blocked.send_replace(false);
            self.metrics.connected(self.purpose, false);
            self.metrics.blocked(self.purpose, false);
            let pause = short_lives.another(since.elapsed());
            if short_lives.are_suspicious() {
                error!(
                    address = self.endpoint.address(),
                    purpose = self.purpose,
                    "{FLAPPING_HINT}"
                );
            }
            tokio::time::sleep(pause).await;
            let connection = self.reconnect().await;
            info!(address = self.endpoint.address(), purpose = self.purpose, "connected again");
            self.current.send_replace(Some(Arc::new(connection)));
            self.metrics.connected(self.purpose, true);
            self.metrics.reconnected(self.purpose);
        }
    }

    /// Returns when the connection is no longer usable. Events alone would not do: a connection
    /// can end without one.
    async fn watch_over(&self, connection: &Connection) {
        let mut events = connection.events_listener().fuse();
        let mut glance = tokio::time::interval(WATCH);
        let mut look = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
        let mut said = String::new();
        while connection.status().connected() {
            self.note_blocked(connection.status().blocked());
            tokio::select! {
                _ = events.select_next_some() => {}
                _ = glance.tick() => {}
                _ = look.tick() => self.look_after_topology(connection, &mut said).await,
            }
        }
    }

    async fn look_after_topology(&self, connection: &Connection, said: &mut String) {
        let Some(plan) = &self.plan else { return };
        let looked = tokio::time::timeout(LOOKING, plan.enforce(connection));
        match looked.await {
            Ok(Err(error @ Error::Topology(_))) => self.say_once(&error, said),
            Ok(Ok(())) => said.clear(),
            // A connection that is lost, or too slow, is somebody else's trouble.
            Ok(Err(_)) | Err(_) => {}
        }
    }

    fn note_blocked(&self, now: bool) {
        let before = self.blocked.send_replace(now);
        if before != now {
            self.metrics.blocked(self.purpose, now);
        }
        match (before, now) {
            (false, true) => warn!("the broker is out of memory or disk and takes nothing from us"),
            (true, false) => info!("the broker takes messages again"),
            (true, true) | (false, false) => {}
        }
    }

    async fn reconnect(&self) -> Connection {
        let mut backoff = Backoff::default();
        let mut said = String::new();
        loop {
            tokio::time::sleep(backoff.next()).await;
            match self.prepared().await {
                Ok(connection) => return connection,
                Err(error) => self.say_once(&error, &mut said),
            }
        }
    }

    /// Trouble is long and attempts are alike: once is enough.
    fn say_once(&self, error: &Error, said: &mut String) {
        let line = chain(error);
        if line != *said {
            warn!(purpose = self.purpose, "{line}");
            *said = line;
        }
    }

    async fn prepared(&self) -> Result<Connection, Error> {
        let connection = self.endpoint.dial(self.purpose).await?;
        if let Some(plan) = &self.plan {
            plan.enforce(&connection).await?;
        }
        Ok(connection)
    }
}

/// Waits between attempts to reach the broker again: 100 ms doubling to 2 s, each between half
/// and all of that, so that replicas don't come back in step. Not longer, because a broker that is
/// back should have its consumers within 5 s, topology and all.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(2);

    pub(super) fn next(&mut self) -> Duration {
        let whole = Self::FIRST.saturating_mul(1 << self.attempts.min(10)).min(Self::LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_between_attempts_grow_and_are_bounded() {
        let mut backoff = Backoff::default();
        for expected in [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000] {
            let wait = backoff.next();
            let (low, high) =
                (Duration::from_millis(expected / 2), Duration::from_millis(expected));
            assert!(low <= wait && wait <= high, "{wait:?} is not within {low:?} and {high:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Backoff::FIRST);
    }
}
