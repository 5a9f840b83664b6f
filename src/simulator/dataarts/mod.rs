//! Huawei DataArts Factory: release packages and the system tasks that deploy them.

pub(super) mod package;

use serde_json::{Value, json};

use self::package::{ForcedPackageOutcome, PackageDeployment};
use super::effects::Effect;
use super::reply::ErrorReply;
use super::request::CallContext;
use super::store::Store;
use crate::cloud::signing::canonical::sha256_hex;

fn no_such_task() -> ErrorReply {
    ErrorReply::new(400, "DLF.0810", "Task does not exist.")
}

fn invalid(reason: &str) -> ErrorReply {
    ErrorReply::new(400, "DLF.3050", format!("The parameter is invalid: {reason}."))
}

/// POST …/release-packages/deploy. A package may be deployed again: refusing a second deployment
/// would hide a duplicate call.
pub(super) fn deploy(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let body = json_body(call)?;
    let ids: Vec<&str> = match body["package_ids"].as_array() {
        Some(list) if (1..=100).contains(&list.len()) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| invalid("package_ids must contain strings"))?
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
    if ids.iter().any(|id| store.package(id, call.settings).is_none()) {
        return Err(no_such_task());
    }
    let (mut details, mut task_ids) = (Vec::new(), Vec::new());
    for id in &ids {
        let Some(package) = store.package(id, call.settings) else { continue };
        let seed = format!("{} {id}", call.request.request_id);
        let task_id = sha256_hex(seed.as_bytes())[..32].to_owned();
        details.push(json!({
            "package_id": id.parse::<i64>().ok(),
            "asy_task_id": task_id, "asy_subtask_num": call.settings.subtasks,
        }));
        task_ids.push(task_id.clone());
        package.deployments.push(PackageDeployment {
            task_id: task_id.clone(),
            at: call.now,
            by: call.request.caller.key.clone(),
            starts_jobs,
            subtasks: call.settings.subtasks,
            pace: call.settings.pace,
        });
        store.system_tasks.insert(task_id, (*id).to_owned());
    }
    let package_ids = ids.iter().map(|id| (*id).to_owned()).collect();
    store.record_effect(call, Effect { package_ids, task_ids, ..Effect::default() });
    Ok(json!({"deploy_package_details": details}))
}

fn json_body(call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let body: Option<Value> = serde_json::from_slice(&call.request.raw.body).ok();
    body.filter(Value::is_object).ok_or_else(|| invalid("the body is not a JSON object"))
}

/// GET …/release-packages/{package_id}.
pub(super) fn package_detail(
    store: &mut Store,
    call: &CallContext<'_>,
) -> Result<Value, ErrorReply> {
    let segments = call.request.raw.segments();
    let id = segments.last().copied().unwrap_or_default();
    let package = store.package(id, call.settings).ok_or_else(no_such_task)?;
    let status = package.deploy_status(call.now);
    let started = package.deployments.last().is_some_and(|last| last.starts_jobs);
    let start_status = match (status, package.outcome) {
        (2, ForcedPackageOutcome::Warn) => Some(3),
        (2, _) if started => Some(2),
        _ => None,
    };
    Ok(json!({
        "release_package": package.description(call),
        "task_details": [{
            "pending_item_id": format!("{id}-1"), "item_name": format!("job_{id}"),
            "task_type": 1, "task_id": format!("{id}01"), "update_type": 2,
            "deploy_status": status, "start_job_status": start_status,
            "pending_version": 2, "deployed_version": if status == 2 { 2 } else { 1 },
        }],
    }))
}

/// POST …/release-packages: lists the packages that a request has named before.
pub(super) fn list(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let body = json_body(call)?;
    let keyword = body["key_word"].as_str().unwrap_or_default();
    let statuses = body["deploy_status_filter"].as_array();
    let limit = body["limit"].as_u64().unwrap_or(10);
    let page = body["offset"].as_u64().unwrap_or(0);
    let matching: Vec<Value> = store
        .packages
        .values()
        .map(|package| package.description(call))
        .filter(|package| {
            package["package_name"].as_str().is_some_and(|name| name.contains(keyword))
        })
        .filter(|package| statuses.is_none_or(|list| list.contains(&package["deploy_status"])))
        .collect();
    let skipped = usize::try_from(page.saturating_mul(limit)).unwrap_or(usize::MAX);
    let count = usize::try_from(limit).unwrap_or(usize::MAX);
    let listed: Vec<&Value> = matching.iter().skip(skipped).take(count).collect();
    Ok(json!({"total": matching.len(), "data": listed}))
}

/// GET /v1/{project_id}/system-tasks/{task_id}. A new task is visible after `lag`.
pub(super) fn system_task(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let segments = call.request.raw.segments();
    let task_id = segments.last().copied().unwrap_or_default();
    let package = store.system_tasks.get(task_id).and_then(|package| store.packages.get(package));
    let (package, deployment) = package
        .and_then(|package| {
            let is_requested =
                |one: &&PackageDeployment| one.task_id == task_id && call.is_visible(one.at);
            Some((package, package.deployments.iter().find(is_requested)?))
        })
        .ok_or_else(no_such_task)?;
    let ended = package.ended_subtasks(deployment, call.now);
    let subtasks = deployment.subtasks;
    let final_status = match package.outcome {
        ForcedPackageOutcome::Succeed | ForcedPackageOutcome::Wait => "SUCCESSFUL",
        ForcedPackageOutcome::Fail => "FAILED",
        ForcedPackageOutcome::Warn => "WARNING",
    };
    let millis_after = |stages: usize| {
        let passed = deployment.pace * u32::try_from(stages).unwrap_or(u32::MAX);
        let at = deployment.at.saturating_add(passed).unwrap_or(call.now);
        call.server_time(at).as_millisecond()
    };
    let subtask = |number: usize| {
        let status = match number {
            number if number >= ended => "RUNNING",
            number if number + 1 == subtasks => final_status,
            _ => "SUCCESSFUL",
        };
        json!({
            "id": format!("{task_id}-{number}"), "taskId": task_id, "status": status,
            "name": format!("subtask {}", number + 1),
            "lastUpdate": millis_after(ended.min(number + 1)),
        })
    };
    let has_ended = ended == subtasks;
    Ok(json!({
        "id": task_id, "name": format!("deploy package {}", package.id),
        "projectId": call.settings.project_id,
        "startTime": millis_after(0), "lastUpdate": millis_after(ended),
        "endTime": has_ended.then(|| millis_after(subtasks)),
        "status": if has_ended { final_status } else { "RUNNING" },
        "subtasks": (0..subtasks).map(subtask).collect::<Vec<_>>(),
    }))
}
