//! What a package's detail shows.

use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::operations::json::{integer, list, text};
use crate::cloud::operations::request::get;
use crate::cloud::request::Request;
use crate::cloud::service::Service;
use crate::job::Failure;

/// The provider's `deploy_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub(super) fn of(number: i64) -> Self {
        match number {
            1 => DeployStatus::Waiting,
            2 => DeployStatus::Deployed,
            3 => DeployStatus::Failed,
            5 => DeployStatus::Deploying,
            other => DeployStatus::Other(other),
        }
    }

    /// A package with status 4 seems to be withdrawn: it continues only when a person acts.
    pub(super) fn waits_for_person(self) -> bool {
        self == DeployStatus::Other(4)
    }
}

pub(super) struct PackageDetail {
    pub(super) deploy_status: i64,
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
        let Some(deploy_status) = integer(&release["deploy_status"]) else {
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
        Ok(Self { deploy_status, deployed_at, jobs_not_started })
    }

    pub(super) fn status(&self) -> DeployStatus {
        DeployStatus::of(self.deploy_status)
    }
}
