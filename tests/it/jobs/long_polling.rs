//! A week of polling, with a clock that the test moves.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ticketd::job::{Kind, State};
use ticketd::ledger::{JobRecord, Ledger};
use ticketd::simulator::{self, ForcedOutcome, Override};
use ticketd::worker::Clock;

use crate::harness::{TestEnv, TestWorker, own_broker, until};
use crate::jobs::tickets::{assert_one_each, id, received, ticket};
use crate::replicas::queues::Queues;

/// Polls up to an hour apart, as in production, and a short sweep interval.
const SLOW_POLLS: &str = r#"
[ledger]
lease = "2100ms"
[poll]
interval = "5s"
max_interval = "1h"
people_interval = "1h"
"#;

/// A worker whose clock the test moves, and its ledger.
struct Replica {
    worker: TestWorker,
    ledger: std::sync::Arc<dyn Ledger>,
    clock: Clock,
}

impl Replica {
    /// Starts with the clock of the previous worker.
    fn deploy(env: &TestEnv, clock: Clock) -> Self {
        let mut worker = env.worker();
        worker.clock = clock.clone();
        let ledger = worker.ledger.clone();
        Self { worker: TestWorker::of(worker), ledger, clock }
    }

    async fn record(&self) -> JobRecord {
        self.ledger.find(&id(1).parse().unwrap()).await.unwrap().unwrap()
    }

    /// When the job is due. None while it is not waiting.
    async fn due(&self) -> Option<Timestamp> {
        let State::Waiting { due, .. } = self.record().await.state else { return None };
        (due > self.clock.now()).then_some(due)
    }

    /// Waits until the job is waiting, then moves the clock to its due time.
    async fn pass_a_wait(&self, queues: &Queues) {
        until(async || self.due().await.is_some() && queues.waiting().await == 1).await;
        let due = self.due().await.unwrap();
        self.clock.put_forward(due.duration_since(self.clock.now()));
        queues.expire_delays().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_polled_for_a_week_across_redeploys_and_a_new_broker() {
    let broker = own_broker().await;
    let pace = Duration::from_millis(100);
    let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
    let mut env = TestEnv::following("#", broker.url.clone(), SLOW_POLLS, simulated).await;
    let mut queues = Queues::of(&env).await;
    let mut replica = Replica::deploy(&env, Clock::default());
    env.submit(Kind::Create, &ticket(1, "sim:wait")).await;
    env.state(&id(1), "submitted").await;

    let start = replica.clock.now();
    let passed = |clock: &Clock| clock.now().duration_since(start).as_hours() / 24;
    for day in 1..=7 {
        while passed(&replica.clock) < day {
            replica.pass_a_wait(&queues).await;
        }
        match day {
            1 | 3 | 5 => {
                let Replica { worker, clock, .. } = replica;
                worker.stop().await;
                replica = Replica::deploy(&env, clock);
            }
            4 => {
                for step in ["stop_app", "reset", "start_app"] {
                    broker.control(&[step]).await.unwrap();
                }
                env.follow_again().await;
                queues = Queues::of(&env).await;
                // The wake-up was lost with the old broker. The sweeper sends another once the job is overdue.
                let due = replica.record().await.due.unwrap();
                let overdue =
                    due.duration_since(replica.clock.now()) + SignedDuration::from_mins(1);
                replica.clock.put_forward(overdue);
            }
            _ => {}
        }
    }
    let order = env.simulator.effects()[0].order_ids[0];
    env.simulator.apply(Override::Ticket { id: order, outcome: ForcedOutcome::Succeed }).unwrap();
    let job = id(1);
    let outcome = env.state(&job, "succeeded");
    let hurrying = async {
        loop {
            replica.pass_a_wait(&queues).await;
        }
    };
    let outcome = tokio::select! {
        outcome = outcome => outcome,
        () = hurrying => unreachable!("it hurries until the outcome comes"),
    };
    let polls = received(&env.simulator, "dms.GetOrderBaseInfo");
    println!("7 days, {polls} polls");
    assert!((168..400).contains(&polls), "{polls} polls in a week");
    assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    replica.worker.stop().await;
    assert_one_each(&env.simulator, 1);
    assert_eq!(received(&env.simulator, "dms.CreateOrder"), 1);
}
