//! Release packages and system tasks.

use serde_json::{Value, json};

use super::client::{TestClient, get, post, start_simulator};
use crate::cloud::request::Request;
use crate::cloud::service::Service;
use crate::simulator::{ForcedPackageOutcome, Override};

fn deploy(client: &TestClient, ids: Value, mode: u8) -> Request {
    let path = format!("/v2/{}/factory/release-packages/deploy", client.account.project_id());
    post(Service::Factory, path, json!({"package_ids": ids, "startup_mode": mode}))
}

fn package(client: &TestClient, id: &str) -> Request {
    let project = client.account.project_id();
    get(Service::Factory, format!("/v2/{project}/factory/release-packages/{id}"))
}

fn task(client: &TestClient, detail: &Value) -> Request {
    let (project, id) = (client.account.project_id(), detail["asy_task_id"].as_str().unwrap());
    get(Service::Tasks, format!("/v1/{project}/system-tasks/{id}"))
}

#[tokio::test]
async fn the_subtasks_of_a_deployment_end_one_after_another() {
    let simulator = start_simulator(300).await;
    let client = TestClient::of_huawei(&simulator);
    let (_, body) = client.send(&package(&client, "23")).await;
    assert_eq!(body["release_package"]["deploy_status"], 1);
    let (status, body) = client.send(&deploy(&client, json!(["23"]), 1)).await;
    assert_eq!(status, 200, "{body}");
    let detail = &body["deploy_package_details"][0];
    assert_eq!((&detail["package_id"], &detail["asy_subtask_num"]), (&json!(23), &json!(3)));
    let (_, body) = client.send(&package(&client, "23")).await;
    assert_eq!(body["release_package"]["deploy_status"], 5);
    assert_eq!(body["release_package"]["package_id"], "23");

    let successful = |body: &Value| {
        let subtasks = body["subtasks"].as_array().unwrap();
        subtasks.iter().filter(|subtask| subtask["status"] == "SUCCESSFUL").count()
    };
    let seen = std::cell::RefCell::new(Vec::new());
    let request = task(&client, detail);
    let end = client.send_until(&request, |body| {
        seen.borrow_mut().push(successful(body));
        body["status"] != "RUNNING"
    });
    assert_eq!(end.await["status"], "SUCCESSFUL");
    let mut seen = seen.into_inner();
    assert!(seen.is_sorted() && seen.last() == Some(&3), "{seen:?}");
    seen.dedup();
    assert!(seen.len() > 2, "one after another: {seen:?}");
    let (_, body) = client.send(&package(&client, "23")).await;
    assert_eq!(body["release_package"]["deploy_status"], 2);
    assert_eq!(body["task_details"][0]["start_job_status"], 2);
    let effects = simulator.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].package_ids, ["23"]);
    assert_eq!(json!(effects[0].task_ids[0]), detail["asy_task_id"]);
}

#[tokio::test]
async fn a_failing_package_fails_and_a_waiting_one_follows_an_override() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_huawei(&simulator);
    simulator
        .apply(Override::Package { id: "7".into(), outcome: ForcedPackageOutcome::Wait })
        .unwrap();
    let (_, body) = client.send(&deploy(&client, json!(["9001", "7"]), 0)).await;
    let details = &body["deploy_package_details"];
    assert_eq!(client.send(&task(&client, &details[0])).await.1["status"], "FAILED");
    let (_, body) = client.send(&package(&client, "9001")).await;
    assert_eq!(body["release_package"]["deploy_status"], 3);

    assert_eq!(client.send(&task(&client, &details[1])).await.1["status"], "RUNNING");
    simulator
        .apply(Override::Package { id: "7".into(), outcome: ForcedPackageOutcome::Warn })
        .unwrap();
    assert_eq!(client.send(&task(&client, &details[1])).await.1["status"], "WARNING");
    let (_, body) = client.send(&package(&client, "7")).await;
    assert_eq!(body["task_details"][0]["start_job_status"], 3);

    let list = format!("/v2/{}/factory/release-packages", client.account.project_id());
    let body = json!({"deploy_status_filter": [3]});
    let (_, body) = client.send(&post(Service::Factory, list, body)).await;
    assert_eq!((&body["total"], &body["data"][0]["package_id"]), (&json!(1), &json!("9001")));
}

#[tokio::test]
async fn a_second_deployment_has_its_own_effect() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_huawei(&simulator);
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (_, body) = client.send(&deploy(&client, json!(["23"]), 0)).await;
        tasks.push(task(&client, &body["deploy_package_details"][0]));
    }
    assert_ne!(tasks[0], tasks[1]);
    for task in &tasks {
        assert_eq!(client.send(task).await.1["status"], "SUCCESSFUL");
    }
    assert_eq!(simulator.effects().len(), 2);
}

#[tokio::test]
async fn a_deployment_with_invalid_package_ids_is_refused() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_huawei(&simulator);
    let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    for ids in [json!([]), json!(many), json!([23]), json!("23"), json!(["x"]), Value::Null] {
        let (status, body) = client.send(&deploy(&client, ids.clone(), 1)).await;
        assert_eq!(status, 400, "{ids}");
        assert!(body["error_code"].as_str().unwrap().starts_with("DLF."), "{body}");
    }
    assert_eq!(client.send(&deploy(&client, json!(["1"]), 2)).await.0, 400);
    let unknown = json!({"asy_task_id": "unknown"});
    assert_eq!(client.send(&task(&client, &unknown)).await.1["error_code"], "DLF.0810");
    assert!(simulator.effects().is_empty());
}
