//! `dms.CreatePublishGroupTask`: publishes a schema design to a database.

mod record;
mod records;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::record::Wanted;
use self::records::{Before, Records};
use super::adoption::{OperatorInput, unexpected};
use super::conversation::converse;
use super::params::{impossible_time, read, schema_of, unfit_numbers};
use super::reply::integer;
use super::request::{Query, rpc};
use crate::cloud::account::Account;
use crate::cloud::protocol::{Next, Operation, OperationContext, Replies, Request, Service};
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Answer, Failure, Job, Kind, OperationSpec, Provider, Until};

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
    /// The schema design ticket.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub order_id: i64,
    /// The database to publish to.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether it is a logical database.
    pub logic: bool,
    /// `IMMEDIATELY`, or `REGULARLY` for the time in `PlanTime`.
    #[schemars(extend("enum" = ["IMMEDIATELY", "REGULARLY"]))]
    pub publish_strategy: String,
    /// When to publish, `yyyy-MM-dd HH:mm:ss`, in the provider's time zone.
    #[schemars(
        regex(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"),
        extend("x-expects" = "a time like `2026-10-10 00:00:00`")
    )]
    pub plan_time: Option<String>,
    /// The tenant; the caller's own if left out.
    pub tid: Option<i64>,
}

impl Params {
    fn wanted(&self) -> Wanted<'_> {
        let plan_time = match self.publish_strategy.as_str() {
            "REGULARLY" => self.plan_time.as_deref(),
            _ => None,
        };
        let strategy = &self.publish_strategy;
        Wanted { db_id: self.db_id, logic: self.logic, strategy, plan_time }
    }

    fn list(&self) -> Request {
        let query = Query::default().with("OrderId", self.order_id).with_some("Tid", self.tid);
        rpc(Service::Dms, "ListDDLPublishRecords", query)
    }
}

/// The operation. Alibaba DMS Enterprise 2018-11-01, `CreatePublishGroupTask`.
#[derive(Debug)]
pub struct CreatePublishGroupTask;

impl Operation for CreatePublishGroupTask {
    fn operation(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Publish, Provider::Alibaba);
        OperationSpec::new("dms.CreatePublishGroupTask", kind, provider, Until::Finished, schema)
            .with_rule(unfit_numbers)
            .with_rule(|params, found| {
                impossible_time("$.params.PlanTime", &params["PlanTime"], found);
            })
    }

    /// The provider's records carry neither the task's id nor their own time, so what is new is
    /// told by comparing with what was there before.
    fn capabilities(&self, _: &Account) -> Capabilities {
        Capabilities { baseline: true, probe: true, may_repeat_lost_call: false }
    }

    fn baseline(
        &self,
        inquiry: &OperationContext<'_>,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        converse(replies, |talk| {
            let records = Records::read(talk.ask(params.list())?, &params.wanted())?;
            Ok(Answer::Baseline(json!(records.before())))
        })
    }

    fn call(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let query = Query::default()
            .with("OrderId", params.order_id)
            .with("DbId", params.db_id)
            .with("Logic", params.logic)
            .with("PublishStrategy", &params.publish_strategy)
            .with_some("PlanTime", params.plan_time.as_ref())
            .with_some("Tid", params.tid);
        converse(replies, |talk| {
            let reply = talk.ask(rpc(Service::Dms, "CreatePublishGroupTask", query))?;
            let Some(task_id) = integer(&reply.body["TaskId"]) else {
                let message = "the provider reported success and named no task";
                return Err(Failure::ambiguous("NoTaskId", message).into());
            };
            let made = json!({"task_id": task_id});
            Ok(Answer::Accepted(Accepted { handle: made.clone(), result: made }))
        })
    }

    fn probe(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let Some(before) = before(inquiry) else {
            let words = "the publish records from before the call are not known";
            return Ok(Next::Tell(Answer::Undecided(words.into())));
        };
        converse(replies, |talk| {
            let records = Records::read(talk.ask(params.list())?, &params.wanted())?;
            Ok(records.find(&before))
        })
    }

    /// The records are told apart by what was there before the call; the task's id is for people.
    fn adopt(&self, _: &Job, text: &str) -> Result<Accepted, String> {
        let task = match OperatorInput::read(text) {
            Some(OperatorInput::Words(words)) if words.is_empty() => Some(None),
            Some(OperatorInput::Words(words)) if words.len() == 1 => {
                integer(&json!(words[0])).map(Some)
            }
            Some(OperatorInput::Handle(handle)) if handle == json!({"adopted": true}) => Some(None),
            Some(OperatorInput::Handle(handle)) => integer(&handle["task_id"]).map(Some),
            Some(OperatorInput::Words(_)) | None => None,
        };
        match task {
            None => Err(unexpected(text, "the publish task's id, such as 77, or nothing")),
            Some(None) => {
                let adopted = json!({"adopted": true});
                Ok(Accepted { handle: adopted.clone(), result: adopted })
            }
            Some(Some(task_id)) => Ok(Accepted {
                handle: json!({"task_id": task_id}),
                result: json!({"task_id": task_id, "adopted": true}),
            }),
        }
    }

    fn poll(
        &self,
        inquiry: &OperationContext<'_>,
        _: &Value,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let before = before(inquiry).unwrap_or_default();
        converse(replies, |talk| {
            let records = Records::read(talk.ask(params.list())?, &params.wanted())?;
            Ok(records.progress(&before, &inquiry.execution.result)?)
        })
    }
}

/// What the baseline read.
fn before(inquiry: &OperationContext<'_>) -> Option<Before> {
    serde_json::from_value(inquiry.execution.baseline.clone()?).ok()
}

#[cfg(test)]
mod tests;
