//! The broker of a test run, shared by all tests. Its version is printed.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::container::Container;
use super::node::{Node, Software};
use super::{child_guard, handshake};

static SHARED: OnceCell<Result<TestBroker, String>> = OnceCell::const_new();

/// A RabbitMQ for tests.
pub(crate) struct TestBroker {
    /// `amqp://` with user and password.
    pub url: String,
    /// Such as `4.0.5`.
    pub version: String,
    /// For display: `RabbitMQ 4.0.5, container rabbitmq:4`.
    pub description: String,
    place: Place,
}

/// Where a broker runs. Dropping it stops the broker.
enum Place {
    Elsewhere,
    Container(Box<Container>),
    Node(Node),
}

/// The broker of the run, started by the first test that needs it.
///
/// # Panics
/// If there is no broker, with advice: a test that needs a broker is never skipped.
pub(crate) async fn broker() -> &'static TestBroker {
    let outcome =
        SHARED.get_or_init(|| async { shared().await.map_err(|error| format!("{error:#}")) }).await;
    match outcome {
        Ok(broker) => broker,
        Err(error) => panic!("no broker for the tests: {error}"),
    }
}

/// A broker for one test, which may stop it. It is removed on drop.
///
/// # Panics
/// If it cannot be started.
pub(crate) async fn own_broker() -> TestBroker {
    match chosen().await {
        Ok(broker) => broker,
        Err(error) => panic!("no broker for this test: {error:#}"),
    }
}

impl TestBroker {
    /// Stops it as an operator does, and keeps its data.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Elsewhere => bail!("{} is not ours to stop", self.description),
            Place::Container(container) => container.stop().await,
            Place::Node(node) => node.stop().await,
        }
    }

    /// Kills it with SIGKILL, and keeps its data.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Elsewhere => bail!("{} is not ours to kill", self.description),
            Place::Container(container) => container.kill().await,
            Place::Node(node) => node.kill().await,
        }
    }

    /// Starts it again with its data at the same URL. Returns when it first accepted connections.
    pub(crate) async fn start_again(&self) -> anyhow::Result<Instant> {
        let started = async {
            match &self.place {
                Place::Elsewhere => bail!("{} is not ours to start", self.description),
                Place::Container(container) => container.start_again().await,
                Place::Node(node) => node.start_again().await,
            }
        };
        let answered = async {
            handshake::answers(&self.url).await?;
            Ok(Instant::now())
        };
        tokio::try_join!(started, answered).map(|((), answered)| answered)
    }

    /// Runs `rabbitmqctl` and returns its output.
    pub(crate) async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        match &self.place {
            Place::Elsewhere => bail!("{} is not ours to control", self.description),
            Place::Container(container) => container.control(arguments).await,
            Place::Node(node) => node.control(arguments).await,
        }
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
    // Written to the stream directly: cargo hides what passing tests print.
    writeln!(std::io::stderr(), "broker: {}", broker.description)?;
    Ok(broker)
}

async fn chosen() -> anyhow::Result<TestBroker> {
    match software().await? {
        Software::Image(image) => {
            let container = Box::new(Container::start(&image).await?);
            let (url, name) = (container.url().await?, format!("container {image}"));
            TestBroker::at(url, Place::Container(container), &name).await
        }
        Software::Installed => {
            let folder = env::temp_dir().join(super::prefix());
            let started = spawn_blocking(|| Node::start(&Software::Installed, folder, None));
            let node = started.await??;
            TestBroker::at(node.url.clone(), Place::Node(node), "private node").await
        }
    }
}

/// The RabbitMQ to use for own brokers. A given broker URL is ignored, because it is shared.
pub(crate) async fn software() -> anyhow::Result<Software> {
    let choice = spawn_blocking(choose).await??;
    match choice.strip_prefix("image ") {
        Some(image) => Ok(Software::Image(image.to_owned())),
        None if choice == "node" => Ok(Software::Installed),
        None => bail!("deploy/local/broker chose {choice:?}, which is no known choice"),
    }
}

fn choose() -> anyhow::Result<String> {
    let output = Command::new(format!("{}/broker", child_guard::SCRIPTS))
        .arg("choose")
        .env_remove("TICKETD_BROKER__URL")
        .stderr(Stdio::inherit())
        .output()
        .context("deploy/local/broker cannot be run")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
