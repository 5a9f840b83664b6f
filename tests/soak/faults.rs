//! What the clouds do wrong: all that the simulator can, on every operation, at moderate rates.

use std::time::Duration;

use ticketd::simulator::{Fault, FaultPlan, Rule};

use crate::configuration::HTTP_TIMEOUT;

/// What changes something.
const CALLS: [&str; 5] = [
    "dms.CreateOrder",
    "dms.CreateFreeLockCorrectOrder",
    "dms.CreatePublishGroupTask",
    "dataworks.DeployDISyncTask",
    "dataarts.DeployReleasePackages",
];

/// What only looks.
const READS: [&str; 12] = [
    "dms.GetOrderBaseInfo",
    "dms.GetDataCorrectOrderDetail",
    "dms.GetDataCorrectTaskDetail",
    "dms.GetDataCronClearConfig",
    "dms.GetDataExportOrderDetail",
    "dms.GetTableDesignProjectInfo",
    "dms.GetTableDesignProjectFlow",
    "dms.ListDDLPublishRecords",
    "dataworks.GetDISyncTask",
    "dataworks.GetDISyncInstanceInfo",
    "dataarts.GetReleasePackage",
    "dataarts.GetSystemTask",
];

/// A list that is read page by page, each of which may go wrong.
const LIST: &str = "dms.ListOrders";

/// The whole plan.
pub fn plan(seed: u64) -> FaultPlan {
    let mut faults = Vec::new();
    for action in CALLS {
        faults.extend(calls().into_iter().map(|(share, fault)| rule(action, share, fault)));
    }
    for action in READS {
        faults.extend(reads().into_iter().map(|(share, fault)| rule(action, share, fault)));
    }
    faults.extend(reads().into_iter().map(|(share, fault)| rule(LIST, share / 10.0, fault)));
    FaultPlan { seed, faults }
}

fn rule(action: &str, share: f64, fault: Fault) -> Rule {
    Rule { probability: Some(share), ..Rule::always(action, fault) }
}

/// A third of all calls goes wrong. What takes effect late does so while the worker lets the call
/// settle, as it has to.
fn calls() -> Vec<(f64, Fault)> {
    let millis = Duration::from_millis;
    let refusal = "the soak says no".to_owned();
    vec![
        (0.03, Fault::Slow { delay: HTTP_TIMEOUT / 2 }),
        (0.03, Fault::Slow { delay: HTTP_TIMEOUT + millis(500) }),
        (0.02, Fault::Refuse { status: 400, code: "Soak.Refused".into(), message: refusal }),
        (0.02, Fault::Throttle { retry_after: None }),
        (0.02, Fault::Throttle { retry_after: Some(millis(700)) }),
        (0.02, Fault::ErrorBefore { status: 500 }),
        (0.02, Fault::ErrorBefore { status: 503 }),
        (0.03, Fault::ErrorAfter { status: 502 }),
        (0.03, Fault::CutBefore),
        (0.03, Fault::CutAfter),
        (0.03, Fault::Late { delay: millis(1_500) }),
        (0.03, Fault::Late { delay: millis(4_000) }),
        (0.02, Fault::Garbage),
        (0.02, Fault::CutBody),
    ]
}

/// Nothing is refused for good: what can't be looked at has an unknown end, and rightly so.
fn reads() -> Vec<(f64, Fault)> {
    vec![
        (0.01, Fault::Slow { delay: HTTP_TIMEOUT + Duration::from_millis(500) }),
        (0.02, Fault::Throttle { retry_after: None }),
        (0.02, Fault::ErrorBefore { status: 500 }),
        (0.01, Fault::ErrorAfter { status: 504 }),
        (0.01, Fault::CutBefore),
        (0.01, Fault::CutAfter),
        (0.01, Fault::Garbage),
        (0.01, Fault::CutBody),
        (0.02, Fault::Backwards),
    ]
}
