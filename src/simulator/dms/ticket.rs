//! A ticket and the stages it passes through.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::simulator::request::CallContext;

/// How a ticket or a publish task ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForcedOutcome {
    #[default]
    Succeed,
    /// It is rejected by an approver.
    Reject,
    /// It is closed instead of approved.
    Close,
    /// It is approved, runs, and fails.
    Fail,
    /// It waits for approval until an override changes the outcome.
    Wait,
    /// The automatic check before the approval fails.
    PrecheckFail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TicketStage {
    New,
    Precheck,
    PrecheckFailed,
    ToAudit,
    Rejected,
    Closed,
    Approved,
    Processing,
    Failed,
    Success,
}

/// The content of a ticket, from the request that creates it.
#[derive(Debug)]
pub(crate) struct NewTicket {
    pub(crate) plugin_type: String,
    pub(crate) comment: String,
    pub(crate) related: Vec<i64>,
    pub(crate) attachment: Option<String>,
    /// PluginParam, or Param for a lock-free change.
    pub(crate) param: serde_json::Value,
}

#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) content: NewTicket,
    pub(crate) committer: String,
    pub(crate) created: Timestamp,
    pub(crate) outcome: ForcedOutcome,
    /// The time its stages are counted from. An override moves it.
    origin: Timestamp,
    /// How long it stays in one stage. Its publish tasks have the same pace.
    pub(crate) pace: Duration,
}

/// How many stages have passed between two times.
pub(crate) fn stages_between(from: Timestamp, to: Timestamp, pace: Duration) -> u32 {
    let elapsed = to.duration_since(from).as_nanos().max(0);
    let pace = i128::try_from(pace.as_nanos()).unwrap_or(i128::MAX);
    let stages = if pace == 0 { i128::from(u32::MAX) } else { elapsed / pace };
    u32::try_from(stages).unwrap_or(u32::MAX)
}

/// The outcome that a Comment asks for with a word after `sim:`. The first known word counts.
fn outcome_of(comment: &str) -> ForcedOutcome {
    let words = comment.split("sim:").skip(1).map(|rest| {
        rest.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).next().unwrap_or_default()
    });
    words
        .filter_map(|word| match word {
            "reject" => Some(ForcedOutcome::Reject),
            "close" => Some(ForcedOutcome::Close),
            "fail" => Some(ForcedOutcome::Fail),
            "wait" => Some(ForcedOutcome::Wait),
            "precheck_fail" => Some(ForcedOutcome::PrecheckFail),
            _ => None,
        })
        .next()
        .unwrap_or_default()
}

/// The pace that a Comment asks for with `sim:pace=`.
fn pace_of(comment: &str) -> Option<Duration> {
    let (_, rest) = comment.split_once("sim:pace=")?;
    let text: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}

impl Ticket {
    pub(crate) fn new(id: i64, content: NewTicket, call: &CallContext<'_>) -> Self {
        Self {
            id,
            committer: call.request.caller.key.clone(),
            created: call.now,
            outcome: outcome_of(&content.comment),
            origin: call.now,
            pace: pace_of(&content.comment).unwrap_or(call.settings.pace),
            content,
        }
    }

    /// A schema design of another user, which exists from the start and stays at its publish node.
    pub(crate) fn initial_design(id: i64, pace: Duration) -> Self {
        let content = NewTicket {
            plugin_type: "NDDL".to_owned(),
            comment: format!("a schema design that exists from the start, {id}"),
            related: Vec::new(),
            attachment: None,
            param: serde_json::json!({"title": format!("design {id}")}),
        };
        let created = Timestamp::UNIX_EPOCH;
        let committer = "sim-designer".to_owned();
        let outcome = ForcedOutcome::Wait;
        Self { id, content, committer, created, outcome, origin: created, pace }
    }

    fn passed_stages(&self, now: Timestamp) -> u32 {
        stages_between(self.origin, now, self.pace)
    }

    pub(crate) fn is(&self, plugin_type: &str) -> bool {
        self.content.plugin_type == plugin_type
    }

    pub(crate) fn stage(&self, now: Timestamp) -> TicketStage {
        match (self.passed_stages(now), self.outcome) {
            (0, _) => TicketStage::New,
            (1, _) => TicketStage::Precheck,
            (_, ForcedOutcome::PrecheckFail) => TicketStage::PrecheckFailed,
            (2, _) | (_, ForcedOutcome::Wait) => TicketStage::ToAudit,
            (_, ForcedOutcome::Reject) => TicketStage::Rejected,
            (_, ForcedOutcome::Close) => TicketStage::Closed,
            (3, _) => TicketStage::Approved,
            (4, _) => TicketStage::Processing,
            (_, ForcedOutcome::Fail) => TicketStage::Failed,
            // A scheduled clean-up of history never ends.
            (_, ForcedOutcome::Succeed) if self.is("DC_CRON_CLEAR") => TicketStage::Processing,
            (_, ForcedOutcome::Succeed) => TicketStage::Success,
        }
    }

    /// When its stage last changed.
    pub(crate) fn modified(&self, now: Timestamp) -> Timestamp {
        let stages = self.passed_stages(now).min(self.last_change());
        self.origin.saturating_add(self.pace * stages).unwrap_or(now).max(self.created)
    }

    /// The number of stages after which its stage does not change any more.
    fn last_change(&self) -> u32 {
        match self.outcome {
            ForcedOutcome::Wait | ForcedOutcome::PrecheckFail => 2,
            ForcedOutcome::Reject | ForcedOutcome::Close => 3,
            ForcedOutcome::Succeed | ForcedOutcome::Fail => 5,
        }
    }

    /// Changes the outcome. A ticket that waited for its approval continues at once.
    pub(crate) fn force(&mut self, outcome: ForcedOutcome, now: Timestamp) -> Result<(), String> {
        match self.stage(now) {
            stage @ (TicketStage::Rejected
            | TicketStage::Closed
            | TicketStage::Failed
            | TicketStage::Success) => {
                return Err(format!("ticket {} has ended: {stage:?}", self.id));
            }
            TicketStage::PrecheckFailed | TicketStage::ToAudit => {
                self.origin = now.saturating_sub(self.pace * 3).unwrap_or(self.origin);
            }
            TicketStage::New
            | TicketStage::Precheck
            | TicketStage::Approved
            | TicketStage::Processing => {}
        }
        self.outcome = outcome;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stages of a ticket in its first seven seconds, at a pace of one second.
    fn stages(plugin_type: &str, comment: &str) -> Vec<TicketStage> {
        let content = NewTicket {
            plugin_type: plugin_type.to_owned(),
            comment: comment.to_owned(),
            related: Vec::new(),
            attachment: None,
            param: serde_json::Value::Null,
        };
        let ticket = Ticket {
            outcome: outcome_of(comment),
            content,
            ..Ticket::initial_design(1, Duration::from_secs(1))
        };
        (0..7).map(|second| ticket.stage(Timestamp::constant(second, 0))).collect()
    }

    #[test]
    fn every_outcome_has_its_stages() {
        use TicketStage::*;
        let common = |comment| stages("DC_COMMON", comment);
        let start = [New, Precheck, ToAudit];
        let then = |rest: [TicketStage; 4]| [&start[..], &rest].concat();
        assert_eq!(common(""), then([Approved, Processing, Success, Success]));
        assert_eq!(common("sim:reject"), then([Rejected; 4]));
        assert_eq!(common("sim:close"), then([Closed; 4]));
        assert_eq!(common("sim:fail"), then([Approved, Processing, Failed, Failed]));
        assert_eq!(common("sim:wait"), then([ToAudit; 4]));
        assert_eq!(common("sim:precheck_fail")[2..], [PrecheckFailed; 5]);
        let clearing = stages("DC_CRON_CLEAR", "");
        assert_eq!(clearing, then([Approved, Processing, Processing, Processing]));
    }

    #[test]
    fn the_first_known_word_in_a_comment_is_the_outcome() {
        assert_eq!(outcome_of("drop carts [tk:1]"), ForcedOutcome::Succeed);
        assert_eq!(
            outcome_of("drop carts sim:pace=5ms sim:reject sim:fail [tk:1]"),
            ForcedOutcome::Reject
        );
        assert_eq!(outcome_of("sim:precheck_fail, please"), ForcedOutcome::PrecheckFail);
        assert_eq!(pace_of("sim:pace=250ms sim:wait"), Some(Duration::from_millis(250)));
        assert_eq!(pace_of("sim:pace=soon"), None);
    }
}
