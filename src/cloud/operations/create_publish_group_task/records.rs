//! The publish records of a ticket, and which of them came with our call. Nothing in a record says
//! so, and a young one does not even say what it publishes: what can't be told is not guessed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::record::{Record, Stage, Target, Wanted};
use crate::cloud::operations::reply::{items, truth};
use crate::cloud::protocol::Reply;
use crate::job::{Accepted, Answer, Ended, Failure, Running};

/// What is remembered of the records there were before the call.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Before {
    /// Every name of every record.
    names: BTreeSet<String>,
    /// How many records had a name.
    named: usize,
    /// How many without a name may be taken for ours later.
    nameless: usize,
}

/// All records of a ticket.
pub(super) struct Records<'a>(Vec<Record<'a>>);

impl<'a> Records<'a> {
    /// Reads the reply of `ListDDLPublishRecords`.
    pub(super) fn read(reply: &'a Reply, wanted: &Wanted<'_>) -> Result<Self, Failure> {
        let list = &reply.body["DDLPublishRecordList"];
        // An empty list may be left out of a success; anything else is no list of records.
        let left_out = list.is_null() && truth(&reply.body["Success"]) == Some(true);
        if !list.is_array() && !left_out {
            let message = "the reply has no DDLPublishRecordList";
            return Err(Failure::ambiguous("UnreadableReply", message));
        }
        Ok(Self(items(list).iter().map(|record| Record::read(record, wanted)).collect()))
    }

    /// What to remember of them before the call.
    pub(super) fn before(&self) -> Before {
        let count = |test: fn(&Record<'_>) -> bool| self.0.iter().filter(|r| test(r)).count();
        Before {
            names: self.0.iter().flat_map(Record::names).collect(),
            named: count(|record| !record.names().is_empty()),
            nameless: count(|record| record.names().is_empty() && record.target != Target::Another),
        }
    }

    /// Whether one of them came with the call. It did not only if all that may be new publish
    /// something else.
    pub(super) fn find(&self, before: &Before) -> Answer {
        let fresh = self.fresh(before);
        let count = |target| fresh.iter().filter(|record| record.target == target).count();
        let (ours, untold) = (count(Target::Wanted), count(Target::Untold));
        // A new record may stand under an approval there was before.
        let hidden = self.0.len() - fresh.len() > before.named;
        let undecided = |words: &str| Answer::Undecided(words.to_owned());
        match ours {
            _ if untold > 0 || hidden => {
                undecided("a new publish record does not show yet what it publishes")
            }
            0 => Answer::Absent,
            ours if ours == before.nameless + 1 => Answer::Found(Accepted {
                handle: json!({"adopted": true}),
                result: json!({"adopted": true}),
            }),
            ours if ours <= before.nameless => {
                undecided("the publish records can't be told from those before the call")
            }
            ours => undecided(&format!(
                "{ours} new publish records look like this one; somebody else publishes the same \
                 ticket"
            )),
        }
    }

    /// How far the publish is that came after a baseline.
    pub(super) fn progress(&self, before: &Before, result: &Value) -> Result<Answer, Failure> {
        let running = |stage: &Stage| {
            let (seen, waits_for_person) = (stage.seen.clone(), stage.waits_for_person);
            Ok(Answer::Running(Running { seen, waits_for_person, result: result.clone() }))
        };
        let fresh = self.fresh(before);
        let stages = |target| -> Vec<Stage> {
            fresh.iter().filter(|record| record.target == target).map(|r| r.stage()).collect()
        };
        let (ours, untold) = (stages(Target::Wanted), stages(Target::Untold));
        if ours.len() + untold.len() <= before.nameless {
            let message = "the publish is not among the ticket's records yet";
            return Err(Failure::retryable("NotListed", message));
        }
        if let Some(open) = ours.iter().find(|stage| stage.end.is_none()) {
            return running(open);
        }
        let Some(first) = ours.first() else {
            if let Some(open) = untold.iter().find(|stage| stage.end.is_none()) {
                return running(open);
            }
            let message = "a publish record ended and does not show what it published";
            return Err(Failure::ambiguous("CannotTell", message));
        };
        if ours.iter().any(|stage| stage.end != first.end) {
            let count = ours.len();
            let message = format!("{count} publish records look like this job's and ended apart");
            return Err(Failure::permanent("CannotTell", message));
        }
        let mut result = result.as_object().cloned().unwrap_or_default();
        result.insert("publish_status".into(), json!(first.seen));
        let failure = first.end.clone().flatten();
        Ok(Answer::Ended(Ended { result: Value::Object(result), failure }))
    }

    /// Those that may be new. By name, not by count: an old record may vanish. An approval may
    /// cover several publishes of a ticket, so one name more makes another record; without a name
    /// it may be either.
    fn fresh(&self, before: &Before) -> Vec<&Record<'a>> {
        let is_fresh = |record: &&Record<'_>| {
            let names = record.names();
            names.is_empty() || !names.is_subset(&before.names)
        };
        self.0.iter().filter(is_fresh).collect()
    }
}
