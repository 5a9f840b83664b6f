//! The publish records of a ticket, and which of them belongs to this job's call. No field of a
//! record shows that, and a new record may not even show what it publishes, so some cases stay
//! undecided.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::operations::items::ItemStatus;
use crate::cloud::operations::json::{boolean, integer, list, text};
use crate::cloud::operations::operation::{PollResult, ProbeResult, adopted};
use crate::cloud::request::Reply;
use crate::job::Failure;

/// What this job publishes, in the fields of a record.
pub(super) struct PublishTarget<'a> {
    pub(super) db_id: i64,
    pub(super) logic: bool,
    pub(super) strategy: &'a str,
    /// Set only for the strategy that uses it.
    pub(super) plan_time: Option<&'a str>,
}

/// How what a record publishes compares with this job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TargetMatch {
    Same,
    Different,
    /// The record does not show it, as a new record may not.
    Unknown,
}

impl PublishTarget<'_> {
    fn compare(&self, task: &Value) -> TargetMatch {
        let strategy = text(&task["PublishStrategy"]);
        match integer(&task["DbId"]) {
            None => TargetMatch::Unknown,
            Some(db_id) if db_id != self.db_id => TargetMatch::Different,
            Some(_) if boolean(&task["Logic"]).is_some_and(|logic| logic != self.logic) => {
                TargetMatch::Different
            }
            Some(_) if strategy.is_some_and(|s| !s.eq_ignore_ascii_case(self.strategy)) => {
                TargetMatch::Different
            }
            Some(_) => self.compare_time(text(&task["PlanTime"])),
        }
    }

    fn compare_time(&self, planned: Option<String>) -> TargetMatch {
        let (Some(wanted), Some(planned)) = (self.plan_time, planned) else {
            return TargetMatch::Same;
        };
        // Parsed, because the list may show fractions of a second.
        match (wanted.parse::<DateTime>(), planned.parse::<DateTime>()) {
            (Ok(wanted), Ok(planned)) if wanted == planned => TargetMatch::Same,
            (Ok(_), Ok(_)) => TargetMatch::Different,
            (Err(_), _) | (_, Err(_)) => TargetMatch::Unknown,
        }
    }
}

/// A publish record, and its task that has this job's target.
struct PublishRecord<'a> {
    target: TargetMatch,
    record: &'a Value,
    /// Null if no task has this job's target.
    task: &'a Value,
}

impl<'a> PublishRecord<'a> {
    fn parse(record: &'a Value, target: &PublishTarget<'_>) -> Self {
        let tasks = list(&record["PublishTaskInfoList"]);
        let find = |found| tasks.iter().find(|task| target.compare(task) == found);
        match (find(TargetMatch::Same), find(TargetMatch::Unknown)) {
            (Some(task), _) => Self { target: TargetMatch::Same, record, task },
            (None, None) if !tasks.is_empty() => {
                Self { target: TargetMatch::Different, record, task: &Value::Null }
            }
            (None, _) => Self { target: TargetMatch::Unknown, record, task: &Value::Null },
        }
    }

    /// The ids of the record's approval and of its task groups. A new record may have none yet.
    fn names(&self) -> BTreeSet<String> {
        let approval = text(&self.record["WorkflowInstanceId"]).filter(|id| id != "0");
        let groups = list(&self.record["PublishTaskInfoList"])
            .iter()
            .flat_map(|task| list(&task["PublishJobList"]))
            .filter_map(|job| text(&job["DBTaskGroupId"]));
        approval
            .map(|id| format!("approval {id}"))
            .into_iter()
            .chain(groups.map(|id| format!("group {id}")))
            .collect()
    }

    fn status(&self) -> ItemStatus {
        let upper = |value: &Value| meaningful(value).unwrap_or_default().to_uppercase();
        let publish = upper(&self.record["PublishStatus"]);
        let audit = upper(&self.record["AuditStatus"]);
        // The jobs of the task, then the task itself.
        let parts: Vec<(String, &Value)> = list(&self.task["PublishJobList"])
            .iter()
            .chain(std::iter::once(self.task))
            .map(|part| (upper(&part["TaskJobStatus"]), part))
            .collect();
        let find = |wanted: &[&str]| parts.iter().find(|(job, _)| wanted.contains(&job.as_str()));
        let failed = |code: &str, messages: &[&Value]| {
            let message = messages.iter().find_map(|value| meaningful(value));
            let message = message.unwrap_or_else(|| "the publish failed at the provider".into());
            ItemStatus::failed(format!("{publish} {code}").trim(), code, message)
        };

        if let Some((job, part)) = find(&["FAIL", "FAILED", "DELETE"]) {
            let (task, record) = (&self.task["StatusDesc"], &self.record["StatusDesc"]);
            return failed(job, &[&part["StatusDesc"], task, record]);
        }
        if publish == "SUCCESS" {
            return ItemStatus::succeeded(publish);
        }
        let reasons = [&self.record["FinalityReason"], &self.record["StatusDesc"]];
        if audit == "CANCEL" || audit == "FAIL" {
            return failed(&format!("AUDIT_{audit}"), &reasons);
        }
        if boolean(&self.record["Finality"]) == Some(true) {
            return failed("FINALITY", &reasons);
        }
        if find(&["PAUSE"]).is_some() {
            return ItemStatus::waiting(format!("{publish} PAUSE"));
        }
        let waits_for_person = publish == "AUDIT" || audit == "TO_AUDIT";
        ItemStatus::Running { status: publish, waits_for_person }
    }
}

/// A text, unless it is the provider's `NONE`.
fn meaningful(value: &Value) -> Option<String> {
    text(value).filter(|text| !text.eq_ignore_ascii_case("NONE"))
}

/// What the records before the call were.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct RecordBaseline {
    /// Every name of every record.
    names: BTreeSet<String>,
    /// How many records had a name.
    named: usize,
    /// How many records had no name and may look like this job's later.
    unnamed: usize,
}

/// All publish records of a ticket.
pub(super) struct PublishRecords<'a>(Vec<PublishRecord<'a>>);

impl<'a> PublishRecords<'a> {
    /// Parses the reply of `ListDDLPublishRecords`.
    pub(super) fn parse(reply: &'a Reply, target: &PublishTarget<'_>) -> Result<Self, Failure> {
        let records = &reply.body["DDLPublishRecordList"];
        // A successful reply may leave out an empty list.
        let left_out = records.is_null() && boolean(&reply.body["Success"]) == Some(true);
        if !records.is_array() && !left_out {
            let message = "the reply has no DDLPublishRecordList";
            return Err(Failure::ambiguous("UnreadableReply", message));
        }
        let parse = |record| PublishRecord::parse(record, target);
        Ok(Self(list(records).iter().map(parse).collect()))
    }

    pub(super) fn baseline(&self) -> RecordBaseline {
        let (unnamed, named): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|record| record.names().is_empty());
        let may_be_ours = |record: &&&PublishRecord<'_>| record.target != TargetMatch::Different;
        RecordBaseline {
            names: self.0.iter().flat_map(PublishRecord::names).collect(),
            named: named.len(),
            unnamed: unnamed.iter().filter(may_be_ours).count(),
        }
    }

    /// Whether the call created one of the records. It did not only if every record that may be
    /// new publishes something else.
    pub(super) fn probe(&self, baseline: &RecordBaseline) -> ProbeResult {
        let new = self.possibly_new(baseline);
        let count = |target| new.iter().filter(|record| record.target == target).count();
        let (ours, unknown) = (count(TargetMatch::Same), count(TargetMatch::Unknown));
        // More old names than there were: a new record may have the approval of an old one.
        let hidden = self.0.len() - new.len() > baseline.named;
        let undecided = |why: &str| ProbeResult::Undecided(why.to_owned());
        if unknown > 0 || hidden {
            return undecided("a new publish record does not show yet what it publishes");
        }
        if ours == 0 {
            return ProbeResult::Absent;
        }
        if ours <= baseline.unnamed {
            return undecided(
                "the publish records cannot be distinguished from those before the call",
            );
        }
        if ours > baseline.unnamed + 1 {
            return undecided(&format!(
                "{ours} new publish records look like this job's; the same ticket is published by \
                 others too"
            ));
        }
        ProbeResult::Found(adopted(json!({"adopted": true})))
    }

    /// The progress of the publish that appeared after the baseline.
    pub(super) fn poll(&self, baseline: &RecordBaseline) -> Result<PollResult, Failure> {
        let new = self.possibly_new(baseline);
        let statuses = |target| -> Vec<ItemStatus> {
            let matching = new.iter().filter(|record| record.target == target);
            matching.map(|record| record.status()).collect()
        };
        let (ours, unknown) = (statuses(TargetMatch::Same), statuses(TargetMatch::Unknown));
        if ours.len() + unknown.len() <= baseline.unnamed {
            let message = "the publish is not among the ticket's records yet";
            return Err(Failure::retryable("NotListed", message));
        }
        let followed = if ours.is_empty() { &unknown } else { &ours };
        if let Some(running) = followed.iter().find(|status| status.is_running()) {
            return Ok(running.clone().into_poll_result(Value::Null));
        }
        let Some(first) = ours.first() else {
            let message = "a publish record ended and does not show what it published";
            return Err(Failure::ambiguous("CannotTell", message));
        };
        let result = json!({"publish_status": first.status()});
        let end = first.clone().into_poll_result(result.clone());
        if ours.iter().any(|status| status.clone().into_poll_result(result.clone()) != end) {
            let count = ours.len();
            let message =
                format!("{count} publish records look like this job's, but they ended differently");
            return Err(Failure::permanent("CannotTell", message));
        }
        Ok(end)
    }

    /// Records with a name that the baseline does not have, or without any. Counting is not enough:
    /// old records may vanish, and one approval may cover several publishes of a ticket.
    fn possibly_new(&self, baseline: &RecordBaseline) -> Vec<&PublishRecord<'a>> {
        let is_new = |record: &&PublishRecord<'_>| {
            let names = record.names();
            names.is_empty() || !names.is_subset(&baseline.names)
        };
        self.0.iter().filter(is_new).collect()
    }
}
