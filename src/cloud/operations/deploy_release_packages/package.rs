//! What a package says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::operations::conversation::{Conversation, Pause};
use crate::cloud::operations::reply::{integer, items, words};
use crate::cloud::operations::request::get;
use crate::cloud::protocol::{Request, Service};
use crate::job::Failure;

/// A package's place on its way into service, by the provider's `deploy_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub(super) enum Stage {
    /// 1: nobody has deployed it.
    Waiting,
    /// 5.
    Deploying,
    /// 2.
    Deployed,
    /// 3.
    Failed,
    /// 4, which no document explains, and whatever else may come.
    Other(i64),
}

impl Stage {
    /// A package that was withdrawn, as it seems, goes on only when a person says so.
    pub(super) fn waits_for_person(self) -> bool {
        self == Stage::Other(4)
    }
}

impl From<i64> for Stage {
    fn from(deploy_status: i64) -> Self {
        match deploy_status {
            1 => Stage::Waiting,
            2 => Stage::Deployed,
            3 => Stage::Failed,
            5 => Stage::Deploying,
            other => Stage::Other(other),
        }
    }
}

impl From<Stage> for i64 {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Waiting => 1,
            Stage::Deployed => 2,
            Stage::Failed => 3,
            Stage::Deploying => 5,
            Stage::Other(other) => other,
        }
    }
}

/// A package as its detail shows it.
pub(super) struct Package {
    pub(super) stage: Stage,
    /// When it was deployed last, if that is told.
    pub(super) deployed_at: Option<Timestamp>,
    /// The jobs in it that could not be started.
    pub(super) not_started: Vec<String>,
}

/// The request for a package's detail.
pub(super) fn detail(project: &str, package: &str) -> Request {
    get(Service::Factory, format!("/v2/{project}/factory/release-packages/{package}"))
}

/// Asks for a package's detail.
pub(super) fn ask(
    talk: &mut Conversation<'_>,
    project: &str,
    package: &str,
) -> Result<Package, Pause> {
    let reply = talk.ask(detail(project, package))?;
    Ok(read(&reply.body, package)?)
}

/// Reads a package's detail.
pub(super) fn read(body: &Value, package: &str) -> Result<Package, Failure> {
    let release = &body["release_package"];
    let Some(deploy_status) = integer(&release["deploy_status"]) else {
        let message = format!("the detail of package {package} has no deploy_status");
        return Err(Failure::ambiguous("UnreadableReply", message));
    };
    let deployed_at = integer(&release["deploy_timestamp"])
        .filter(|milliseconds| *milliseconds > 0)
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
    let not_started = items(&body["task_details"])
        .iter()
        .filter(|task| integer(&task["start_job_status"]) == Some(3))
        .map(|task| words(&task["item_name"]).unwrap_or_else(|| "a job".into()))
        .collect();
    Ok(Package { stage: deploy_status.into(), deployed_at, not_started })
}
