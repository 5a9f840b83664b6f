//! Where one package's deployment stands, by two witnesses: its system task, and the package.

use serde_json::Value;

use super::before::{Before, Since};
use super::package::{self, Package, Stage};
use super::task::{State, Task};
use crate::cloud::operations::conversation::{Conversation, Pause};
use crate::cloud::operations::reply::words;
use crate::cloud::operations::request::get;
use crate::cloud::protocol::Service;
use crate::job::{Failure, FailureClass};

/// Jobs that are named in one message, at most.
const MOST_NAMES: usize = 20;

/// How one package is doing: `end` is none while it runs, and then holds its failure, if any.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) seen: String,
    pub(super) waits_for_person: bool,
    pub(super) end: Option<Option<(String, String)>>,
    /// What the provider had to say of a success.
    pub(super) warning: Option<String>,
}

impl Standing {
    pub(super) fn running(seen: impl Into<String>) -> Self {
        Self { seen: seen.into(), waits_for_person: false, end: None, warning: None }
    }

    pub(super) fn succeeded(warning: Option<String>) -> Self {
        Self { end: Some(None), warning, ..Self::running("deployed") }
    }

    pub(super) fn failed(code: &str, message: String) -> Self {
        Self { end: Some(Some((code.to_owned(), message))), ..Self::running("failed") }
    }
}

/// What is asked about in one poll.
pub(super) struct Deployment<'a> {
    pub(super) project: &'a str,
    /// Whether the deployed jobs are to be started.
    pub(super) starts: bool,
    pub(super) before: Before,
}

impl Deployment<'_> {
    /// Asks about one package: its system task first, then the package itself, which alone tells
    /// whether jobs were started, and can tell the end where the task can't.
    pub(super) fn standing(
        &self,
        talk: &mut Conversation<'_>,
        handle: &Value,
        id: &str,
    ) -> Result<Standing, Pause> {
        let Some(task_id) = words(&handle["asy_task_id"]) else {
            return Ok(self.by_package(&package::ask(talk, self.project, id)?, id));
        };
        let path = format!("/v1/{}/system-tasks/{task_id}", self.project);
        let task = talk
            .try_ask(get(Service::Tasks, path))?
            .map_err(Clone::clone)
            .and_then(|reply| Task::read(&reply.body, handle));
        if let Ok(Task { state: State::Failed, message, .. }) = &task {
            let message = message.as_deref().unwrap_or("its system task failed");
            return Ok(Standing::failed("FAILED", format!("package {id}: {message}")));
        }
        let package = talk
            .try_ask(package::detail(self.project, id))?
            .map_err(Clone::clone)
            .and_then(|reply| package::read(&reply.body, id));
        match (task, package) {
            (Ok(task), Ok(package)) => Ok(self.by_both(task, &package, id)),
            (Ok(task), Err(failure)) => Ok(by_task(task, failure, id)?),
            (Err(_), Ok(package)) => Ok(self.by_package(&package, id)),
            (Err(task), Err(package)) => Err(the_passing(passing(task), package).into()),
        }
    }

    fn by_both(&self, task: Task, package: &Package, id: &str) -> Standing {
        let since = self.before.since(id, package);
        match (task.state, package.stage) {
            (State::Running | State::Other, Stage::Failed) if since != Since::Unmoved => {
                self.by_package(package, id)
            }
            (State::Other, Stage::Deployed) if since == Since::Moved => {
                self.by_package(package, id)
            }
            (State::Running | State::Other, stage) => {
                let waits_for_person = stage.waits_for_person();
                Standing { waits_for_person, ..Standing::running(task.seen) }
            }
            (State::Warning, Stage::Deployed) => {
                let standing = self.by_package(package, id);
                match standing.end {
                    Some(None) => Standing::succeeded(Some(warning(&task))),
                    Some(Some(_)) | None => standing,
                }
            }
            (State::Warning, Stage::Waiting | Stage::Failed | Stage::Other(_)) => {
                Standing::failed("WARNING", format!("package {id}: {}", warning(&task)))
            }
            (State::Warning, Stage::Deploying) | (State::Successful | State::Failed, _) => {
                self.by_package(package, id)
            }
        }
    }

    fn by_package(&self, package: &Package, id: &str) -> Standing {
        match package.stage {
            Stage::Waiting => Standing::running("waiting for deployment"),
            Stage::Deploying => Standing::running("deploying"),
            Stage::Other(status) => Standing {
                waits_for_person: package.stage.waits_for_person(),
                ..Standing::running(format!("deploy_status {status}"))
            },
            Stage::Failed => {
                Standing::failed("deploy_status 3", format!("package {id} could not be deployed"))
            }
            Stage::Deployed if self.starts && !package.not_started.is_empty() => {
                let jobs = in_a_row(&package.not_started);
                let message = format!("package {id} is deployed, and did not start: {jobs}");
                Standing::failed("start_job_status 3", message)
            }
            Stage::Deployed => Standing::succeeded(None),
        }
    }
}

/// The names of some jobs, and how many there are beyond that.
fn in_a_row(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMES);
    let named = names[..names.len() - more].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// Where only the task can be seen.
fn by_task(task: Task, unseen: Failure, id: &str) -> Result<Standing, Failure> {
    match task.state {
        State::Running | State::Other => Ok(Standing::running(task.seen)),
        State::Successful | State::Warning | State::Failed
            if unseen.meaning != FailureClass::Permanent =>
        {
            Err(unseen)
        }
        State::Successful => Ok(Standing::succeeded(None)),
        State::Warning | State::Failed => {
            Ok(Standing::failed("WARNING", format!("package {id}: {}", warning(&task))))
        }
    }
}

fn warning(task: &Task) -> String {
    task.message.clone().unwrap_or_else(|| "its system task ended in WARNING".into())
}

/// A task that is asked for right after the deploy may not be there yet.
fn passing(failure: Failure) -> Failure {
    if failure.code == "DLF.0810" {
        return Failure { meaning: FailureClass::Retryable { retry_after: None }, ..failure };
    }
    failure
}

/// Of two failures the one that may pass: while one witness may yet speak, nothing is final.
fn the_passing(task: Failure, package: Failure) -> Failure {
    match (task.meaning, package.meaning) {
        (FailureClass::Permanent, FailureClass::Retryable { .. } | FailureClass::Ambiguous) => {
            package
        }
        (FailureClass::Permanent | FailureClass::Retryable { .. } | FailureClass::Ambiguous, _) => {
            task
        }
    }
}
