//! A stage for a whole play: the run's broker, a simulator, a ledger in a folder of its own, and
//! an ear for every event. Workers come and go on it.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketd::app::Worker;
use ticketd::broker::{Broker, EventStream, ExchangeName, Message, Published};
use ticketd::cloud::operations;
use ticketd::config::{self, Layer, Settings};
use ticketd::job::Kind;
use ticketd::simulator::{self, Running, Simulator};
use ticketd::worker::Drained;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

/// Longer than anything on a stage takes, on a machine that is busy.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The file in a stage's folder with its configuration.
const CONFIGURATION: &str = "ticketd.toml";

/// The outcomes a job can have.
const OUTCOMES: [&str; 6] = ["succeeded", "failed", "unknown", "expired", "cancelled", "rejected"];

/// Settings under which minutes become moments.
const QUICK: &str = r#"
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

/// Everything a test needs to see a job through.
pub struct TestEnv {
    /// Both clouds.
    pub simulator: Running,
    /// What every worker on this stage is configured with.
    pub settings: Settings,
    /// The ledger's folder.
    pub folder: TempDir,
    /// The broker's address, with the password.
    pub url: String,
    broker: Broker,
    feed: EventStream,
    seen: Vec<Published>,
}

/// A worker on a stage, in this process.
pub struct TestWorker {
    stopping: CancellationToken,
    task: JoinHandle<anyhow::Result<Drained>>,
}

impl TestEnv {
    /// A stage with the quick settings, `more` laid over them, and a simulator at full speed.
    pub async fn new(more: &str) -> Self {
        let pace = Duration::from_millis(100);
        Self::with(more, simulator::Settings { pace, ..Default::default() }).await
    }

    /// A stage with a simulator of one's own.
    pub async fn with(more: &str, simulated: simulator::Settings) -> Self {
        let url = super::broker().await.url.clone();
        Self::hearing("#", url, more, simulated).await
    }

    /// A stage with the quick settings, on a broker that need not be the run's.
    pub async fn on_broker(url: String) -> Self {
        let pace = Duration::from_millis(100);
        let simulated = simulator::Settings { pace, ..Default::default() };
        Self::hearing("#", url, "", simulated).await
    }

    /// A stage on a broker that need not be the run's, which hears only the events whose routing
    /// key fits a pattern.
    pub async fn hearing(
        pattern: &str,
        url: String,
        more: &str,
        simulated: simulator::Settings,
    ) -> Self {
        let simulator = Simulator::start_locally(simulated.clone()).await.unwrap();
        let folder = TempDir::new().unwrap();
        let base = base(&simulator.url(), &simulated, &folder);
        let configuration = layered(&[&base, QUICK, more]);
        std::fs::write(folder.path().join(CONFIGURATION), &configuration).unwrap();
        let settings = read(&configuration, &url);
        let broker = Broker::connect(&settings.broker).await.unwrap();
        let feed = broker.follow_events(pattern).await.unwrap();
        Self { simulator, settings, folder, url, broker, feed, seen: Vec::new() }
    }

    /// The file that a process on this stage is configured with; the broker's address is not in
    /// it.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join(CONFIGURATION)
    }

    /// A `ticketd worker`, to be started as a process.
    pub fn process(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketd"));
        command
            .arg("--config")
            .arg(self.configuration())
            .arg("worker")
            .env("TICKETD_BROKER__URL", &self.url)
            .kill_on_drop(true);
        command
    }

    /// A worker with the real parts.
    pub fn worker(&self) -> Worker {
        self.worker_with(self.settings.clone())
    }

    /// A worker with settings of its own.
    pub fn worker_with(&self, settings: Settings) -> Worker {
        let opened = Worker::new(settings, Kind::ALL.to_vec());
        // A play reads better when nobody has to wait for those who come on.
        block_in_place(|| Handle::current().block_on(opened)).unwrap()
    }

    /// Starts a worker in this process.
    pub fn start(&self) -> TestWorker {
        TestWorker::of(self.worker())
    }

    /// The name of an exchange or queue of this stage.
    pub fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.settings.broker.prefix)
    }

    /// The broker, to publish and look around.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Listens anew, to a broker that has forgotten who listened.
    pub async fn listen_again(&mut self) {
        self.feed = self.broker.follow_events("#").await.unwrap();
    }

    /// Sends a job as producers do.
    pub async fn submit(&self, kind: Kind, job: &Value) {
        let message = Message {
            body: job.to_string().into_bytes(),
            content_type: Some("application/json".into()),
            ..Message::default()
        };
        self.send(kind, &message).await;
    }

    /// Asks for the end of a job, with a body as it is.
    pub async fn cancel(&self, body: &Value) {
        let message = Message { body: body.to_string().into_bytes(), ..Message::default() };
        self.broker.publisher().publish(ExchangeName::Jobs, "cancel", &message).await.unwrap();
    }

    /// Sends any message where jobs go.
    pub async fn send(&self, kind: Kind, message: &Message) {
        self.broker.publisher().publish(ExchangeName::Jobs, kind.as_str(), message).await.unwrap();
    }

    /// The first event that fits, of those seen and those to come.
    pub async fn event(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        body(&self.published(|published| fits(&body(published))).await)
    }

    /// The same, with the message it came in.
    pub async fn published(&mut self, fits: impl Fn(&Published) -> bool) -> Published {
        if let Some(found) = self.seen.iter().find(|published| fits(published)) {
            return found.clone();
        }
        let waiting = async {
            loop {
                let published = self.feed.next().await.unwrap();
                self.seen.push(published.clone());
                if fits(&published) {
                    return published;
                }
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("the event came within the limit")
    }

    /// Every event published up to now, and the message it came in.
    pub async fn all_published(&mut self) -> Vec<Published> {
        let end = super::prefix();
        let message =
            Message { body: json!({ "end": end }).to_string().into(), ..Message::default() };
        self.broker.publisher().publish(ExchangeName::Events, "end", &message).await.unwrap();
        self.published(|published| body(published)["end"] == end.as_str()).await;
        self.seen.retain(|published| published.routing_key != "end");
        self.seen.clone()
    }

    /// The outcome of a job.
    pub async fn outcome(&mut self, id: &str) -> Value {
        self.event(|event| event["subject"] == id && is_outcome(event)).await
    }

    /// The outcomes of so many jobs, by job, of those to come. They may take their time, as long as
    /// events keep coming.
    pub async fn outcomes(&mut self, jobs: usize, patience: Duration) -> BTreeMap<String, Value> {
        let mut outcomes = BTreeMap::new();
        while outcomes.len() < jobs {
            let next = tokio::time::timeout(patience, self.feed.next()).await;
            let event = body(&next.expect("events kept coming").unwrap());
            if is_outcome(&event) {
                outcomes.insert(event["subject"].as_str().unwrap().to_owned(), event);
            }
        }
        outcomes
    }

    /// The first event of a job in a state.
    pub async fn state(&mut self, id: &str, state: &str) -> Value {
        self.event(|event| event["subject"] == id && event["data"]["state"] == state).await
    }

    /// Every event seen so far; call it after the last one that matters was awaited.
    pub fn events(&self) -> Vec<Value> {
        self.seen.iter().map(body).collect()
    }

    /// The states told of a job so far, in order.
    pub fn states(&self, id: &str) -> Vec<String> {
        self.events()
            .iter()
            .filter(|event| event["subject"] == id)
            .map(|event| event["data"]["state"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl TestWorker {
    /// Starts a worker.
    pub fn of(worker: Worker) -> Self {
        let stopping = CancellationToken::new();
        let task = tokio::spawn(worker.run(stopping.clone()));
        Self { stopping, task }
    }

    /// Stops it as SIGTERM would.
    pub async fn stop(self) -> Drained {
        self.stopping.cancel();
        self.task.await.unwrap().unwrap()
    }
}

/// Whether an event tells of an outcome.
pub fn is_outcome(event: &Value) -> bool {
    event["data"]["state"].as_str().is_some_and(|state| OUTCOMES.contains(&state))
}

fn body(published: &Published) -> Value {
    serde_json::from_slice(&published.body).unwrap()
}

/// Accounts `ali` and `hw` at the simulator, and everything else out of the way of other tests.
fn base(url: &url::Url, simulated: &simulator::Settings, folder: &TempDir) -> String {
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

/// Several TOML texts as one, later values winning.
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
    let layer = Layer::Text { name: "stage".into(), toml: toml.into() };
    let url = ("TICKETD_BROKER__URL".to_owned(), url.to_owned());
    config::load_with_report(&[layer], BTreeMap::from([url]), &names).settings.unwrap()
}

/// Waits until something holds, looking again and again.
pub async fn until<F: Future<Output = bool>>(holds: impl FnMut() -> F) {
    until_within(LIMIT, holds).await;
}

/// Waits for something that may take long.
pub async fn until_within<F: Future<Output = bool>>(limit: Duration, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, waiting).await.expect("it came to hold within the limit");
}
