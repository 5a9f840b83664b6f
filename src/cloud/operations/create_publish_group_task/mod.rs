//! `dms.CreatePublishGroupTask`: publishes a schema design to a database.

mod publish_records;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::publish_records::{PublishRecords, PublishTarget, RecordBaseline};
use super::json::integer;
use super::operation::{self, Operation, OperationContext, PollResult, ProbeResult};
use super::operator_input::{OperatorInput, OperatorValue};
use super::replay::{Replay, Replayed};
use super::request::{Query, rpc};
use super::schema::{existing_time, only_integers, schema_of};
use crate::cloud::account::Account;
use crate::cloud::service::Service;
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Failure, Job, Kind, OperationSpec, Provider, Until};

/// Parameters of `CreatePublishGroupTask`, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend(
    "if" = {"properties": {"PublishStrategy": {"const": "REGULARLY"}},
        "required": ["PublishStrategy"]},
    "then" = {"required": ["PlanTime"], "x-because": "PublishStrategy is REGULARLY",
        "properties": {"PlanTime": {"type": "string"}}},
))]
pub struct Params {
    /// Id of the schema design ticket.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub order_id: i64,
    /// DMS id of the target database.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether the database is a logical one.
    pub logic: bool,
    /// When to publish: `IMMEDIATELY`, or `REGULARLY` at the time in `PlanTime`.
    #[schemars(extend("enum" = ["IMMEDIATELY", "REGULARLY"]))]
    pub publish_strategy: String,
    /// Time of the publish, `yyyy-MM-dd HH:mm:ss`, in the provider's time zone.
    #[schemars(
        regex(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"),
        extend("x-expects" = "a time like `2026-10-10 00:00:00`")
    )]
    pub plan_time: Option<String>,
    /// Tenant id. Default: the caller's own tenant.
    pub tid: Option<i64>,
}

impl Params {
    fn target(&self) -> PublishTarget<'_> {
        let plan_time = match self.publish_strategy.as_str() {
            "REGULARLY" => self.plan_time.as_deref(),
            _ => None,
        };
        let strategy = &self.publish_strategy;
        PublishTarget { db_id: self.db_id, logic: self.logic, strategy, plan_time }
    }

    /// Lists the ticket's publish records.
    fn records<'a>(&self, http: &mut Replay<'a>) -> Replayed<PublishRecords<'a>> {
        let query = Query::default().with("OrderId", self.order_id).with_some("Tid", self.tid);
        let reply = http.send(rpc(Service::Dms, "ListDDLPublishRecords", query))?;
        Ok(PublishRecords::parse(reply, &self.target())?)
    }
}

/// Alibaba DMS Enterprise 2018-11-01, `CreatePublishGroupTask`.
#[derive(Debug)]
pub struct CreatePublishGroupTask;

impl Operation for CreatePublishGroupTask {
    fn spec(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Publish, Provider::Alibaba);
        OperationSpec::new("dms.CreatePublishGroupTask", kind, provider, Until::Finished, schema)
            .with_rule(only_integers)
            .with_rule(|params, found| {
                existing_time("$.params.PlanTime", &params["PlanTime"], found);
            })
    }

    /// The provider's records show neither the task's id nor their own time, so a new record is
    /// found by comparison with the records before the call.
    fn capabilities(&self, _: &Account) -> Capabilities {
        Capabilities { baseline: true, probe: true, may_repeat_lost_call: false }
    }

    fn baseline(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Value> {
        let params: Params = cx.params()?;
        Ok(json!(params.records(http)?.baseline()))
    }

    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        let params: Params = cx.params()?;
        let query = Query::default()
            .with("OrderId", params.order_id)
            .with("DbId", params.db_id)
            .with("Logic", params.logic)
            .with("PublishStrategy", params.publish_strategy)
            .with_some("PlanTime", params.plan_time)
            .with_some("Tid", params.tid);
        let reply = http.send(rpc(Service::Dms, "CreatePublishGroupTask", query))?;
        let Some(task_id) = integer(&reply.body["TaskId"]) else {
            let message = "the provider reported success, but the reply holds no TaskId";
            return Err(Failure::ambiguous("NoTaskId", message).into());
        };
        Ok(operation::accepted(json!({"task_id": task_id})))
    }

    fn probe(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<ProbeResult> {
        let params: Params = cx.params()?;
        match baseline_of(cx) {
            Some(baseline) => Ok(params.records(http)?.probe(&baseline)),
            None => {
                let why = "the publish records before the call are not known";
                Ok(ProbeResult::Undecided(why.to_owned()))
            }
        }
    }

    fn poll(
        &self,
        cx: &OperationContext<'_>,
        _: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        let params: Params = cx.params()?;
        let baseline = baseline_of(cx).unwrap_or_default();
        Ok(params.records(http)?.poll(&baseline)?)
    }

    /// The task's id is for people. The publish is followed by its records.
    fn adopt(&self, _: &Job, input: OperatorInput<'_>) -> Result<Accepted, String> {
        let without_id = json!({"adopted": true});
        let task_id = match input.value() {
            OperatorValue::Handle(handle) if handle == without_id => {
                return Ok(operation::adopted(without_id));
            }
            OperatorValue::Handle(handle) => integer(&handle["task_id"]),
            OperatorValue::Words(words) => match words[..] {
                [] => return Ok(operation::adopted(without_id)),
                [word] => integer(&json!(word)),
                _ => None,
            },
        };
        match task_id {
            Some(task_id) => Ok(operation::adopted(json!({"task_id": task_id}))),
            None => Err(input.unexpected("the publish task's id, such as 77, or nothing")),
        }
    }
}

fn baseline_of(cx: &OperationContext<'_>) -> Option<RecordBaseline> {
    serde_json::from_value(cx.execution.baseline.clone()?).ok()
}

#[cfg(test)]
mod tests;
