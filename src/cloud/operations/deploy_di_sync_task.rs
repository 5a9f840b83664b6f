//! `dataworks.DeployDISyncTask`: deploys a data synchronisation task. The reply is the result.
//! Deploying does not start the task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::items::ItemStatus;
use super::json::{boolean, integer, text};
use super::operation::{Operation, OperationContext, PollResult, adopted};
use super::operator_input::{OperatorInput, OperatorValue};
use super::replay::{Replay, Replayed};
use super::request::{Query, rpc};
use super::schema::{only_integers, params_of, schema_of};
use crate::cloud::account::Account;
use crate::cloud::request::{Reply, Request};
use crate::cloud::service::Service;
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Failure, Job, Kind, OperationSpec, Provider, Until};

/// Parameters of `DeployDISyncTask`, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Params {
    /// Id of the DataWorks workspace.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub project_id: i64,
    /// `DI_REALTIME` for a real-time synchronisation node, `DI_SOLUTION` for a solution.
    #[schemars(extend("enum" = ["DI_REALTIME", "DI_SOLUTION"]))]
    pub task_type: String,
    /// File id of the node, or task id of the solution.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub file_id: i64,
}

impl Params {
    /// A request about the task.
    fn request(&self, action: &'static str) -> Request {
        let query = Query::default()
            .with("ProjectId", self.project_id)
            .with("TaskType", &self.task_type)
            .with("FileId", self.file_id);
        rpc(Service::Dataworks, action, query)
    }
}

/// Alibaba DataWorks 2020-05-18, `DeployDISyncTask`.
#[derive(Debug)]
pub struct DeployDiSyncTask;

impl Operation for DeployDiSyncTask {
    fn spec(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Deploy, Provider::Alibaba);
        let name = "dataworks.DeployDISyncTask";
        OperationSpec::new(name, kind, provider, Until::Accepted, schema).with_rule(only_integers)
    }

    /// No probe: DataWorks keeps nothing that distinguishes one deploy from another.
    fn capabilities(&self, account: &Account) -> Capabilities {
        let may_repeat_lost_call = account.redeploy_in_doubt();
        Capabilities { baseline: false, probe: false, may_repeat_lost_call }
    }

    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        let params: Params = cx.params()?;
        Ok(parse_deploy_reply(&params, http.send(params.request("DeployDISyncTask"))?)?)
    }

    fn poll(
        &self,
        cx: &OperationContext<'_>,
        _: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        let params: Params = cx.params()?;
        let is_solution = params.task_type == "DI_SOLUTION";
        let action = if is_solution { "GetDISyncTask" } else { "GetDISyncInstanceInfo" };
        let data = query_data(http.try_send(params.request(action))?)?;
        let (state, status) = if is_solution { solution(data) } else { node(data) };
        Ok(status.into_poll_result(json!({"task_state": state})))
    }

    /// The job itself names the deployed file, so the operator can only confirm it.
    fn adopt(&self, job: &Job, input: OperatorInput<'_>) -> Result<Accepted, String> {
        let params: Params = params_of(job).map_err(|failure| failure.message)?;
        let file = match input.value() {
            OperatorValue::Handle(handle) => integer(&handle["file_id"]),
            OperatorValue::Words(words) => match words[..] {
                [] => Some(params.file_id),
                [word] => integer(&json!(word)),
                _ => None,
            },
        };
        if file != Some(params.file_id) {
            let expected = format!("the job's own file id, {}, or nothing", params.file_id);
            return Err(input.unexpected(&expected));
        }
        Ok(adopted(json!({"file_id": params.file_id})))
    }
}

/// The deploy succeeded only if `Success` is true and `Data.Status` is `success`.
fn parse_deploy_reply(params: &Params, reply: &Reply) -> Result<Accepted, Failure> {
    let data = &reply.body["Data"];
    let status = text(&data["Status"]).unwrap_or_default().to_lowercase();
    match (boolean(&reply.body["Success"]), status.as_str()) {
        (Some(true), "success") => Ok(Accepted {
            handle: json!({"file_id": params.file_id}),
            result: json!({"file_id": params.file_id, "status": "success"}),
        }),
        (_, "fail") => {
            let message = text(&data["Message"])
                .unwrap_or_else(|| "DataWorks refused the deploy and gave no reason".into());
            Err(Failure::permanent("DeployFailed", message))
        }
        _ => {
            let message = "the reply does not show whether the deploy succeeded";
            Err(Failure::ambiguous("UnreadableReply", message))
        }
    }
}

/// The data of a successful query. Right after a deploy a query may fail: its status is
/// `fail` then, even if its `Success` is true.
fn query_data<'a>(reply: Result<&'a Reply, &Failure>) -> Result<&'a Value, Failure> {
    let reply = reply.map_err(|failure| match failure.code.eq_ignore_ascii_case("fail") {
        true => Failure::retryable("QueryFailed", failure.message.clone()),
        false => failure.clone(),
    })?;
    let data = &reply.body["Data"];
    match text(&data["Status"]) {
        Some(status) if status.eq_ignore_ascii_case("fail") => {
            let message = text(&data["Message"])
                .unwrap_or_else(|| "DataWorks could not show the task and gave no reason".into());
            Err(Failure::retryable("QueryFailed", message))
        }
        Some(_) => Ok(data),
        None => Err(Failure::ambiguous("UnreadableReply", "the reply has no Data.Status")),
    }
}

/// A real-time node: every run state, stopped ones too, shows that the node is deployed.
fn node(data: &Value) -> (String, ItemStatus) {
    let state = text(&data["Status"]).unwrap_or_default();
    (state.clone(), ItemStatus::succeeded(state))
}

/// A solution. Its status is a number: 3 failed, 5 waits for a manual confirmation, 9 deleted. No
/// other number contradicts the deploy.
fn solution(data: &Value) -> (String, ItemStatus) {
    let number = &data["SolutionDetail"]["Status"];
    let state = text(number).unwrap_or_else(|| "unknown".into());
    let failed = |code, message| ItemStatus::failed(&state, code, message);
    let status = match integer(number) {
        Some(3) => failed("SolutionFailed", "the solution failed (status 3)"),
        Some(9) => failed("SolutionDeleted", "the solution was deleted (status 9)"),
        Some(5) => ItemStatus::waiting("solution waits for manual confirmation"),
        Some(_) | None => ItemStatus::succeeded(state.as_str()),
    };
    (state, status)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::DeployDiSyncTask;
    use crate::cloud::operations::tests::harness::{OperationHarness, alibaba, captured, query};
    use crate::cloud::operations::{Operation, PollResult, ProbeResult};
    use crate::job::FailureClass;

    fn harness(task_type: &str) -> OperationHarness {
        let params = json!({"ProjectId": 10000, "TaskType": task_type, "FileId": 100});
        OperationHarness::new(DeployDiSyncTask, params)
    }

    #[test]
    fn the_request_equals_the_official_client_s() {
        let harness = harness("DI_REALTIME");
        assert_eq!(harness.problems(), [""; 0]);
        let (requests, _) = harness.call(json!({"Success": true, "Data": {"Status": "success"}}));
        let capture = captured("aliyun_sdk_wire_capture.json", "DeployDISyncTask");
        assert_eq!(query(&requests[0]), capture["query"]);
    }

    #[test]
    fn a_deploy_is_accepted_only_if_both_fields_report_success() {
        let call = |reply: Value| harness("DI_REALTIME").call(reply).1;
        let message = "submit and deploy fail.";
        for reply in [
            json!({"Success": true, "Data": {"Status": "success", "Message": message}}),
            json!({"Success": "true", "Data": {"Status": "SUCCESS"}}),
        ] {
            assert!(call(reply).is_ok());
        }
        let failure =
            call(json!({"Success": true, "Data": {"Status": "Fail", "Message": message}}));
        assert!(failure.is_err_and(|f| f.class == FailureClass::Permanent && f.message == message));
        for reply in [
            json!({"Success": true}),
            json!({"Data": {"Status": "success"}}),
            json!({"Success": true, "Data": {"Status": "perhaps"}}),
        ] {
            assert!(call(reply).is_err_and(|f| f.class == FailureClass::Ambiguous));
        }
    }

    #[test]
    fn a_lost_deploy_is_repeated_only_if_the_account_allows_it() {
        let mut harness = harness("DI_REALTIME");
        assert!(!DeployDiSyncTask.capabilities(&harness.account).may_repeat_lost_call);
        harness.account.provider = alibaba(true, true);
        let capabilities = DeployDiSyncTask.capabilities(&harness.account);
        assert!(capabilities.may_repeat_lost_call && !capabilities.probe);
        assert!(matches!(harness.probe(&[]).1, Ok(ProbeResult::Undecided(_))));
    }

    #[test]
    fn a_query_without_a_failure_ends_the_job() {
        for state in ["NORUN", "WAIT", "RUN", "PAUSE", "KILLING"] {
            let reply = json!({"Success": true, "Data": {"Status": state}});
            let (requests, answer) = harness("DI_REALTIME").poll(&Value::Null, &[reply]);
            assert_eq!(requests[0].action, "GetDISyncInstanceInfo");
            assert!(matches!(answer, Ok(PollResult::Succeeded { .. })));
        }
        let lag = json!({"Success": true, "Data": {"Status": "fail", "Message": "invalid fileId"}});
        for lag in [lag, json!({"fails": "Fail"})] {
            let (_, answer) = harness("DI_REALTIME").poll(&Value::Null, &[lag]);
            assert!(answer.is_err_and(|f| matches!(f.class, FailureClass::Retryable { .. })));
        }
        let (_, answer) = harness("DI_REALTIME").poll(&Value::Null, &[json!({"fails": "No"})]);
        assert!(answer.is_err_and(|f| f.class == FailureClass::Permanent));
    }

    #[test]
    fn a_solution_ends_or_waits_by_the_number_of_its_status() {
        let poll = |status: i64| {
            let reply =
                json!({"Data": {"Status": "success", "SolutionDetail": {"Status": status}}});
            let (requests, answer) = harness("DI_SOLUTION").poll(&Value::Null, &[reply]);
            assert_eq!(requests[0].action, "GetDISyncTask");
            answer
        };
        for fine in [0, 1, 2, 4, 6, 7, 8] {
            assert!(matches!(poll(fine), Ok(PollResult::Succeeded { .. })), "{fine}");
        }
        for failed in [3, 9] {
            assert!(matches!(poll(failed), Ok(PollResult::Failed { .. })));
        }
        assert!(matches!(poll(5), Ok(PollResult::Running { waits_for_person: true, .. })));
    }

    #[test]
    fn all_problems_of_the_params_are_reported_at_once() {
        let params =
            json!({"ProjectID": 1, "TaskType": "DI_REALTIM", "FileId": 0, "RegionId": "x"});
        assert_eq!(
            OperationHarness::new(DeployDiSyncTask, params).problems(),
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
