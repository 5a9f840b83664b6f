//! Jobs by the hundred in time of trouble, and what has to be true of them when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use ticketd::job::Kind;
use ticketd::ledger::Ledger;
use ticketd::simulator::{self, Fault, FaultPlan, Rule};

use crate::harness::samples::with;
use crate::harness::{LIMIT, TestEnv, TestWorker, all_done, is_outcome, until};
use crate::jobs::tickets::{assert_one_each, id, made, ticket};
use crate::replicas::queues::Queues;

/// Jobs in progress at once.
pub const CONCURRENCY: usize = 4;

/// As long as consuming may be interrupted once the broker is there again.
const SOON: Duration = Duration::from_secs(5);

/// Whoever is followed is parked, so that its way leads over the ladder.
const PARKED: &str = r#"
[worker]
concurrency = 4
[poll]
interval = "1s"
max_interval = "1s"
"#;

/// Events are kept in a queue of their own. What a stage hears by itself goes to a queue on one
/// node, and while that node is away RabbitMQ 4.3 refuses every event that would go there too.
const UNHEARD: &str = "nothing";

/// A stage with jobs on it.
pub struct Load {
    pub env: TestEnv,
    /// What the workers on it remember.
    pub ledger: Arc<dyn Ledger>,
    jobs: usize,
}

impl Load {
    /// A stage on a broker, with so many jobs to do. One worker needs a second for thirteen of them.
    pub async fn on(broker: &str, more: &str, jobs: usize) -> Self {
        let pace = Duration::from_millis(100);
        let simulated = simulator::Settings { pace, ..Default::default() };
        let more = format!("{PARKED}{more}");
        let env = TestEnv::hearing(UNHEARD, broker.to_owned(), &more, simulated).await;
        env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow()] }).unwrap();
        keep_events(&env).await;
        let ledger = env.worker().ledger;
        let mut load = Self { env, ledger, jobs: 0 };
        load.add(jobs).await;
        load
    }

    /// So many jobs more. Every third is followed to its end.
    pub async fn add(&mut self, jobs: usize) {
        let numbers = self.jobs..self.jobs + jobs;
        let submitted = numbers.map(async |number| {
            let until = if number % 3 == 0 { "finished" } else { "accepted" };
            let job = with(ticket(number, ""), "until", until.into());
            self.env.submit(Kind::Create, &job).await;
        });
        join_all(submitted).await;
        self.jobs += jobs;
    }

    /// Starts a worker that reaches the broker by an address of its own.
    pub fn worker(&self, url: &str) -> TestWorker {
        let mut settings = self.env.settings.clone();
        settings.broker.url = url.into();
        TestWorker::of(self.env.worker_with(settings))
    }

    /// Tickets that were made so far.
    pub fn made(&self) -> usize {
        made(&self.env.simulator).len()
    }

    /// Waits until some jobs are well on their way, and most are not.
    pub async fn is_under_way(&self) {
        until(async || self.made() > self.jobs / 10).await;
    }

    /// Fails unless jobs that nobody had begun are begun soon after a moment.
    pub async fn goes_on(&self, since: Instant) {
        self.goes_on_within(SOON, since).await;
    }

    /// Fails unless that is so within a limit.
    pub async fn goes_on_within(&self, limit: Duration, since: Instant) {
        // As many as this may have been begun already.
        let begun = self.made() + CONCURRENCY;
        assert!(begun < self.jobs, "the trouble came too late");
        until(async || self.made() > begun).await;
        let interruption = since.elapsed();
        println!("went on after {interruption:?}");
        assert!(interruption < limit, "it took {interruption:?} to go on");
    }

    /// Waits until no job is left to do. Then fails unless each was done once, at the first
    /// attempt, and told of with one outcome.
    pub async fn ends_well(&self) {
        self.ends_well_within(LIMIT).await;
    }

    /// The same, where some jobs may take longer.
    pub async fn ends_well_within(&self, limit: Duration) {
        let began = Instant::now();
        all_done(&*self.ledger, self.jobs, limit).await;
        assert_one_each(&self.env.simulator, self.jobs);
        let told = self.told().await;
        for number in 0..self.jobs {
            let outcomes = told.get(&id(number)).map(Vec::as_slice).unwrap_or_default();
            assert!(!outcomes.is_empty(), "{} was never told of", id(number));
            assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
            let (_, state, attempts) = &outcomes[0];
            assert_eq!((state.as_str(), *attempts), ("succeeded", 1), "{}", id(number));
        }
        assert_eq!(Queues::of(&self.env).await.ready("dead").await, 0, "there are dead letters");
        println!("{} jobs: none lost, none doubled, {:?}", self.jobs, began.elapsed());
    }

    /// The outcomes that were told, with their event ids and attempts, by job.
    async fn told(&self) -> BTreeMap<String, Vec<(String, String, u64)>> {
        let channel = Queues::of(&self.env).await.channel;
        let mut told: BTreeMap<String, Vec<(String, String, u64)>> = BTreeMap::new();
        let (queue, options) = (kept(&self.env), BasicGetOptions { no_ack: true });
        while let Some(message) = channel.basic_get(queue.as_str().into(), options).await.unwrap() {
            let event: Value = serde_json::from_slice(&message.delivery.data).unwrap();
            if is_outcome(&event) {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let attempts = event["data"]["attempts"].as_u64().unwrap();
                let outcome = (text(&event["id"]), text(&event["data"]["state"]), attempts);
                told.entry(text(&event["subject"])).or_default().push(outcome);
            }
        }
        told
    }
}

/// A provider that takes its time, so that there are jobs left when trouble comes.
pub fn slow() -> Rule {
    Rule::always("dms.CreateOrder", Fault::Slow { delay: Duration::from_millis(300) })
}

/// Events go into a queue that outlives whatever becomes of the broker.
async fn keep_events(env: &TestEnv) {
    let channel = Queues::of(env).await.channel;
    let (queue, exchange) = (kept(env), env.name("events"));
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions::durable();
    channel.queue_declare(queue.as_str().into(), durable, quorum).await.unwrap();
    let (options, nothing) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(queue.into(), exchange.into(), "#".into(), options, nothing);
    bound.await.unwrap();
}

fn kept(env: &TestEnv) -> String {
    format!("{}-kept", env.settings.broker.prefix)
}
