//! Supervises a connection and replaces it when it is lost. Callers wait while it is replaced.

mod flapping;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info, warn};

use super::endpoint::Endpoint;
use super::error::Error;
use super::metrics::Metrics;
use super::topology::TopologySpec;
use crate::error_chain::chain;
use crate::job::backoff::Backoff;
use flapping::{FLAPPING_HINT, FlapDetector};

/// How often the state of a connection is checked.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// How often the topology is verified. Publishes don't show that a queue was deleted: its messages
/// are confirmed and end up unrouted.
const TOPOLOGY_INTERVAL: Duration = Duration::from_secs(15);

/// How long one verification may take; the next one tries again.
const TOPOLOGY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a clean close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Pauses between attempts to connect or to consume. The jitter keeps replicas from reconnecting
/// at the same moment. No pause exceeds 2 s, because a broker that is back should have its
/// consumers within 5 s.
pub(super) const RECONNECT_BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(75),
    multiplier: 2.0,
    max: Duration::from_millis(1_500),
    jitter: 1.0 / 3.0,
};

/// A connection that reconnects by itself. Dropped, it closes.
pub(super) struct SupervisedConnection {
    current: watch::Receiver<Option<Arc<Connection>>>,
    blocked: watch::Receiver<bool>,
    metrics: Metrics,
    /// Queues that can't be consumed, and why.
    unavailable_queues: std::sync::Mutex<BTreeMap<String, String>>,
    closing: CancellationToken,
    supervisor: std::sync::Mutex<Option<JoinHandle<()>>>,
    _close_on_drop: DropGuard,
}

impl SupervisedConnection {
    /// Connects for a purpose, which names the connection in metrics, logs and the broker's
    /// management. If a topology is given, it is enforced on every later connection before anyone
    /// can use it.
    pub(super) async fn open(
        endpoint: Arc<Endpoint>,
        purpose: &'static str,
        topology: Option<Arc<TopologySpec>>,
        metrics: Metrics,
    ) -> Result<Arc<Self>, Error> {
        let connection = endpoint.dial(purpose).await?;
        metrics.first_connected(purpose);
        let closing = CancellationToken::new();
        let (current_sender, current) = watch::channel(Some(Arc::new(connection)));
        let (blocked_sender, blocked) = watch::channel(false);
        let supervisor = Supervisor {
            endpoint,
            purpose,
            topology,
            current: current_sender,
            blocked: blocked_sender,
            metrics: metrics.clone(),
            closing: closing.clone(),
        };
        Ok(Arc::new(Self {
            current,
            blocked,
            metrics,
            unavailable_queues: std::sync::Mutex::default(),
            supervisor: std::sync::Mutex::new(Some(tokio::spawn(supervisor.run()))),
            _close_on_drop: closing.clone().drop_guard(),
            closing,
        }))
    }

    /// The connection, as soon as there is one.
    pub(super) async fn connection(&self, what: &str) -> Result<Arc<Connection>, Error> {
        let is_usable = |current: &Option<Arc<Connection>>| {
            current.as_ref().is_some_and(|connection| connection.status().connected())
        };
        let mut current = self.current.clone();
        let found = current.wait_for(is_usable).await.ok().and_then(|current| current.clone());
        found.ok_or_else(|| Error::lost(what, None))
    }

    /// A new channel, as soon as there is a connection.
    pub(super) async fn channel(&self, what: &str) -> Result<Channel, Error> {
        let connection = self.connection(what).await?;
        connection.create_channel().await.map_err(|error| Error::lost(what, error))
    }

    /// A new channel with publisher confirms.
    pub(super) async fn confirm_channel(&self) -> Result<Channel, Error> {
        let channel = self.channel("publish").await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| Error::lost("publish", error))?;
        Ok(channel)
    }

    /// Whether the broker is low on memory or disk and accepts no messages from us.
    pub(super) fn blocked(&self) -> watch::Receiver<bool> {
        self.blocked.clone()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|connection| connection.status().connected())
    }

    /// Notes why a queue can't be consumed, or that it can. Returns whether that has changed.
    pub(super) fn note_unavailable(&self, queue: &str, why: Option<&str>) -> bool {
        let mut queues = self.unavailable_queues.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match why {
            Some(why) => queues.insert(queue.to_owned(), why.to_owned()),
            None => queues.remove(queue),
        };
        before.as_deref() != why
    }

    /// A queue that can't be consumed and why, if there is one.
    pub(super) fn unavailable_queue(&self) -> Option<String> {
        let queues = self.unavailable_queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.iter().next().map(|(queue, why)| format!("{queue}: {why}"))
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether we closed the connection ourselves. It will not come back.
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

struct Supervisor {
    endpoint: Arc<Endpoint>,
    purpose: &'static str,
    topology: Option<Arc<TopologySpec>>,
    current: watch::Sender<Option<Arc<Connection>>>,
    blocked: watch::Sender<bool>,
    metrics: Metrics,
    closing: CancellationToken,
}

impl Supervisor {
    async fn run(self) {
        let closing = self.closing.clone();
        closing.run_until_cancelled(self.keep_connected()).await;
        let last = self.current.send_replace(None);
        if let Some(connection) = last.filter(|connection| connection.status().connected()) {
            let closed = connection.close(200, "closed by ticketd".into());
            // A broker that does not answer the close still sees the socket end.
            tokio::time::timeout(CLOSE_TIMEOUT, closed).await.ok();
        }
    }

    async fn keep_connected(&self) {
        let mut flap_detector = FlapDetector::default();
        let address = self.endpoint.address();
        loop {
            let connection = self.current.borrow().clone();
            let opened = Instant::now();
            if let Some(connection) = connection {
                self.watch(&connection).await;
                warn!(address, purpose = self.purpose, "connection lost");
            }
            self.current.send_replace(None);
            self.blocked.send_replace(false);
            self.metrics.connected(self.purpose, false);
            self.metrics.blocked(self.purpose, false);
            let pause = flap_detector.connection_ended(opened.elapsed());
            if flap_detector.is_flapping() {
                error!(address, purpose = self.purpose, "{FLAPPING_HINT}");
            }
            tokio::time::sleep(pause).await;
            let connection = self.reconnect().await;
            info!(address, purpose = self.purpose, "connected again");
            self.current.send_replace(Some(Arc::new(connection)));
            self.metrics.connected(self.purpose, true);
            self.metrics.reconnected(self.purpose);
        }
    }

    /// Returns when the connection is no longer usable. The status is polled as well, because a
    /// connection can end without an event.
    async fn watch(&self, connection: &Connection) {
        let mut events = connection.events_listener().fuse();
        let mut status_check = tokio::time::interval(STATUS_INTERVAL);
        let first = Instant::now() + TOPOLOGY_INTERVAL;
        let mut topology_check = tokio::time::interval_at(first, TOPOLOGY_INTERVAL);
        let mut last_warning = String::new();
        while connection.status().connected() {
            self.update_blocked(connection.status().blocked());
            tokio::select! {
                _ = events.select_next_some() => {}
                _ = status_check.tick() => {}
                _ = topology_check.tick() => {
                    self.check_topology(connection, &mut last_warning).await;
                }
            }
        }
    }

    async fn check_topology(&self, connection: &Connection, last_warning: &mut String) {
        let Some(topology) = &self.topology else { return };
        match tokio::time::timeout(TOPOLOGY_TIMEOUT, topology.enforce(connection)).await {
            Ok(Err(error @ Error::Topology(_))) => self.warn_once(&error, last_warning),
            Ok(Ok(())) => last_warning.clear(),
            // A lost connection is noticed by `watch`; a slow one is checked again later.
            Ok(Err(_)) | Err(_) => {}
        }
    }

    fn update_blocked(&self, now: bool) {
        let before = self.blocked.send_replace(now);
        if before != now {
            self.metrics.blocked(self.purpose, now);
        }
        match (before, now) {
            (false, true) => warn!("the broker is low on memory or disk and accepts no messages"),
            (true, false) => info!("the broker accepts messages again"),
            (true, true) | (false, false) => {}
        }
    }

    async fn reconnect(&self) -> Connection {
        let mut last_warning = String::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            tokio::time::sleep(RECONNECT_BACKOFF.delay(attempt, rand::random())).await;
            match self.try_connect().await {
                Ok(connection) => return connection,
                Err(error) => self.warn_once(&error, &mut last_warning),
            }
        }
    }

    /// Attempts in a row usually fail alike, with long messages: each message is logged once.
    fn warn_once(&self, error: &Error, last_warning: &mut String) {
        let line = chain(error);
        if line != *last_warning {
            warn!(purpose = self.purpose, "{line}");
            *last_warning = line;
        }
    }

    async fn try_connect(&self) -> Result<Connection, Error> {
        let connection = self.endpoint.dial(self.purpose).await?;
        if let Some(topology) = &self.topology {
            topology.enforce(&connection).await?;
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_connection_attempts_grow_up_to_two_seconds() {
        for (attempt, longest) in [(1, 100), (2, 200), (3, 400), (6, 2_000), (u32::MAX, 2_000)] {
            let [low, high] = [0.0, 1.0].map(|random| RECONNECT_BACKOFF.delay(attempt, random));
            assert_eq!((low.as_millis() * 2, high.as_millis()), (longest, longest));
        }
    }
}
