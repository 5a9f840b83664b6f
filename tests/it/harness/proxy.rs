//! A TCP proxy between a worker and its broker. Connections can be cut or go silent.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// A direction of bytes.
#[derive(Clone, Copy, Debug)]
pub enum Toward {
    /// From the worker to the broker.
    Broker,
    /// From the broker to the worker.
    Worker,
}

/// Forwards connections to a broker while the test runs.
pub struct Proxy {
    /// `amqp://` with user and password, through the proxy.
    pub url: String,
    orders: watch::Sender<Orders>,
}

/// Connections are numbered in order of arrival.
#[derive(Default)]
struct Orders {
    made: u64,
    /// Connections below this number are cut.
    cut: u64,
    /// Connections below these numbers are silent, toward the broker and toward the worker.
    silent: [u64; 2],
}

impl Proxy {
    /// A proxy for the broker with this URL.
    pub async fn to(broker: &str) -> Self {
        let mut url = Url::parse(broker).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let orders = watch::Sender::new(Orders::default());
        tokio::spawn(forward(listener, target, orders.clone()));
        Self { url: url.to_string(), orders }
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cut = orders.made);
    }

    /// Silences the existing connections in one direction and keeps them open. New ones work.
    pub fn silence(&self, toward: Toward) {
        self.orders.send_modify(|orders| orders.silent[toward as usize] = orders.made);
    }

    /// Silences every connection in both directions, new ones too.
    pub fn hang(&self) {
        self.orders.send_modify(|orders| orders.silent = [u64::MAX; 2]);
    }

    /// Ends the silence. Delayed bytes arrive.
    pub fn heal(&self) {
        self.orders.send_modify(|orders| orders.silent = [0; 2]);
    }
}

async fn forward(listener: TcpListener, target: String, orders: watch::Sender<Orders>) {
    while let Ok((worker, _)) = listener.accept().await {
        let mut number = 0;
        orders.send_modify(|orders| {
            number = orders.made;
            orders.made += 1;
        });
        let (target, mut orders) = (target.clone(), orders.subscribe());
        tokio::spawn(async move {
            let Ok(broker) = TcpStream::connect(&target).await else { return };
            let (from_worker, to_worker) = worker.into_split();
            let (from_broker, to_broker) = broker.into_split();
            let [there, back] = [Toward::Broker, Toward::Worker].map(|toward| Way {
                number,
                toward,
                orders: orders.clone(),
            });
            tokio::select! {
                _ = there.go(from_worker, to_broker) => {}
                _ = back.go(from_broker, to_worker) => {}
                _ = orders.wait_for(|orders| number < orders.cut) => {}
            }
        });
    }
}

/// One direction of a connection.
struct Way {
    number: u64,
    toward: Toward,
    orders: watch::Receiver<Orders>,
}

impl Way {
    /// Ends when either side closes. While silent, a close is not forwarded either.
    async fn go(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            self.open().await;
            let read = tokio::select! {
                read = from.read(&mut bytes) => read?,
                _ = self.orders.changed() => continue,
            };
            self.open().await;
            if read == 0 {
                return Ok(());
            }
            to.write_all(&bytes[..read]).await?;
        }
    }

    async fn open(&mut self) {
        let (number, toward) = (self.number, self.toward as usize);
        self.orders.wait_for(|orders| number >= orders.silent[toward]).await.ok();
    }
}
