//! The broker of a test run: which one, said aloud, and the same for all tests.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::container::Container;
use super::node::Node;
use super::{handshake, keeper};

static SHARED: OnceCell<Result<TestBroker, String>> = OnceCell::const_new();

/// A RabbitMQ that takes our tests' messages.
pub struct TestBroker {
    /// `amqp://` with user and password.
    pub url: String,
    /// Such as `4.0.5`.
    pub version: String,
    /// For people: `RabbitMQ 4.0.5, container rabbitmq:4`.
    pub description: String,
    place: Place,
}

/// Where a broker runs, and what ends it when it is dropped.
enum Place {
    Elsewhere,
    Container(Box<Container>),
    Node(Node),
}

/// The run's broker, started by the first test that asks.
///
/// # Panics
/// If there is none, with what to do about it: a test that needs a broker is never skipped.
pub async fn broker() -> &'static TestBroker {
    let outcome =
        SHARED.get_or_init(|| async { shared().await.map_err(|error| format!("{error:#}")) }).await;
    match outcome {
        Ok(broker) => broker,
        Err(error) => panic!("no broker for the tests: {error}"),
    }
}

/// A broker for one test alone, which may stop it. It is gone when it is dropped.
///
/// # Panics
/// If it can't be started.
pub async fn own_broker() -> TestBroker {
    match chosen().await {
        Ok(broker) => broker,
        Err(error) => panic!("no broker for this test: {error:#}"),
    }
}

impl TestBroker {
    /// Ends it like an operator would. Its data stays.
    pub async fn stop(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Elsewhere => bail!("{} is not ours to stop", self.description),
            Place::Container(container) => container.stop().await,
            Place::Node(node) => node.stop().await,
        }
    }

    /// Brings it back after a stop, with its data and at the same URL, and waits until it answers.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Elsewhere => bail!("{} is not ours to start", self.description),
            Place::Container(container) => container.start_again().await?,
            Place::Node(node) => node.start_again().await?,
        }
        handshake::answers(&self.url).await
    }

    async fn at(url: String, place: Place, name: &str) -> anyhow::Result<Self> {
        let version = handshake::version(&url).await?;
        let description = format!("RabbitMQ {version}, {name}");
        Ok(Self { url, version, description, place })
    }
}

async fn shared() -> anyhow::Result<TestBroker> {
    let given = ["TEST_BROKER_URL", "TICKETD_BROKER__URL"]
        .into_iter()
        .find_map(|name| Some((name, env::var(name).ok()?)));
    let broker = match given {
        Some((name, url)) => {
            TestBroker::at(url, Place::Elsewhere, &format!("given by {name}")).await?
        }
        None => chosen().await?,
    };
    // Said on the stream itself: what passing tests print is swallowed.
    writeln!(std::io::stderr(), "broker: {}", broker.description)?;
    Ok(broker)
}

async fn chosen() -> anyhow::Result<TestBroker> {
    let choice = spawn_blocking(choose).await??;
    if let Some(image) = choice.strip_prefix("image ") {
        let container = Box::new(Container::start(image).await?);
        let (url, name) = (container.url().await?, format!("container {image}"));
        TestBroker::at(url, Place::Container(container), &name).await
    } else if choice == "node" {
        let node = spawn_blocking(Node::start).await??;
        TestBroker::at(node.url.clone(), Place::Node(node), "private node").await
    } else {
        bail!("deploy/local/broker chose {choice:?}, which means nothing here")
    }
}

/// A broker that was given is left out here: it is nobody's own.
fn choose() -> anyhow::Result<String> {
    let output = Command::new(format!("{}/broker", keeper::SCRIPTS))
        .arg("choose")
        .env_remove("TICKETD_BROKER__URL")
        .stderr(Stdio::inherit())
        .output()
        .context("deploy/local/broker can't be run")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
