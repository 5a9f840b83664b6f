//! An account's limits, measured at the provider, with a worker that has far more jobs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::harness::TestEnv;
use crate::harness::samples::{accepted, change, kind};

/// When the calls of some jobs, published at once, arrived at the provider.
async fn moments(env: &mut TestEnv, jobs: usize) -> Vec<Timestamp> {
    let jobs: Vec<_> = (0..jobs).map(|n| accepted(change(&format!("job-{n}"), "c"))).collect();
    for job in &jobs {
        env.submit(kind(job), job).await;
    }
    let worker = env.start();
    for job in &jobs {
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(
            outcome["data"]["attempts"], 1,
            "a limit must not spend an attempt: {outcome:#}"
        );
    }
    worker.stop().await;
    let mut moments: Vec<_> = env.simulator.effects().iter().map(|effect| effect.at).collect();
    moments.sort();
    assert_eq!(moments.len(), jobs.len());
    moments
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_of_an_account_is_kept() {
    let mut env = TestEnv::new("[accounts.ali]\nrate_limit = \"20/s\"\n").await;
    let moments = moments(&mut env, 100).await;
    // A burst of a tenth of a second is allowed, and the network may delay a request a little.
    let (burst, held_up) = (2, SignedDuration::from_millis(500));
    for (earlier, later) in moments.iter().zip(&moments[20 + burst..]) {
        let took = later.duration_since(*earlier) + held_up;
        assert!(took >= SignedDuration::from_secs(1), "{} within {took:?}", 21 + burst);
    }
    let took = moments[99].duration_since(moments[0]);
    assert!(took >= SignedDuration::from_millis(4_400), "100 requests within {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_concurrency_limit_of_an_account_is_kept() {
    let mut env = TestEnv::new("[accounts.ali]\nmax_concurrent = 3\n").await;
    // A slow call takes effect on arrival and is in flight until its late answer.
    let delay = Duration::from_millis(300);
    let faults = vec![FaultRule::always("CreateOrder", Fault::Slow { delay })];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let moments = moments(&mut env, 24).await;
    for (first, fourth) in moments.iter().zip(&moments[3..]) {
        let apart = fourth.duration_since(*first);
        assert!(apart.unsigned_abs() >= delay, "four in flight: {apart:?} apart");
    }
}
