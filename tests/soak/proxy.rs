//! A proxy of our own before the broker and the database, which cuts connections or lets them
//! stand still.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::tally::{Tally, add};

/// As much as is in the proxy's hands in one direction of a connection.
const HANDFUL: usize = 16 * 1024;

/// The longest that connections stand still: longer than a claim holds.
const STANDSTILL: Duration = Duration::from_secs(8);

/// A proxy. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
    task: JoinHandle<()>,
}

/// One connection through it.
#[derive(Clone)]
struct Line {
    flows: watch::Sender<bool>,
    cut: CancellationToken,
}

impl Proxy {
    /// Before the server that a URL names; the URL through the proxy comes with it.
    pub async fn before(url: &str, port: u16) -> Result<(Self, String)> {
        let mut url = Url::parse(url)?;
        let server = (url.host_str().context("no host")?.to_owned(), url.port().unwrap_or(port));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        url.set_ip_host(address.ip()).ok().context("not a URL of a host")?;
        url.set_port(Some(address.port())).ok().context("not a URL of a host")?;
        let lines = Arc::default();
        let task = tokio::spawn(accept(listener, server, Arc::clone(&lines)));
        Ok((Self { address, lines, task }, url.into()))
    }

    /// Cuts every connection, or lets some stand still, and then cuts them or not. What was in the
    /// proxy's hands is gone with the connection.
    pub async fn disturb(&self, random: &mut StdRng, tally: &Tally) {
        let mut lines = self.open();
        if random.random_bool(0.3) {
            add(&tally.cuts);
            lines.iter().for_each(|line| line.cut.cancel());
            return;
        }
        add(&tally.stalls);
        lines.retain(|_| random.random_bool(0.5));
        let (pause, cuts) = (STANDSTILL.mul_f64(random.random()), random.random_bool(0.5));
        for line in &lines {
            line.flows.send_replace(false);
        }
        sleep(pause).await;
        for line in lines {
            if cuts {
                line.cut.cancel();
            }
            line.flows.send_replace(true);
        }
    }

    fn open(&self) -> Vec<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| !line.cut.is_cancelled());
        lines.clone()
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "proxy at {}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.open().iter().for_each(|line| line.cut.cancel());
    }
}

/// Disturbs connections at these moments, most often those with the broker; while that is away
/// there is nothing to disturb.
pub async fn disturb(
    proxies: &[Proxy],
    moments: Vec<Duration>,
    mut random: StdRng,
    start: Instant,
    mut broker_is_there: watch::Receiver<bool>,
    tally: &Tally,
) {
    for moment in moments {
        sleep_until(start + moment).await;
        // It lasts as long as we do.
        broker_is_there.wait_for(|there| *there).await.ok();
        let which = if random.random_bool(0.7) { 0 } else { proxies.len() - 1 };
        proxies[which].disturb(&mut random, tally).await;
    }
}

async fn accept(listener: TcpListener, server: (String, u16), lines: Arc<Mutex<Vec<Line>>>) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let line = Line { flows: watch::Sender::new(true), cut: CancellationToken::new() };
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
        let server = server.clone();
        tokio::spawn(async move {
            tokio::select! {
                // First, so that what stood still until a cut does not slip through.
                biased;
                () = line.cut.cancelled() => {}
                // However it ended, it ended.
                _ = join(near, server, &line) => {}
            }
            line.cut.cancel();
        });
    }
}

async fn join(near: TcpStream, server: (String, u16), line: &Line) -> std::io::Result<()> {
    let far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    // With one direction the other one ends, too.
    tokio::select! {
        ended = carry(from_near, to_far, line.flows.subscribe()) => ended,
        ended = carry(from_far, to_near, line.flows.subscribe()) => ended,
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut flows: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut handful = vec![0; HANDFUL];
    loop {
        let taken = from.read(&mut handful).await?;
        if taken == 0 {
            return Ok(());
        }
        if flows.wait_for(|flows| *flows).await.is_err() {
            return Ok(());
        }
        to.write_all(&handful[..taken]).await?;
    }
}
