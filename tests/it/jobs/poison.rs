//! Jobs that crash workers, and jobs that only seem to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use ticketd::app::Worker;
use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use ticketd::worker::Drained;

use super::poison_worker::{self, PoisonWorker};
use crate::harness::samples::{accepted, change, kind, packages};
use crate::harness::{Queue, TestEnv, TestWorker, all_done, header, is_outcome};
use crate::replicas::process::Process;

/// Limit of these tests on a slow machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(240);

/// Long timeouts for replies on a slow machine.
const LONG_TIMEOUTS: &str = r#"
[http]
timeout = "3s"
[probe]
settle = "3s"
"#;

fn slow(action: &str, delay: u64) -> FaultRule {
    FaultRule::always(action, Fault::Slow { delay: Duration::from_millis(delay) })
}

/// Tickets with numbered comments.
fn tickets(count: usize) -> Vec<Value> {
    (0..count).map(|n| change(&format!("job-{n}"), &format!("job {n}."))).collect()
}

/// The outcomes published so far, by job.
async fn outcomes(env: &mut TestEnv) -> BTreeMap<String, Value> {
    let published = env.all_published().await;
    let events =
        published.iter().map(|published| serde_json::from_slice::<Value>(&published.body).unwrap());
    let outcomes = events.filter(is_outcome);
    outcomes.map(|event| (event["subject"].as_str().unwrap().to_owned(), event)).collect()
}

fn effects(env: &TestEnv, comment: &str) -> usize {
    let has = |text: &Option<String>| text.as_ref().is_some_and(|text| text.starts_with(comment));
    env.simulator.effects().iter().filter(|effect| has(&effect.comment)).count()
}

/// Starts crashing workers one after another until the future is dropped.
async fn keep_starting(env: &TestEnv, text: &str) {
    loop {
        poison_worker::start(env, text).wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_crashes_workers_becomes_a_dead_letter_alone() {
    let mut env = TestEnv::new(LONG_TIMEOUTS).await;
    // The crashes hit the other jobs at any step.
    let spared = |rule: FaultRule| FaultRule { matching: Some("Tid=666".into()), ..rule };
    let faults = vec![spared(slow("*", 0)), slow("CreateOrder", 700), slow("ListOrders", 400)];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let neighbours = tickets(62);
    let mut killer = change("killer", "killer");
    killer["params"]["Tid"] = json!(666);
    for job in neighbours.iter().take(31).chain([&killer]).chain(neighbours.iter().skip(31)) {
        env.submit(kind(job), &accepted(job.clone())).await;
    }
    let ledger = env.worker().ledger;
    tokio::select! {
        () = keep_starting(&env, "Tid=666") => {}
        () = all_done(&*ledger, 63, TEST_TIMEOUT) => {}
    }
    let outcomes = outcomes(&mut env).await;
    for n in 0..62 {
        let outcome = &outcomes[&format!("job-{n}")];
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(effects(&env, &format!("job {n}.")), 1, "{outcome:#}");
    }
    // The call took effect, and the reply to every probe crashed the worker.
    let (killer, error) = (&outcomes["killer"], &outcomes["killer"]["data"]["error"]);
    assert_eq!(killer["data"]["state"], "unknown", "{killer:#}");
    assert_eq!(error["class"], "poison", "{killer:#}");
    assert!(error["message"].as_str().unwrap().contains("may have taken effect"), "{killer:#}");
    assert_eq!(effects(&env, "killer"), 1);

    let letters = Queue::read(&env.name("dead")).await.so_far().await;
    let reasons: Vec<_> = letters.iter().map(|letter| header(letter, "x-ticketd-reason")).collect();
    assert_eq!(reasons, [Some("poison".to_owned())]);
    assert!(String::from_utf8_lossy(&letters[0].data).contains("killer"));
}

fn panic_on_reply() -> ! {
    panic!("what this test does on purpose")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_always_panics_becomes_a_dead_letter() {
    let mut env = TestEnv::new("").await;
    let worker = env.worker();
    let text = "release-packages/8666".to_owned();
    let transport =
        Arc::new(PoisonWorker { transport: worker.transport, text, end: panic_on_reply });
    let worker = TestWorker::of(Worker { transport, ..worker });
    env.submit(Kind::Deploy, &packages("killer", &["8666"])).await;
    let outcome = env.outcome("killer").await;
    assert_eq!(outcome["data"]["state"], "failed", "{outcome:#}");
    assert_eq!(outcome["data"]["error"]["class"], "poison", "{outcome:#}");
    env.submit(Kind::Create, &accepted(change("after", "c"))).await;
    assert_eq!(env.outcome("after").await["data"]["state"], "succeeded");
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_eq!(env.broker().dead_and_unrouted().await.unwrap().dead, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_from_outside_make_no_job_poison() {
    const KILLS: u32 = 24;
    let mut env = TestEnv::new(LONG_TIMEOUTS).await;
    let faults = vec![slow("*", 150)];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let seed = rand::random();
    println!("seed: {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let jobs = tickets(120);
    for job in &jobs {
        env.submit(kind(job), job).await;
    }
    for _ in 0..KILLS {
        let worker = Process::ready(&env).await;
        let life = Duration::from_millis(random.random_range(0..600));
        tokio::time::sleep(life).await;
        worker.signal("KILL").await;
        worker.end().await;
    }
    let (ledger, _worker) = (env.worker().ledger, Process::ready(&env).await);
    all_done(&*ledger, jobs.len(), TEST_TIMEOUT).await;
    let outcomes = outcomes(&mut env).await;
    for n in 0..jobs.len() {
        let outcome = &outcomes[&format!("job-{n}")];
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(effects(&env, &format!("job {n}.")), 1, "{outcome:#}");
    }
    assert_eq!(env.broker().dead_and_unrouted().await.unwrap().dead, 0);
}
