//! One publish record: what it publishes, what it is called, and how it is doing.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use serde_json::Value;

use crate::cloud::operations::reply::{integer, items, truth, words};

/// What a record of ours says of itself.
pub(super) struct Wanted<'a> {
    pub(super) db_id: i64,
    pub(super) logic: bool,
    pub(super) strategy: &'a str,
    /// Compared only where the strategy makes it count.
    pub(super) plan_time: Option<&'a str>,
}

/// What a record publishes, compared with what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The same.
    Wanted,
    /// Something else.
    Another,
    /// A young record may not show it yet.
    Untold,
}

impl Wanted<'_> {
    fn compare(&self, task: &Value) -> Target {
        let strategy = words(&task["PublishStrategy"]);
        match integer(&task["DbId"]) {
            None => Target::Untold,
            Some(db_id) if db_id != self.db_id => Target::Another,
            Some(_) if truth(&task["Logic"]).is_some_and(|logic| logic != self.logic) => {
                Target::Another
            }
            Some(_) if strategy.is_some_and(|s| !s.eq_ignore_ascii_case(self.strategy)) => {
                Target::Another
            }
            Some(_) => self.compare_time(words(&task["PlanTime"])),
        }
    }

    fn compare_time(&self, planned: Option<String>) -> Target {
        let (Some(wanted), Some(planned)) = (self.plan_time, planned) else {
            return Target::Wanted;
        };
        // The list may show parts of a second.
        match (wanted.parse::<DateTime>(), planned.parse::<DateTime>()) {
            (Ok(wanted), Ok(planned)) if wanted == planned => Target::Wanted,
            (Ok(_), Ok(_)) => Target::Another,
            // A time in a form we don't know may be the same one.
            (_, _) => Target::Untold,
        }
    }
}

/// How one record is doing: `end` is none while it runs, and then holds its failure, if any.
#[derive(PartialEq)]
pub(super) struct Stage {
    pub(super) seen: String,
    pub(super) waits_for_person: bool,
    pub(super) end: Option<Option<(String, String)>>,
}

/// A record, and the part of it that is ours, if any.
pub(super) struct Record<'a> {
    pub(super) target: Target,
    record: &'a Value,
    task: &'a Value,
}

impl<'a> Record<'a> {
    pub(super) fn read(record: &'a Value, wanted: &Wanted<'_>) -> Self {
        let tasks = items(&record["PublishTaskInfoList"]);
        let has = |target| tasks.iter().find(|task| wanted.compare(task) == target);
        match (has(Target::Wanted), has(Target::Untold), tasks) {
            (Some(task), _, _) => Self { target: Target::Wanted, record, task },
            (None, Some(_), _) | (None, None, []) => {
                Self { target: Target::Untold, record, task: &Value::Null }
            }
            (None, None, _) => Self { target: Target::Another, record, task: &Value::Null },
        }
    }

    /// Names the provider gives a record: its approval, and the groups of tasks it became. A young
    /// record may have none yet.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let approval = words(&self.record["WorkflowInstanceId"]).filter(|id| id != "0");
        let groups = items(&self.record["PublishTaskInfoList"])
            .iter()
            .flat_map(|task| items(&task["PublishJobList"]))
            .filter_map(|job| words(&job["DBTaskGroupId"]));
        approval
            .map(|id| format!("approval {id}"))
            .into_iter()
            .chain(groups.map(|id| format!("group {id}")))
            .collect()
    }

    /// How it is doing.
    pub(super) fn stage(&self) -> Stage {
        let upper = |value: &Value| told(value).unwrap_or_default().to_uppercase();
        let publish = upper(&self.record["PublishStatus"]);
        let audit = upper(&self.record["AuditStatus"]);
        let parts: Vec<(String, &Value)> = items(&self.task["PublishJobList"])
            .iter()
            .chain(std::iter::once(self.task))
            .map(|part| (upper(&part["TaskJobStatus"]), part))
            .collect();
        let part = |wanted: &[&str]| parts.iter().find(|(job, _)| wanted.contains(&job.as_str()));
        let said = |values: &[&Value]| values.iter().find_map(|value| told(value));

        let failed = |code: &str, message: Option<String>| Stage {
            seen: format!("{publish} {code}").trim().to_owned(),
            waits_for_person: false,
            end: Some(Some((
                code.to_owned(),
                message.unwrap_or_else(|| "the publish failed at the provider".into()),
            ))),
        };
        if let Some((job, part)) = part(&["FAIL", "FAILED", "DELETE"]) {
            let places =
                [&part["StatusDesc"], &self.task["StatusDesc"], &self.record["StatusDesc"]];
            return failed(job, said(&places));
        }
        if publish == "SUCCESS" {
            return Stage { seen: publish, waits_for_person: false, end: Some(None) };
        }
        let reason = || said(&[&self.record["FinalityReason"], &self.record["StatusDesc"]]);
        if audit == "CANCEL" || audit == "FAIL" {
            return failed(&format!("AUDIT_{audit}"), reason());
        }
        if truth(&self.record["Finality"]) == Some(true) {
            return failed("FINALITY", reason());
        }
        let paused = part(&["PAUSE"]).map(|_| " PAUSE").unwrap_or_default();
        let waits_for_person = publish == "AUDIT" || audit == "TO_AUDIT" || !paused.is_empty();
        Stage { seen: format!("{publish}{paused}"), waits_for_person, end: None }
    }
}

/// Words that say something: the provider writes `NONE` where there is nothing to say.
fn told(value: &Value) -> Option<String> {
    words(value).filter(|words| !words.eq_ignore_ascii_case("NONE"))
}
