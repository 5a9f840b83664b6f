//! What a system task shows of a package's deploy.

use serde_json::Value;

use crate::cloud::operations::json::{integer, list, text};
use crate::job::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskStatus {
    Running,
    Successful,
    Failed,
    Warning,
    /// A status that is not documented.
    Other,
}

impl TaskStatus {
    fn of(status: &str) -> Self {
        match status {
            "RUNNING" => TaskStatus::Running,
            "SUCCESSFUL" | "SUCCESS" => TaskStatus::Successful,
            "FAILED" | "FAIL" => TaskStatus::Failed,
            "WARNING" => TaskStatus::Warning,
            _ => TaskStatus::Other,
        }
    }

    fn has_ended(self) -> bool {
        match self {
            TaskStatus::Successful | TaskStatus::Failed | TaskStatus::Warning => true,
            TaskStatus::Running | TaskStatus::Other => false,
        }
    }
}

/// A system task and its subtasks.
pub(super) struct SystemTask {
    pub(super) status: TaskStatus,
    /// The provider's status, and how many subtasks have ended: `RUNNING 1/2`.
    pub(super) summary: String,
    pub(super) message: Option<String>,
}

impl SystemTask {
    /// Reads a task. The package's handle holds the number of subtasks to expect. Their list is
    /// `subtasks` in the provider's documents and `subTasks` in its clients.
    pub(super) fn parse(body: &Value, package: &Value) -> Result<Self, Failure> {
        let status = |value: &Value| text(&value["status"]).map(|status| status.to_uppercase());
        let Some(own) = status(body) else {
            let message = "the reply about the system task has no status";
            return Err(Failure::ambiguous("UnreadableReply", message));
        };
        let subtasks: Vec<TaskStatus> = [&body["subtasks"], &body["subTasks"]]
            .into_iter()
            .flat_map(list)
            .map(|task| status(task).map_or(TaskStatus::Other, |status| TaskStatus::of(&status)))
            .collect();
        let ended = subtasks.iter().filter(|status| status.has_ended()).count();
        let status = match TaskStatus::of(&own) {
            TaskStatus::Successful if ended < subtasks.len() => TaskStatus::Running,
            TaskStatus::Successful if subtasks.contains(&TaskStatus::Failed) => TaskStatus::Failed,
            TaskStatus::Successful if subtasks.contains(&TaskStatus::Warning) => {
                TaskStatus::Warning
            }
            status => status,
        };
        let expected = integer(&package["subtasks"])
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(0)
            .max(subtasks.len());
        let summary = if expected == 0 { own } else { format!("{own} {ended}/{expected}") };
        Ok(Self { status, summary, message: text(&body["message"]) })
    }
}
