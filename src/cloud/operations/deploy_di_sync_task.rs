//! `dataworks.DeployDISyncTask`: puts a data synchronisation task into service. The reply is the
//! result; deploying does not start the task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::adoption::{OperatorInput, unexpected};
use super::conversation::converse;
use super::params::{read, schema_of, unfit_numbers};
use super::reply::{integer, truth, words};
use super::request::{Query, rpc};
use crate::cloud::account::Account;
use crate::cloud::protocol::{Next, Operation, OperationContext, Replies, Reply, Service};
use crate::job::machine::Capabilities;
use crate::job::{
    Accepted, Answer, Ended, Failure, Job, Kind, OperationSpec, Provider, Running, Until,
};

/// Parameters of `DeployDISyncTask`, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Params {
    /// The DataWorks workspace's id.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub project_id: i64,
    /// `DI_REALTIME` for a real-time synchronisation node, `DI_SOLUTION` for a solution.
    #[schemars(extend("enum" = ["DI_REALTIME", "DI_SOLUTION"]))]
    pub task_type: String,
    /// The node's file id, or the solution's task id.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub file_id: i64,
}

impl Params {
    fn query(&self) -> Query {
        Query::default()
            .with("ProjectId", self.project_id)
            .with("TaskType", &self.task_type)
            .with("FileId", self.file_id)
    }
}

/// The operation. Alibaba DataWorks 2020-05-18, `DeployDISyncTask`.
#[derive(Debug)]
pub struct DeployDiSyncTask;

impl Operation for DeployDiSyncTask {
    fn operation(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Deploy, Provider::Alibaba);
        OperationSpec::new("dataworks.DeployDISyncTask", kind, provider, Until::Accepted, schema)
            .with_rule(unfit_numbers)
    }

    /// Nothing at the provider tells one deploy from another, so a lost one can't be looked up.
    fn capabilities(&self, account: &Account) -> Capabilities {
        Capabilities {
            baseline: false,
            probe: false,
            may_repeat_lost_call: account.redeploy_in_doubt(),
        }
    }

    fn baseline(&self, _: &OperationContext<'_>, _: Replies<'_>) -> Result<Next, Failure> {
        Ok(Next::Tell(Answer::Baseline(Value::Null)))
    }

    fn call(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let request = rpc(Service::Dataworks, "DeployDISyncTask", params.query());
        converse(replies, |talk| Ok(deployed(&params, talk.ask(request)?)?))
    }

    fn probe(&self, _: &OperationContext<'_>, _: Replies<'_>) -> Result<Next, Failure> {
        let words = "DataWorks keeps no record that tells this deploy from another";
        Ok(Next::Tell(Answer::Undecided(words.into())))
    }

    /// There is nothing to choose: what is deployed is the file that the job names.
    fn adopt(&self, job: &Job, text: &str) -> Result<Accepted, String> {
        let params: Params = read(job).map_err(|failure| failure.message)?;
        let file = match OperatorInput::read(text) {
            Some(OperatorInput::Words(words)) if words.is_empty() => Some(params.file_id),
            Some(OperatorInput::Words(words)) if words.len() == 1 => integer(&json!(words[0])),
            Some(OperatorInput::Handle(handle)) => integer(&handle["file_id"]),
            Some(OperatorInput::Words(_)) | None => None,
        };
        match file {
            Some(file) if file == params.file_id => Ok(Accepted {
                handle: json!({"file_id": file}),
                result: json!({"file_id": file, "adopted": true}),
            }),
            Some(_) | None => {
                let expected = format!("the job's own file id, {}, or nothing", params.file_id);
                Err(unexpected(text, &expected))
            }
        }
    }

    fn poll(
        &self,
        inquiry: &OperationContext<'_>,
        _: &Value,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let result = &inquiry.execution.result;
        converse(replies, |talk| {
            Ok(if params.task_type == "DI_SOLUTION" {
                let query = rpc(Service::Dataworks, "GetDISyncTask", params.query());
                solution(queried(talk.try_ask(query)?)?, result)
            } else {
                let query = rpc(Service::Dataworks, "GetDISyncInstanceInfo", params.query());
                instance(queried(talk.try_ask(query)?)?, result)
            })
        })
    }
}

/// Success is in two places, and only both together are one.
fn deployed(params: &Params, reply: &Reply) -> Result<Answer, Failure> {
    let data = &reply.body["Data"];
    let status = words(&data["Status"]).unwrap_or_default().to_lowercase();
    match (truth(&reply.body["Success"]), status.as_str()) {
        (Some(true), "success") => Ok(Answer::Accepted(Accepted {
            handle: json!({"file_id": params.file_id}),
            result: json!({"file_id": params.file_id, "status": "success"}),
        })),
        (_, "fail") => {
            let message = words(&data["Message"])
                .unwrap_or_else(|| "DataWorks refused the deploy without a reason".into());
            Err(Failure::permanent("DeployFailed", message))
        }
        _ => {
            let message = "the reply does not say whether the deploy succeeded";
            Err(Failure::ambiguous("UnreadableReply", message))
        }
    }
}

/// The data of a query that worked. Right after a deploy one may not work yet, and says so with a
/// status of `fail`, beside `Success: true` or `false`.
fn queried<'a>(reply: Result<&'a Reply, &Failure>) -> Result<&'a Value, Failure> {
    let reply = reply.map_err(|failure| match failure.code.eq_ignore_ascii_case("fail") {
        true => Failure::retryable("QueryFailed", failure.message.clone()),
        false => failure.clone(),
    })?;
    let data = &reply.body["Data"];
    match words(&data["Status"]) {
        Some(status) if status.eq_ignore_ascii_case("fail") => {
            let message = words(&data["Message"])
                .unwrap_or_else(|| "DataWorks could not show the task".into());
            Err(Failure::retryable("QueryFailed", message))
        }
        Some(_) => Ok(data),
        None => Err(Failure::ambiguous("UnreadableReply", "the reply has no Data.Status")),
    }
}

/// A real-time node: every run state it can be in, stopped ones too, shows that it is deployed.
fn instance(data: &Value, result: &Value) -> Answer {
    let state = words(&data["Status"]).unwrap_or_default();
    Answer::Ended(Ended { result: with_state(result, &state), failure: None })
}

/// A solution, whose numbers mean: 3 failed, 5 waits for a confirmation by hand, 9 deleted; all
/// others have nothing against the deploy.
fn solution(data: &Value, result: &Value) -> Answer {
    let detail = &data["SolutionDetail"];
    let number = integer(&detail["Status"]);
    let state = words(&detail["Status"]).unwrap_or_else(|| "unknown".into());
    let result = with_state(result, &state);
    let failed = |code: &str, message: &str| Some((code.to_owned(), message.to_owned()));
    let failure = match number {
        Some(3) => failed("SolutionFailed", "the solution failed (status 3)"),
        Some(9) => failed("SolutionDeleted", "the solution was deleted (status 9)"),
        Some(5) => {
            let seen = "solution waits for manual confirmation".to_owned();
            return Answer::Running(Running { seen, waits_for_person: true, result });
        }
        Some(_) | None => None,
    };
    Answer::Ended(Ended { result, failure })
}

fn with_state(result: &Value, state: &str) -> Value {
    let mut result = result.as_object().cloned().unwrap_or_default();
    result.insert("task_state".into(), json!(state));
    Value::Object(result)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::DeployDiSyncTask;
    use crate::cloud::operations::rehearsal::{OperationHarness, alibaba, captured, query};
    use crate::cloud::protocol::Operation;
    use crate::job::{Answer, FailureClass};

    fn rehearsal(task_type: &str) -> OperationHarness {
        let params = json!({"ProjectId": 10000, "TaskType": task_type, "FileId": 100});
        OperationHarness::of(DeployDiSyncTask, params)
    }

    #[test]
    fn the_request_is_the_one_the_official_client_sends() {
        let rehearsal = rehearsal("DI_REALTIME");
        assert_eq!(rehearsal.problems(), [""; 0]);
        let (requests, _) = rehearsal.call(json!({"Success": true, "Data": {"Status": "success"}}));
        let capture = captured("aliyun_sdk_wire_capture.json", "DeployDISyncTask");
        assert_eq!(query(&requests[0]), capture["query"]);
    }

    #[test]
    fn only_both_successes_together_are_one() {
        let said = |reply: Value| rehearsal("DI_REALTIME").call(reply).1;
        let message = "submit and deploy fail.";
        for reply in [
            json!({"Success": true, "Data": {"Status": "success", "Message": message}}),
            json!({"Success": "true", "Data": {"Status": "SUCCESS"}}),
        ] {
            assert!(matches!(said(reply), Ok(Answer::Accepted(_))));
        }
        let failure =
            said(json!({"Success": true, "Data": {"Status": "Fail", "Message": message}}));
        assert!(
            failure.is_err_and(|f| f.meaning == FailureClass::Permanent && f.message == message)
        );
        for reply in [
            json!({"Success": true}),
            json!({"Data": {"Status": "success"}}),
            json!({"Success": true, "Data": {"Status": "perhaps"}}),
        ] {
            assert!(said(reply).is_err_and(|f| f.meaning == FailureClass::Ambiguous));
        }
    }

    #[test]
    fn a_lost_deploy_can_only_be_repeated_where_the_operator_says_so() {
        let mut rehearsal = rehearsal("DI_REALTIME");
        assert!(!DeployDiSyncTask.capabilities(&rehearsal.account).may_repeat_lost_call);
        rehearsal.account.provider = alibaba(true, true);
        let capabilities = DeployDiSyncTask.capabilities(&rehearsal.account);
        assert!(capabilities.may_repeat_lost_call && !capabilities.probe);
        assert!(matches!(rehearsal.probe(&[]).1, Ok(Answer::Undecided(_))));
    }

    #[test]
    fn a_query_that_shows_no_failure_ends_it() {
        for state in ["NORUN", "WAIT", "RUN", "PAUSE", "KILLING"] {
            let reply = json!({"Success": true, "Data": {"Status": state}});
            let (requests, answer) = rehearsal("DI_REALTIME").poll(&Value::Null, &[reply]);
            assert_eq!(requests[0].action, "GetDISyncInstanceInfo");
            assert!(matches!(answer, Ok(Answer::Ended(ended)) if ended.failure.is_none()));
        }
        let lag = json!({"Success": true, "Data": {"Status": "fail", "Message": "invalid fileId"}});
        for lag in [lag, json!({"fails": "Fail"})] {
            let (_, answer) = rehearsal("DI_REALTIME").poll(&Value::Null, &[lag]);
            assert!(answer.is_err_and(|f| matches!(f.meaning, FailureClass::Retryable { .. })));
        }
        let (_, answer) = rehearsal("DI_REALTIME").poll(&Value::Null, &[json!({"fails": "No"})]);
        assert!(answer.is_err_and(|f| f.meaning == FailureClass::Permanent));
    }

    #[test]
    fn a_solution_is_judged_by_its_number() {
        let said = |status: i64| {
            let reply =
                json!({"Data": {"Status": "success", "SolutionDetail": {"Status": status}}});
            let (requests, answer) = rehearsal("DI_SOLUTION").poll(&Value::Null, &[reply]);
            assert_eq!(requests[0].action, "GetDISyncTask");
            answer
        };
        for fine in [0, 1, 2, 4, 6, 7, 8] {
            assert!(matches!(said(fine), Ok(Answer::Ended(e)) if e.failure.is_none()), "{fine}");
        }
        for failed in [3, 9] {
            assert!(matches!(said(failed), Ok(Answer::Ended(e)) if e.failure.is_some()));
        }
        assert!(matches!(said(5), Ok(Answer::Running(running)) if running.waits_for_person));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let params =
            json!({"ProjectID": 1, "TaskType": "DI_REALTIM", "FileId": 0, "RegionId": "x"});
        assert_eq!(
            OperationHarness::of(DeployDiSyncTask, params).problems(),
            [
                "$.params.FileId must be at least 1, not 0",
                "$.params.ProjectID is not a field of this request; did you mean `ProjectId`?",
                "$.params.ProjectId is missing",
                "$.params.RegionId is not a field of this request; allowed are FileId, \
                 ProjectId, TaskType",
                "$.params.TaskType must be one of DI_REALTIME, DI_SOLUTION, not `DI_REALTIM`; \
                 did you mean `DI_REALTIME`?",
            ]
        );
    }
}
