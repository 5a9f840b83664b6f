#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::CreateOrder;
use crate::cloud::operations::Operation;
use crate::cloud::operations::tests::harness::{OperationHarness, alibaba, captured, query};
use crate::cloud::request::Body;
use crate::job::FailureClass;

fn order(plugin_type: &str, plugin_param: Value) -> Value {
    json!({"Comment": "c 1", "PluginType": plugin_type, "PluginParam": plugin_param,
        "RelatedUserList": "1,2", "Tid": 3000})
}

fn problems(params: Value) -> Vec<String> {
    OperationHarness::new(CreateOrder, params).problems()
}

/// Valid params of each plugin type, in the provider's own spellings.
fn valid() -> Vec<Value> {
    let dbs = json!([{"dbId": 17, "logic": false}]);
    vec![
        order(
            "DC_COMMON",
            json!({"classify": "测试", "estimateAffectRows": 1, "execSQL": "update t set a=1;",
                "dbItemList": dbs, "rbSQL": "update t set a=0;", "rbSQLType": "TEXT",
                "rbAttachmentName": null, "sqlType": "TEXT"}),
        ),
        order(
            "DC_COMMON",
            json!({"sqlType": "ATTACHMENT", "attachmentName": "key", "dbItemList": dbs}),
        ),
        order("DC_CHUNK", json!({"execSQL": "update t set a=a;", "dbItemList": dbs})),
        order(
            "DC_CRON_CLEAR",
            json!({"duration": 0, "specifyDuration": false, "classify": "x",
                "cronFormat": "0 1 21 * * ?", "execSql": null, "dbItemList": dbs,
                "cronClearItemList": [{"filterSQL": "", "columnName": "gmt", "remainDays": 7,
                    "tableName": "t"}]}),
        ),
        order(
            "NDDL",
            json!({"title": "t", "description": "d", "dbId": 1, "logic": false,
                "relatedIds": [1, 2]}),
        ),
        order(
            "DATA_EXPORT",
            json!({"classify": "x", "dbId": 1, "exeSQL": "select 1", "logic": false,
                "ignoreAffectRows": true, "affectRows": 10, "ignoreAffectRowsReason": "r"}),
        ),
        order("PERM_APPLY", json!({"ApplyType": "DB", "Share": 1.5, "Resources": [{"a": null}]})),
        order("OWNER_APPLY", json!({})),
    ]
}

#[test]
fn plugin_param_of_every_type_is_sent_unchanged_in_the_body() {
    for params in valid() {
        let harness = OperationHarness::new(CreateOrder, params.clone());
        assert_eq!(harness.problems(), [""; 0], "{params}");
        let (requests, answer) = harness.call(json!({"CreateOrderResult": {"OrderIds": [1]}}));
        assert!(answer.is_ok());
        let Body::Form(form) = &requests[0].body else { panic!("no form: {requests:?}") };
        assert_eq!(form.len(), 1);
        assert_eq!(form[0].0, "PluginParam");
        assert_eq!(serde_json::from_str::<Value>(&form[0].1).unwrap(), params["PluginParam"]);
        assert!(!form[0].1.contains(": "), "not compact");
    }
}

#[test]
fn the_request_equals_the_official_client_s() {
    let param = json!({"classify": "测试", "execSQL": "update t set a=a;",
        "dbItemList": [{"dbId": 17, "logic": false}]});
    let mut harness = OperationHarness::new(CreateOrder, order("DC_CHUNK", param));
    harness.account.provider = alibaba(false, false);
    let (requests, _) = harness.call(json!({"CreateOrderResult": {"OrderIds": [1]}}));
    let capture = captured("aliyun_sdk_wire_capture.json", "CreateOrder");
    assert_eq!(query(&requests[0]), capture["query"]);
    let Body::Form(form) = &requests[0].body else { panic!("no form: {requests:?}") };
    let captured_form: Vec<(String, String)> =
        url::form_urlencoded::parse(capture["body"].as_str().unwrap().as_bytes())
            .into_owned()
            .collect();
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(form[0].0, captured_form[0].0);
    assert_eq!(value(&form[0].1), value(&captured_form[0].1));
}

#[test]
fn a_comment_ends_with_the_marker_which_makes_a_probe_possible() {
    let mut harness = OperationHarness::new(CreateOrder, valid().remove(0));
    let (requests, _) = harness.call(json!({"CreateOrderResult": [1]}));
    let comment = query(&requests[0])["Comment"].as_str().unwrap().to_owned();
    assert!(comment.starts_with("c 1 [tk:") && comment.ends_with(']'), "{comment}");
    assert!(CreateOrder.capabilities(&harness.account).probe);
    harness.account.provider = alibaba(false, false);
    assert!(!CreateOrder.capabilities(&harness.account).probe);
}

#[test]
fn a_failed_request_fails_the_call_unchanged() {
    let (_, answer) = OperationHarness::new(CreateOrder, valid().remove(0))
        .call(json!({"fails": "NoPermission"}));
    assert!(answer.is_err_and(|f| f.code == "NoPermission" && f.class == FailureClass::Permanent));
}

#[test]
fn all_problems_at_both_levels_are_reported_at_once() {
    let params = json!({
        "Coment": "x", "PluginType": "DC_COMMON", "RelatedUserList": "1;2", "Tid": "3000",
        "AccessKeyId": "LTAI",
        "PluginParam": {"execSql": "update", "sqlType": "TXT", "estimateAffectRows": -1,
            "dbItemList": [{"dbId": "17****", "logic": "false"}, {"dbid": 1}],
            "rbSqlType": "TEXT"},
    });
    assert_eq!(
        problems(params),
        [
            "$.params.AccessKeyId is not a field of this request; allowed are AttachmentKey, \
             Comment, PluginParam, PluginType, RealLoginUserUid, RelatedUserList, Tid",
            "$.params.Coment is not a field of this request; did you mean `Comment`?",
            "$.params.Comment is missing",
            "$.params.PluginParam.dbItemList[0].dbId must be an integer, not the string `17****`",
            "$.params.PluginParam.dbItemList[0].logic must be a boolean, not the string `false`",
            "$.params.PluginParam.dbItemList[1].dbId is missing",
            "$.params.PluginParam.dbItemList[1].dbid is not a field of this request; did you \
             mean `dbId`?",
            "$.params.PluginParam.dbItemList[1].logic is missing",
            "$.params.PluginParam.estimateAffectRows must be at least 0, not -1",
            "$.params.PluginParam.execSQL is missing: the SQL is given as text",
            "$.params.PluginParam.execSql is not a field of this request; did you mean \
             `execSQL`?",
            "$.params.PluginParam.rbSqlType is not a field of this request; did you mean \
             `rbSQLType`?",
            "$.params.PluginParam.sqlType must be one of TEXT, ATTACHMENT, not `TXT`; did you \
             mean `TEXT`?",
            "$.params.RelatedUserList must be user ids joined with commas, like `1,2`, not `1;2`",
            "$.params.Tid must be an integer, not the string `3000`",
        ]
    );
}

#[test]
fn rules_between_fields_are_part_of_the_schema() {
    let dbs = json!([{"dbId": 17, "logic": false}]);
    let cases = [
        (
            order("DC_COMMON", json!({"sqlType": "ATTACHMENT", "dbItemList": dbs})),
            "$.params.PluginParam.attachmentName is missing: sqlType is ATTACHMENT",
        ),
        (
            order("DC_CHUNK", json!({"execSQL": "x", "dbItemList": []})),
            "$.params.PluginParam.dbItemList must have at least 1 item",
        ),
        (
            order(
                "DC_CRON_CLEAR",
                json!({"specifyDuration": true, "cronFormat": "0 1 21 * * ?", "dbItemList": dbs,
                    "cronClearItemList": [{"columnName": "c", "remainDays": 1,
                        "tableName": "t"}]}),
            ),
            "$.params.PluginParam.duration is missing: specifyDuration is true",
        ),
        (
            order(
                "DATA_EXPORT",
                json!({"dbId": 1, "exeSQL": "x", "logic": true, "ignoreAffectRows": true}),
            ),
            "$.params.PluginParam.ignoreAffectRowsReason is missing: ignoreAffectRows is true",
        ),
        (
            order("NDDL", json!({"title": "t", "dbId": 1, "logic": false, "relatedIds": [1.5]})),
            "$.params.PluginParam.relatedIds[0] must be an integer, not 1.5",
        ),
        (
            json!({"Comment": "c", "PluginType": "OWNER_APPLY", "PluginParam": {"n": 1.5},
                "Tid": u64::MAX}),
            "$.params.Tid must be at most 9223372036854775807, not 18446744073709551615",
        ),
        (
            order("PERM_APPLY", json!("text")),
            "$.params.PluginParam must be an object, not the string `text`",
        ),
        (
            order("DATA_EXPRT", json!({})),
            "$.params.PluginType must be one of DC_COMMON, DC_CHUNK, DC_CRON_CLEAR, NDDL, \
             DATA_EXPORT, PERM_APPLY, OWNER_APPLY, not `DATA_EXPRT`; did you mean `DATA_EXPORT`?",
        ),
    ];
    for (params, expected) in cases {
        assert_eq!(problems(params), [expected]);
    }
}

#[test]
fn a_comment_too_long_for_a_url_is_rejected() {
    let mut params = valid().remove(0);
    params["Comment"] = json!("字".repeat(1000));
    let problems = problems(params);
    assert_eq!(
        problems,
        ["$.params.Comment needs 9005 bytes in the URL, but at most 8000 are allowed: shorten it"]
    );
}
