//! `dataarts.DeployReleasePackages`: deploys release packages of Huawei DataArts Factory.

mod lost_call;
mod package_detail;
mod package_status;
mod system_task;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::lost_call::PackageBaseline;
use self::package_status::Deployment;
use super::items::{self, ItemKind};
use super::json::{integer, list, text};
use super::operation::{self, Operation, OperationContext, PollResult, ProbeResult};
use super::operator_input::{OperatorInput, OperatorValue};
use super::replay::{Replay, Replayed};
use super::request::post;
use super::schema::{only_integers, params_of, schema_of};
use crate::cloud::account::Account;
use crate::cloud::request::Reply;
use crate::cloud::service::Service;
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Failure, Job, Kind, OperationSpec, Provider, Until};

/// A package takes two requests, and the provider allows a user ten a second.
const PACKAGES: ItemKind =
    ItemKind { noun: "package", list: "packages", id: "package_id", max_per_poll: 25 };

/// Parameters of a deploy, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The packages: 1 to 100 different ids, as strings of digits.
    #[schemars(
        length(min = 1, max = 100),
        extend("uniqueItems" = true),
        extend("items" = {"type": "string", "pattern": "^[1-9][0-9]{0,18}$",
            "x-expects": "a package id, a string of digits like `23`"})
    )]
    pub package_ids: Vec<String>,
    /// Whether to start the deployed jobs: 1 yes, 0 no. Default: 1, as at the provider.
    #[serde(default = "started")]
    #[schemars(extend("enum" = [0, 1]))]
    pub startup_mode: i64,
    /// Known only from the provider's own example (`asy`). Default: the account's setting.
    #[schemars(length(min = 1))]
    pub publish_type: Option<String>,
}

fn started() -> i64 {
    1
}

impl Params {
    /// The handle that lists the packages.
    fn handle(&self, package: impl Fn(&String) -> Value) -> Value {
        json!({"packages": self.package_ids.iter().map(package).collect::<Value>()})
    }
}

/// Huawei DataArts Factory v2, `release-packages/deploy`.
#[derive(Debug)]
pub struct DeployReleasePackages;

impl Operation for DeployReleasePackages {
    fn spec(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Deploy, Provider::Huawei);
        let name = "dataarts.DeployReleasePackages";
        OperationSpec::new(name, kind, provider, Until::Finished, schema).with_rule(only_integers)
    }

    fn capabilities(&self, _: &Account) -> Capabilities {
        Capabilities { baseline: true, probe: true, may_repeat_lost_call: false }
    }

    fn baseline(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Value> {
        lost_call::baseline(cx, &cx.params::<Params>()?.package_ids, http)
    }

    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        let params: Params = cx.params()?;
        // Always sent: the provider's own default starts the jobs.
        let mut body =
            json!({"package_ids": params.package_ids, "startup_mode": params.startup_mode});
        let publish_type = params.publish_type.as_deref().or(cx.account.publish_type());
        if let Some(publish_type) = publish_type {
            body["publish_type"] = json!(publish_type);
        }
        let project = cx.account.project_id();
        let path = format!("/v2/{project}/factory/release-packages/deploy");
        Ok(accepted(&params, http.send(post(Service::Factory, path, body))?)?)
    }

    fn probe(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<ProbeResult> {
        lost_call::probe(cx, &cx.params::<Params>()?.package_ids, http)
    }

    fn poll(
        &self,
        cx: &OperationContext<'_>,
        handle: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        let params: Params = cx.params()?;
        let deployment = Deployment {
            project: cx.account.project_id(),
            starts_jobs: params.startup_mode == 1,
            baseline: PackageBaseline::of(cx),
        };
        let packages = list(&handle["packages"]).iter().filter(|package| package.is_object());
        let packages: Vec<Value> = packages.cloned().collect();
        items::follow(&PACKAGES, &packages, &cx.execution.result, |id, package| {
            deployment.status(id, package, http)
        })
    }

    /// `23/8f3e` is package 23 with its system task. A package without a task, or not named at
    /// all, is followed by its detail alone.
    fn adopt(&self, job: &Job, input: OperatorInput<'_>) -> Result<Accepted, String> {
        let params: Params = params_of(job).map_err(|failure| failure.message)?;
        let named: Option<BTreeMap<String, Value>> = match input.value() {
            OperatorValue::Handle(handle) => list(&handle["packages"])
                .iter()
                .map(|package| Some((text(&package["package_id"])?, package.clone())))
                .collect::<Option<_>>()
                .filter(|named: &BTreeMap<_, _>| !named.is_empty()),
            OperatorValue::Words(words) => Some(words.into_iter().map(named_package).collect()),
        };
        let named = named.filter(|named| named.keys().all(|id| params.package_ids.contains(id)));
        let Some(named) = named else {
            let ids = params.package_ids.join(", ");
            return Err(input.unexpected(&format!(
                "packages of the job ({ids}), each with its system task if it is known, such as \
                 23/8f3e, or nothing"
            )));
        };
        let package = |id: &String| named.get(id).cloned().unwrap_or(json!({"package_id": id}));
        Ok(operation::adopted(params.handle(package)))
    }
}

fn named_package(word: &str) -> (String, Value) {
    match word.split_once('/') {
        None => (word.to_owned(), json!({"package_id": word})),
        Some((id, task)) => (id.to_owned(), json!({"package_id": id, "asy_task_id": task})),
    }
}

/// Reads the reply to a deploy. A package that the reply leaves out is followed by its detail.
fn accepted(params: &Params, reply: &Reply) -> Result<Accepted, Failure> {
    let details = list(&reply.body["deploy_package_details"]);
    if details.is_empty() {
        let message = "the provider reported success, but the reply holds no package";
        return Err(Failure::ambiguous("NoPackages", message));
    }
    let package = |id: &String| {
        let is_own = |detail: &&Value| match text(&detail["package_id"]) {
            Some(named) => named == *id,
            None => params.package_ids.len() == 1,
        };
        let detail = details.iter().find(is_own).unwrap_or(&Value::Null);
        let mut package = json!({"package_id": id});
        if let Some(task) = text(&detail["asy_task_id"]) {
            package["asy_task_id"] = json!(task);
        }
        if let Some(subtasks) = integer(&detail["asy_subtask_num"]) {
            package["subtasks"] = json!(subtasks);
        }
        package
    };
    Ok(operation::accepted(params.handle(package)))
}

#[cfg(test)]
mod tests;
