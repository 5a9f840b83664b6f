//! Queries about one ticket.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::params::{Params, format_time};
use super::publish_task::{DesignNode, PublishTask, design_node};
use super::ticket::{ForcedOutcome, Ticket, TicketStage};
use crate::simulator::reply::ErrorReply;
use crate::simulator::request::CallContext;
use crate::simulator::store::Store;

/// The ticket that a request names, with all publish tasks.
pub(super) fn requested_ticket<'s>(
    store: &'s mut Store,
    call: &CallContext<'_>,
) -> Result<(&'s [PublishTask], &'s Ticket), ErrorReply> {
    let id = Params::of_query(&call.request.raw).required_number("OrderId")?;
    store.ticket(id, call.settings);
    match store.tickets.get(&id) {
        Some(ticket) => Ok((&store.publish_tasks, ticket)),
        None => Err(ErrorReply::invalid("OrderId", "there is no such ticket")),
    }
}

/// The ticket that a request names, if it has one of the action's plugin types.
fn ticket_of_type<'s>(
    store: &'s mut Store,
    call: &CallContext<'_>,
    types: &[&str],
) -> Result<&'s Ticket, ErrorReply> {
    let (_, ticket) = requested_ticket(store, call)?;
    if types.iter().any(|one| ticket.is(one)) {
        Ok(ticket)
    } else {
        let reason = format!("the ticket is a {}", ticket.content.plugin_type);
        Err(ErrorReply::invalid("OrderId", &reason))
    }
}

/// StatusCode and StatusDesc. No code says that a ticket failed: only its task shows that.
pub(super) fn ticket_status(
    tasks: &[PublishTask],
    ticket: &Ticket,
    now: Timestamp,
) -> (&'static str, &'static str) {
    let stage = ticket.stage(now);
    if ticket.is("NDDL") && !matches!(stage, TicketStage::Rejected | TicketStage::Closed) {
        return match design_node(tasks, ticket, now) {
            DesignNode::Start => ("new", "New"),
            DesignNode::Design | DesignNode::Publish => ("processing", "Processing"),
            DesignNode::End => ("success", "Succeeded"),
        };
    }
    match stage {
        TicketStage::New | TicketStage::Precheck | TicketStage::PrecheckFailed => ("new", "New"),
        TicketStage::ToAudit => ("toaudit", "To be approved"),
        TicketStage::Rejected => ("reject", "Rejected"),
        TicketStage::Closed => ("closed", "Closed"),
        TicketStage::Approved => ("approved", "Approved"),
        TicketStage::Processing | TicketStage::Failed => ("processing", "Processing"),
        TicketStage::Success => ("success", "Succeeded"),
    }
}

/// The fields that ListOrders and GetOrderBaseInfo have in common.
pub(super) fn summary(tasks: &[PublishTask], ticket: &Ticket, call: &CallContext<'_>) -> Value {
    let (code, description) = ticket_status(tasks, ticket, call.now);
    json!({
        "OrderId": ticket.id,
        "PluginType": ticket.content.plugin_type,
        "StatusCode": code,
        "StatusDesc": description,
        "Comment": ticket.content.comment.trim(),
        "Committer": ticket.committer,
        "CommitterId": 51,
        "CreateTime": format_time(call.server_time(ticket.created)),
        "LastModifyTime": format_time(call.server_time(ticket.modified(call.now))),
    })
}

/// GetOrderBaseInfo.
pub(crate) fn base_info(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let (tasks, ticket) = requested_ticket(store, call)?;
    let mut info = summary(tasks, ticket, call);
    let related = &ticket.content.related;
    info["WorkflowInstanceId"] = json!(ticket.id + 8_000_000);
    info["WorkflowStatusDesc"] = info["StatusDesc"].clone();
    info["AttachmentKey"] = json!(ticket.content.attachment);
    info["RelatedUserList"] =
        json!({"UserIds": related.iter().map(i64::to_string).collect::<Vec<_>>()});
    info["RelatedUserNickList"] =
        json!({"UserNicks": related.iter().map(|id| format!("user {id}")).collect::<Vec<_>>()});
    Ok(json!({"OrderBaseInfo": info}))
}

/// The plugin types of data changes.
const CHANGE_TYPES: [&str; 3] = ["DC_COMMON", "DC_CHUNK", "DC_CRON_CLEAR"];

/// GetDataCorrectOrderDetail. Its Status has other values than StatusCode.
pub(crate) fn data_correct(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let ticket = ticket_of_type(store, call, &CHANGE_TYPES)?;
    let stage = ticket.stage(call.now);
    let status = match stage {
        TicketStage::New => "new",
        TicketStage::Precheck => "precheck",
        TicketStage::PrecheckFailed => "precheckFailed",
        TicketStage::ToAudit => "toaudit",
        TicketStage::Rejected => "reject",
        TicketStage::Closed => "closed",
        TicketStage::Approved => "Approved",
        TicketStage::Processing | TicketStage::Failed => "processing",
        TicketStage::Success => "Success",
    };
    let check = match stage {
        TicketStage::New => "WAITING",
        TicketStage::Precheck => "RUNNING",
        TicketStage::PrecheckFailed => "FAIL",
        TicketStage::ToAudit
        | TicketStage::Rejected
        | TicketStage::Closed
        | TicketStage::Approved
        | TicketStage::Processing
        | TicketStage::Failed
        | TicketStage::Success => "SUCCESS",
    };
    let tip = if check == "FAIL" { "The SQL statement cannot be parsed." } else { "" };
    let detail_type = match ticket.content.plugin_type.as_str() {
        "DC_CHUNK" => "CHUNK_DML",
        "DC_CRON_CLEAR" => "CRON_CLEAR_DATA",
        _ => "COMMON",
    };
    let param = &ticket.content.param;
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

/// GetDataCorrectTaskDetail. The provider spells `jobStatus` with a lower-case first letter.
pub(crate) fn data_correct_task(
    store: &mut Store,
    call: &CallContext<'_>,
) -> Result<Value, ErrorReply> {
    let ticket = ticket_of_type(store, call, &CHANGE_TYPES)?;
    let status = match ticket.stage(call.now) {
        TicketStage::New
        | TicketStage::Precheck
        | TicketStage::PrecheckFailed
        | TicketStage::ToAudit => "INIT",
        TicketStage::Rejected | TicketStage::Closed => "DELETE",
        TicketStage::Approved => "PENDING",
        TicketStage::Processing => "RUNNING",
        TicketStage::Failed => "FAIL",
        TicketStage::Success => "SUCCESS",
    };
    Ok(json!({"DataCorrectTaskDetail": {
        "DBTaskGroupId": ticket.id + 9_000_000,
        "jobStatus": status,
        "ActualAffectRows": if status == "SUCCESS" { 1 } else { 0 },
        "CreateTime": format_time(call.server_time(ticket.created)),
    }}))
}

/// GetDataCronClearConfig. WAITING means scheduled; PAUSE means that a person has to act.
pub(crate) fn cron_clear(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let ticket = ticket_of_type(store, call, &["DC_CRON_CLEAR"])?;
    let status = match (ticket.stage(call.now), ticket.outcome) {
        (TicketStage::Failed, _) => "PAUSE",
        (TicketStage::Processing, ForcedOutcome::Succeed) => "WAITING",
        _ => "",
    };
    let scheduled = status == "WAITING";
    let next = call.server_time(call.now).saturating_add(jiff::SignedDuration::from_hours(24));
    Ok(json!({"DataCronClearConfig": {
        "CronStatus": status,
        "CronFormat": ticket.content.param["cronFormat"],
        "CronNextCallTime":
            if scheduled { next.ok().map(format_time) } else { None },
        "CronCallTimes": 0,
    }}))
}

/// GetDataExportOrderDetail.
pub(crate) fn export(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let ticket = ticket_of_type(store, call, &["DATA_EXPORT"])?;
    let status = match ticket.stage(call.now) {
        TicketStage::New | TicketStage::Precheck => "PRE_CHECKING",
        TicketStage::PrecheckFailed => "PRE_CHECK_FAIL",
        TicketStage::ToAudit | TicketStage::Rejected | TicketStage::Closed => "WAITING_APPLY_AUDIT",
        TicketStage::Approved => "WAITING_EXPORT",
        TicketStage::Processing => "DOING_EXPORT",
        TicketStage::Failed => "EXPORT_FAIL",
        TicketStage::Success => "EXPORT_SUCCESS",
    };
    let param = &ticket.content.param;
    Ok(json!({"DataExportOrderDetail": {
        "KeyInfo": {"JobStatus": status, "JobId": ticket.id + 9_000_000, "PreCheckId": ticket.id},
        "OrderDetail": {
            "DbId": param["dbId"], "Logic": param["logic"], "ExeSQL": param["exeSQL"],
            "ActualAffectRows": 1, "IgnoreAffectRows": param["ignoreAffectRows"],
        },
    }}))
}
