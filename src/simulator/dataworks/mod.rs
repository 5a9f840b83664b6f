//! DataWorks: deployment of synchronization tasks. The reply to the deploy call has the result.

pub(super) mod file;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::file::ForcedFileOutcome;
use super::dms::params::{Params, format_time};
use super::effects::Effect;
use super::reply::ErrorReply;
use super::request::CallContext;
use super::store::Store;

struct SyncTaskParams {
    project: i64,
    file: i64,
    is_solution: bool,
}

impl SyncTaskParams {
    fn of(call: &CallContext<'_>) -> Result<Self, ErrorReply> {
        let params = Params::of_query(&call.request.raw);
        let parse = || {
            let kind = params.one_of("TaskType", &["DI_REALTIME", "DI_SOLUTION"])?;
            Ok(Self {
                project: params.required_number("ProjectId")?,
                is_solution: kind.ok_or_else(|| ErrorReply::missing_parameter("TaskType"))?
                    == "DI_SOLUTION",
                file: params.required_number("FileId")?,
            })
        };
        // DataWorks has the same code for every error in the parameters.
        parse().map_err(|error: ErrorReply| ErrorReply::new(400, "Param.Invalid", error.message))
    }
}

/// DeployDISyncTask.
pub(super) fn deploy(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let params = SyncTaskParams::of(call)?;
    let file = store.file(params.file, call.settings);
    file.deployed = Some(call.now);
    let failed = file.outcome == ForcedFileOutcome::Fail;
    store.record_effect(call, Effect { file_id: Some(params.file), ..Effect::default() });
    let (status, message) =
        if failed { ("fail", "submit and deploy fail.") } else { ("success", "") };
    Ok(json!({"Data": {"Status": status, "Message": message}}))
}

/// When a file was deployed, and whether it failed; none while queries do not show it.
fn deployment(store: &mut Store, call: &CallContext<'_>, id: i64) -> Option<(Timestamp, bool)> {
    let file = store.file(id, call.settings);
    let at = file.deployed.filter(|at| call.is_visible(*at))?;
    Some((at, file.outcome != ForcedFileOutcome::Succeed))
}

fn never_deployed(file: i64) -> Value {
    json!({"Data": {"Status": "fail", "Message": format!("invalid fileId {file}: never deployed")}})
}

/// GetDISyncTask.
pub(super) fn task(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let params = SyncTaskParams::of(call)?;
    let Some((at, failed)) = deployment(store, call, params.file) else {
        return Ok(never_deployed(params.file));
    };
    if !params.is_solution {
        let code = json!({"type": "realtime", "version": "1.0"}).to_string();
        return Ok(json!({"Data": {
            "Status": "success", "Message": "", "Code": code, "AlarmList": [],
        }}));
    }
    let time = format_time(call.server_time(at));
    Ok(json!({"Data": {
        "Status": "success", "Message": "", "Code": null, "AlarmList": [],
        "SolutionDetail": {
            "Id": params.file, "Name": format!("solution {}", params.file),
            "Status": if failed { "3" } else { "4" }, "Type": "one-click",
            "SourceType": "mysql", "SubmitTime": time, "CreatorName": call.request.caller.key,
            "ProjectId": params.project,
        },
    }}))
}

/// GetDISyncInstanceInfo. A deployment starts nothing, so a real-time task is not running.
pub(super) fn instance(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let params = SyncTaskParams::of(call)?;
    let Some((_, failed)) = deployment(store, call, params.file) else {
        return Ok(never_deployed(params.file));
    };
    if !params.is_solution {
        return Ok(json!({"Data": {
            "Status": "NORUN", "Message": "", "Name": format!("file {}", params.file),
        }}));
    }
    let step = if failed { "fail" } else { "success" };
    Ok(json!({"Data": {
        "Status": "success", "Message": "", "Name": format!("solution {}", params.file),
        "SolutionInfo": {
            "Id": params.file, "Status": if failed { "fail" } else { "run" },
            "CreatorName": call.request.caller.key,
            "StepDetail": [{"StepId": 1, "StepName": "deploy", "Status": step, "Info": ""}],
        },
    }}))
}
