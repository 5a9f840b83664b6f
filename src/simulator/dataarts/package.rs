//! A release package and its deployments.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::simulator::dms::ticket::stages_between;
use crate::simulator::request::CallContext;

/// How the deployments of a package end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForcedPackageOutcome {
    /// The package is deployed and its jobs are started.
    #[default]
    Succeed,
    /// The last subtask fails.
    Fail,
    /// The package is deployed, but one of its jobs does not start: the task ends as WARNING.
    Warn,
    /// The last subtask stays RUNNING until an override changes the outcome.
    Wait,
}

#[derive(Debug)]
pub(crate) struct ReleasePackage {
    pub(super) id: String,
    pub(super) outcome: ForcedPackageOutcome,
    /// Oldest first; each has its own system task.
    pub(super) deployments: Vec<PackageDeployment>,
}

#[derive(Debug)]
pub(super) struct PackageDeployment {
    pub(super) task_id: String,
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) starts_jobs: bool,
    pub(super) subtasks: usize,
    pub(super) pace: Duration,
}

impl ReleasePackage {
    pub(crate) fn new(id: String, outcome: ForcedPackageOutcome) -> Self {
        Self { id, outcome, deployments: Vec::new() }
    }

    /// How many subtasks of a deployment have ended.
    pub(super) fn ended_subtasks(&self, deployment: &PackageDeployment, now: Timestamp) -> usize {
        let stages = stages_between(deployment.at, now, deployment.pace) as usize;
        let max = match self.outcome {
            ForcedPackageOutcome::Wait => deployment.subtasks.saturating_sub(1),
            ForcedPackageOutcome::Succeed
            | ForcedPackageOutcome::Fail
            | ForcedPackageOutcome::Warn => deployment.subtasks,
        };
        stages.min(max)
    }

    /// The status of the last deployment: 1 waiting, 5 deploying, 2 success, 3 failed.
    pub(crate) fn deploy_status(&self, now: Timestamp) -> u8 {
        let Some(last) = self.deployments.last() else { return 1 };
        if self.ended_subtasks(last, now) < last.subtasks {
            return 5;
        }
        match self.outcome {
            ForcedPackageOutcome::Fail => 3,
            ForcedPackageOutcome::Succeed
            | ForcedPackageOutcome::Warn
            | ForcedPackageOutcome::Wait => 2,
        }
    }

    /// Changes the outcome. A deployment that waited in its last subtask ends at once.
    pub(crate) fn force(&mut self, outcome: ForcedPackageOutcome, now: Timestamp) {
        if self.outcome == ForcedPackageOutcome::Wait {
            for deployment in &mut self.deployments {
                let subtasks = u32::try_from(deployment.subtasks).unwrap_or(u32::MAX);
                let duration = deployment.pace.saturating_mul(subtasks);
                let stages = stages_between(deployment.at, now, deployment.pace);
                if stages.saturating_add(1) >= subtasks {
                    let earlier = now.saturating_sub(duration).unwrap_or(now);
                    deployment.at = deployment.at.min(earlier);
                }
            }
        }
        self.outcome = outcome;
    }

    /// The package as lists and queries show it.
    pub(super) fn description(&self, call: &CallContext<'_>) -> Value {
        let deployment = self.deployments.last();
        let millis = |time: Timestamp| call.server_time(time).as_millisecond();
        json!({
            "package_id": self.id,
            "package_name": format!("package-{}", self.id),
            "deploy_status": self.deploy_status(call.now),
            "apply_timestamp": 1_700_000_000_000_i64,
            "apply_user_id": "sim-developer-id", "apply_user_name": "sim-developer",
            "deploy_timestamp": deployment.map(|last| millis(last.at)),
            "deploy_user_id": deployment.map(|last| format!("{}-id", last.by)),
            "deploy_user_name": deployment.map(|last| last.by.clone()),
            "delete_flag": 0,
            "workspace_id": call.settings.workspace, "project_id": call.settings.project_id,
            "package_approvers": [],
        })
    }
}
