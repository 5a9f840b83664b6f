//! A ticket and where it stands.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::simulator::stand::Call;

/// What becomes of a ticket or a publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes through.
    #[default]
    Succeed,
    /// An approver says no.
    Reject,
    /// It is closed instead of approved.
    Close,
    /// It is approved, runs, and fails.
    Fail,
    /// It waits for an approver until it is steered.
    Wait,
    /// The check by machine finds fault with it.
    PrecheckFail,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum Stage {
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

/// What a ticket is made from.
#[derive(Debug)]
pub(in crate::simulator) struct NewTicket {
    pub(in crate::simulator) plugin_type: String,
    pub(in crate::simulator) comment: String,
    pub(in crate::simulator) related: Vec<i64>,
    pub(in crate::simulator) attachment: Option<String>,
    /// PluginParam, or the Param of a lock-free change.
    pub(in crate::simulator) param: serde_json::Value,
}

/// A ticket.
#[derive(Debug)]
pub(in crate::simulator) struct Ticket {
    pub(in crate::simulator) id: i64,
    pub(in crate::simulator) what: NewTicket,
    pub(in crate::simulator) committer: String,
    pub(in crate::simulator) created: Timestamp,
    pub(in crate::simulator) fate: Fate,
    /// From when its stages are reckoned; moved when it is steered.
    origin: Timestamp,
    /// How long it stays in one stage, and what is published from it as well.
    pub(in crate::simulator) pace: Duration,
}

/// How many whole stages lie between two moments.
pub(in crate::simulator) fn stages_between(from: Timestamp, to: Timestamp, pace: Duration) -> u32 {
    let passed = to.duration_since(from).as_nanos().max(0);
    let pace = i128::try_from(pace.as_nanos()).unwrap_or(i128::MAX);
    let stages = if pace == 0 { i128::from(u32::MAX) } else { passed / pace };
    u32::try_from(stages).unwrap_or(u32::MAX)
}

/// The word after `sim:` in a Comment that tells a ticket its fate; the first known one counts.
fn fate_in(comment: &str) -> Fate {
    let words = comment.split("sim:").skip(1).map(|rest| {
        rest.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).next().unwrap_or_default()
    });
    words
        .filter_map(|word| match word {
            "reject" => Some(Fate::Reject),
            "close" => Some(Fate::Close),
            "fail" => Some(Fate::Fail),
            "wait" => Some(Fate::Wait),
            "precheck_fail" => Some(Fate::PrecheckFail),
            _ => None,
        })
        .next()
        .unwrap_or_default()
}

/// The duration after `sim:pace=` in a Comment.
fn pace_in(comment: &str) -> Option<Duration> {
    let (_, rest) = comment.split_once("sim:pace=")?;
    let text: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}

impl Ticket {
    pub(in crate::simulator) fn new(id: i64, what: NewTicket, call: &Call<'_>) -> Self {
        Self {
            id,
            committer: call.visit.caller.key.clone(),
            created: call.now,
            fate: fate_in(&what.comment),
            origin: call.now,
            pace: pace_in(&what.comment).unwrap_or(call.settings.pace),
            what,
        }
    }

    /// An NDDL ticket somebody else made long ago; it stays at its publish node.
    pub(in crate::simulator) fn from_the_start(id: i64, pace: Duration) -> Self {
        let what = NewTicket {
            plugin_type: "NDDL".to_owned(),
            comment: format!("a schema design that was there from the start, {id}"),
            related: Vec::new(),
            attachment: None,
            param: serde_json::json!({"title": format!("design {id}")}),
        };
        let long_ago = Timestamp::UNIX_EPOCH;
        let committer = "sim-designer".to_owned();
        Self { id, what, committer, created: long_ago, fate: Fate::Wait, origin: long_ago, pace }
    }

    fn steps(&self, now: Timestamp) -> u32 {
        stages_between(self.origin, now, self.pace)
    }

    pub(in crate::simulator) fn is(&self, plugin_type: &str) -> bool {
        self.what.plugin_type == plugin_type
    }

    /// Where it stands.
    pub(in crate::simulator) fn stage(&self, now: Timestamp) -> Stage {
        match (self.steps(now), self.fate) {
            (0, _) => Stage::New,
            (1, _) => Stage::Precheck,
            (_, Fate::PrecheckFail) => Stage::PrecheckFailed,
            (2, _) | (_, Fate::Wait) => Stage::ToAudit,
            (_, Fate::Reject) => Stage::Rejected,
            (_, Fate::Close) => Stage::Closed,
            (3, _) => Stage::Approved,
            (4, _) => Stage::Processing,
            (_, Fate::Fail) => Stage::Failed,
            // Clearing history goes on for ever: once scheduled, the ticket stays at work.
            (_, Fate::Succeed) if self.is("DC_CRON_CLEAR") => Stage::Processing,
            (_, Fate::Succeed) => Stage::Success,
        }
    }

    /// When it last moved.
    pub(in crate::simulator) fn modified(&self, now: Timestamp) -> Timestamp {
        let steps = self.steps(now).min(self.last_step());
        self.origin.saturating_add(self.pace * steps).unwrap_or(now).max(self.created)
    }

    /// The step after which it does not move any more.
    fn last_step(&self) -> u32 {
        match self.fate {
            Fate::Wait | Fate::PrecheckFail => 2,
            Fate::Reject | Fate::Close => 3,
            Fate::Succeed | Fate::Fail => 5,
        }
    }

    /// Gives it another fate. One that was held up goes on at once.
    pub(in crate::simulator) fn steer(&mut self, fate: Fate, now: Timestamp) -> Result<(), String> {
        match self.stage(now) {
            stage @ (Stage::Rejected | Stage::Closed | Stage::Failed | Stage::Success) => {
                return Err(format!("ticket {} has ended as {stage:?}", self.id));
            }
            Stage::PrecheckFailed | Stage::ToAudit => {
                self.origin = now.saturating_sub(self.pace * 3).unwrap_or(self.origin);
            }
            Stage::New | Stage::Precheck | Stage::Approved | Stage::Processing => {}
        }
        self.fate = fate;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stages of a ticket made at the epoch with a pace of one second, second by second.
    fn stages(plugin_type: &str, comment: &str) -> Vec<Stage> {
        let what = NewTicket {
            plugin_type: plugin_type.to_owned(),
            comment: comment.to_owned(),
            related: Vec::new(),
            attachment: None,
            param: serde_json::Value::Null,
        };
        let ticket = Ticket {
            fate: fate_in(comment),
            what,
            ..Ticket::from_the_start(1, Duration::from_secs(1))
        };
        (0..7).map(|second| ticket.stage(Timestamp::constant(second, 0))).collect()
    }

    #[test]
    fn every_fate_has_its_stages() {
        use Stage::*;
        let common = |comment| stages("DC_COMMON", comment);
        let start = [New, Precheck, ToAudit];
        let then = |rest: [Stage; 4]| [&start[..], &rest].concat();
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
    fn the_first_known_word_tells_the_fate() {
        assert_eq!(fate_in("drop carts [tk:1]"), Fate::Succeed);
        assert_eq!(fate_in("drop carts sim:pace=5ms sim:reject sim:fail [tk:1]"), Fate::Reject);
        assert_eq!(fate_in("sim:precheck_fail, please"), Fate::PrecheckFail);
        assert_eq!(pace_in("sim:pace=250ms sim:wait"), Some(Duration::from_millis(250)));
        assert_eq!(pace_in("sim:pace=soon"), None);
    }
}
