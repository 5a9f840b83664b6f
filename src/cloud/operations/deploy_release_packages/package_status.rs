//! How one package's deploy is doing, from two sources: its system task and its detail.

use serde_json::Value;

use super::lost_call::{DeployChange, PackageBaseline};
use super::package_detail::{DeployStatus, PackageDetail};
use super::system_task::{SystemTask, TaskStatus};
use crate::cloud::operations::items::ItemStatus;
use crate::cloud::operations::json::text;
use crate::cloud::operations::replay::{Replay, Replayed};
use crate::cloud::operations::request::get;
use crate::cloud::request::Reply;
use crate::cloud::service::Service;
use crate::job::{Failure, FailureClass};

/// Limit of the DataArts job names in one text.
const MAX_JOB_NAMES: usize = 20;

/// What is needed to compute the status of a package.
pub(super) struct Deployment<'a> {
    pub(super) project: &'a str,
    /// Whether the deploy also starts the jobs.
    pub(super) starts_jobs: bool,
    pub(super) baseline: PackageBaseline,
}

impl Deployment<'_> {
    /// Asks for a package's system task, then for its detail. Only the detail shows whether jobs
    /// were started, and it may show the end where the task does not.
    pub(super) fn status(
        &self,
        id: &str,
        package: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<ItemStatus> {
        let detail_request = PackageDetail::request(self.project, id);
        let parse_detail = |reply: &Reply| PackageDetail::parse(&reply.body, id);
        let Some(task_id) = text(&package["asy_task_id"]) else {
            let detail = parse_detail(http.send(detail_request)?)?;
            return Ok(self.by_detail(&detail));
        };
        let path = format!("/v1/{}/system-tasks/{task_id}", self.project);
        let task = http
            .try_send(get(Service::Tasks, path))?
            .map_err(Clone::clone)
            .and_then(|reply| SystemTask::parse(&reply.body, package));
        if let Ok(SystemTask { status: TaskStatus::Failed, message, .. }) = &task {
            let message = message.as_deref().unwrap_or("the system task failed");
            return Ok(failed("FAILED", message));
        }
        let detail = http.try_send(detail_request)?.map_err(Clone::clone).and_then(parse_detail);
        match (task, detail) {
            (Ok(task), Ok(detail)) => {
                let change = self.baseline.change(id, &detail);
                Ok(self.by_both(task, &detail, change))
            }
            (Ok(task), Err(failure)) => Ok(by_task(task, failure)?),
            (Err(_), Ok(detail)) => Ok(self.by_detail(&detail)),
            (Err(task), Err(detail)) => Err(not_permanent(retry_missing_task(task), detail).into()),
        }
    }

    fn by_both(
        &self,
        task: SystemTask,
        detail: &PackageDetail,
        change: DeployChange,
    ) -> ItemStatus {
        match (task.status, detail.status()) {
            (TaskStatus::Running | TaskStatus::Other, DeployStatus::Failed)
                if change != DeployChange::None =>
            {
                self.by_detail(detail)
            }
            (TaskStatus::Other, DeployStatus::Deployed) if change == DeployChange::Deployed => {
                self.by_detail(detail)
            }
            (TaskStatus::Running | TaskStatus::Other, status) => ItemStatus::Running {
                status: task.summary,
                waits_for_person: status.waits_for_person(),
            },
            (TaskStatus::Warning, DeployStatus::Deployed) => match self.by_detail(detail) {
                ItemStatus::Succeeded { status, .. } => {
                    ItemStatus::Succeeded { status, warning: Some(warning(task)) }
                }
                other @ (ItemStatus::Running { .. } | ItemStatus::Failed { .. }) => other,
            },
            (
                TaskStatus::Warning,
                DeployStatus::Waiting | DeployStatus::Failed | DeployStatus::Other(_),
            ) => failed("WARNING", warning(task)),
            (TaskStatus::Warning, DeployStatus::Deploying)
            | (TaskStatus::Successful | TaskStatus::Failed, _) => self.by_detail(detail),
        }
    }

    fn by_detail(&self, detail: &PackageDetail) -> ItemStatus {
        match detail.status() {
            DeployStatus::Waiting => ItemStatus::running("waiting for deployment"),
            DeployStatus::Deploying => ItemStatus::running("deploying"),
            DeployStatus::Other(number) => ItemStatus::Running {
                status: format!("deploy_status {number}"),
                waits_for_person: detail.status().waits_for_person(),
            },
            DeployStatus::Failed => failed("deploy_status 3", "the package could not be deployed"),
            DeployStatus::Deployed if self.starts_jobs && !detail.jobs_not_started.is_empty() => {
                let jobs = some_of(&detail.jobs_not_started);
                let message = format!("deployed, but these jobs could not be started: {jobs}");
                failed("start_job_status 3", message)
            }
            DeployStatus::Deployed => ItemStatus::succeeded("deployed"),
        }
    }
}

/// The status if only the task can be read.
fn by_task(task: SystemTask, detail_failure: Failure) -> Result<ItemStatus, Failure> {
    match task.status {
        TaskStatus::Running | TaskStatus::Other => Ok(ItemStatus::running(task.summary)),
        TaskStatus::Successful | TaskStatus::Warning | TaskStatus::Failed
            if detail_failure.class != FailureClass::Permanent =>
        {
            Err(detail_failure)
        }
        TaskStatus::Successful => Ok(ItemStatus::succeeded("deployed")),
        TaskStatus::Warning | TaskStatus::Failed => Ok(failed("WARNING", warning(task))),
    }
}

fn failed(code: &str, message: impl Into<String>) -> ItemStatus {
    ItemStatus::failed("failed", code, message)
}

fn warning(task: SystemTask) -> String {
    task.message.unwrap_or_else(|| "the system task ended with the status WARNING".into())
}

/// The first names, and how many more there are.
fn some_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(MAX_JOB_NAMES);
    let named = names[..names.len() - more].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// Right after a deploy its task may not exist yet.
fn retry_missing_task(failure: Failure) -> Failure {
    if failure.code == "DLF.0810" {
        return Failure { class: FailureClass::Retryable { retry_after: None }, ..failure };
    }
    failure
}

/// The failure that is not permanent, if there is one: one source may still answer later.
fn not_permanent(task: Failure, detail: Failure) -> Failure {
    match (task.class, detail.class) {
        (FailureClass::Permanent, FailureClass::Retryable { .. } | FailureClass::Ambiguous) => {
            detail
        }
        (FailureClass::Permanent | FailureClass::Retryable { .. } | FailureClass::Ambiguous, _) => {
            task
        }
    }
}
