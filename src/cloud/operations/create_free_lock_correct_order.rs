//! `dms.CreateFreeLockCorrectOrder`: creates a ticket for a change that does not lock tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::{Operation, OperationContext, PollResult, ProbeResult};
use super::operator_input::OperatorInput;
use super::replay::{Replay, Replayed};
use super::request::{Query, check_url_length, json, rpc};
use super::schema::{only_integers, schema_of};
use super::ticket::{self, TicketKind};
use crate::cloud::account::Account;
use crate::cloud::service::Service;
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Job, Kind, OperationSpec, Provider, Until};

/// Parameters of `CreateFreeLockCorrectOrder`, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Params {
    /// Purpose of the ticket. A short marker is appended, unless the account turns markers off.
    #[schemars(length(min = 1))]
    pub comment: String,
    /// The change. It is sent in the URL, which limits the length of the SQL.
    pub param: FreeLockParam,
    /// DMS ids of the stakeholders.
    pub related_user_list: Option<Vec<i64>>,
    /// Key of an uploaded attachment.
    pub attachment_key: Option<String>,
    /// Tenant id. Default: the caller's own tenant.
    pub tid: Option<i64>,
    /// Alibaba Cloud UID of the user for whom the ticket is created.
    pub real_login_user_uid: Option<String>,
}

/// A change that does not lock tables.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct FreeLockParam {
    /// SQL to run.
    #[serde(rename = "ExecSQL")]
    #[schemars(length(min = 1))]
    pub exec_sql: String,
    /// Form of the SQL.
    #[schemars(extend("enum" = ["TEXT"]), extend("x-expects" = TEXT_ONLY))]
    pub sql_type: String,
    /// Databases to change.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<FreeLockDatabase>,
    /// Category of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classify: Option<String>,
    /// Attachment key of the SQL. The provider does not support it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment_name: Option<String>,
    /// SQL that reverts the change.
    #[serde(rename = "RollbackSQL", skip_serializing_if = "Option::is_none")]
    pub rollback_sql: Option<String>,
    /// Form of the reverting SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["TEXT", null]), extend("x-expects" = TEXT_ONLY))]
    pub rollback_sql_type: Option<String>,
    /// Attachment key of the reverting SQL. The provider does not support it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_attachment_name: Option<String>,
    /// What starts the approved change: `COMMITOR` (the submitter; the provider's spelling),
    /// `AUTO` (the approval itself), `LAST_AUDITOR` (the last approver).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["COMMITOR", "AUTO", "LAST_AUDITOR", null]))]
    pub exec_mode: Option<String>,
}

/// A physical or logical database.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct FreeLockDatabase {
    /// DMS id of the database.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether the database is a logical one.
    pub logic: bool,
}

const TEXT_ONLY: &str = "TEXT (the provider does not support ATTACHMENT here)";

const URL_TOO_LONG_HINT: &str = "shorten it, or use dms.CreateOrder with PluginType DC_CHUNK, \
                      which sends the SQL in the body";

/// Alibaba DMS Enterprise 2018-11-01, `CreateFreeLockCorrectOrder`.
#[derive(Debug)]
pub struct CreateFreeLockCorrectOrder;

impl Operation for CreateFreeLockCorrectOrder {
    fn spec(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Create, Provider::Alibaba);
        let name = "dms.CreateFreeLockCorrectOrder";
        OperationSpec::new(name, kind, provider, Until::Accepted, schema)
            .with_rule(only_integers)
            .with_rule(|params, found| {
                let names =
                    ["Comment", "Param", "RelatedUserList", "AttachmentKey", "RealLoginUserUid"];
                check_url_length(params, &names, URL_TOO_LONG_HINT, found);
            })
    }

    fn capabilities(&self, account: &Account) -> Capabilities {
        ticket::capabilities(account)
    }

    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        let params: Params = cx.params()?;
        let query = Query::default()
            .with("Comment", ticket::comment(cx, params.comment))
            .with("Param", json(&params.param))
            // A JSON array here; CreateOrder takes text with commas.
            .with_some("RelatedUserList", params.related_user_list.as_ref().map(json))
            .with_some("AttachmentKey", params.attachment_key)
            .with_some("Tid", params.tid)
            .with_some("RealLoginUserUid", params.real_login_user_uid);
        let request = rpc(Service::Dms, "CreateFreeLockCorrectOrder", query);
        Ok(ticket::accepted(http.send(request)?)?)
    }

    fn probe(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<ProbeResult> {
        ticket::probe(cx, &ticket_kind(&cx.params()?), http)
    }

    fn poll(
        &self,
        cx: &OperationContext<'_>,
        handle: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        ticket::poll(cx, &ticket_kind(&cx.params()?), handle, http)
    }

    fn adopt(&self, _: &Job, input: OperatorInput<'_>) -> Result<Accepted, String> {
        ticket::adopt(input)
    }
}

fn ticket_kind(params: &Params) -> TicketKind<'static> {
    TicketKind {
        plugin_type: "DC_CHUNK",
        tid: params.tid,
        for_another_user: params.real_login_user_uid.is_some(),
        starts_itself: params.param.exec_mode.as_deref() == Some("AUTO"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CreateFreeLockCorrectOrder;
    use crate::cloud::operations::PollResult;
    use crate::cloud::operations::tests::harness::{OperationHarness, alibaba, captured, query};
    use crate::cloud::request::Body;
    use crate::job::FailureClass;

    fn valid() -> Value {
        json!({
            "Comment": "c 1", "RelatedUserList": [51, 52], "Tid": 3000,
            "Param": {"Classify": "test", "DbItemList": [{"DbId": 1860, "Logic": false}],
                "ExecMode": "COMMITOR", "ExecSQL": "delete from t where a = 1;",
                "SqlType": "TEXT"},
        })
    }

    #[test]
    fn the_request_equals_the_official_client_s() {
        let mut harness = OperationHarness::new(CreateFreeLockCorrectOrder, valid());
        harness.account.provider = alibaba(false, false);
        assert_eq!(harness.problems(), [""; 0]);
        let (requests, answer) = harness.call(json!({"CreateOrderResult": [7]}));
        let capture =
            captured("aliyun_sdk_wire_capture.json", "CreateFreeLockCorrectOrder")["query"].clone();
        let mut sent = query(&requests[0]);
        let param = |query: &Value| -> Value {
            serde_json::from_str(query["Param"].as_str().unwrap_or_default()).unwrap_or_default()
        };
        assert_eq!(param(&sent), param(&capture));
        sent["Param"] = capture["Param"].clone();
        assert_eq!(sent, capture);
        assert_eq!(requests[0].body, Body::Empty);
        assert!(answer.is_ok_and(|accepted| accepted.result == json!({"order_ids": [7]})));
    }

    #[test]
    fn a_comment_ends_with_the_marker() {
        let (requests, _) = OperationHarness::new(CreateFreeLockCorrectOrder, valid())
            .call(json!({"CreateOrderResult": [7]}));
        let comment = query(&requests[0])["Comment"].clone();
        assert!(comment.as_str().is_some_and(|c| c.starts_with("c 1 [tk:") && c.ends_with(']')));
    }

    #[test]
    fn an_approved_ticket_with_exec_mode_auto_waits_for_no_person() {
        let approved = json!({"OrderBaseInfo": {"StatusCode": "Approved"}});
        let handle = json!({"order_ids": [7]});
        let waits = |mode: &str| {
            let mut params = valid();
            params["Param"]["ExecMode"] = json!(mode);
            let harness = OperationHarness::new(CreateFreeLockCorrectOrder, params);
            let (requests, answer) =
                harness.poll(&handle, &[approved.clone(), json!({"fails": "NoTask"})]);
            assert_eq!(requests[1].action, "GetDataCorrectTaskDetail");
            matches!(answer, Ok(PollResult::Running { waits_for_person: true, .. }))
        };
        assert!(waits("COMMITOR"));
        assert!(!waits("AUTO"));
    }

    #[test]
    fn all_problems_of_the_params_are_reported_at_once() {
        let harness = OperationHarness::new(
            CreateFreeLockCorrectOrder,
            json!({
                "Comment": "", "RelatedUserList": "51,52", "Action": "CloseOrder",
                "Param": {"execSQL": "delete", "SqlType": "ATTACHMENT", "ExecMode": "COMMITTER",
                    "DbItemList": [{"DbId": "17", "Logic": 0}, {"DbId": 17.0, "logic": true}]},
            }),
        );
        let problems = harness.problems();
        let expected = [
            "$.params.Action is not a field of this request; allowed are AttachmentKey, Comment, \
             Param, RealLoginUserUid, RelatedUserList, Tid",
            "$.params.Comment is empty",
            "$.params.Param.DbItemList[0].DbId must be an integer, not the string `17`",
            "$.params.Param.DbItemList[0].Logic must be a boolean, not 0",
            "$.params.Param.DbItemList[1].DbId must be an integer, not 17.0",
            "$.params.Param.DbItemList[1].Logic is missing",
            "$.params.Param.DbItemList[1].logic is not a field of this request; did you mean \
             `Logic`?",
            "$.params.Param.ExecMode must be one of COMMITOR, AUTO, LAST_AUDITOR, not \
             `COMMITTER`; did you mean `COMMITOR`?",
            "$.params.Param.ExecSQL is missing",
            "$.params.Param.SqlType must be TEXT (the provider does not support ATTACHMENT \
             here), not `ATTACHMENT`",
            "$.params.Param.execSQL is not a field of this request; did you mean `ExecSQL`?",
            "$.params.RelatedUserList must be an array, not the string `51,52`",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn sql_too_long_for_a_url_is_rejected_with_a_remedy() {
        let mut params = valid();
        params["Param"]["ExecSQL"] = json!("更".repeat(900));
        let problems = OperationHarness::new(CreateFreeLockCorrectOrder, params).problems();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("$.params.Param needs 8"), "{problems:?}");
        assert!(problems[0].contains("DC_CHUNK"));
    }

    #[test]
    fn params_that_cannot_be_read_fail_the_call_without_a_request() {
        let (requests, answer) =
            OperationHarness::new(CreateFreeLockCorrectOrder, json!({"Comment": 1}))
                .call(json!({}));
        assert!(requests.is_empty());
        assert!(
            answer.is_err_and(|f| f.class == FailureClass::Permanent && f.code == "InvalidParams")
        );
    }
}
