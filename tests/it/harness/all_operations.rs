//! One job of each operation, and its effects at the simulator.

use serde_json::{Value, json};
use ticketd::simulator::{Effect, Fault, FaultRule};

use super::TestEnv;
use super::samples::{change, file, free_lock, packages, publish};

/// One job of each operation, with a text that only its call contains.
pub(crate) struct AllOperations {
    /// The jobs, in the order of the operations, each with that text.
    pub jobs: [(Value, String); 5],
}

impl AllOperations {
    /// Jobs with numbered names and objects, so that they meet no other jobs.
    pub(crate) fn number(n: i64) -> Self {
        let (name, order, file_id, package) =
            (format!("word-{n}-"), 70_100 + n, 5_100 + n, format!("{}", 8_100 + n));
        Self {
            jobs: [
                (change(&format!("order-{n}"), &name), name.clone()),
                (free_lock(&format!("lock-{n}"), &name), name),
                (publish(&format!("pub-{n}"), order, 17), format!("OrderId={order}")),
                (file(&format!("di-{n}"), "DI_SOLUTION", file_id), format!("FileId={file_id}")),
                (packages(&format!("pkg-{n}"), &[&package]), package),
            ],
        }
    }

    /// Fault rules for the first calls of each job.
    pub(crate) fn rules(&self, fault: &Fault, count: u64) -> Vec<FaultRule> {
        let rule = |(job, text): &(Value, String)| FaultRule {
            matching: Some(text.clone()),
            ..FaultRule::always(job["operation"].as_str().unwrap(), fault.clone()).first(count)
        };
        self.jobs.iter().map(rule).collect()
    }
}

/// The id of a job.
pub(crate) fn id(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

/// The effects of the call of a numbered job.
pub(crate) fn effects(env: &TestEnv, job: &Value) -> Vec<Effect> {
    let params = &job["params"];
    let is_of = |effect: &Effect| {
        let comment = params["Comment"].as_str();
        effect.operation == job["operation"].as_str().unwrap()
            && comment.is_none_or(|text| effect.comment.as_ref().unwrap().starts_with(text))
            && params["OrderId"].as_i64().is_none_or(|order| effect.order_ids == [order])
            && params["FileId"].as_i64().is_none_or(|file| effect.file_id == Some(file))
            && (params["package_ids"].is_null()
                || params["package_ids"] == json!(effect.package_ids))
    };
    env.simulator.effects().into_iter().filter(is_of).collect()
}

/// Whether this is the operation whose lost calls cannot be looked up.
pub(crate) fn is_file(job: &Value) -> bool {
    job["operation"] == "dataworks.DeployDISyncTask"
}
