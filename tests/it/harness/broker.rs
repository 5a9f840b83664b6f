//! The broker of a test run: which one, said aloud, and the same for all tests.

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

    /// Ends it with SIGKILL. Its data stays as it is.
    pub async fn kill(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Elsewhere => bail!("{} is not ours to kill", self.description),
            Place::Container(container) => container.kill().await,
            Place::Node(node) => node.kill().await,
        }
    }

    /// Brings it back after a stop or a kill, with its data and at the same URL. Returns when it
    /// accepted connections again.
    pub async fn start_again(&self) -> anyhow::Result<Instant> {
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

    /// Runs `rabbitmqctl` on it, and returns what that says.
    pub async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
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
    // Said on the stream itself: what passing tests print is swallowed.
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

/// Whose RabbitMQ an own broker is. One that was given is left out: it is nobody's own.
pub async fn software() -> anyhow::Result<Software> {
    let choice = spawn_blocking(choose).await??;
    match choice.strip_prefix("image ") {
        Some(image) => Ok(Software::Image(image.to_owned())),
        None if choice == "node" => Ok(Software::Installed),
        None => bail!("deploy/local/broker chose {choice:?}, which means nothing here"),
    }
}

fn choose() -> anyhow::Result<String> {
    let output = Command::new(format!("{}/broker", child_guard::SCRIPTS))
        .arg("choose")
        .env_remove("TICKETD_BROKER__URL")
        .stderr(Stdio::inherit())
        .output()
        .context("deploy/local/broker can't be run")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
