//! Fault injection, and the routes for tests.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{TestClient, base_info, create_order, order_id, read, start_simulator, until};
use crate::cloud::http::TransportError;
use crate::simulator::{Fault, FaultPlan, FaultRule, RunningSimulator};

fn once(simulator: &RunningSimulator, action: &str, fault: Fault) {
    let faults = vec![FaultRule::always(action, fault).first(1)];
    simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
}

#[tokio::test]
async fn a_connection_cut_before_the_effect_leaves_no_effect() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    once(&simulator, "CreateOrder", Fault::CutBefore);
    let lost = client.try_send(&create_order("c")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    assert!(simulator.effects().is_empty());
    assert_eq!(
        client.send(&create_order("c")).await.0,
        200,
        "the plan hits the first request only"
    );
}

#[tokio::test]
async fn a_connection_cut_after_the_effect_leaves_one_effect() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    once(&simulator, "dms.CreateOrder", Fault::CutAfter);
    let lost = client.try_send(&create_order("c [tk:1]")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    assert_eq!(simulator.effects().len(), 1);
    assert_eq!(simulator.requests()["dms.CreateOrder"].faulted, 1);
}

#[tokio::test]
async fn a_late_effect_follows_after_the_connection_is_closed() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    once(&simulator, "CreateOrder", Fault::Late { delay: Duration::from_secs(1) });
    client.try_send(&create_order("c [tk:1]")).await.unwrap_err();
    assert!(simulator.effects().is_empty(), "not yet");
    until(|| simulator.effects().len() == 1).await;
}

#[tokio::test]
async fn a_server_error_may_come_before_or_after_the_effect() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    for (fault, effects) in
        [(Fault::ErrorBefore { status: 503 }, 0), (Fault::ErrorAfter { status: 500 }, 1)]
    {
        once(&simulator, "*", fault.clone());
        let (status, body) = client.send(&create_order("c")).await;
        assert!(status >= 500 && body["Code"].is_string(), "{fault:?}");
        assert_eq!(simulator.effects().len(), effects, "{fault:?}");
    }
}

#[tokio::test]
async fn a_broken_body_comes_after_the_effect() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    once(&simulator, "CreateOrder", Fault::Garbage);
    let reply = client.try_send(&create_order("c")).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    once(&simulator, "CreateOrder", Fault::CutBody);
    let lost = client.try_send(&create_order("c")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    assert_eq!(simulator.effects().len(), 2);
}

#[tokio::test]
async fn throttling_has_a_delay_in_the_header_of_each_provider() {
    let simulator = start_simulator(0).await;
    let throttle = Fault::Throttle { retry_after: Some(Duration::from_millis(1500)) };
    let faults = vec![FaultRule::always("*", throttle)];
    simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let client = TestClient::of_alibaba(&simulator);
    let reply = client.try_send(&create_order("c")).await.unwrap();
    assert_eq!(reply.header("x-acs-retry-after"), Some("1500"));
    assert_eq!(read(reply), (400, json_with_code("Throttling.User", &simulator)));
    let client = TestClient::of_huawei(&simulator);
    let path = format!("/v2/{}/factory/release-packages/1", client.account.project_id());
    let request = super::client::get(crate::cloud::service::Service::Factory, path);
    let reply = client.try_send(&request).await.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("2")));
}

/// The error body of the first request, with every field.
fn json_with_code(code: &str, simulator: &RunningSimulator) -> Value {
    let address = simulator.address();
    let message = "Request was denied due to user flow control.";
    let hash = crate::cloud::signing::canonical::sha256_hex(b"request 0").to_uppercase();
    let id = [&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..32]].join("-");
    json!({"RequestId": id, "HostId": address.to_string(), "Code": code, "Message": message,
        "Recommend": format!("https://api.alibabacloud.com/troubleshoot?q={code}")})
}

#[tokio::test]
async fn a_refusal_with_status_200_has_success_false() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let (code, message) = ("UnknownError".to_owned(), "no".to_owned());
    once(&simulator, "CreateOrder", Fault::Refuse { status: 200, code, message });
    let (status, body) = client.send(&create_order("c")).await;
    assert_eq!((status, &body["Success"]), (200, &json!(false)));
    assert_eq!(body["ErrorCode"], "UnknownError");
    assert!(simulator.effects().is_empty());
}

#[tokio::test]
async fn a_poll_may_go_backwards() {
    let simulator = start_simulator(60_000).await;
    let client = TestClient::of_alibaba(&simulator);
    let (_, body) = client.send(&create_order("sim:pace=1ms")).await;
    let id = order_id(&body);
    let code = |body: &Value| body["OrderBaseInfo"]["StatusCode"].clone();
    client.send_until(&base_info(id), |body| code(body) == "success").await;
    once(&simulator, "GetOrderBaseInfo", Fault::Backwards);
    assert_eq!(code(&client.send(&base_info(id)).await.1), "new");
    assert_eq!(code(&client.send(&base_info(id)).await.1), "success");
}

/// Sends one plain HTTP request to a route for tests.
async fn admin_request(
    simulator: &RunningSimulator,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, Value) {
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
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
async fn tests_can_inspect_override_and_reset_over_http() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let (_, body) = client.send(&create_order("sim:wait [tk:a]")).await;
    client.send(&create_order("[tk:b]")).await;
    let id = order_id(&body);
    let (_, body) = admin_request(&simulator, "GET", "/_sim/effects", "").await;
    assert_eq!(body["count"], 2);
    let (_, body) = admin_request(&simulator, "GET", "/_sim/effects?marker=a", "").await;
    assert_eq!((&body["count"], &body["effects"][0]["order_ids"]), (&json!(1), &json!([id])));
    let (_, body) = admin_request(&simulator, "GET", "/_sim/requests", "").await;
    assert_eq!(body["dms.CreateOrder"]["received"], 2);

    let change = json!({"ticket": {"id": id, "outcome": "reject"}}).to_string();
    assert_eq!(
        admin_request(&simulator, "POST", "/_sim/override", &change).await.1["stage"],
        "rejected"
    );
    let (status, body) = admin_request(&simulator, "POST", "/_sim/override", &change).await;
    assert_eq!(status, 400, "{body}");
    let plan = r#"{"faults": [{"action": "*", "fault": "cut_before"}]}"#;
    assert_eq!(admin_request(&simulator, "POST", "/_sim/faults", plan).await.0, 200);
    client.try_send(&create_order("c")).await.unwrap_err();
    let (status, body) =
        admin_request(&simulator, "POST", "/_sim/faults", r#"{"fault": []}"#).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("fault"), "{body}");

    assert_eq!(admin_request(&simulator, "POST", "/_sim/reset", "").await.0, 200);
    assert!(simulator.effects().is_empty() && simulator.requests().is_empty());
    assert_eq!(client.send(&base_info(id)).await.0, 400, "the ticket is gone");
    let (_, body) = client.send(&create_order("c")).await;
    assert!(order_id(&body) > id, "no id is used again");
}

#[tokio::test]
async fn a_stopped_simulator_is_unreachable() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    assert_eq!(client.send(&create_order("c")).await.0, 200);
    simulator.stop().await;
    assert!(client.try_send(&create_order("c")).await.is_err());
}
