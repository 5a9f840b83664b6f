//! Hundreds of jobs during a fault, and what must be true of them afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use ticketd::job::Kind;
use ticketd::ledger::Ledger;
use ticketd::simulator::{self, Fault, FaultPlan, FaultRule};

use crate::harness::samples::with;
use crate::harness::{LIMIT, TestEnv, TestWorker, all_done, is_outcome, until};
use crate::jobs::tickets::{assert_one_each, id, made, ticket};
use crate::replicas::queues::Queues;

/// Jobs in flight at once.
pub(super) const CONCURRENCY: usize = 4;

/// Limit of the interruption once the broker is back.
const MAX_INTERRUPTION: Duration = Duration::from_secs(5);

/// Polled jobs are parked, so that they use the delay ladder.
const PARKED: &str = r#"
[worker]
concurrency = 4
[poll]
interval = "1s"
max_interval = "1s"
"#;

/// The environment follows no event by itself: its queue is on one node, and while that node is down
/// RabbitMQ 4.3 refuses every event bound for it. Events are kept in a quorum queue instead.
const NO_EVENTS: &str = "nothing";

/// An environment with jobs.
pub(super) struct Load {
    pub env: TestEnv,
    /// The ledger of its workers.
    pub ledger: Arc<dyn Ledger>,
    jobs: usize,
}

impl Load {
    /// An environment on a broker with some jobs. One worker does thirteen of them per second.
    pub(super) async fn on(broker: &str, more: &str, jobs: usize) -> Self {
        let pace = Duration::from_millis(100);
        let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
        let more = format!("{PARKED}{more}");
        let env = TestEnv::following(NO_EVENTS, broker.to_owned(), &more, simulated).await;
        env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow()] }).unwrap();
        keep_events(&env).await;
        let ledger = env.worker().ledger;
        let mut load = Self { env, ledger, jobs: 0 };
        load.add(jobs).await;
        load
    }

    /// Adds jobs. Every third is polled to its end.
    pub(super) async fn add(&mut self, jobs: usize) {
        let numbers = self.jobs..self.jobs + jobs;
        let submitted = numbers.map(async |number| {
            let until = if number % 3 == 0 { "finished" } else { "accepted" };
            let job = with(ticket(number, ""), "until", until.into());
            self.env.submit(Kind::Create, &job).await;
        });
        join_all(submitted).await;
        self.jobs += jobs;
    }

    /// Starts a worker with its own broker URL.
    pub(super) fn worker(&self, url: &str) -> TestWorker {
        let mut settings = self.env.settings.clone();
        settings.broker.url = url.into();
        TestWorker::of(self.env.worker_with(settings))
    }

    /// Tickets created so far.
    pub(super) fn made(&self) -> usize {
        made(&self.env.simulator).len()
    }

    /// Waits until some jobs have started and most have not.
    pub(super) async fn has_started(&self) {
        until(async || self.made() > self.jobs / 10).await;
    }

    /// Asserts that new jobs are started soon after a point in time.
    pub(super) async fn continues(&self, since: Instant) {
        self.continues_within(MAX_INTERRUPTION, since).await;
    }

    /// Asserts the same within a limit.
    pub(super) async fn continues_within(&self, limit: Duration, since: Instant) {
        // So many jobs may have been started before.
        let begun = self.made() + CONCURRENCY;
        assert!(begun < self.jobs, "the fault came too late");
        until(async || self.made() > begun).await;
        let interruption = since.elapsed();
        println!("went on after {interruption:?}");
        assert!(interruption < limit, "consuming was interrupted for {interruption:?}");
    }

    /// Waits until every job has ended. Asserts that each was done once, at the first attempt, with one
    /// outcome.
    pub(super) async fn all_succeed(&self) {
        self.all_succeed_within(LIMIT).await;
    }

    /// The same with a limit of its own.
    pub(super) async fn all_succeed_within(&self, limit: Duration) {
        let began = Instant::now();
        all_done(&*self.ledger, self.jobs, limit).await;
        assert_one_each(&self.env.simulator, self.jobs);
        let outcomes_by_job = self.outcomes().await;
        for number in 0..self.jobs {
            let outcomes = outcomes_by_job.get(&id(number)).map(Vec::as_slice).unwrap_or_default();
            assert!(!outcomes.is_empty(), "{} has no outcome", id(number));
            assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
            let (_, state, attempts) = &outcomes[0];
            assert_eq!((state.as_str(), *attempts), ("succeeded", 1), "{}", id(number));
        }
        assert_eq!(Queues::of(&self.env).await.ready("dead").await, 0, "there are dead letters");
        println!("{} jobs: none lost, none doubled, {:?}", self.jobs, began.elapsed());
    }

    /// The published outcomes with their event ids and attempts, by job.
    async fn outcomes(&self) -> BTreeMap<String, Vec<(String, String, u64)>> {
        let channel = Queues::of(&self.env).await.channel;
        let mut outcomes_by_job: BTreeMap<String, Vec<(String, String, u64)>> = BTreeMap::new();
        let (queue, options) = (kept(&self.env), BasicGetOptions { no_ack: true });
        while let Some(message) = channel.basic_get(queue.as_str().into(), options).await.unwrap() {
            let event: Value = serde_json::from_slice(&message.delivery.data).unwrap();
            if is_outcome(&event) {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let attempts = event["data"]["attempts"].as_u64().unwrap();
                let outcome = (text(&event["id"]), text(&event["data"]["state"]), attempts);
                outcomes_by_job.entry(text(&event["subject"])).or_default().push(outcome);
            }
        }
        outcomes_by_job
    }
}

/// A slow provider, so that jobs are left when the fault comes.
pub(super) fn slow() -> FaultRule {
    FaultRule::always("dms.CreateOrder", Fault::Slow { delay: Duration::from_millis(300) })
}

/// Keeps events in a quorum queue, which survives the fault.
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
