//! Tickets, publishes and DataWorks files.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{
    TestClient, base_info, create_order, create_order_of, dms, order_id, rpc, start_simulator,
};
use crate::cloud::service::Service;
use crate::simulator::{
    EffectTarget, ForcedFileOutcome, ForcedOutcome, Override, Simulator, SimulatorSettings,
};

#[tokio::test]
async fn a_signed_create_makes_one_ticket_that_is_listed() {
    let simulator = start_simulator(1000).await;
    let client = TestClient::of_alibaba(&simulator);
    let (status, body) = client.send(&create_order("close carts [tk:4f9c02d1a7be]")).await;
    assert_eq!((status, &body["Success"]), (200, &json!(true)));
    let id = order_id(&body);

    let effects = simulator.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].operation, "dms.CreateOrder");
    assert_eq!(effects[0].marker.as_deref(), Some("4f9c02d1a7be"));
    assert_eq!(effects[0].order_ids, [id]);

    let list = |pairs: &[(&str, &str)]| {
        let mine = [("OrderResultType", "AS_COMMITTER"), ("OrderStatus", "ALL")];
        dms("ListOrders", &[&mine, pairs].concat())
    };
    let (_, body) = client.send(&list(&[("PluginType", "DC_CHUNK")])).await;
    assert_eq!(body["TotalCount"], 1);
    let order = &body["Orders"]["Order"][0];
    assert_eq!(order["Comment"], "close carts [tk:4f9c02d1a7be]");
    let made_at = order["CreateTime"].as_str().unwrap();
    let (_, body) = client.send(&list(&[("StartTime", made_at), ("EndTime", made_at)])).await;
    assert_eq!(body["TotalCount"], 1, "{made_at}");
    for other in [("PluginType", "NDDL"), ("StartTime", "2999-01-01 00:00:00"), ("PageNumber", "2")]
    {
        let (_, body) = client.send(&list(&[other])).await;
        assert_eq!(body["Orders"]["Order"], json!([]), "{other:?}");
    }
    let others = TestClient::new(simulator.alibaba("sts", true).unwrap());
    assert_eq!(others.send(&list(&[])).await.1["TotalCount"], 0);
}

#[tokio::test]
async fn a_list_shows_a_new_ticket_after_the_lag() {
    let lag = Duration::from_secs(3600);
    let settings = SimulatorSettings { lag, ..SimulatorSettings::default() };
    let simulator = Simulator::start_locally(settings).await.unwrap();
    let client = TestClient::of_alibaba(&simulator);
    let (_, body) = client.send(&create_order("c")).await;
    assert_eq!(client.send(&dms("ListOrders", &[])).await.1["TotalCount"], 0);
    assert_eq!(client.send(&base_info(order_id(&body))).await.0, 200);
}

#[tokio::test]
async fn every_plugin_type_is_accepted_and_its_errors_are_refused() {
    let simulator = start_simulator(1000).await;
    let client = TestClient::of_alibaba(&simulator);
    let databases = json!([{"dbId": 17, "logic": false}]);
    let clear = json!({"filterSQL": "", "columnName": "c", "remainDays": 3, "tableName": "t"});
    let good = [
        (
            "DC_COMMON",
            json!({"classify": "x", "estimateAffectRows": 1, "execSQL": "update t",
            "sqlType": "TEXT", "dbItemList": databases, "rbAttachmentName": null}),
        ),
        ("DC_CHUNK", json!({"execSQL": "delete from t", "dbItemList": databases})),
        (
            "DC_CRON_CLEAR",
            json!({"cronFormat": "0 1 21 * * ?", "dbItemList": databases,
            "execSql": null, "cronClearItemList": [clear]}),
        ),
        ("NDDL", json!({"title": "t", "dbId": 17, "logic": false, "relatedIds": [1]})),
        ("DATA_EXPORT", json!({"exeSQL": "select 1", "dbId": 17, "logic": false})),
        ("PERM_APPLY", json!({"anything": ["goes"]})),
        ("OWNER_APPLY", json!({})),
    ];
    for (plugin_type, param) in &good {
        let (status, body) = client.send(&create_order_of(plugin_type, "c", param)).await;
        assert_eq!(status, 200, "{plugin_type}: {body}");
        let (_, body) = client.send(&base_info(order_id(&body))).await;
        assert_eq!(body["OrderBaseInfo"]["PluginType"], *plugin_type);
    }
    let effects = simulator.effects().len();
    assert_eq!(effects, good.len());
    let bad = [
        (create_order_of("DC_CHUNK", "", &good[1].1), "MissingComment"),
        (create_order_of("", "c", &good[1].1), "MissingPluginType"),
        (create_order_of("DC_COMON", "c", &good[1].1), "InvalidPluginType"),
        (create_order_of("DC_CHUNK", "c", &json!([1])), "InvalidPluginParam"),
        (create_order_of("NDDL", "c", &good[4].1), "InvalidPluginParam"),
        (dms("CreateOrder", &[("Comment", "c"), ("PluginType", "NDDL")]), "MissingPluginParam"),
        (dms("CreateFreeLockCorrectOrder", &[("Comment", "c")]), "MissingParam"),
        (dms("GetOrderBaseInfo", &[]), "MissingOrderId"),
        (dms("GetOrderBaseInfo", &[("OrderId", "1")]), "InvalidOrderId"),
    ];
    for (request, code) in bad {
        let (status, body) = client.send(&request).await;
        assert_eq!((status, &body["Code"]), (400, &json!(code)), "{request:?}");
    }
    assert_eq!(simulator.effects().len(), effects);
}

/// The distinct StatusCodes of a ticket, until the last one is reached.
async fn codes_until(client: &TestClient, id: i64, last: &str) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    while codes.last().is_none_or(|code| code != last) {
        let (_, body) = client.send(&base_info(id)).await;
        let code = body["OrderBaseInfo"]["StatusCode"].as_str().unwrap().to_owned();
        if codes.last() != Some(&code) {
            codes.push(code);
        }
    }
    codes
}

#[tokio::test]
async fn a_ticket_passes_through_its_stages_in_order() {
    let simulator = start_simulator(300).await;
    let client = TestClient::of_alibaba(&simulator);
    let (_, body) = client.send(&create_order("c")).await;
    let codes = codes_until(&client, order_id(&body), "success").await;
    // A slow machine may miss a code, but the order stays the same.
    let order = ["new", "toaudit", "approved", "processing", "success"];
    let positions: Vec<_> = codes.iter().map(|code| order.iter().position(|c| c == code)).collect();
    assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{codes:?}");
    assert!(codes.len() > 2, "{codes:?}");
    let id = order_id(&body).to_string();
    let (_, body) = client.send(&dms("GetDataCorrectTaskDetail", &[("OrderId", &id)])).await;
    assert_eq!(body["DataCorrectTaskDetail"]["jobStatus"], "SUCCESS");
    let (_, body) = client.send(&dms("GetDataCorrectOrderDetail", &[("OrderId", &id)])).await;
    assert_eq!(body["DataCorrectOrderDetail"]["Status"], "Success");
}

#[tokio::test]
async fn the_comment_of_a_ticket_forces_its_outcome() {
    let simulator = start_simulator(10).await;
    let client = TestClient::of_alibaba(&simulator);
    for (comment, code) in [("sim:reject [tk:1]", "reject"), ("sim:close", "closed")] {
        let (_, body) = client.send(&create_order(comment)).await;
        assert!(codes_until(&client, order_id(&body), code).await.len() <= 3);
    }
    let (_, body) = client.send(&create_order("sim:fail")).await;
    let id = order_id(&body);
    let detail = dms("GetDataCorrectTaskDetail", &[("OrderId", &id.to_string())]);
    client.send_until(&detail, |b| b["DataCorrectTaskDetail"]["jobStatus"] == "FAIL").await;
    let (_, body) = client.send(&base_info(id)).await;
    assert_eq!(body["OrderBaseInfo"]["StatusCode"], "processing", "no code says failed");
}

#[tokio::test]
async fn a_waiting_ticket_continues_after_an_override() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let (_, body) = client.send(&create_order("sim:wait")).await;
    let id = order_id(&body);
    let code = |body: &Value| body["OrderBaseInfo"]["StatusCode"].clone();
    assert_eq!(code(&client.send(&base_info(id)).await.1), "toaudit");
    simulator.apply(Override::Ticket { id, outcome: ForcedOutcome::Succeed }).unwrap();
    assert_eq!(code(&client.send(&base_info(id)).await.1), "success");
    let again = simulator.apply(Override::Ticket { id, outcome: ForcedOutcome::Reject });
    assert!(again.unwrap_err().contains("has ended"));
}

#[tokio::test]
async fn a_lock_free_change_has_all_parameters_in_the_query() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let request = |param: Value| {
        let pairs = [("Comment", "c [tk:2]"), ("RelatedUserList", "[51,52]")];
        let param = param.to_string();
        dms("CreateFreeLockCorrectOrder", &[&pairs[..], &[("Param", param.as_str())]].concat())
    };
    let list = json!([{"DbId": 17, "Logic": false}]);
    let param = json!({"ExecSQL": "x", "SqlType": "TEXT", "DbItemList": list, "ExecMode": "AUTO"});
    let (status, body) = client.send(&request(param)).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["CreateOrderResult"][0].is_i64());
    assert_eq!(simulator.effects()[0].operation, "dms.CreateFreeLockCorrectOrder");
    let param = json!({"ExecSQL": "x", "SqlType": "ATTACHMENT", "DbItemList": list});
    assert_eq!(client.send(&request(param)).await.1["Code"], "InvalidParam");
}

fn publish(order: &str, db: &str) -> crate::cloud::request::Request {
    let pairs = [("OrderId", order), ("DbId", db), ("Logic", "false")];
    dms("CreatePublishGroupTask", &[&pairs[..], &[("PublishStrategy", "IMMEDIATELY")]].concat())
}

#[tokio::test]
async fn a_publish_has_a_record_whose_status_changes() {
    let simulator = start_simulator(20).await;
    let client = TestClient::of_alibaba(&simulator);
    let records = dms("ListDDLPublishRecords", &[("OrderId", "70001")]);
    assert_eq!(client.send(&records).await.1["DDLPublishRecordList"], json!([]));
    for db in ["17", "9001"] {
        let (status, body) = client.send(&publish("70001", db)).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["TaskId"].is_i64());
    }
    let target = EffectTarget {
        order_id: 70_001,
        db_id: 17,
        logic: false,
        strategy: "IMMEDIATELY".into(),
        plan_time: None,
    };
    assert_eq!(simulator.effects()[0].target.as_ref(), Some(&target));
    let task = |body: &Value, n: usize| {
        body["DDLPublishRecordList"][n]["PublishTaskInfoList"][0]["TaskJobStatus"].clone()
    };
    let body = client.send_until(&records, |body| task(body, 0) == "SUCCESS").await;
    assert_eq!(body["DDLPublishRecordList"][0]["PublishStatus"], "SUCCESS");
    client.send_until(&records, |body| task(body, 1) == "FAIL").await;
}

#[tokio::test]
async fn a_new_record_does_not_show_its_tasks_yet() {
    let simulator = start_simulator(60_000).await;
    let client = TestClient::of_alibaba(&simulator);
    client.send(&publish("70001", "17")).await;
    let (_, body) = client.send(&dms("ListDDLPublishRecords", &[("OrderId", "70001")])).await;
    let record = &body["DDLPublishRecordList"][0];
    assert_eq!(record["PublishStatus"], "START");
    assert_eq!(record["PublishTaskInfoList"], json!([]));
}

#[tokio::test]
async fn only_a_design_at_a_publish_node_can_be_published() {
    let simulator = start_simulator(60_000).await;
    let client = TestClient::of_alibaba(&simulator);
    let param = json!({"title": "t", "dbId": 17, "logic": false});
    let (_, body) = client.send(&create_order_of("NDDL", "new", &param)).await;
    let new = order_id(&body).to_string();
    let (_, body) = client.send(&create_order_of("NDDL", "sim:wait sim:pace=0s", &param)).await;
    let ready = order_id(&body).to_string();
    let (_, body) = client.send(&create_order("c")).await;
    let change = order_id(&body).to_string();
    for refused in [&new, &change] {
        assert_eq!(client.send(&publish(refused, "17")).await.1["Code"], "InvalidOrderId");
    }
    let (_, body) = client.send(&dms("GetTableDesignProjectFlow", &[("OrderId", &ready)])).await;
    assert_eq!(body["ProjectFlow"]["CurrentPosition"], 3);
    assert_eq!(client.send(&publish(&ready, "17")).await.0, 200);
}

#[tokio::test]
async fn the_reply_to_a_deploy_call_has_the_result() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let request = |action, kind, file| {
        let pairs = [("ProjectId", "10000"), ("TaskType", kind), ("FileId", file)];
        rpc(Service::Dataworks, action, &pairs)
    };
    let status = |body: &Value| body["Data"]["Status"].clone();
    let query = request("GetDISyncInstanceInfo", "DI_REALTIME", "100");
    assert_eq!(status(&client.send(&query).await.1), "fail");
    let (_, body) = client.send(&request("DeployDISyncTask", "DI_REALTIME", "100")).await;
    assert_eq!((&body["Success"], status(&body)), (&json!(true), json!("success")));
    assert_eq!(simulator.effects()[0].file_id, Some(100));
    assert_eq!(status(&client.send(&query).await.1), "NORUN");

    let (_, body) = client.send(&request("DeployDISyncTask", "DI_REALTIME", "9000")).await;
    assert_eq!((&body["Success"], status(&body)), (&json!(true), json!("fail")));
    simulator.apply(Override::File { id: 5, outcome: ForcedFileOutcome::FailLater }).unwrap();
    let (_, body) = client.send(&request("DeployDISyncTask", "DI_SOLUTION", "5")).await;
    assert_eq!(status(&body), "success");
    let (_, body) = client.send(&request("GetDISyncTask", "DI_SOLUTION", "5")).await;
    assert_eq!(body["Data"]["SolutionDetail"]["Status"], "3");
    let (code, body) = client.send(&request("DeployDISyncTask", "DI_OFFLINE", "5")).await;
    assert_eq!((code, &body["Code"]), (400, &json!("Param.Invalid")));
}
