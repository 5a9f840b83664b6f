//! Huawei DataArts Factory: release packages and the system tasks that deploy them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dms::ticket::stages_between;
use super::reply::Refusal;
use super::settings::Settings;
use super::stand::Call;
use super::truth::Effect;
use super::world::World;
use crate::cloud::signing::canonical::sha256_hex;

/// What becomes of a package that is deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageFate {
    /// It is deployed, and its jobs are started.
    #[default]
    Succeed,
    /// Its last subtask fails.
    Fail,
    /// It is deployed, but a job can't be started: the task ends as WARNING.
    Warn,
    /// Its last subtask stays RUNNING until it is steered.
    Wait,
}

/// A release package.
#[derive(Debug)]
pub(super) struct Package {
    id: String,
    fate: PackageFate,
    /// Oldest first; each has a system task of its own.
    deployments: Vec<Deployment>,
}

#[derive(Debug)]
struct Deployment {
    task_id: String,
    at: Timestamp,
    by: String,
    starts_jobs: bool,
    subtasks: usize,
    pace: Duration,
}

impl Package {
    /// How many subtasks of a deployment have ended.
    fn ended(&self, deployment: &Deployment, now: Timestamp) -> usize {
        let steps = stages_between(deployment.at, now, deployment.pace) as usize;
        let most = match self.fate {
            PackageFate::Wait => deployment.subtasks.saturating_sub(1),
            PackageFate::Succeed | PackageFate::Fail | PackageFate::Warn => deployment.subtasks,
        };
        steps.min(most)
    }

    /// 1 waiting, 5 deploying, 2 success, 3 failed: what the last deployment says.
    pub(super) fn deploy_status(&self, now: Timestamp) -> u8 {
        let Some(last) = self.deployments.last() else { return 1 };
        if self.ended(last, now) < last.subtasks {
            return 5;
        }
        match self.fate {
            PackageFate::Fail => 3,
            PackageFate::Succeed | PackageFate::Warn | PackageFate::Wait => 2,
        }
    }

    /// Gives it another fate. One that was held up goes on at once.
    pub(super) fn steer(&mut self, fate: PackageFate, now: Timestamp) {
        if self.fate == PackageFate::Wait {
            for deployment in &mut self.deployments {
                let all = u32::try_from(deployment.subtasks).unwrap_or(u32::MAX);
                let passed = deployment.pace.saturating_mul(all);
                let steps = stages_between(deployment.at, now, deployment.pace);
                if steps.saturating_add(1) >= all {
                    let earlier = now.saturating_sub(passed).unwrap_or(now);
                    deployment.at = deployment.at.min(earlier);
                }
            }
        }
        self.fate = fate;
    }

    fn described(&self, call: &Call<'_>) -> Value {
        let deployment = self.deployments.last();
        let millis = |moment: Timestamp| call.shown(moment).as_millisecond();
        json!({
            "package_id": self.id,
            "package_name": format!("package-{}", self.id),
            "deploy_status": self.deploy_status(call.now),
            "apply_timestamp": 1_700_000_000_000_i64,
            "apply_user_id": "sim-developer-id", "apply_user_name": "sim-developer",
            "deploy_timestamp": deployment.map(|one| millis(one.at)),
            "deploy_user_id": deployment.map(|one| format!("{}-id", one.by)),
            "deploy_user_name": deployment.map(|one| one.by.clone()),
            "delete_flag": 0,
            "workspace_id": call.settings.workspace, "project_id": call.settings.project_id,
            "package_approvers": [],
        })
    }
}

impl World {
    /// A package. Any whole number names one that waits to be deployed, unless something was
    /// done to it before.
    pub(super) fn package(&mut self, id: &str, settings: &Settings) -> Option<&mut Package> {
        let number: i64 = id.parse().ok().filter(|number| *number > 0)?;
        let fails = settings.fails(number);
        let fate = if fails { PackageFate::Fail } else { PackageFate::Succeed };
        let new = || Package { id: id.to_owned(), fate, deployments: Vec::new() };
        Some(self.packages.entry(id.to_owned()).or_insert_with(new))
    }
}

fn no_such_task() -> Refusal {
    Refusal::new(400, "DLF.0810", "Task does not exist.")
}

fn invalid(what: &str) -> Refusal {
    Refusal::new(400, "DLF.3050", format!("The parameter is invalid: {what}."))
}

/// POST …/release-packages/deploy. Deploying again what is deployed releases it again: a stand-in
/// that forgave it would hide a call made twice.
pub(super) fn deploy(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let body = json_body(call)?;
    let ids: Vec<&str> = match body["package_ids"].as_array() {
        Some(list) if (1..=100).contains(&list.len()) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| invalid("package_ids holds something that is no string"))?
        }
        Some(_) => return Err(invalid("package_ids must have 1 to 100 elements")),
        None => return Err(invalid("package_ids is missing")),
    };
    let starts_jobs = match &body["startup_mode"] {
        Value::Null => true,
        mode if mode == 0 => false,
        mode if mode == 1 => true,
        _ => return Err(invalid("startup_mode must be 0 or 1")),
    };
    if ids.iter().any(|id| world.package(id, call.settings).is_none()) {
        return Err(no_such_task());
    }
    let (mut details, mut task_ids) = (Vec::new(), Vec::new());
    for id in &ids {
        let Some(package) = world.package(id, call.settings) else { continue };
        let seed = format!("{} {id}", call.visit.request_id);
        let task_id = sha256_hex(seed.as_bytes())[..32].to_owned();
        details.push(json!({
            "package_id": id.parse::<i64>().ok(),
            "asy_task_id": task_id, "asy_subtask_num": call.settings.subtasks,
        }));
        task_ids.push(task_id.clone());
        package.deployments.push(Deployment {
            task_id: task_id.clone(),
            at: call.now,
            by: call.visit.caller.key.clone(),
            starts_jobs,
            subtasks: call.settings.subtasks,
            pace: call.settings.pace,
        });
        world.tasks.insert(task_id, (*id).to_owned());
    }
    let package_ids = ids.iter().map(|id| (*id).to_owned()).collect();
    world.note(call, Effect { package_ids, task_ids, ..Effect::default() });
    Ok(json!({"deploy_package_details": details}))
}

fn json_body(call: &Call<'_>) -> Result<Value, Refusal> {
    let body: Option<Value> = serde_json::from_slice(&call.visit.asked.body).ok();
    body.filter(Value::is_object).ok_or_else(|| invalid("the body is no JSON object"))
}

/// GET …/release-packages/{package_id}.
pub(super) fn package(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let segments = call.visit.asked.segments();
    let id = segments.last().copied().unwrap_or_default();
    let package = world.package(id, call.settings).ok_or_else(no_such_task)?;
    let status = package.deploy_status(call.now);
    let started = package.deployments.last().is_some_and(|one| one.starts_jobs);
    let start_status = match (status, package.fate) {
        (2, PackageFate::Warn) => Some(3),
        (2, _) if started => Some(2),
        _ => None,
    };
    Ok(json!({
        "release_package": package.described(call),
        "task_details": [{
            "pending_item_id": format!("{id}-1"), "item_name": format!("job_{id}"),
            "task_type": 1, "task_id": format!("{id}01"), "update_type": 2,
            "deploy_status": status, "start_job_status": start_status,
            "pending_version": 2, "deployed_version": if status == 2 { 2 } else { 1 },
        }],
    }))
}

/// POST …/release-packages: a list of the packages somebody has asked for before.
pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let body = json_body(call)?;
    let word = body["key_word"].as_str().unwrap_or_default();
    let statuses = body["deploy_status_filter"].as_array();
    let limit = body["limit"].as_u64().unwrap_or(10);
    let page = body["offset"].as_u64().unwrap_or(0);
    let matching: Vec<Value> = world
        .packages
        .values()
        .map(|package| package.described(call))
        .filter(|one| one["package_name"].as_str().is_some_and(|name| name.contains(word)))
        .filter(|one| statuses.is_none_or(|list| list.contains(&one["deploy_status"])))
        .collect();
    let skipped = usize::try_from(page.saturating_mul(limit)).unwrap_or(usize::MAX);
    let taken = usize::try_from(limit).unwrap_or(usize::MAX);
    let shown: Vec<&Value> = matching.iter().skip(skipped).take(taken).collect();
    Ok(json!({"total": matching.len(), "data": shown}))
}

/// GET /v1/{project_id}/system-tasks/{task_id}. A task is not known until `lag` has passed.
pub(super) fn system_task(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let segments = call.visit.asked.segments();
    let task_id = segments.last().copied().unwrap_or_default();
    let package = world.tasks.get(task_id).and_then(|package| world.packages.get(package));
    let (package, deployment) = package
        .and_then(|package| {
            let is_it = |one: &&Deployment| one.task_id == task_id && call.is_visible(one.at);
            Some((package, package.deployments.iter().find(is_it)?))
        })
        .ok_or_else(no_such_task)?;
    let ended = package.ended(deployment, call.now);
    let all = deployment.subtasks;
    let kind = match package.fate {
        PackageFate::Succeed | PackageFate::Wait => "SUCCESSFUL",
        PackageFate::Fail => "FAILED",
        PackageFate::Warn => "WARNING",
    };
    let moment = |steps: usize| {
        let passed = deployment.pace * u32::try_from(steps).unwrap_or(u32::MAX);
        let at = deployment.at.saturating_add(passed).unwrap_or(call.now);
        call.shown(at).as_millisecond()
    };
    let subtask = |number: usize| {
        let status = match number {
            number if number >= ended => "RUNNING",
            number if number + 1 == all => kind,
            _ => "SUCCESSFUL",
        };
        json!({
            "id": format!("{task_id}-{number}"), "taskId": task_id, "status": status,
            "name": format!("subtask {}", number + 1),
            "lastUpdate": moment(ended.min(number + 1)),
        })
    };
    let over = ended == all;
    Ok(json!({
        "id": task_id, "name": format!("deploy package {}", package.id),
        "projectId": call.settings.project_id,
        "startTime": moment(0), "lastUpdate": moment(ended),
        "endTime": over.then(|| moment(all)),
        "status": if over { kind } else { "RUNNING" },
        "subtasks": (0..all).map(subtask).collect::<Vec<_>>(),
    }))
}
