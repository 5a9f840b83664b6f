//! Every fault of a provider on every operation: the outcome is always true.

use std::time::Duration;

use serde_json::{Value, json};
use ticketd::cloud::account::Account;
use ticketd::simulator::{self, Fault, FaultPlan, FaultRule};

use crate::harness::TestEnv;
use crate::harness::all_operations::{AllOperations, effects, id, is_file};
use crate::harness::samples::{kind, ticket, with};

/// All faults, with each HTTP status that is treated differently.
fn faults() -> Vec<Fault> {
    let refuse = |status, code: &str| Fault::Refuse {
        status,
        code: code.into(),
        message: "not for you".into(),
    };
    let milliseconds = Duration::from_millis;
    let mut faults = vec![
        Fault::Slow { delay: milliseconds(300) },
        // Longer than our timeout.
        Fault::Slow { delay: milliseconds(1_500) },
        Fault::Throttle { retry_after: None },
        Fault::Throttle { retry_after: Some(milliseconds(300)) },
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Late { delay: milliseconds(500) },
        Fault::Garbage,
        Fault::CutBody,
        Fault::Backwards,
        refuse(400, "InvalidParameter"),
        refuse(403, "Forbidden.RAM"),
    ];
    for status in [500, 502, 503, 504] {
        faults.extend([Fault::ErrorBefore { status }, Fault::ErrorAfter { status }]);
    }
    faults
}

/// Asserts that the outcome is true and says as much as can be known.
fn assert_true_outcome(env: &TestEnv, job: &Value, outcome: &Value, about: &str) {
    let effects = effects(env, job).len();
    let state = outcome["data"]["state"].as_str().unwrap();
    let fits = match state {
        "succeeded" => effects == 1,
        "failed" => effects == 0,
        // Nothing at the provider distinguishes one such deploy from another.
        "unknown" => is_file(job) && effects <= 1,
        _ => false,
    };
    assert!(fits, "{about}: {state} with {effects} effects: {outcome:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_call_has_a_true_outcome() {
    let mut env = TestEnv::new("").await;
    let faults = faults();
    let accounts = env.settings.accounts.clone();
    let mut rules = Vec::new();
    let mut plays = Vec::new();
    for (n, fault) in (0..).zip(&faults) {
        // One account each, so that a fault opens no circuit of another job.
        let named = |of: &str| format!("{of}-{n}");
        env.settings.accounts.extend(
            accounts
                .iter()
                .map(|account| Account { name: named(&account.name), ..account.clone() }),
        );
        let set = AllOperations::number(n);
        rules.extend(set.rules(fault, 1));
        for (job, _) in set.jobs {
            let packages = job["operation"] == "dataarts.DeployReleasePackages";
            let account = named(if packages { "hw" } else { "ali" });
            plays.push((with(job, "account", json!(account)), fault));
        }
    }
    env.simulator.set_faults(FaultPlan { seed: 0, faults: rules }).unwrap();
    for (job, _) in &plays {
        env.submit(kind(job), job).await;
    }
    let worker = env.start();
    for (job, fault) in &plays {
        let outcome = env.outcome(id(job)).await;
        assert_true_outcome(&env, job, &outcome, &format!("{fault:?}"));
        let refused = matches!(fault, Fault::Refuse { .. });
        let state = &outcome["data"]["state"];
        assert!(refused == (*state == "failed"), "{fault:?}: {outcome:#}");
    }
    worker.stop().await;
    let faulted: u64 = env.simulator.requests().values().map(|count| count.faulted).sum();
    assert_eq!(faulted, plays.len() as u64, "every fault happened");
}

/// The reads of a job.
const READS: [&str; 12] = [
    "ListOrders",
    "GetOrderBaseInfo",
    "GetDataCorrectOrderDetail",
    "GetDataCorrectTaskDetail",
    "GetDataCronClearConfig",
    "GetDataExportOrderDetail",
    "GetTableDesignProjectInfo",
    "ListDDLPublishRecords",
    "GetDISyncTask",
    "GetDISyncInstanceInfo",
    "GetReleasePackage",
    "GetSystemTask",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_read_still_ends_in_one_success() {
    // Slow enough for polls to see every status.
    let pace = Duration::from_millis(1_200);
    let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
    let mut env = TestEnv::with("", simulated).await;
    // Permanent refusals of reads are tested in `failing_reads`.
    let faults: Vec<Fault> =
        faults().into_iter().filter(|fault| !matches!(fault, Fault::Refuse { .. })).collect();
    let mut rules = Vec::new();
    for action in READS {
        for (n, fault) in (0..).zip(&faults) {
            let rule = FaultRule::always(action, fault.clone());
            rules.push(FaultRule { nth: Some(vec![1 + 2 * n]), ..rule });
        }
    }
    // Some replies to calls are unreadable, so that these calls are probed.
    let lost =
        |action| FaultRule { probability: Some(0.6), ..FaultRule::always(action, Fault::Garbage) };
    rules.extend(["CreateOrder", "CreatePublishGroupTask"].map(lost));
    env.simulator.set_faults(FaultPlan { seed: 7, faults: rules }).unwrap();
    let mut jobs = Vec::new();
    for n in 0..6 {
        jobs.extend(AllOperations::number(n).jobs.map(|(job, _)| job));
        for plugin_type in ["DC_CRON_CLEAR", "NDDL", "DATA_EXPORT"] {
            jobs.push(ticket(
                &format!("{plugin_type}-{n}"),
                plugin_type,
                &format!("{plugin_type}-{n}-"),
            ));
        }
        let (mut node, _) = AllOperations::number(100 + n).jobs[3].clone();
        node["params"]["TaskType"] = json!("DI_REALTIME");
        jobs.push(node);
    }
    for job in &jobs {
        env.submit(kind(job), job).await;
    }
    let worker = env.start();
    for job in &jobs {
        let outcome = env.outcome(id(job)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(effects(&env, job).len(), 1, "{outcome:#}");
    }
    worker.stop().await;
    let requests = env.simulator.requests();
    let faulted = |action: &str| {
        let name = requests.keys().find(|name| name.ends_with(&format!(".{action}")));
        name.map_or(0, |name| requests[name].faulted)
    };
    let all = READS.map(|action| (action, faulted(action)));
    assert!(all.iter().all(|(_, faulted)| *faulted >= 1), "{all:?}");
    assert!(all.iter().map(|(_, faulted)| faulted).sum::<u64>() >= 60, "{all:?}");
}
