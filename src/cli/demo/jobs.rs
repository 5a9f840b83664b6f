//! The jobs of the demo, and the expected result of each.

use std::time::Duration;

use serde_json::{Value, json};

use crate::simulator::{Effect, Fault, FaultRule};

/// The message bodies, as a producer writes them.
const JOBS: &str = include_str!("jobs.json");

#[derive(Clone, Debug)]
pub(super) struct DemoJob {
    pub id: String,
    /// What the job demonstrates, in a few words.
    pub shows: &'static str,
    /// The message body.
    pub body: Value,
    /// The fault injected into its first call.
    pub fault: Option<Fault>,
    /// Whether the same job is sent again after its outcome.
    pub send_again: bool,
    pub expected: ExpectedResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedResult {
    pub outcome: &'static str,
    pub calls: u64,
    /// Effects at the provider.
    pub effects: usize,
    /// States of its events, in this order; other states may be between them.
    pub states: &'static [&'static str],
}

impl DemoJob {
    pub(super) fn operation(&self) -> &str {
        self.body["operation"].as_str().unwrap_or_default()
    }

    /// The simulator's rule that injects the fault into the first call of this job only.
    pub(super) fn rule(&self) -> Option<FaultRule> {
        let rule = FaultRule::always(self.operation(), self.fault.clone()?).first(1);
        let matching = self.body["params"]["Comment"].as_str().map(str::to_owned);
        Some(FaultRule { matching, ..rule })
    }

    /// Whether this job caused an effect at the provider, according to its parameters and not to
    /// ticketd's events.
    pub(super) fn caused(&self, effect: &Effect) -> bool {
        let params = &self.body["params"];
        let comment = params["Comment"].as_str();
        let packages =
            |ids: &Value| !effect.package_ids.is_empty() && *ids == json!(effect.package_ids);
        effect.operation == self.operation()
            && (comment
                .is_some_and(|text| effect.comment.as_ref().is_some_and(|c| c.starts_with(text)))
                || effect.target.as_ref().is_some_and(|target| params["DbId"] == target.db_id)
                || effect.file_id.is_some_and(|file| params["FileId"] == file)
                || packages(&params["package_ids"]))
    }
}

/// All jobs, in the order of sending.
pub(super) fn jobs() -> Result<Vec<DemoJob>, serde_json::Error> {
    let jobs: Vec<Value> = serde_json::from_str(JOBS)?;
    Ok(jobs.into_iter().map(demo_job).collect())
}

fn demo_job(body: Value) -> DemoJob {
    const ACCEPTED: &[&str] = &["started", "succeeded"];
    const FINISHED: &[&str] = &["started", "submitted", "progress", "succeeded"];
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    let expected = ExpectedResult { outcome: "succeeded", calls: 1, effects: 1, states: ACCEPTED };
    let followed = ExpectedResult { states: FINISHED, ..expected };
    let (shows, expected) = match id.as_str() {
        "change" => ("DC_COMMON, a change of data", followed),
        "chunks" => ("DC_CHUNK, a change in chunks", followed),
        "clearing" => ("DC_CRON_CLEAR, a schedule", followed),
        "design" => ("NDDL, a schema design", followed),
        "export" => ("DATA_EXPORT, rows of a query", followed),
        "permission" => ("PERM_APPLY, a request for permissions", expected),
        "owner" => ("OWNER_APPLY, a request for ownership", expected),
        "lock-free" => ("a lock-free change", followed),
        "publish" => ("a schema design is published", followed),
        "sync" => ("the reply is the result", expected),
        "packages" => {
            let states = &["submitted", "progress", "progress", "succeeded"];
            ("2 packages, until all subtasks end", ExpectedResult { states, ..expected })
        }
        "throttled" => {
            let states = &["started", "retrying", "succeeded"];
            ("throttled, then called again", ExpectedResult { calls: 2, states, ..expected })
        }
        "lost-answer" => {
            let states = &["started", "doubtful", "succeeded"];
            ("answer lost: ticket found and adopted", ExpectedResult { states, ..expected })
        }
        "lost-call" => {
            let states = &["started", "doubtful", "succeeded"];
            ("call lost: none found, called again", ExpectedResult { calls: 2, states, ..expected })
        }
        "twice" => {
            let states = &["started", "succeeded", "succeeded"];
            ("sent again: same outcome, no new ticket", ExpectedResult { states, ..expected })
        }
        "declined" => {
            let states = &["started", "submitted", "failed"];
            ("an approver declines", ExpectedResult { outcome: "failed", states, ..expected })
        }
        "misspelt" => {
            let expected =
                ExpectedResult { outcome: "rejected", calls: 0, effects: 0, states: &["rejected"] };
            ("an invalid message: all its problems", expected)
        }
        _ => ("", expected),
    };
    let fault = match id.as_str() {
        "throttled" => Some(Fault::Throttle { retry_after: Some(Duration::from_millis(1500)) }),
        "lost-answer" => Some(Fault::CutAfter),
        "lost-call" => Some(Fault::CutBefore),
        _ => None,
    };
    DemoJob { send_again: id == "twice", id, shows, body, fault, expected }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cloud::operations;

    #[test]
    fn the_jobs_cover_every_operation_and_plugin_type() {
        let jobs = jobs().unwrap();
        let catalogue = operations::catalogue();
        for operation in catalogue.iter() {
            let covers = |job: &DemoJob| job.operation() == operation.name;
            assert!(jobs.iter().any(covers), "{} has no job", operation.name);
        }
        let plugin_types: BTreeSet<&str> = jobs
            .iter()
            .filter(|job| job.expected.outcome != "rejected")
            .filter_map(|job| job.body["params"]["PluginType"].as_str())
            .collect();
        assert_eq!(plugin_types.len(), 7, "{plugin_types:?}");
    }

    #[test]
    fn every_job_has_its_own_id_and_a_description() {
        let jobs = jobs().unwrap();
        let ids: BTreeSet<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        assert_eq!(ids.len(), jobs.len());
        assert!(jobs.iter().all(|job| !job.shows.is_empty()));
    }
}
