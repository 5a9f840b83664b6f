//! Publishing a schema design: the nodes of its ticket, and the records of what was published.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::details::asked_ticket;
use super::params::Params;
use super::ticket::{Fate, Stage, Ticket, stages_between};
use crate::simulator::reply::Refusal;
use crate::simulator::stand::Call;
use crate::simulator::truth::{Effect, Target};
use crate::simulator::world::World;

/// A publish task and its record.
#[derive(Debug)]
pub(in crate::simulator) struct Publish {
    pub(in crate::simulator) task_id: i64,
    target: Target,
    at: Timestamp,
    fate: Fate,
    pace: Duration,
}

impl Publish {
    fn steps(&self, now: Timestamp) -> u32 {
        stages_between(self.at, now, self.pace)
    }

    /// PublishStatus.
    pub(in crate::simulator) fn status(&self, now: Timestamp) -> &'static str {
        match (self.steps(now), self.fate) {
            (0, _) => "START",
            (1, _) => "ANALYZE",
            (2, _) | (_, Fate::Wait | Fate::Reject | Fate::Close) => "AUDIT",
            (3, _) | (_, Fate::Fail) => "DISPATCH",
            (_, Fate::Succeed | Fate::PrecheckFail) => "SUCCESS",
        }
    }

    /// Gives it another fate. One that was held up goes on at once.
    pub(in crate::simulator) fn steer(&mut self, fate: Fate, now: Timestamp) -> Result<(), String> {
        if self.status(now) == "SUCCESS" || self.is_final(now) {
            return Err(format!("publish task {} has ended", self.task_id));
        }
        if self.status(now) == "AUDIT" {
            self.at = now.saturating_sub(self.pace * 3).unwrap_or(self.at);
        }
        self.fate = fate;
        Ok(())
    }

    /// Whether its approval ended without a yes.
    fn is_final(&self, now: Timestamp) -> bool {
        self.steps(now) >= 3 && matches!(self.fate, Fate::Reject | Fate::Close)
    }

    fn audit_status(&self, now: Timestamp) -> &'static str {
        match (self.status(now), self.is_final(now), self.fate) {
            (_, true, Fate::Close) => "CANCEL",
            (_, true, _) => "FAIL",
            ("DISPATCH" | "SUCCESS", ..) => "SUCCESS",
            _ => "TO_AUDIT",
        }
    }

    fn task_status(&self, now: Timestamp) -> &'static str {
        match (self.status(now), self.fate, self.steps(now)) {
            ("SUCCESS", ..) => "SUCCESS",
            ("DISPATCH", Fate::Fail, 4..) => "FAIL",
            ("DISPATCH", ..) => "RUNNING",
            _ => "INIT",
        }
    }

    fn record(&self, now: Timestamp) -> Value {
        let status = self.status(now);
        let reason = if self.is_final(now) { "The approval has ended." } else { "" };
        json!({
            "PublishStatus": status, "StatusDesc": status, "AuditStatus": self.audit_status(now),
            "Finality": self.is_final(now), "FinalityReason": reason, "RiskLevel": "LOW_RISK",
            "CreatorId": 51, "WorkflowInstanceId": self.task_id + 8_000_000, "Comment": "",
            "PublishTaskInfoList": self.tasks(now),
        })
    }

    /// None while it is analysed: whoever looks a publish up must not count on them.
    fn tasks(&self, now: Timestamp) -> Value {
        if matches!(self.status(now), "START" | "ANALYZE") {
            return json!([]);
        }
        let Target { db_id, logic, strategy, plan_time, .. } = &self.target;
        let task = self.task_status(now);
        let job = if matches!(task, "SUCCESS" | "FAIL") { task } else { "NONE" };
        json!([{
            "DbId": db_id, "Logic": logic, "PublishStrategy": strategy, "PlanTime": plan_time,
            "TaskJobStatus": task, "StatusDesc": task,
            "PublishJobList": [{
                "DBTaskGroupId": self.task_id + 9_000_000, "ExecuteCount": 1,
                "Scripts": "CREATE TABLE `sim` (`id` bigint)", "TableName": "sim",
                "TaskJobStatus": job, "StatusDesc": job,
            }],
        }])
    }
}

/// The nodes of a schema design, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Start,
    Design,
    Publish,
    End,
}

/// The node a schema design is at. One that waits stays at its publish node, however often it is
/// published; any other ends with its first publish, or when somebody else publishes it.
pub(super) fn node(world: &World, ticket: &Ticket, now: Timestamp) -> Node {
    let of_it = |publish: &&Publish| publish.target.order_id == ticket.id;
    let published =
        world.publishes.iter().filter(of_it).any(|publish| publish.status(now) == "SUCCESS");
    match ticket.stage(now) {
        Stage::New => Node::Start,
        Stage::Precheck | Stage::PrecheckFailed => Node::Design,
        Stage::Success => Node::End,
        _ if published && ticket.fate != Fate::Wait => Node::End,
        Stage::Rejected
        | Stage::Closed
        | Stage::ToAudit
        | Stage::Approved
        | Stage::Processing
        | Stage::Failed => Node::Publish,
    }
}

/// CreatePublishGroupTask.
pub(in crate::simulator) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let params = Params::of_query(&call.visit.asked);
    let target = Target {
        order_id: params.required_number("OrderId")?,
        db_id: params.required_number("DbId")?,
        logic: params.required_truth("Logic")?,
        strategy: {
            let known = params.one_of("PublishStrategy", &["IMMEDIATELY", "REGULARLY"])?;
            known.ok_or_else(|| Refusal::missing("PublishStrategy"))?.to_owned()
        },
        plan_time: params.text("PlanTime").map(str::to_owned),
    };
    params.number("Tid")?;
    params.time("PlanTime", call.offset)?;
    if target.strategy == "REGULARLY" && target.plan_time.is_none() {
        return Err(Refusal::missing("PlanTime"));
    }
    let (seen, ticket) = design(world, call)?;
    let stage = ticket.stage(call.now);
    if node(seen, ticket, call.now) != Node::Publish
        || matches!(stage, Stage::Rejected | Stage::Closed)
    {
        return Err(Refusal::invalid("OrderId", "the ticket is not at a publish node"));
    }
    let fails = ticket.fate == Fate::Fail || call.settings.fails(target.db_id);
    let fate = if fails { Fate::Fail } else { Fate::Succeed };
    let pace = ticket.pace;
    let task_id = world.next_task_id();
    world.note(
        call,
        Effect {
            order_ids: vec![target.order_id],
            target: Some(target.clone()),
            task_ids: vec![task_id.to_string()],
            ..Effect::default()
        },
    );
    world.publishes.push(Publish { task_id, target, at: call.now, fate, pace });
    Ok(json!({"TaskId": task_id}))
}

/// ListDDLPublishRecords. Neither a task id nor a time is in it.
pub(in crate::simulator) fn records(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let (world, ticket) = design(world, call)?;
    let shown = |one: &&Publish| one.target.order_id == ticket.id && call.is_visible(one.at);
    let records: Vec<Value> =
        world.publishes.iter().filter(shown).map(|publish| publish.record(call.now)).collect();
    Ok(json!({"DDLPublishRecordList": records}))
}

/// GetTableDesignProjectInfo.
pub(in crate::simulator) fn project_info(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let (world, ticket) = design(world, call)?;
    let status = match (ticket.stage(call.now), node(world, ticket, call.now)) {
        (Stage::Rejected | Stage::Closed, _) => "CLOSE",
        (_, Node::End) => "PUBLISHED",
        (_, Node::Start | Node::Design | Node::Publish) => "DESIGN",
    };
    let param = &ticket.what.param;
    Ok(json!({"ProjectInfo": {
        "OrderId": ticket.id, "ProjectId": ticket.id + 3_000_000, "Title": param["title"],
        "Description": param["description"], "Status": status, "CreatorId": 51,
        "BaseDatabase": {"DbId": param["dbId"], "Logic": param["logic"]},
    }}))
}

/// GetTableDesignProjectFlow.
pub(in crate::simulator) fn project_flow(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let (world, ticket) = design(world, call)?;
    let position = match node(world, ticket, call.now) {
        Node::Start => 1,
        Node::Design => 2,
        Node::Publish => 3,
        Node::End => 4,
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

/// The schema design a request asks about.
fn design<'w>(world: &'w mut World, call: &Call<'_>) -> Result<(&'w World, &'w Ticket), Refusal> {
    let ticket = asked_ticket(world, call)?;
    if !ticket.is("NDDL") {
        return Err(Refusal::invalid("OrderId", "the ticket is no schema design"));
    }
    let id = ticket.id;
    let world = &*world;
    let ticket = world.tickets.get(&id);
    ticket
        .map(|ticket| (world, ticket))
        .ok_or_else(|| Refusal::invalid("OrderId", "there is no such ticket"))
}
