//! Faults on order, and the door for tests.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::visitor::{Visitor, base_info, create_order, order_id, read, simulator, until};
use crate::cloud::http::TransportError;
use crate::simulator::{Fault, FaultPlan, Rule, Running};

fn once(running: &Running, action: &str, fault: Fault) {
    let faults = vec![Rule::always(action, fault).first(1)];
    running.set_faults(FaultPlan { seed: 0, faults }).unwrap();
}

#[tokio::test]
async fn a_connection_cut_before_the_effect_leaves_nothing() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    once(&running, "CreateOrder", Fault::CutBefore);
    let lost = visitor.try_ask(&create_order("c")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    assert!(running.effects().is_empty());
    assert_eq!(visitor.ask(&create_order("c")).await.0, 200, "the plan was for the first only");
}

#[tokio::test]
async fn a_connection_cut_after_the_effect_leaves_one_effect_and_no_answer() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    once(&running, "dms.CreateOrder", Fault::CutAfter);
    let lost = visitor.try_ask(&create_order("c [tk:1]")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    assert_eq!(running.effects().len(), 1);
    assert_eq!(running.requests()["dms.CreateOrder"].faulted, 1);
}

#[tokio::test]
async fn a_late_effect_comes_after_the_connection_is_gone() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    once(&running, "CreateOrder", Fault::Late { delay: Duration::from_secs(1) });
    visitor.try_ask(&create_order("c [tk:1]")).await.unwrap_err();
    assert!(running.effects().is_empty(), "not yet");
    until(|| running.effects().len() == 1).await;
}

#[tokio::test]
async fn a_server_error_says_nothing_about_the_effect() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    for (fault, effects) in
        [(Fault::ErrorBefore { status: 503 }, 0), (Fault::ErrorAfter { status: 500 }, 1)]
    {
        once(&running, "*", fault.clone());
        let (status, body) = visitor.ask(&create_order("c")).await;
        assert!(status >= 500 && body["Code"].is_string(), "{fault:?}");
        assert_eq!(running.effects().len(), effects, "{fault:?}");
    }
}

#[tokio::test]
async fn a_broken_body_comes_after_the_effect() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    once(&running, "CreateOrder", Fault::Garbage);
    let reply = visitor.try_ask(&create_order("c")).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    once(&running, "CreateOrder", Fault::CutBody);
    let lost = visitor.try_ask(&create_order("c")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    assert_eq!(running.effects().len(), 2);
}

#[tokio::test]
async fn throttling_says_when_to_come_back_in_each_clouds_own_way() {
    let running = simulator(0).await;
    let throttle = Fault::Throttle { retry_after: Some(Duration::from_millis(1500)) };
    let faults = vec![Rule::always("*", throttle)];
    running.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let visitor = Visitor::of_alibaba(&running);
    let reply = visitor.try_ask(&create_order("c")).await.unwrap();
    assert_eq!(reply.header("x-acs-retry-after"), Some("1500"));
    assert_eq!(read(reply), (400, json_with_code("Throttling.User", &running)));
    let visitor = Visitor::of_huawei(&running);
    let path = format!("/v2/{}/factory/release-packages/1", visitor.account.project_id());
    let request = super::visitor::get(crate::cloud::service::Service::Factory, path);
    let reply = visitor.try_ask(&request).await.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("2")));
}

/// The one error body whose every field is known.
fn json_with_code(code: &str, running: &Running) -> Value {
    let address = running.address();
    let message = "Request was denied due to user flow control.";
    let hash = crate::cloud::signing::canonical::sha256_hex(b"request 0").to_uppercase();
    let id = [&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..32]].join("-");
    json!({"RequestId": id, "HostId": address.to_string(), "Code": code, "Message": message,
        "Recommend": format!("https://api.alibabacloud.com/troubleshoot?q={code}")})
}

#[tokio::test]
async fn a_refusal_may_come_as_a_success_that_says_false() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    let (code, message) = ("UnknownError".to_owned(), "no".to_owned());
    once(&running, "CreateOrder", Fault::Refuse { status: 200, code, message });
    let (status, body) = visitor.ask(&create_order("c")).await;
    assert_eq!((status, &body["Success"]), (200, &json!(false)));
    assert_eq!(body["ErrorCode"], "UnknownError");
    assert!(running.effects().is_empty());
}

#[tokio::test]
async fn a_poll_may_go_backwards() {
    let running = simulator(60_000).await;
    let visitor = Visitor::of_alibaba(&running);
    let (_, body) = visitor.ask(&create_order("sim:pace=1ms")).await;
    let id = order_id(&body);
    let code = |body: &Value| body["OrderBaseInfo"]["StatusCode"].clone();
    visitor.ask_until(&base_info(id), |body| code(body) == "success").await;
    once(&running, "GetOrderBaseInfo", Fault::Backwards);
    assert_eq!(code(&visitor.ask(&base_info(id)).await.1), "new");
    assert_eq!(code(&visitor.ask(&base_info(id)).await.1), "success");
}

/// One bare HTTP exchange with the door for tests.
async fn door(running: &Running, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_test_can_look_steer_and_reset_over_http() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    let (_, body) = visitor.ask(&create_order("sim:wait [tk:a]")).await;
    visitor.ask(&create_order("[tk:b]")).await;
    let id = order_id(&body);
    let (_, body) = door(&running, "GET", "/_sim/effects", "").await;
    assert_eq!(body["count"], 2);
    let (_, body) = door(&running, "GET", "/_sim/effects?marker=a", "").await;
    assert_eq!((&body["count"], &body["effects"][0]["order_ids"]), (&json!(1), &json!([id])));
    let (_, body) = door(&running, "GET", "/_sim/requests", "").await;
    assert_eq!(body["dms.CreateOrder"]["received"], 2);

    let steer = json!({"ticket": {"id": id, "fate": "reject"}}).to_string();
    assert_eq!(door(&running, "POST", "/_sim/steer", &steer).await.1["stage"], "rejected");
    let (status, body) = door(&running, "POST", "/_sim/steer", &steer).await;
    assert_eq!(status, 400, "{body}");
    let plan = r#"{"faults": [{"action": "*", "fault": "cut_before"}]}"#;
    assert_eq!(door(&running, "POST", "/_sim/faults", plan).await.0, 200);
    visitor.try_ask(&create_order("c")).await.unwrap_err();
    let (status, body) = door(&running, "POST", "/_sim/faults", r#"{"fault": []}"#).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("fault"), "{body}");

    assert_eq!(door(&running, "POST", "/_sim/reset", "").await.0, 200);
    assert!(running.effects().is_empty() && running.requests().is_empty());
    assert_eq!(visitor.ask(&base_info(id)).await.0, 400, "the ticket is gone");
    let (_, body) = visitor.ask(&create_order("c")).await;
    assert!(order_id(&body) > id, "no id is used again");
}

#[tokio::test]
async fn a_simulator_that_is_stopped_can_not_be_reached() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    assert_eq!(visitor.ask(&create_order("c")).await.0, 200);
    running.stop().await;
    assert!(visitor.try_ask(&create_order("c")).await.is_err());
}
