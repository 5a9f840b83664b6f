//! The fault plan of the simulator: every kind of fault, on every operation, at moderate rates.

use std::time::Duration;

use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::worker_config::HTTP_TIMEOUT;

/// The actions with an effect.
const CALLS: [&str; 5] = [
    "dms.CreateOrder",
    "dms.CreateFreeLockCorrectOrder",
    "dms.CreatePublishGroupTask",
    "dataworks.DeployDISyncTask",
    "dataarts.DeployReleasePackages",
];

/// The actions without an effect.
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

/// Has a lower rate of faults, because a list is read in many pages.
const LIST: &str = "dms.ListOrders";

pub(crate) fn plan(seed: u64) -> FaultPlan {
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

fn rule(action: &str, share: f64, fault: Fault) -> FaultRule {
    FaultRule { probability: Some(share), ..FaultRule::always(action, fault) }
}

/// A third of all calls is hit. Late effects come within the worker's `settle` time.
fn calls() -> Vec<(f64, Fault)> {
    let millis = Duration::from_millis;
    let message = "refused by the soak".to_owned();
    vec![
        (0.03, Fault::Slow { delay: HTTP_TIMEOUT / 2 }),
        (0.03, Fault::Slow { delay: HTTP_TIMEOUT + millis(500) }),
        (0.02, Fault::Refuse { status: 400, code: "Soak.Refused".into(), message }),
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

/// No read is refused: a job whose status cannot be read rightly ends as `unknown`.
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
