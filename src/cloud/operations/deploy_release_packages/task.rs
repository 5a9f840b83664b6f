//! What a system task says of a package's deployment.

use serde_json::Value;

use crate::cloud::operations::reply::{integer, items, words};
use crate::job::Failure;

/// Where a system task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Successful,
    Failed,
    Warning,
    /// A status no document knows.
    Other,
}

impl State {
    fn of(status: &str) -> Self {
        match status {
            "RUNNING" => State::Running,
            "SUCCESSFUL" | "SUCCESS" => State::Successful,
            "FAILED" | "FAIL" => State::Failed,
            "WARNING" => State::Warning,
            _ => State::Other,
        }
    }

    fn has_ended(self) -> bool {
        match self {
            State::Successful | State::Failed | State::Warning => true,
            State::Running | State::Other => false,
        }
    }
}

/// A system task and its subtasks.
pub(super) struct Task {
    pub(super) seen: String,
    pub(super) state: State,
    pub(super) message: Option<String>,
}

impl Task {
    /// Reads a task; the package's handle knows how many subtasks there will be. Their list is
    /// called `subtasks` in the documents and `subTasks` in the clients.
    pub(super) fn read(body: &Value, handle: &Value) -> Result<Self, Failure> {
        let status = |value: &Value| words(&value["status"]).map(|status| status.to_uppercase());
        let Some(own) = status(body) else {
            let message = "the reply about the system task has no status";
            return Err(Failure::ambiguous("UnreadableReply", message));
        };
        let listed = [&body["subtasks"], &body["subTasks"]].into_iter().flat_map(items);
        let parts: Vec<State> =
            listed.map(|part| status(part).map_or(State::Other, |word| State::of(&word))).collect();
        let done = parts.iter().filter(|part| part.has_ended()).count();
        let state = match State::of(&own) {
            State::Successful if done < parts.len() => State::Running,
            State::Successful if parts.contains(&State::Failed) => State::Failed,
            State::Successful if parts.contains(&State::Warning) => State::Warning,
            state => state,
        };
        let all = integer(&handle["subtasks"])
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(0)
            .max(parts.len());
        let seen = if all == 0 { own } else { format!("{own} {done}/{all}") };
        Ok(Self { seen, state, message: words(&body["message"]) })
    }
}
