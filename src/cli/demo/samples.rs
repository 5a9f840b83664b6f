//! The sample jobs, and what is expected of each.

use std::time::Duration;

use serde_json::{Value, json};

use crate::simulator::{Effect, Fault, FaultRule};

/// The messages, as a producer would write them.
const JOBS: &str = include_str!("jobs.json");

/// A job for the demo.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The job's id.
    pub id: String,
    /// What a person can see in it, in a few words.
    pub shows: &'static str,
    /// The message's body.
    pub job: Value,
    /// What is done to its first call.
    pub fault: Option<Fault>,
    /// Whether it is sent once more when it has ended.
    pub again: bool,
    /// What is to come of it.
    pub expected: Expected,
}

/// What is to come of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its outcome.
    pub state: &'static str,
    /// Calls made.
    pub calls: u64,
    /// Effects at the provider.
    pub effects: usize,
    /// States it goes through, in this order, perhaps among others.
    pub way: &'static [&'static str],
}

impl Sample {
    /// The operation it names.
    pub fn operation(&self) -> &str {
        self.job["operation"].as_str().unwrap_or_default()
    }

    /// The fault as the simulator takes it: for this job's first call only.
    pub fn rule(&self) -> Option<FaultRule> {
        let rule = FaultRule::always(self.operation(), self.fault.clone()?).first(1);
        let matching = self.job["params"]["Comment"].as_str().map(str::to_owned);
        Some(FaultRule { matching, ..rule })
    }

    /// Whether an effect at the provider is this job's. Told by what was asked for, not by what
    /// ticketd says.
    pub fn caused(&self, effect: &Effect) -> bool {
        let params = &self.job["params"];
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

/// All of them, in the order they are sent.
pub fn samples() -> Result<Vec<Sample>, serde_json::Error> {
    let jobs: Vec<Value> = serde_json::from_str(JOBS)?;
    Ok(jobs.into_iter().map(sample).collect())
}

/// What is seen in a job, what is done to it, and what is to come of it.
fn sample(job: Value) -> Sample {
    const ACCEPTED: &[&str] = &["started", "succeeded"];
    const FINISHED: &[&str] = &["started", "submitted", "progress", "succeeded"];
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    let expected = Expected { state: "succeeded", calls: 1, effects: 1, way: ACCEPTED };
    let to_its_end = Expected { way: FINISHED, ..expected };
    let (shows, expected) = match id.as_str() {
        "change" => ("DC_COMMON, a change of data", to_its_end),
        "chunks" => ("DC_CHUNK, a change in chunks", to_its_end),
        "clearing" => ("DC_CRON_CLEAR, a schedule", to_its_end),
        "design" => ("NDDL, a schema design", to_its_end),
        "export" => ("DATA_EXPORT, rows of a query", to_its_end),
        "permission" => ("PERM_APPLY, passed on as it is", expected),
        "owner" => ("OWNER_APPLY, passed on as it is", expected),
        "lock-free" => ("a lock-free change", to_its_end),
        "publish" => ("a schema design goes live", to_its_end),
        "sync" => ("the reply is the result", expected),
        "packages" => {
            let way = &["submitted", "progress", "progress", "succeeded"];
            ("2 packages, until all subtasks end", Expected { way, ..expected })
        }
        "throttled" => {
            let way = &["started", "retrying", "succeeded"];
            ("refused for a moment, called again", Expected { calls: 2, way, ..expected })
        }
        "lost-answer" => {
            let way = &["started", "doubtful", "succeeded"];
            ("made, answer lost: found and adopted", Expected { way, ..expected })
        }
        "lost-call" => {
            let way = &["started", "doubtful", "succeeded"];
            ("never arrived: looked up, called again", Expected { calls: 2, way, ..expected })
        }
        "twice" => {
            let way = &["started", "succeeded", "succeeded"];
            ("sent again: same outcome, no new ticket", Expected { way, ..expected })
        }
        "declined" => {
            let way = &["started", "submitted", "failed"];
            ("an approver says no", Expected { state: "failed", way, ..expected })
        }
        "misspelt" => {
            let expected = Expected { state: "rejected", calls: 0, effects: 0, way: &["rejected"] };
            ("a bad message: all its faults, at once", expected)
        }
        _ => ("", expected),
    };
    let fault = match id.as_str() {
        "throttled" => Some(Fault::Throttle { retry_after: Some(Duration::from_millis(1500)) }),
        "lost-answer" => Some(Fault::CutAfter),
        "lost-call" => Some(Fault::CutBefore),
        _ => None,
    };
    Sample { again: id == "twice", id, shows, job, fault, expected }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cloud::operations;

    #[test]
    fn the_jobs_cover_every_operation_and_every_plugin_type() {
        let samples = samples().unwrap();
        let catalogue = operations::catalogue();
        for operation in catalogue.iter() {
            let covers = |sample: &Sample| sample.operation() == operation.name;
            assert!(samples.iter().any(covers), "{} has no sample", operation.name);
        }
        let plugin_types: BTreeSet<&str> = samples
            .iter()
            .filter(|sample| sample.expected.state != "rejected")
            .filter_map(|sample| sample.job["params"]["PluginType"].as_str())
            .collect();
        assert_eq!(plugin_types.len(), 7, "{plugin_types:?}");
    }

    #[test]
    fn every_job_is_one_of_its_own_and_says_what_it_shows() {
        let samples = samples().unwrap();
        let ids: BTreeSet<&str> = samples.iter().map(|sample| sample.id.as_str()).collect();
        assert_eq!(ids.len(), samples.len());
        assert!(samples.iter().all(|sample| !sample.shows.is_empty()));
    }
}
