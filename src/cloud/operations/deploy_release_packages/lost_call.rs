//! Finding out whether a lost deploy took effect: what the packages were before the call, and what
//! they are now. A package may be deployed many times, so only a change since can be this job's.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::package_detail::{DeployStatus, PackageDetail};
use crate::cloud::operations::operation::{OperationContext, ProbeResult, adopted};
use crate::cloud::operations::replay::{Replay, Replayed};
use crate::job::FailureClass;

/// How far the provider's clock may be behind ours.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// The packages before the call, by id. A package that could not be read is missing.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct PackageBaseline(BTreeMap<String, PackageBefore>);

#[derive(Serialize, Deserialize)]
struct PackageBefore {
    deploy_status: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployed_at: Option<Timestamp>,
}

/// What happened to a package since the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeployChange {
    None,
    /// Deployed, or being deployed.
    Deployed,
    /// Another deploy was running when the baseline was read, so a change may be that one's.
    Concurrent,
    /// The baseline does not have the package.
    Unknown,
}

impl PackageBaseline {
    /// The baseline of the execution; empty if there is none.
    pub(super) fn of(cx: &OperationContext<'_>) -> Self {
        let baseline = cx.execution.baseline.clone();
        baseline.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    }

    pub(super) fn change(&self, id: &str, now: &PackageDetail) -> DeployChange {
        match self.0.get(id) {
            None => DeployChange::Unknown,
            Some(before) if DeployStatus::of(before.deploy_status) == DeployStatus::Deploying => {
                DeployChange::Concurrent
            }
            Some(PackageBefore { deploy_status, deployed_at })
                if *deploy_status == now.deploy_status && *deployed_at == now.deployed_at =>
            {
                DeployChange::None
            }
            Some(_) => DeployChange::Deployed,
        }
    }
}

/// Reads every package once: a hundred take seconds, a deploy takes minutes.
pub(super) fn baseline(
    cx: &OperationContext<'_>,
    package_ids: &[String],
    http: &mut Replay<'_>,
) -> Replayed<Value> {
    let mut packages = BTreeMap::new();
    for id in package_ids {
        match http.try_send(PackageDetail::request(cx.account.project_id(), id))? {
            Ok(reply) => {
                packages.extend(PackageDetail::parse(&reply.body, id).ok().map(|detail| {
                    let PackageDetail { deploy_status, deployed_at, .. } = detail;
                    (id.clone(), PackageBefore { deploy_status, deployed_at })
                }))
            }
            // An account may be allowed to deploy packages and not to read them. One refusal is
            // enough to know.
            Err(failure) if failure.class == FailureClass::Permanent => break,
            Err(failure) => return Err(failure.clone().into()),
        }
    }
    Ok(json!(PackageBaseline(packages)))
}

/// One call deploys all packages: it took effect if it reached every package, and did not if it
/// reached none.
pub(super) fn probe(
    cx: &OperationContext<'_>,
    package_ids: &[String],
    http: &mut Replay<'_>,
) -> Replayed<ProbeResult> {
    let baseline = PackageBaseline::of(cx);
    let mut reached = 0;
    for id in package_ids {
        let reply = http.send(PackageDetail::request(cx.account.project_id(), id))?;
        let detail = PackageDetail::parse(&reply.body, id)?;
        if detail.status() == DeployStatus::Waiting {
            continue;
        }
        if let Some(doubt) = doubt(&detail, baseline.change(id, &detail), cx.called_at()) {
            return Ok(ProbeResult::Undecided(format!("package {id} {doubt}")));
        }
        reached += 1;
    }
    let all = package_ids.len();
    // The lost reply held the ids of the system tasks: the packages are followed without them.
    let packages: Value = package_ids.iter().map(|id| json!({"package_id": id})).collect();
    Ok(match reached {
        0 => ProbeResult::Absent,
        reached if reached == all => ProbeResult::Found(adopted(json!({"packages": packages}))),
        reached => ProbeResult::Undecided(format!(
            "{reached} of {all} packages have been deployed, but one call deploys all"
        )),
    })
}

/// Why it is unclear whether this job's call deployed a package; none if it did. A package that
/// was deployed before and shows no change may still be deployed by this call.
fn doubt(detail: &PackageDetail, change: DeployChange, called_at: Timestamp) -> Option<String> {
    if let DeployStatus::Other(status) = detail.status() {
        return Some(format!("has the unknown deploy_status {status}"));
    }
    if let Some(at) = detail.deployed_at.filter(|at| *at < called_at - MAX_CLOCK_SKEW) {
        return Some(format!("was deployed at {at}, before this job's call"));
    }
    let ended = matches!(detail.status(), DeployStatus::Deployed | DeployStatus::Failed);
    match change {
        DeployChange::Deployed => None,
        DeployChange::None => Some("was deployed before the call and has not changed since".into()),
        DeployChange::Concurrent => Some("was being deployed before this job's call".into()),
        DeployChange::Unknown if ended && detail.deployed_at.is_none() => {
            Some("has been deployed, but does not show when".into())
        }
        DeployChange::Unknown => None,
    }
}
