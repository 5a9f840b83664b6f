//! A proxy between a worker and its broker or database. It can cut connections, or block their
//! traffic without closing them.

use std::io::Result;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A direction of traffic.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Toward {
    Broker,
    Worker,
}

/// Forwards connections until the runtime of its test ends.
pub(crate) struct Proxy {
    /// The URL of the server, with the address of the proxy.
    pub url: String,
    connections: Arc<Mutex<Connections>>,
}

#[derive(Default)]
struct Connections {
    open: Vec<Connection>,
    /// Whether new connections start blocked.
    block_new: bool,
}

/// A connection through the proxy.
#[derive(Clone)]
pub(crate) struct Connection {
    /// Whether each direction is blocked, by [`Toward`].
    blocked: watch::Sender<[bool; 2]>,
    cut: CancellationToken,
}

impl Proxy {
    /// A proxy for the broker at this URL.
    pub(crate) async fn to(broker: &str) -> Self {
        Self::before(broker, 5672).await
    }

    /// A proxy for the server at this URL.
    pub(crate) async fn before(server: &str, default_port: u16) -> Self {
        let mut url = Url::parse(server).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(default_port));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let connections = Arc::default();
        tokio::spawn(accept(listener, target, Arc::clone(&connections)));
        Self { url: url.to_string(), connections }
    }

    /// The open connections.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        let mut connections = lock(&self.connections);
        connections.open.retain(|connection| !connection.cut.is_cancelled());
        connections.open.clone()
    }

    /// Closes every connection.
    pub(crate) fn cut(&self) {
        self.connections().iter().for_each(Connection::cut);
    }

    /// Blocks one direction of the open connections. New connections are not blocked.
    pub(crate) fn silence(&self, toward: Toward) {
        for connection in self.connections() {
            connection.blocked.send_modify(|blocked| blocked[toward as usize] = true);
        }
    }

    /// Blocks both directions of all connections, new ones included.
    pub(crate) fn hang(&self) {
        self.set_blocked(true);
    }

    /// Unblocks all connections. Blocked traffic arrives now.
    pub(crate) fn heal(&self) {
        self.set_blocked(false);
    }

    fn set_blocked(&self, blocked: bool) {
        lock(&self.connections).block_new = blocked;
        self.connections().iter().for_each(|connection| connection.set_blocked(blocked));
    }
}

impl Connection {
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Blocks or unblocks both directions.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.blocked.send_replace([blocked; 2]);
    }
}

fn lock(connections: &Mutex<Connections>) -> std::sync::MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, target: String, connections: Arc<Mutex<Connections>>) {
    while let Ok((worker, _)) = listener.accept().await {
        let connection = {
            let mut connections = lock(&connections);
            let blocked = watch::Sender::new([connections.block_new; 2]);
            let connection = Connection { blocked, cut: CancellationToken::new() };
            connections.open.push(connection.clone());
            connection
        };
        let target = target.clone();
        tokio::spawn(async move {
            tokio::select! {
                // The cut comes first, so that it drops the traffic that is blocked until then.
                biased;
                () = connection.cut.cancelled() => {}
                _ = forward(worker, &target, &connection) => connection.cut(),
            }
        });
    }
}

/// Ends when either peer closes its connection.
async fn forward(worker: TcpStream, target: &str, connection: &Connection) -> Result<()> {
    let broker = TcpStream::connect(target).await?;
    worker.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (from_worker, to_worker) = worker.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let blocked = || connection.blocked.subscribe();
    tokio::select! {
        ended = copy(from_worker, to_broker, Toward::Broker, blocked()) => ended,
        ended = copy(from_broker, to_worker, Toward::Worker, blocked()) => ended,
    }
}

/// A blocked direction does not notice the end of its peer.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    toward: Toward,
    mut blocked: watch::Receiver<[bool; 2]>,
) -> Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        unblocked(&mut blocked, toward).await;
        let read = tokio::select! {
            read = from.read(&mut bytes) => read?,
            _ = blocked.changed() => continue,
        };
        unblocked(&mut blocked, toward).await;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..read]).await?;
    }
}

async fn unblocked(blocked: &mut watch::Receiver<[bool; 2]>, toward: Toward) {
    // The sender lives as long as the connection.
    blocked.wait_for(|blocked| !blocked[toward as usize]).await.ok();
}
