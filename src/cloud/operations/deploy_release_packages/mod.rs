//! `dataarts.DeployReleasePackages`: deploys release packages of Huawei DataArts Factory.

mod adopted;
mod before;
mod lookup;
mod package;
mod progress;
mod standing;
mod task;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::conversation::converse;
use super::params::{read, schema_of, unfit_numbers};
use super::reply::{integer, items, words};
use super::request::post;
use crate::cloud::account::Account;
use crate::cloud::protocol::{Next, Operation, OperationContext, Replies, Reply, Service};
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Answer, Failure, Job, Kind, OperationSpec, Provider, Until};

/// Parameters of a deploy, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The packages: 1 to 100 ids, as strings of digits, each once.
    #[schemars(
        length(min = 1, max = 100),
        extend("uniqueItems" = true),
        extend("items" = {"type": "string", "pattern": "^[1-9][0-9]{0,18}$",
            "x-expects": "a package id, a string of digits like `23`"})
    )]
    pub package_ids: Vec<String>,
    /// Whether the deployed jobs are started: 1 yes, 0 no. 1 if left out, as at the provider.
    #[serde(default = "started")]
    #[schemars(extend("enum" = [0, 1]))]
    pub startup_mode: i64,
    /// Only the provider's own example has it (`asy`). The account's if left out.
    #[schemars(length(min = 1))]
    pub publish_type: Option<String>,
}

fn started() -> i64 {
    1
}

/// The operation. Huawei DataArts Factory v2, `release-packages/deploy`.
#[derive(Debug)]
pub struct DeployReleasePackages;

impl Operation for DeployReleasePackages {
    fn operation(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Deploy, Provider::Huawei);
        OperationSpec::new(
            "dataarts.DeployReleasePackages",
            kind,
            provider,
            Until::Finished,
            schema,
        )
        .with_rule(unfit_numbers)
    }

    fn capabilities(&self, _: &Account) -> Capabilities {
        Capabilities { baseline: true, probe: true, may_repeat_lost_call: false }
    }

    fn baseline(
        &self,
        inquiry: &OperationContext<'_>,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        before::baseline(inquiry, &read(inquiry.job)?, replies)
    }

    fn call(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let project = inquiry.account.project_id();
        // Always said: left out, the provider would start the jobs.
        let mut body =
            json!({"package_ids": params.package_ids, "startup_mode": params.startup_mode});
        let of_account = inquiry.account.publish_type();
        if let Some(publish_type) = params.publish_type.as_deref().or(of_account) {
            body["publish_type"] = json!(publish_type);
        }
        let path = format!("/v2/{project}/factory/release-packages/deploy");
        converse(replies, |talk| {
            Ok(deploying(&params, talk.ask(post(Service::Factory, path, body))?)?)
        })
    }

    fn probe(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        lookup::look_up(inquiry, &read(inquiry.job)?, replies)
    }

    fn adopt(&self, job: &Job, text: &str) -> Result<Accepted, String> {
        adopted::adopted(&read(job).map_err(|failure| failure.message)?, text)
    }

    fn poll(
        &self,
        inquiry: &OperationContext<'_>,
        handle: &Value,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        progress::poll(inquiry, &read(inquiry.job)?, handle, replies)
    }
}

/// Reads the reply to a deploy. A package the reply leaves out is followed by its detail alone.
fn deploying(params: &Params, reply: &Reply) -> Result<Answer, Failure> {
    let details = items(&reply.body["deploy_package_details"]);
    if details.is_empty() {
        let message = "the provider reported success and named no package";
        return Err(Failure::ambiguous("NoPackages", message));
    }
    let packages: Value = params
        .package_ids
        .iter()
        .map(|package| {
            let told = |detail: &&Value| match words(&detail["package_id"]) {
                Some(id) => id == *package,
                None => params.package_ids.len() == 1,
            };
            let detail = details.iter().find(told).unwrap_or(&Value::Null);
            let mut shown = json!({"package_id": package});
            if let Some(task) = words(&detail["asy_task_id"]) {
                shown["asy_task_id"] = json!(task);
            }
            if let Some(subtasks) = integer(&detail["asy_subtask_num"]) {
                shown["subtasks"] = json!(subtasks);
            }
            shown
        })
        .collect();
    let made = json!({"packages": packages});
    Ok(Answer::Accepted(Accepted { handle: made.clone(), result: made }))
}

#[cfg(test)]
mod tests;
