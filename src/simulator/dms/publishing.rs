//! Publishing a schema design.

use serde_json::{Value, json};

use super::params::Params;
use super::publish_task::{DesignNode, PublishTask, design_node};
use super::queries::requested_ticket;
use super::ticket::{ForcedOutcome, Ticket, TicketStage};
use crate::simulator::effects::{Effect, EffectTarget};
use crate::simulator::reply::ErrorReply;
use crate::simulator::request::CallContext;
use crate::simulator::store::Store;

/// CreatePublishGroupTask.
pub(crate) fn create(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let target = publish_target(call)?;
    let (tasks, design) = requested_design(store, call)?;
    let stage = design.stage(call.now);
    if design_node(tasks, design, call.now) != DesignNode::Publish
        || matches!(stage, TicketStage::Rejected | TicketStage::Closed)
    {
        return Err(ErrorReply::invalid("OrderId", "the ticket is not at a publish node"));
    }
    let fails = design.outcome == ForcedOutcome::Fail || call.settings.fails(target.db_id);
    let outcome = if fails { ForcedOutcome::Fail } else { ForcedOutcome::Succeed };
    let pace = design.pace;
    let task_id = store.next_task_id();
    store.record_effect(
        call,
        Effect {
            order_ids: vec![target.order_id],
            target: Some(target.clone()),
            task_ids: vec![task_id.to_string()],
            ..Effect::default()
        },
    );
    store.publish_tasks.push(PublishTask { task_id, target, at: call.now, outcome, pace });
    Ok(json!({"TaskId": task_id}))
}

fn publish_target(call: &CallContext<'_>) -> Result<EffectTarget, ErrorReply> {
    let params = Params::of_query(&call.request.raw);
    let target = EffectTarget {
        order_id: params.required_number("OrderId")?,
        db_id: params.required_number("DbId")?,
        logic: params.required_bool("Logic")?,
        strategy: {
            let known = params.one_of("PublishStrategy", &["IMMEDIATELY", "REGULARLY"])?;
            known.ok_or_else(|| ErrorReply::missing_parameter("PublishStrategy"))?.to_owned()
        },
        plan_time: params.text("PlanTime").map(str::to_owned),
    };
    params.number("Tid")?;
    params.time("PlanTime", call.offset)?;
    if target.strategy == "REGULARLY" && target.plan_time.is_none() {
        return Err(ErrorReply::missing_parameter("PlanTime"));
    }
    Ok(target)
}

/// ListDDLPublishRecords. A record has neither a task id nor a time.
pub(crate) fn records(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let (tasks, design) = requested_design(store, call)?;
    let records: Vec<Value> = tasks
        .iter()
        .filter(|task| task.target.order_id == design.id && call.is_visible(task.at))
        .map(|task| task.publish_record_json(call.now))
        .collect();
    Ok(json!({"DDLPublishRecordList": records}))
}

/// GetTableDesignProjectInfo.
pub(crate) fn project_info(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let (tasks, design) = requested_design(store, call)?;
    let status = match (design.stage(call.now), design_node(tasks, design, call.now)) {
        (TicketStage::Rejected | TicketStage::Closed, _) => "CLOSE",
        (_, DesignNode::End) => "PUBLISHED",
        (_, DesignNode::Start | DesignNode::Design | DesignNode::Publish) => "DESIGN",
    };
    let param = &design.content.param;
    Ok(json!({"ProjectInfo": {
        "OrderId": design.id, "ProjectId": design.id + 3_000_000, "Title": param["title"],
        "Description": param["description"], "Status": status, "CreatorId": 51,
        "BaseDatabase": {"DbId": param["dbId"], "Logic": param["logic"]},
    }}))
}

/// GetTableDesignProjectFlow.
pub(crate) fn project_flow(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let (tasks, design) = requested_design(store, call)?;
    let position = match design_node(tasks, design, call.now) {
        DesignNode::Start => 1,
        DesignNode::Design => 2,
        DesignNode::Publish => 3,
        DesignNode::End => 4,
    };
    Ok(json!({"ProjectFlow": {
        "RuleName": "standard", "CurrentPosition": position,
        "FlowNodeArray": [
            {"NodeRole": "START", "Position": 1, "NodeTitle": "Start"},
            {"NodeRole": "DESIGN", "Position": 2, "NodeTitle": "Design", "BackToDesign": true},
            {"NodeRole": "PUBLISH", "Position": 3, "NodeTitle": "Publish", "PublishAnchor": true,
             "PublishStrategies": ["IMMEDIATELY", "REGULARLY"], "CanSkip": false},
            {"NodeRole": "END", "Position": 4, "NodeTitle": "End"},
        ],
    }}))
}

/// The schema design that a request names, with all publish tasks.
fn requested_design<'s>(
    store: &'s mut Store,
    call: &CallContext<'_>,
) -> Result<(&'s [PublishTask], &'s Ticket), ErrorReply> {
    let (tasks, ticket) = requested_ticket(store, call)?;
    if ticket.is("NDDL") {
        Ok((tasks, ticket))
    } else {
        Err(ErrorReply::invalid("OrderId", "the ticket is not a schema design"))
    }
}
