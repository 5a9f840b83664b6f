//! What a package's detail shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::operations::json::{integer, list, text};
use crate::cloud::operations::request::get;
use crate::cloud::protocol::{Request, Service};
use crate::job::Failure;

/// The provider's `deploy_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub(super) enum DeployStatus {
    /// 1: not deployed.
    Waiting,
    /// 5.
    Deploying,
    /// 2.
    Deployed,
    /// 3.
    Failed,
    /// 4, which is not documented, or an unknown number.
    Other(i64),
}

impl DeployStatus {
    /// A package with status 4 seems to be withdrawn: it continues only when a person acts.
    pub(super) fn waits_for_person(self) -> bool {
        self == DeployStatus::Other(4)
    }
}

impl From<i64> for DeployStatus {
    fn from(number: i64) -> Self {
        match number {
            1 => DeployStatus::Waiting,
            2 => DeployStatus::Deployed,
            3 => DeployStatus::Failed,
            5 => DeployStatus::Deploying,
            other => DeployStatus::Other(other),
        }
    }
}

impl From<DeployStatus> for i64 {
    fn from(status: DeployStatus) -> Self {
        match status {
            DeployStatus::Waiting => 1,
            DeployStatus::Deployed => 2,
            DeployStatus::Failed => 3,
            DeployStatus::Deploying => 5,
            DeployStatus::Other(other) => other,
        }
    }
}

pub(super) struct PackageDetail {
    pub(super) status: DeployStatus,
    /// The last deploy, if the detail shows it.
    pub(super) deployed_at: Option<Timestamp>,
    /// Names of the package's jobs that could not be started.
    pub(super) jobs_not_started: Vec<String>,
}

impl PackageDetail {
    pub(super) fn request(project: &str, package: &str) -> Request {
        get(Service::Factory, format!("/v2/{project}/factory/release-packages/{package}"))
    }

    pub(super) fn parse(body: &Value, package: &str) -> Result<Self, Failure> {
        let release = &body["release_package"];
        let Some(status) = integer(&release["deploy_status"]) else {
            let message = format!("the detail of package {package} has no deploy_status");
            return Err(Failure::ambiguous("UnreadableReply", message));
        };
        let deployed_at = integer(&release["deploy_timestamp"])
            .filter(|milliseconds| *milliseconds > 0)
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
        let jobs_not_started = list(&body["task_details"])
            .iter()
            .filter(|job| integer(&job["start_job_status"]) == Some(3))
            .map(|job| text(&job["item_name"]).unwrap_or_else(|| "a job without a name".into()))
            .collect();
        Ok(Self { status: status.into(), deployed_at, jobs_not_started })
    }
}
