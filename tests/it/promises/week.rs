//! A week of polling, with the clock driven.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ticketd::job::{Kind, State};
use ticketd::ledger::{JobRecord, Ledger};
use ticketd::simulator::{self, Fate, Steer};
use ticketd::worker::Clock;

use super::queues::Queues;
use super::tickets::{assert_one_each, id, received, ticket};
use crate::harness::{Stage, Troupe, own_broker, until};

/// Polls up to an hour apart, as life has them, and a sweeper that looks often.
const UNHURRIED: &str = r#"
[ledger]
lease = "2100ms"
[poll]
interval = "5s"
max_interval = "1h"
people_interval = "1h"
"#;

/// A worker whose time we drive, and its ledger to look at.
struct Replica {
    troupe: Troupe,
    ledger: std::sync::Arc<dyn Ledger>,
    clock: Clock,
}

impl Replica {
    /// One that begins at the time at which the last one stopped.
    fn deploy(stage: &Stage, clock: Clock) -> Self {
        let mut worker = stage.worker();
        worker.clock = clock.clone();
        let ledger = worker.ledger.clone();
        Self { troupe: Troupe::of(worker), ledger, clock }
    }

    async fn record(&self) -> JobRecord {
        self.ledger.find(&id(1).parse().unwrap()).await.unwrap().unwrap()
    }

    /// When the job wakes next; none while it does anything else than wait.
    async fn due(&self) -> Option<Timestamp> {
        let State::Waiting { due, .. } = self.record().await.state else { return None };
        (due > self.clock.now()).then_some(due)
    }

    /// Waits until the job waits, then lets that time pass.
    async fn pass_a_wait(&self, queues: &Queues) {
        until(async || self.due().await.is_some() && queues.waiting().await == 1).await;
        let due = self.due().await.unwrap();
        self.clock.put_forward(due.duration_since(self.clock.now()));
        queues.hasten().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_polled_for_a_week_across_three_redeploys_and_a_new_broker() {
    let broker = own_broker().await;
    let pace = Duration::from_millis(100);
    let simulated = simulator::Settings { pace, ..Default::default() };
    let mut stage = Stage::hearing("#", broker.url.clone(), UNHURRIED, simulated).await;
    let mut queues = Queues::of(&stage).await;
    let mut replica = Replica::deploy(&stage, Clock::default());
    stage.submit(Kind::Create, &ticket(1, "sim:wait")).await;
    stage.state(&id(1), "submitted").await;

    let start = replica.clock.now();
    let passed = |clock: &Clock| clock.now().duration_since(start).as_hours() / 24;
    for day in 1..=7 {
        while passed(&replica.clock) < day {
            replica.pass_a_wait(&queues).await;
        }
        match day {
            1 | 3 | 5 => {
                let Replica { troupe, clock, .. } = replica;
                troupe.stop().await;
                replica = Replica::deploy(&stage, clock);
            }
            4 => {
                for step in ["stop_app", "reset", "start_app"] {
                    broker.control(&[step]).await.unwrap();
                }
                stage.listen_again().await;
                queues = Queues::of(&stage).await;
                // Its wake-up went with the old broker. A sweeper misses it once it is overdue.
                let due = replica.record().await.due.unwrap();
                let overdue =
                    due.duration_since(replica.clock.now()) + SignedDuration::from_mins(1);
                replica.clock.put_forward(overdue);
            }
            _ => {}
        }
    }
    let order = stage.simulator.effects()[0].order_ids[0];
    stage.simulator.steer(Steer::Ticket { id: order, fate: Fate::Succeed }).unwrap();
    let job = id(1);
    let outcome = stage.state(&job, "succeeded");
    let hurrying = async {
        loop {
            replica.pass_a_wait(&queues).await;
        }
    };
    let outcome = tokio::select! {
        outcome = outcome => outcome,
        () = hurrying => unreachable!("it hurries until the outcome comes"),
    };
    let polls = received(&stage.simulator, "dms.GetOrderBaseInfo");
    println!("7 days, {polls} polls");
    assert!((168..400).contains(&polls), "{polls} polls in a week");
    assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    replica.troupe.stop().await;
    assert_one_each(&stage.simulator, 1);
    assert_eq!(received(&stage.simulator, "dms.CreateOrder"), 1);
}
