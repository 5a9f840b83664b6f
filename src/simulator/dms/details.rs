//! Questions about one ticket.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::params::{Params, written};
use super::publish::{self, Node};
use super::ticket::{Fate, Stage, Ticket};
use crate::simulator::reply::Refusal;
use crate::simulator::stand::Call;
use crate::simulator::world::World;

/// The ticket a request asks about.
pub(super) fn asked_ticket<'w>(
    world: &'w mut World,
    call: &Call<'_>,
) -> Result<&'w Ticket, Refusal> {
    let id = Params::of_query(&call.visit.asked).required_number("OrderId")?;
    match world.ticket(id, call.settings) {
        Some(ticket) => Ok(ticket),
        None => Err(Refusal::invalid("OrderId", "there is no such ticket")),
    }
}

/// The ticket a request asks about, if it is of a type the action is for.
fn ticket_of<'w>(
    world: &'w mut World,
    call: &Call<'_>,
    types: &[&str],
) -> Result<&'w Ticket, Refusal> {
    let ticket = asked_ticket(world, call)?;
    if types.iter().any(|one| ticket.is(one)) {
        Ok(ticket)
    } else {
        Err(Refusal::invalid("OrderId", &format!("the ticket is a {}", ticket.what.plugin_type)))
    }
}

/// StatusCode and StatusDesc. No code says that a ticket failed: that shows at its task alone.
pub(super) fn status(
    world: &World,
    ticket: &Ticket,
    now: Timestamp,
) -> (&'static str, &'static str) {
    let stage = ticket.stage(now);
    if ticket.is("NDDL") && !matches!(stage, Stage::Rejected | Stage::Closed) {
        return match publish::node(world, ticket, now) {
            Node::Start => ("new", "New"),
            Node::Design | Node::Publish => ("processing", "Processing"),
            Node::End => ("success", "Succeeded"),
        };
    }
    match stage {
        Stage::New | Stage::Precheck | Stage::PrecheckFailed => ("new", "New"),
        Stage::ToAudit => ("toaudit", "To be approved"),
        Stage::Rejected => ("reject", "Rejected"),
        Stage::Closed => ("closed", "Closed"),
        Stage::Approved => ("approved", "Approved"),
        Stage::Processing | Stage::Failed => ("processing", "Processing"),
        Stage::Success => ("success", "Succeeded"),
    }
}

/// What a list and the ticket itself both say.
pub(super) fn summary(world: &World, ticket: &Ticket, call: &Call<'_>) -> Value {
    let (code, description) = status(world, ticket, call.now);
    json!({
        "OrderId": ticket.id,
        "PluginType": ticket.what.plugin_type,
        "StatusCode": code,
        "StatusDesc": description,
        "Comment": ticket.what.comment.trim(),
        "Committer": ticket.committer,
        "CommitterId": 51,
        "CreateTime": written(call.shown(ticket.created)),
        "LastModifyTime": written(call.shown(ticket.modified(call.now))),
    })
}

/// GetOrderBaseInfo.
pub(in crate::simulator) fn base_info(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let id = asked_ticket(world, call)?.id;
    let Some(ticket) = world.tickets.get(&id) else {
        return Err(Refusal::invalid("OrderId", "there is no such ticket"));
    };
    let mut info = summary(world, ticket, call);
    let related = &ticket.what.related;
    info["WorkflowInstanceId"] = json!(ticket.id + 8_000_000);
    info["WorkflowStatusDesc"] = info["StatusDesc"].clone();
    info["AttachmentKey"] = json!(ticket.what.attachment);
    info["RelatedUserList"] =
        json!({"UserIds": related.iter().map(i64::to_string).collect::<Vec<_>>()});
    info["RelatedUserNickList"] =
        json!({"UserNicks": related.iter().map(|id| format!("user {id}")).collect::<Vec<_>>()});
    Ok(json!({"OrderBaseInfo": info}))
}

const CHANGES: [&str; 3] = ["DC_COMMON", "DC_CHUNK", "DC_CRON_CLEAR"];

/// GetDataCorrectOrderDetail. Its Status is on another scale than StatusCode.
pub(in crate::simulator) fn data_correct(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let ticket = ticket_of(world, call, &CHANGES)?;
    let stage = ticket.stage(call.now);
    let status = match stage {
        Stage::New => "new",
        Stage::Precheck => "precheck",
        Stage::PrecheckFailed => "precheckFailed",
        Stage::ToAudit => "toaudit",
        Stage::Rejected => "reject",
        Stage::Closed => "closed",
        Stage::Approved => "Approved",
        Stage::Processing | Stage::Failed => "processing",
        Stage::Success => "Success",
    };
    let check = match stage {
        Stage::New => "WAITING",
        Stage::Precheck => "RUNNING",
        Stage::PrecheckFailed => "FAIL",
        Stage::ToAudit
        | Stage::Rejected
        | Stage::Closed
        | Stage::Approved
        | Stage::Processing
        | Stage::Failed
        | Stage::Success => "SUCCESS",
    };
    let tip = if check == "FAIL" { "The SQL statement cannot be parsed." } else { "" };
    let detail_type = match ticket.what.plugin_type.as_str() {
        "DC_CHUNK" => "CHUNK_DML",
        "DC_CRON_CLEAR" => "CRON_CLEAR_DATA",
        _ => "COMMON",
    };
    let param = &ticket.what.param;
    let sql = if param["execSQL"].is_null() { &param["ExecSQL"] } else { &param["execSQL"] };
    Ok(json!({"DataCorrectOrderDetail": {
        "Status": status,
        "ExecMode": param["ExecMode"].as_str().unwrap_or("COMMITOR"),
        "OrderDetail": {
            "EstimateAffectRows": param["estimateAffectRows"].as_i64().unwrap_or(0),
            "ActualAffectRows": if status == "Success" { 1 } else { 0 },
            "ExeSQL": sql,
        },
        "DatabaseList": {"Database": []},
        "PreCheckDetail": {"TaskCheckDO": [
            {"CheckStep": "SQL_PARSE", "CheckStatus": check, "UserTip": tip},
        ]},
        "ConfigDetail": {"DetailType": detail_type, "CurrentTaskId": ticket.id + 9_000_000},
    }}))
}

/// GetDataCorrectTaskDetail. `jobStatus` begins with a small letter.
pub(in crate::simulator) fn data_correct_task(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let ticket = ticket_of(world, call, &CHANGES)?;
    let status = match ticket.stage(call.now) {
        Stage::New | Stage::Precheck | Stage::PrecheckFailed | Stage::ToAudit => "INIT",
        Stage::Rejected | Stage::Closed => "DELETE",
        Stage::Approved => "PENDING",
        Stage::Processing => "RUNNING",
        Stage::Failed => "FAIL",
        Stage::Success => "SUCCESS",
    };
    Ok(json!({"DataCorrectTaskDetail": {
        "DBTaskGroupId": ticket.id + 9_000_000,
        "jobStatus": status,
        "ActualAffectRows": if status == "SUCCESS" { 1 } else { 0 },
        "CreateTime": written(call.shown(ticket.created)),
    }}))
}

/// GetDataCronClearConfig. WAITING means that it is scheduled, PAUSE that somebody has to act.
pub(in crate::simulator) fn cron_clear(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let ticket = ticket_of(world, call, &["DC_CRON_CLEAR"])?;
    let status = match (ticket.stage(call.now), ticket.fate) {
        (Stage::Failed, _) => "PAUSE",
        (Stage::Processing, Fate::Succeed) => "WAITING",
        _ => "",
    };
    let scheduled = status == "WAITING";
    let next = call.shown(call.now).saturating_add(jiff::SignedDuration::from_hours(24));
    Ok(json!({"DataCronClearConfig": {
        "CronStatus": status,
        "CronFormat": ticket.what.param["cronFormat"],
        "CronNextCallTime":
            if scheduled { next.ok().map(written) } else { None },
        "CronCallTimes": 0,
    }}))
}

/// GetDataExportOrderDetail.
pub(in crate::simulator) fn export(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let ticket = ticket_of(world, call, &["DATA_EXPORT"])?;
    let status = match ticket.stage(call.now) {
        Stage::New | Stage::Precheck => "PRE_CHECKING",
        Stage::PrecheckFailed => "PRE_CHECK_FAIL",
        Stage::ToAudit | Stage::Rejected | Stage::Closed => "WAITING_APPLY_AUDIT",
        Stage::Approved => "WAITING_EXPORT",
        Stage::Processing => "DOING_EXPORT",
        Stage::Failed => "EXPORT_FAIL",
        Stage::Success => "EXPORT_SUCCESS",
    };
    let param = &ticket.what.param;
    Ok(json!({"DataExportOrderDetail": {
        "KeyInfo": {"JobStatus": status, "JobId": ticket.id + 9_000_000, "PreCheckId": ticket.id},
        "OrderDetail": {
            "DbId": param["dbId"], "Logic": param["logic"], "ExeSQL": param["exeSQL"],
            "ActualAffectRows": 1, "IgnoreAffectRows": param["ignoreAffectRows"],
        },
    }}))
}
