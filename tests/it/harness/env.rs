//! The environment of a test: the run's broker, a simulator, a ledger in a temporary folder, and a
//! stream of every event. Workers start and stop in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketd::app::{Worker, install_tls_provider};
use ticketd::broker::{Broker, EventMessage, EventStream, ExchangeName, Message, Properties};
use ticketd::cloud::operations;
use ticketd::config::{self, Layer, Settings};
use ticketd::job::Kind;
use ticketd::simulator::{self, RunningSimulator, Simulator};
use ticketd::worker::Drained;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

/// Limit of every wait, for a slow machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The configuration file in the temporary folder.
const CONFIGURATION: &str = "ticketd.toml";

/// The outcomes of jobs.
const OUTCOMES: [&str; 6] = ["succeeded", "failed", "unknown", "expired", "cancelled", "rejected"];

/// Short intervals and timeouts.
const FAST_SETTINGS: &str = r#"
[http]
connect_timeout = "1s"
timeout = "1s"
[retry]
initial = "50ms"
max_interval = "1s"
[probe]
settle = "1s"
interval = "200ms"
tries = 3
[poll]
interval = "100ms"
max_interval = "200ms"
people_interval = "100ms"
"#;

/// The environment of a test.
pub(crate) struct TestEnv {
    /// The simulator of both clouds.
    pub simulator: RunningSimulator,
    /// The settings of its workers.
    pub settings: Settings,
    /// The folder with the ledger and the configuration.
    pub folder: TempDir,
    /// The broker's URL, with the password.
    pub url: String,
    broker: Broker,
    stream: EventStream,
    seen: Vec<EventMessage>,
}

/// A worker in this process.
pub(crate) struct TestWorker {
    stopping: CancellationToken,
    task: JoinHandle<anyhow::Result<Drained>>,
}

impl TestEnv {
    /// An environment with the fast settings, overridden by `more`, and a fast simulator.
    pub(crate) async fn new(more: &str) -> Self {
        let pace = Duration::from_millis(100);
        Self::with(more, simulator::SimulatorSettings { pace, ..Default::default() }).await
    }

    /// An environment with its own simulator settings.
    pub(crate) async fn with(more: &str, simulated: simulator::SimulatorSettings) -> Self {
        let url = super::broker().await.url.clone();
        Self::following("#", url, more, simulated).await
    }

    /// An environment with the fast settings on another broker.
    pub(crate) async fn on_broker(url: String) -> Self {
        let pace = Duration::from_millis(100);
        let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
        Self::following("#", url, "", simulated).await
    }

    /// An environment on any broker that follows only the events whose routing key matches a pattern.
    pub(crate) async fn following(
        pattern: &str,
        url: String,
        more: &str,
        simulated: simulator::SimulatorSettings,
    ) -> Self {
        install_tls_provider();
        let simulator = Simulator::start_locally(simulated.clone()).await.unwrap();
        let folder = TempDir::new().unwrap();
        let base = base(&simulator.url(), &simulated, &folder);
        let configuration = layered(&[&base, FAST_SETTINGS, more]);
        std::fs::write(folder.path().join(CONFIGURATION), &configuration).unwrap();
        let settings = read(&configuration, &url);
        let broker = Broker::connect(&settings.broker).await.unwrap();
        let stream = broker.follow_events(pattern).await.unwrap();
        Self { simulator, settings, folder, url, broker, stream, seen: Vec::new() }
    }

    /// The configuration file for processes. It does not contain the broker's URL.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.path().join(CONFIGURATION)
    }

    /// The command of a `ticketd worker` process.
    pub(crate) fn process(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketd"));
        command
            .arg("--config")
            .arg(self.configuration())
            .arg("worker")
            .env("TICKETD_BROKER__URL", &self.url)
            .kill_on_drop(true);
        command
    }

    /// A worker with the real dependencies.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(self.settings.clone())
    }

    /// A worker with its own settings.
    pub(crate) fn worker_with(&self, settings: Settings) -> Worker {
        let opened = Worker::new(settings, Kind::ALL.to_vec());
        // Blocking here keeps the tests short.
        block_in_place(|| Handle::current().block_on(opened)).unwrap()
    }

    /// Starts a worker in this process.
    pub(crate) fn start(&self) -> TestWorker {
        TestWorker::of(self.worker())
    }

    /// The name of an exchange or queue of this environment.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.settings.broker.prefix)
    }

    /// The broker of the test itself.
    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Follows events again, after the broker has lost the queue.
    pub(crate) async fn follow_again(&mut self) {
        self.stream = self.broker.follow_events("#").await.unwrap();
    }

    /// Publishes a job as producers do.
    pub(crate) async fn submit(&self, kind: Kind, job: &Value) {
        let message = Message {
            body: job.to_string().into_bytes(),
            properties: Properties {
                content_type: Some("application/json".into()),
                ..Properties::default()
            },
        };
        self.send(kind, &message).await;
    }

    /// Publishes a cancellation.
    pub(crate) async fn cancel(&self, body: &Value) {
        let message = Message { body: body.to_string().into_bytes(), ..Message::default() };
        self.broker.publisher().publish(ExchangeName::Jobs, "cancel", &message).await.unwrap();
    }

    /// Publishes any message to the jobs exchange.
    pub(crate) async fn send(&self, kind: Kind, message: &Message) {
        self.broker.publisher().publish(ExchangeName::Jobs, kind.as_str(), message).await.unwrap();
    }

    /// The first event that matches, received or still to come.
    pub(crate) async fn event(&mut self, matches: impl Fn(&Value) -> bool) -> Value {
        body(&self.published(|published| matches(&body(published))).await)
    }

    /// The same with its message.
    pub(crate) async fn published(
        &mut self,
        matches: impl Fn(&EventMessage) -> bool,
    ) -> EventMessage {
        if let Some(found) = self.seen.iter().find(|published| matches(published)) {
            return found.clone();
        }
        let waiting = async {
            loop {
                let published = self.stream.next().await.unwrap();
                self.seen.push(published.clone());
                if matches(&published) {
                    return published;
                }
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("the event arrives within the limit")
    }

    /// Every event published so far, with its message.
    pub(crate) async fn all_published(&mut self) -> Vec<EventMessage> {
        let end = super::prefix();
        let message =
            Message { body: json!({ "end": end }).to_string().into(), ..Message::default() };
        self.broker.publisher().publish(ExchangeName::Events, "end", &message).await.unwrap();
        self.published(|published| body(published)["end"] == end.as_str()).await;
        self.seen.retain(|published| published.routing_key != "end");
        self.seen.clone()
    }

    /// The outcome of a job.
    pub(crate) async fn outcome(&mut self, id: &str) -> Value {
        self.event(|event| event["subject"] == id && is_outcome(event)).await
    }

    /// The next outcomes of so many jobs, by job. `timeout` limits the gap between two events.
    pub(crate) async fn outcomes(
        &mut self,
        jobs: usize,
        timeout: Duration,
    ) -> BTreeMap<String, Value> {
        let mut outcomes = BTreeMap::new();
        while outcomes.len() < jobs {
            let next = tokio::time::timeout(timeout, self.stream.next()).await;
            let event = body(&next.expect("events keep arriving").unwrap());
            if is_outcome(&event) {
                outcomes.insert(event["subject"].as_str().unwrap().to_owned(), event);
            }
        }
        outcomes
    }

    /// The first event of a job in a state.
    pub(crate) async fn state(&mut self, id: &str, state: &str) -> Value {
        self.event(|event| event["subject"] == id && event["data"]["state"] == state).await
    }

    /// Every event received so far. Await the last expected event first.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.seen.iter().map(body).collect()
    }

    /// The states in the events of a job so far, in order.
    pub(crate) fn states(&self, id: &str) -> Vec<String> {
        self.events()
            .iter()
            .filter(|event| event["subject"] == id)
            .map(|event| event["data"]["state"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl TestWorker {
    /// Starts a worker.
    pub(crate) fn of(worker: Worker) -> Self {
        let stopping = CancellationToken::new();
        let task = tokio::spawn(worker.run(stopping.clone()));
        Self { stopping, task }
    }

    /// Stops the worker as SIGTERM does.
    pub(crate) async fn stop(self) -> Drained {
        self.stopping.cancel();
        self.task.await.unwrap().unwrap()
    }
}

/// Whether an event is an outcome.
pub(crate) fn is_outcome(event: &Value) -> bool {
    event["data"]["state"].as_str().is_some_and(|state| OUTCOMES.contains(&state))
}

fn body(published: &EventMessage) -> Value {
    serde_json::from_slice(&published.body).unwrap()
}

/// The base configuration: accounts `ali` and `hw` at the simulator, and a prefix of its own.
fn base(url: &url::Url, simulated: &simulator::SimulatorSettings, folder: &TempDir) -> String {
    let (ali, hw) = (&simulated.alibaba[0], &simulated.huawei[0]);
    let secret = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        json!({ "file": path }).to_string().replace(':', " =")
    };
    format!(
        r#"
[broker]
prefix = "{prefix}"
[admin]
address = "127.0.0.1:0"
[ledger]
url = "sqlite:{ledger}"
[accounts.ali]
provider = "alibaba"
region = "cn-hangzhou"
access_key_id = {ali_id}
access_key_secret = {ali_secret}
[accounts.ali.endpoints]
dms = "{url}"
dataworks = "{url}"
[accounts.hw]
provider = "huawei"
region = "cn-north-4"
project_id = "{project}"
access_key_id = {hw_id}
access_key_secret = {hw_secret}
[accounts.hw.endpoints]
factory = "{url}"
tasks = "{url}"
"#,
        prefix = super::prefix(),
        ledger = folder.path().join("ledger.db").display(),
        ali_id = secret("ali-id", &ali.id),
        ali_secret = secret("ali-secret", &ali.secret),
        hw_id = secret("hw-id", &hw.id),
        hw_secret = secret("hw-secret", &hw.secret),
        project = simulated.project_id,
    )
}

/// Merges TOML texts; later values win.
fn layered(texts: &[&str]) -> String {
    let mut whole = toml::Table::new();
    for text in texts {
        overlay(&mut whole, text.parse().unwrap());
    }
    whole.to_string()
}

fn overlay(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => overlay(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn read(toml: &str, url: &str) -> Settings {
    let catalogue = operations::catalogue();
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    let layer = Layer::Text { name: "test".into(), toml: toml.into() };
    let url = ("TICKETD_BROKER__URL".to_owned(), url.to_owned());
    config::load_with_report(&[layer], BTreeMap::from([url]), &names).settings.unwrap()
}

/// Waits until a condition holds, checking repeatedly.
pub(crate) async fn until<F: Future<Output = bool>>(holds: impl FnMut() -> F) {
    until_within(LIMIT, holds).await;
}

/// Waits until a condition holds, with a limit of its own.
pub(crate) async fn until_within<F: Future<Output = bool>>(
    limit: Duration,
    mut holds: impl FnMut() -> F,
) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, waiting).await.expect("the condition holds within the limit");
}
