//! Replicas replaced one after the other, as in a rolling deployment.

use std::time::Duration;

use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::harness::TestEnv;
use crate::jobs::tickets::{assert_one_each, id, ticket};
use crate::replicas::process::Process;

const REPLICAS: usize = 3;

/// Jobs published between two steps of the deployment.
const JOBS_PER_STEP: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_fails_no_job() {
    let mut env = TestEnv::new("").await;
    // Slow enough that every stop happens during calls.
    let slow =
        FaultRule::always("dms.CreateOrder", Fault::Slow { delay: Duration::from_millis(300) });
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow] }).unwrap();
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(Process::ready(&env).await);
    }
    let mut jobs = 0;
    for _ in 0..REPLICAS {
        for _ in 0..JOBS_PER_STEP {
            env.submit(Kind::Create, &ticket(jobs, "")).await;
            jobs += 1;
        }
        let old = replicas.remove(0);
        replicas.push(Process::ready(&env).await);
        old.signal("TERM").await;
        let (status, said) = old.end().await;
        assert_eq!(status.code(), Some(0), "{said:#?}");
    }
    for number in 0..jobs {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
        let states = env.states(&id(number));
        assert!(!states.contains(&"doubtful".to_owned()), "{states:?}");
    }
    assert_one_each(&env.simulator, jobs);
}
