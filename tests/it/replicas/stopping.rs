//! SIGTERM during jobs.

use std::time::{Duration, Instant};

use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::harness::{LIMIT, TestEnv, until};
use crate::jobs::tickets::{assert_one_each, id, received, ticket};
use crate::replicas::process::Process;
use crate::replicas::queues::Queues;

/// One job at a time, with timeouts for a slow provider.
const SLOW: &str = r#"
[http]
timeout = "4s"
[probe]
settle = "4s"
[worker]
concurrency = 1
grace = "10s"
"#;

/// How long the slow call takes.
const DELAY: Duration = Duration::from_millis(2_500);

/// A worker that has just made the slow call, with four more jobs before it.
async fn in_a_slow_call() -> (TestEnv, Process) {
    let env = TestEnv::new(SLOW).await;
    let slow = FaultRule::always("dms.CreateOrder", Fault::Slow { delay: DELAY }).first(1);
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow] }).unwrap();
    let worker = Process::ready(&env).await;
    for number in 0..5 {
        env.submit(Kind::Create, &ticket(number, "")).await;
    }
    until(async || received(&env.simulator, "dms.CreateOrder") == 1).await;
    (env, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_the_call_and_requeues_the_other_jobs() {
    let (mut env, worker) = in_a_slow_call().await;
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert_eq!(status.code(), Some(0), "{said:#?}");
    // The call completed, and no further call was started.
    assert_eq!(received(&env.simulator, "dms.CreateOrder"), 1);
    let queues = Queues::of(&env).await;
    until(async || queues.ready("jobs.create").await + queues.waiting().await == 5).await;

    let worker = env.start();
    for number in 0..5 {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    }
    worker.stop().await;
    assert_eq!(received(&env.simulator, "dms.CreateOrder"), 5);
    assert_one_each(&env.simulator, 5);
    // No answer was lost: no call was looked up.
    assert!(!env.states(&id(0)).contains(&"doubtful".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once_and_the_call_is_looked_up() {
    let (mut env, mut worker) = in_a_slow_call().await;
    let called = Instant::now();
    worker.signal("INT").await;
    worker.says("stopping").await;
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status} {said:#?}");
    assert!(called.elapsed() < DELAY, "the stop waited for the call: {:?}", called.elapsed());

    let worker = env.start();
    for number in 0..5 {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    }
    worker.stop().await;
    assert_one_each(&env.simulator, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_interrupts_waits_and_the_next_worker_continues() {
    // Too short to be parked: the worker holds the delivery while it waits.
    let mut env = TestEnv::new("[poll]\ninterval = \"900ms\"\nmax_interval = \"900ms\"").await;
    let worker = Process::ready(&env).await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.state(&id(1), "submitted").await;
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert_eq!(received(&env.simulator, "dms.GetOrderBaseInfo"), 0);

    let worker = env.start();
    let outcome = env.outcome(&id(1)).await;
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    worker.stop().await;
    assert_one_each(&env.simulator, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_job_is_answered_even_if_a_stop_requeued_it() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    env.submit(Kind::Create, &ticket(1, "")).await;
    let first = env.outcome(&id(1)).await;
    worker.stop().await;

    env.submit(Kind::Create, &ticket(1, "")).await;
    let mut deliveries = env.broker().consume(&[Kind::Create], 1);
    loop {
        // The first copy may be redelivered, if its worker ended before the broker received its ack.
        let delivery = deliveries.next().await.unwrap();
        let again = !delivery.redelivered;
        delivery.requeue().await.unwrap();
        if again {
            break;
        }
    }
    deliveries.stop().await;
    let worker = env.start();
    let second = env.outcomes(1, LIMIT).await.remove(&id(1)).unwrap();
    assert_eq!(second["id"], first["id"]);
    worker.stop().await;
    assert_one_each(&env.simulator, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_64_slow_calls_loses_and_repeats_none() {
    const CALLS: usize = 64;
    let mut env = TestEnv::new("[http]\ntimeout = \"8s\"\n[probe]\nsettle = \"8s\"").await;
    let delay = Duration::from_secs(3);
    let slow = FaultRule::always("dms.CreateOrder", Fault::Slow { delay });
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow] }).unwrap();
    let worker = Process::ready(&env).await;
    for number in 0..CALLS + 10 {
        env.submit(Kind::Create, &ticket(number, "")).await;
    }
    until(async || received(&env.simulator, "dms.CreateOrder") == CALLS as u64).await;
    let asked = Instant::now();
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert_eq!(status.code(), Some(0), "{said:#?}");
    println!("64 slow calls: stopped {:?} after the signal", asked.elapsed());
    assert!(asked.elapsed() < env.settings.worker.grace, "{:?}", asked.elapsed());
    assert_eq!(env.simulator.effects().len(), CALLS, "a call was interrupted or started");

    env.simulator.set_faults(FaultPlan::default()).unwrap();
    let worker = env.start();
    for number in 0..CALLS + 10 {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
        assert!(!env.states(&id(number)).contains(&"doubtful".to_owned()));
    }
    worker.stop().await;
    assert_one_each(&env.simulator, CALLS + 10);
}
