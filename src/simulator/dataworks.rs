//! DataWorks: deploying synchronisation tasks. The deploy call answers with its own result.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dms::params::{Params, written};
use super::reply::Refusal;
use super::settings::Settings;
use super::stand::Call;
use super::truth::Effect;
use super::world::World;

/// What becomes of a DataWorks file that is deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFate {
    /// It is deployed.
    #[default]
    Succeed,
    /// The deploy call says that it failed.
    Fail,
    /// The deploy call says that it succeeded, and a solution is found to have failed later.
    FailLater,
}

/// A file that was deployed, or that a test has plans for.
#[derive(Debug)]
pub(super) struct File {
    pub(super) fate: FileFate,
    deployed: Option<Timestamp>,
}

impl World {
    /// A file; any number names one.
    pub(super) fn file(&mut self, id: i64, settings: &Settings) -> &mut File {
        let fate = if settings.fails(id) { FileFate::Fail } else { FileFate::Succeed };
        self.files.entry(id).or_insert(File { fate, deployed: None })
    }
}

struct Target {
    project: i64,
    file: i64,
    is_solution: bool,
}

impl Target {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let params = Params::of_query(&call.visit.asked);
        let read = || {
            let kind = params.one_of("TaskType", &["DI_REALTIME", "DI_SOLUTION"])?;
            Ok(Self {
                project: params.required_number("ProjectId")?,
                is_solution: kind.ok_or_else(|| Refusal::missing("TaskType"))? == "DI_SOLUTION",
                file: params.required_number("FileId")?,
            })
        };
        // Whatever is wrong with a parameter, DataWorks has one code for it.
        read().map_err(|refusal: Refusal| Refusal::new(400, "Param.Invalid", refusal.message))
    }
}

/// DeployDISyncTask.
pub(super) fn deploy(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let target = Target::read(call)?;
    let file = world.file(target.file, call.settings);
    file.deployed = Some(call.now);
    let failed = file.fate == FileFate::Fail;
    world.note(call, Effect { file_id: Some(target.file), ..Effect::default() });
    let (status, message) =
        if failed { ("fail", "submit and deploy fail.") } else { ("success", "") };
    Ok(json!({"Data": {"Status": status, "Message": message}}))
}

/// When a file was deployed, and whether it has failed; none as long as a query would fail.
fn deployed(world: &mut World, call: &Call<'_>, id: i64) -> Option<(Timestamp, bool)> {
    let file = world.file(id, call.settings);
    let at = file.deployed.filter(|at| call.is_visible(*at))?;
    Some((at, file.fate != FileFate::Succeed))
}

fn never_deployed(file: i64) -> Value {
    json!({"Data": {"Status": "fail", "Message": format!("invalid fileId {file}: never deployed")}})
}

/// GetDISyncTask.
pub(super) fn task(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let target = Target::read(call)?;
    let Some((at, failed)) = deployed(world, call, target.file) else {
        return Ok(never_deployed(target.file));
    };
    if !target.is_solution {
        let code = json!({"type": "realtime", "version": "1.0"}).to_string();
        return Ok(json!({"Data": {
            "Status": "success", "Message": "", "Code": code, "AlarmList": [],
        }}));
    }
    let time = written(call.shown(at));
    Ok(json!({"Data": {
        "Status": "success", "Message": "", "Code": null, "AlarmList": [],
        "SolutionDetail": {
            "Id": target.file, "Name": format!("solution {}", target.file),
            "Status": if failed { "3" } else { "4" }, "Type": "one-click",
            "SourceType": "mysql", "SubmitTime": time, "CreatorName": call.visit.caller.key,
            "ProjectId": target.project,
        },
    }}))
}

/// GetDISyncInstanceInfo. Deploying starts nothing, so a real-time task is not running.
pub(super) fn instance(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let target = Target::read(call)?;
    let Some((_, failed)) = deployed(world, call, target.file) else {
        return Ok(never_deployed(target.file));
    };
    if !target.is_solution {
        return Ok(json!({"Data": {
            "Status": "NORUN", "Message": "", "Name": format!("file {}", target.file),
        }}));
    }
    let step = if failed { "fail" } else { "success" };
    Ok(json!({"Data": {
        "Status": "success", "Message": "", "Name": format!("solution {}", target.file),
        "SolutionInfo": {
            "Id": target.file, "Status": if failed { "fail" } else { "run" },
            "CreatorName": call.visit.caller.key,
            "StepDetail": [{"StepId": 1, "StepName": "deploy", "Status": step, "Info": ""}],
        },
    }}))
}
