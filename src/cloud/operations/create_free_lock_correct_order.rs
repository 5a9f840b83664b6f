//! `dms.CreateFreeLockCorrectOrder`: a ticket that changes data without locking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conversation::converse;
use super::marker::Marker;
use super::params::{read, schema_of, unfit_numbers};
use super::request::{Query, json, rpc, too_long_for_url};
use super::ticket::{self, TicketKind};
use crate::cloud::account::Account;
use crate::cloud::protocol::{Next, Operation, OperationContext, Replies, Service};
use crate::job::machine::Capabilities;
use crate::job::{Accepted, Answer, Failure, Job, Kind, OperationSpec, Provider, Until};

/// Parameters of `CreateFreeLockCorrectOrder`, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Params {
    /// What the ticket is for. A short marker is put at its end, unless the account says not to.
    #[schemars(length(min = 1))]
    pub comment: String,
    /// The change. It travels in the URL: long SQL does not fit.
    pub param: Change,
    /// DMS ids of the people concerned.
    pub related_user_list: Option<Vec<i64>>,
    /// The key of an uploaded attachment of the ticket.
    pub attachment_key: Option<String>,
    /// The tenant; the caller's own if left out.
    pub tid: Option<i64>,
    /// The Alibaba Cloud UID of the user the ticket is made for.
    pub real_login_user_uid: Option<String>,
}

/// A change without locking.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Change {
    /// The SQL.
    #[serde(rename = "ExecSQL")]
    #[schemars(length(min = 1))]
    pub exec_sql: String,
    /// The form of the SQL.
    #[schemars(extend("enum" = ["TEXT"]), extend("x-expects" = TEXT_ONLY))]
    pub sql_type: String,
    /// The databases to change.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
    /// The category of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classify: Option<String>,
    /// The key of an attachment; the provider does not use it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment_name: Option<String>,
    /// The SQL that would undo the change.
    #[serde(rename = "RollbackSQL", skip_serializing_if = "Option::is_none")]
    pub rollback_sql: Option<String>,
    /// The form of that SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["TEXT", null]), extend("x-expects" = TEXT_ONLY))]
    pub rollback_sql_type: Option<String>,
    /// The key of an attachment; the provider does not use it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_attachment_name: Option<String>,
    /// Who runs it once it is approved: `COMMITOR` (the submitter; the spelling is the
    /// provider's), `AUTO` (nobody, it runs by itself), `LAST_AUDITOR` (the last approver).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["COMMITOR", "AUTO", "LAST_AUDITOR", null]))]
    pub exec_mode: Option<String>,
}

/// A database, physical or logical.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct DbItem {
    /// The database's DMS id.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether it is a logical database.
    pub logic: bool,
}

const TEXT_ONLY: &str = "TEXT (the provider does not support ATTACHMENT here)";

/// What a producer can do about a change that is too long.
const WAY_OUT: &str = "shorten it, or use dms.CreateOrder with PluginType DC_CHUNK, \
                       which sends the SQL in the body";

/// The operation. Alibaba DMS Enterprise 2018-11-01, `CreateFreeLockCorrectOrder`.
#[derive(Debug)]
pub struct CreateFreeLockCorrectOrder;

impl Operation for CreateFreeLockCorrectOrder {
    fn operation(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Create, Provider::Alibaba);
        let name = "dms.CreateFreeLockCorrectOrder";
        OperationSpec::new(name, kind, provider, Until::Accepted, schema)
            .with_rule(unfit_numbers)
            .with_rule(|params, found| {
                let names =
                    ["Comment", "Param", "RelatedUserList", "AttachmentKey", "RealLoginUserUid"];
                too_long_for_url(params, &names, WAY_OUT, found);
            })
    }

    fn capabilities(&self, account: &Account) -> Capabilities {
        Capabilities { baseline: false, probe: account.marker(), may_repeat_lost_call: false }
    }

    fn baseline(&self, _: &OperationContext<'_>, _: Replies<'_>) -> Result<Next, Failure> {
        Ok(Next::Tell(Answer::Baseline(Value::Null)))
    }

    fn call(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let comment = match inquiry.account.marker() {
            true => Marker::of(&inquiry.job.id).sign(&params.comment),
            false => params.comment,
        };
        let query = Query::default()
            .with("Comment", comment)
            .with("Param", json(&params.param))
            // A list here, where CreateOrder has a text with commas.
            .with_some("RelatedUserList", params.related_user_list.as_ref().map(json))
            .with_some("AttachmentKey", params.attachment_key)
            .with_some("Tid", params.tid)
            .with_some("RealLoginUserUid", params.real_login_user_uid);
        let request = rpc(Service::Dms, "CreateFreeLockCorrectOrder", query);
        converse(replies, |talk| Ok(ticket::accepted(talk.ask(request)?)?))
    }

    fn probe(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        ticket::look_up(inquiry, &nature(&read(inquiry.job)?), replies)
    }

    fn adopt(&self, _: &Job, text: &str) -> Result<Accepted, String> {
        ticket::adopted(text)
    }

    fn poll(
        &self,
        inquiry: &OperationContext<'_>,
        handle: &Value,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        ticket::poll(inquiry, handle, &nature(&read(inquiry.job)?), replies)
    }
}

fn nature(params: &Params) -> TicketKind<'static> {
    TicketKind {
        plugin_type: "DC_CHUNK",
        tid: params.tid,
        for_another_user: params.real_login_user_uid.is_some(),
        runs_itself: params.param.exec_mode.as_deref() == Some("AUTO"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CreateFreeLockCorrectOrder;
    use crate::cloud::operations::rehearsal::{OperationHarness, alibaba, captured, query};
    use crate::cloud::protocol::Body;
    use crate::job::{Answer, FailureClass};

    fn valid() -> Value {
        json!({
            "Comment": "c 1", "RelatedUserList": [51, 52], "Tid": 3000,
            "Param": {"Classify": "test", "DbItemList": [{"DbId": 1860, "Logic": false}],
                "ExecMode": "COMMITOR", "ExecSQL": "delete from t where a = 1;",
                "SqlType": "TEXT"},
        })
    }

    #[test]
    fn the_request_is_the_one_the_official_client_sends() {
        let mut rehearsal = OperationHarness::of(CreateFreeLockCorrectOrder, valid());
        rehearsal.account.provider = alibaba(false, false);
        assert_eq!(rehearsal.problems(), [""; 0]);
        let (requests, answer) = rehearsal.call(json!({"CreateOrderResult": [7]}));
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
        assert!(matches!(answer, Ok(Answer::Accepted(a)) if a.result == json!({"order_ids": [7]})));
    }

    #[test]
    fn the_comment_ends_in_the_marker() {
        let (requests, _) = OperationHarness::of(CreateFreeLockCorrectOrder, valid())
            .call(json!({"CreateOrderResult": [7]}));
        let comment = query(&requests[0])["Comment"].clone();
        assert!(comment.as_str().is_some_and(|c| c.starts_with("c 1 [tk:") && c.ends_with(']')));
    }

    #[test]
    fn a_ticket_that_runs_itself_waits_for_nobody_once_approved() {
        let approved = json!({"OrderBaseInfo": {"StatusCode": "Approved"}});
        let handle = json!({"order_ids": [7]});
        let waits = |mode: &str| {
            let mut params = valid();
            params["Param"]["ExecMode"] = json!(mode);
            let rehearsal = OperationHarness::of(CreateFreeLockCorrectOrder, params);
            let (requests, answer) =
                rehearsal.poll(&handle, &[approved.clone(), json!({"fails": "NoTask"})]);
            assert_eq!(requests[1].action, "GetDataCorrectTaskDetail");
            matches!(answer, Ok(Answer::Running(running)) if running.waits_for_person)
        };
        assert!(waits("COMMITOR"));
        assert!(!waits("AUTO"));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let rehearsal = OperationHarness::of(
            CreateFreeLockCorrectOrder,
            json!({
                "Comment": "", "RelatedUserList": "51,52", "Action": "CloseOrder",
                "Param": {"execSQL": "delete", "SqlType": "ATTACHMENT", "ExecMode": "COMMITTER",
                    "DbItemList": [{"DbId": "17", "Logic": 0}, {"DbId": 17.0, "logic": true}]},
            }),
        );
        let problems = rehearsal.problems();
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
    fn sql_that_does_not_fit_a_url_is_refused_with_a_way_out() {
        let mut params = valid();
        params["Param"]["ExecSQL"] = json!("更".repeat(900));
        let problems = OperationHarness::of(CreateFreeLockCorrectOrder, params).problems();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("$.params.Param needs 8"), "{problems:?}");
        assert!(problems[0].contains("DC_CHUNK"));
    }

    #[test]
    fn params_that_do_not_fit_after_all_are_refused_not_sent() {
        let (requests, answer) =
            OperationHarness::of(CreateFreeLockCorrectOrder, json!({"Comment": 1})).call(json!({}));
        assert!(requests.is_empty());
        assert!(
            answer
                .is_err_and(|f| f.meaning == FailureClass::Permanent && f.code == "InvalidParams")
        );
    }
}
