//! Release packages and system tasks.

use serde_json::{Value, json};

use super::visitor::{Visitor, get, post, simulator};
use crate::cloud::request::Request;
use crate::cloud::service::Service;
use crate::simulator::{PackageFate, Steer};

fn deploy(visitor: &Visitor, ids: Value, mode: u8) -> Request {
    let path = format!("/v2/{}/factory/release-packages/deploy", visitor.account.project_id());
    post(Service::Factory, path, json!({"package_ids": ids, "startup_mode": mode}))
}

fn package(visitor: &Visitor, id: &str) -> Request {
    let project = visitor.account.project_id();
    get(Service::Factory, format!("/v2/{project}/factory/release-packages/{id}"))
}

fn task(visitor: &Visitor, detail: &Value) -> Request {
    let (project, id) = (visitor.account.project_id(), detail["asy_task_id"].as_str().unwrap());
    get(Service::Tasks, format!("/v1/{project}/system-tasks/{id}"))
}

#[tokio::test]
async fn a_package_is_deployed_subtask_by_subtask() {
    let running = simulator(300).await;
    let visitor = Visitor::of_huawei(&running);
    let (_, body) = visitor.ask(&package(&visitor, "23")).await;
    assert_eq!(body["release_package"]["deploy_status"], 1);
    let (status, body) = visitor.ask(&deploy(&visitor, json!(["23"]), 1)).await;
    assert_eq!(status, 200, "{body}");
    let detail = &body["deploy_package_details"][0];
    assert_eq!((&detail["package_id"], &detail["asy_subtask_num"]), (&json!(23), &json!(3)));
    let (_, body) = visitor.ask(&package(&visitor, "23")).await;
    assert_eq!(body["release_package"]["deploy_status"], 5);
    assert_eq!(body["release_package"]["package_id"], "23");

    let ended = |body: &Value| {
        let subtasks = body["subtasks"].as_array().unwrap();
        subtasks.iter().filter(|subtask| subtask["status"] == "SUCCESSFUL").count()
    };
    let seen = std::cell::RefCell::new(Vec::new());
    let request = task(&visitor, detail);
    let end = visitor.ask_until(&request, |body| {
        seen.borrow_mut().push(ended(body));
        body["status"] != "RUNNING"
    });
    assert_eq!(end.await["status"], "SUCCESSFUL");
    let mut seen = seen.into_inner();
    assert!(seen.is_sorted() && seen.last() == Some(&3), "{seen:?}");
    seen.dedup();
    assert!(seen.len() > 2, "one by one: {seen:?}");
    let (_, body) = visitor.ask(&package(&visitor, "23")).await;
    assert_eq!(body["release_package"]["deploy_status"], 2);
    assert_eq!(body["task_details"][0]["start_job_status"], 2);
    let effects = running.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].package_ids, ["23"]);
    assert_eq!(json!(effects[0].task_ids[0]), detail["asy_task_id"]);
}

#[tokio::test]
async fn a_package_meant_to_fail_fails_and_one_that_waits_is_steered() {
    let running = simulator(0).await;
    let visitor = Visitor::of_huawei(&running);
    running.steer(Steer::Package { id: "7".into(), fate: PackageFate::Wait }).unwrap();
    let (_, body) = visitor.ask(&deploy(&visitor, json!(["9001", "7"]), 0)).await;
    let details = &body["deploy_package_details"];
    assert_eq!(visitor.ask(&task(&visitor, &details[0])).await.1["status"], "FAILED");
    let (_, body) = visitor.ask(&package(&visitor, "9001")).await;
    assert_eq!(body["release_package"]["deploy_status"], 3);

    assert_eq!(visitor.ask(&task(&visitor, &details[1])).await.1["status"], "RUNNING");
    running.steer(Steer::Package { id: "7".into(), fate: PackageFate::Warn }).unwrap();
    assert_eq!(visitor.ask(&task(&visitor, &details[1])).await.1["status"], "WARNING");
    let (_, body) = visitor.ask(&package(&visitor, "7")).await;
    assert_eq!(body["task_details"][0]["start_job_status"], 3);

    let list = format!("/v2/{}/factory/release-packages", visitor.account.project_id());
    let body = json!({"deploy_status_filter": [3]});
    let (_, body) = visitor.ask(&post(Service::Factory, list, body)).await;
    assert_eq!((&body["total"], &body["data"][0]["package_id"]), (&json!(1), &json!("9001")));
}

#[tokio::test]
async fn a_second_deploy_is_an_effect_of_its_own() {
    let running = simulator(0).await;
    let visitor = Visitor::of_huawei(&running);
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (_, body) = visitor.ask(&deploy(&visitor, json!(["23"]), 0)).await;
        tasks.push(task(&visitor, &body["deploy_package_details"][0]));
    }
    assert_ne!(tasks[0], tasks[1]);
    for task in &tasks {
        assert_eq!(visitor.ask(task).await.1["status"], "SUCCESSFUL");
    }
    assert_eq!(running.effects().len(), 2);
}

#[tokio::test]
async fn a_deploy_of_nothing_or_of_numbers_is_refused() {
    let running = simulator(0).await;
    let visitor = Visitor::of_huawei(&running);
    let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    for ids in [json!([]), json!(many), json!([23]), json!("23"), json!(["x"]), Value::Null] {
        let (status, body) = visitor.ask(&deploy(&visitor, ids.clone(), 1)).await;
        assert_eq!(status, 400, "{ids}");
        assert!(body["error_code"].as_str().unwrap().starts_with("DLF."), "{body}");
    }
    assert_eq!(visitor.ask(&deploy(&visitor, json!(["1"]), 2)).await.0, 400);
    let unknown = json!({"asy_task_id": "nobody"});
    assert_eq!(visitor.ask(&task(&visitor, &unknown)).await.1["error_code"], "DLF.0810");
    assert!(running.effects().is_empty());
}
