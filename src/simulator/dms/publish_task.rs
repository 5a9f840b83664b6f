//! A publish task of a schema design, and the node of the design's workflow.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ticket::{ForcedOutcome, Ticket, TicketStage, stages_between};
use crate::simulator::effects::EffectTarget;

/// A publish task with its record.
#[derive(Debug)]
pub(crate) struct PublishTask {
    pub(crate) task_id: i64,
    pub(super) target: EffectTarget,
    pub(super) at: Timestamp,
    pub(super) outcome: ForcedOutcome,
    pub(super) pace: Duration,
}

impl PublishTask {
    fn stages(&self, now: Timestamp) -> u32 {
        stages_between(self.at, now, self.pace)
    }

    /// PublishStatus.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        use ForcedOutcome::{Close, Fail, PrecheckFail, Reject, Succeed, Wait};
        match (self.stages(now), self.outcome) {
            (0, _) => "START",
            (1, _) => "ANALYZE",
            (2, _) | (_, Wait | Reject | Close) => "AUDIT",
            (3, _) | (_, Fail) => "DISPATCH",
            (_, Succeed | PrecheckFail) => "SUCCESS",
        }
    }

    /// Changes the outcome. A task that waited for its approval continues at once.
    pub(crate) fn force(&mut self, outcome: ForcedOutcome, now: Timestamp) -> Result<(), String> {
        if self.status(now) == "SUCCESS" || self.was_not_approved(now) {
            return Err(format!("publish task {} has ended", self.task_id));
        }
        if self.status(now) == "AUDIT" {
            self.at = now.saturating_sub(self.pace * 3).unwrap_or(self.at);
        }
        self.outcome = outcome;
        Ok(())
    }

    fn was_not_approved(&self, now: Timestamp) -> bool {
        self.stages(now) >= 3
            && matches!(self.outcome, ForcedOutcome::Reject | ForcedOutcome::Close)
    }

    fn audit_status(&self, now: Timestamp) -> &'static str {
        match (self.status(now), self.was_not_approved(now), self.outcome) {
            (_, true, ForcedOutcome::Close) => "CANCEL",
            (_, true, _) => "FAIL",
            ("DISPATCH" | "SUCCESS", ..) => "SUCCESS",
            _ => "TO_AUDIT",
        }
    }

    fn task_status(&self, now: Timestamp) -> &'static str {
        match (self.status(now), self.outcome, self.stages(now)) {
            ("SUCCESS", ..) => "SUCCESS",
            ("DISPATCH", ForcedOutcome::Fail, 4..) => "FAIL",
            ("DISPATCH", ..) => "RUNNING",
            _ => "INIT",
        }
    }

    /// The publish record, as ListDDLPublishRecords shows it.
    pub(super) fn publish_record_json(&self, now: Timestamp) -> Value {
        let (status, is_final) = (self.status(now), self.was_not_approved(now));
        let reason = if is_final { "The approval has ended." } else { "" };
        json!({
            "PublishStatus": status, "StatusDesc": status, "AuditStatus": self.audit_status(now),
            "Finality": is_final, "FinalityReason": reason, "RiskLevel": "LOW_RISK",
            "CreatorId": 51, "WorkflowInstanceId": self.task_id + 8_000_000, "Comment": "",
            "PublishTaskInfoList": self.task_list(now),
        })
    }

    /// Empty until the analysis has ended: clients must not identify a publish by this list alone.
    fn task_list(&self, now: Timestamp) -> Value {
        if matches!(self.status(now), "START" | "ANALYZE") {
            return json!([]);
        }
        let EffectTarget { db_id, logic, strategy, plan_time, .. } = &self.target;
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

/// The nodes of a schema design's workflow, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DesignNode {
    Start,
    Design,
    Publish,
    End,
}

/// The current node of a schema design. A design that waits stays at its publish node, however often
/// it is published. Any other design ends with its first successful publish, or by itself.
pub(super) fn design_node(tasks: &[PublishTask], ticket: &Ticket, now: Timestamp) -> DesignNode {
    let is_published =
        tasks.iter().any(|task| task.target.order_id == ticket.id && task.status(now) == "SUCCESS");
    match ticket.stage(now) {
        TicketStage::New => DesignNode::Start,
        TicketStage::Precheck | TicketStage::PrecheckFailed => DesignNode::Design,
        TicketStage::Success => DesignNode::End,
        _ if is_published && ticket.outcome != ForcedOutcome::Wait => DesignNode::End,
        TicketStage::Rejected
        | TicketStage::Closed
        | TicketStage::ToAudit
        | TicketStage::Approved
        | TicketStage::Processing
        | TicketStage::Failed => DesignNode::Publish,
    }
}
