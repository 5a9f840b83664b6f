//! Authentication.

use std::time::Duration;

use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;

use super::client::{TestClient, base_info, create_order, dms, get, post, read, start_simulator};
use crate::cloud::account::Credentials;
use crate::cloud::request::Method;
use crate::cloud::service::Service;
use crate::simulator::{Simulator, SimulatorSettings};

fn with_secret(mut client: TestClient, other: &str) -> TestClient {
    let Credentials::Key { secret, .. } = &mut client.account.credentials else { unreachable!() };
    *secret = Secret::from(other);
    client
}

#[tokio::test]
async fn a_used_nonce_is_refused_without_an_effect() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let signed = client.signed(&create_order("once [tk:1]"), Timestamp::now(), "nonce-1");
    let (status, _) = read(client.send_signed(signed.clone()).await.unwrap());
    assert_eq!(status, 200);
    let (status, body) = read(client.send_signed(signed).await.unwrap());
    assert_eq!((status, &body["Code"]), (400, &json!("SignatureNonceUsed")));
    assert_eq!(simulator.effects().len(), 1);
    assert_eq!(simulator.effects()[0].nonce.as_deref(), Some("nonce-1"));
    assert_eq!(simulator.requests()["dms.CreateOrder"].refused, 1);
}

#[tokio::test]
async fn a_bad_signature_is_refused_and_its_nonce_stays_unused() {
    let simulator = start_simulator(0).await;
    let wrong_secret = with_secret(TestClient::of_alibaba(&simulator), "another secret");
    let request = create_order("c");
    let signed = wrong_secret.signed(&request, Timestamp::now(), "nonce-1");
    let (status, body) = read(wrong_secret.send_signed(signed).await.unwrap());
    assert_eq!((status, &body["Code"]), (400, &json!("SignatureDoesNotMatch")));
    assert!(simulator.effects().is_empty());

    let client = TestClient::of_alibaba(&simulator);
    let mut tampered = client.signed(&request, Timestamp::now(), "nonce-1");
    tampered.body.extend_from_slice(b"&More=1");
    let (_, body) = read(client.send_signed(tampered).await.unwrap());
    assert_eq!(body["Code"], "SignatureDoesNotMatch");
    let signed = client.signed(&request, Timestamp::now(), "nonce-1");
    assert_eq!(read(client.send_signed(signed).await.unwrap()).0, 200);
}

#[tokio::test]
async fn a_temporary_key_needs_its_security_token() {
    let simulator = start_simulator(0).await;
    let mut client = TestClient::new(simulator.alibaba("sts", true).unwrap());
    assert_eq!(client.send(&create_order("c")).await.0, 200);
    let Credentials::Key { security_token, .. } = &mut client.account.credentials else {
        unreachable!()
    };
    *security_token = None;
    let (status, body) = client.send(&create_order("c")).await;
    let code = "InvalidSecurityToken.MismatchWithAccessKey";
    assert_eq!((status, &body["Code"]), (400, &json!(code)));
}

#[tokio::test]
async fn a_skewed_clock_is_refused_with_the_date_of_the_server() {
    let simulator = start_simulator(0).await;
    simulator.set_clock_offset(SignedDuration::from_hours(2).as_millis() as i64);
    let client = TestClient::of_alibaba(&simulator);
    let request = create_order("c");
    let reply = client.try_send(&request).await.unwrap();
    let date = jiff::fmt::rfc2822::parse(reply.header("date").unwrap()).unwrap().timestamp();
    let (status, body) = read(reply);
    assert_eq!((status, &body["Code"]), (400, &json!("InvalidTimeStamp.Expired")));
    let ahead = date.duration_since(Timestamp::now());
    assert!(ahead > SignedDuration::from_mins(119), "{ahead}");
    let (status, _) = read(client.send_signed(client.signed(&request, date, "n")).await.unwrap());
    assert_eq!(status, 200);

    let client = TestClient::of_huawei(&simulator);
    let (status, body) = client.send(&get(Service::Factory, packages(&client) + "/23")).await;
    assert_eq!((status, &body["error_code"]), (401, &json!("APIGW.0301")));
}

fn packages(client: &TestClient) -> String {
    format!("/v2/{}/factory/release-packages", client.account.project_id())
}

#[tokio::test]
async fn a_publish_must_be_a_post_request() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let mut request = dms("CreatePublishGroupTask", &[("OrderId", "70001")]);
    request.method = Method::Get;
    assert_eq!(client.send(&request).await.1["Code"], "UnsupportedHTTPMethod");
    let mut request = base_info(70_001);
    request.method = Method::Get;
    assert_eq!(client.send(&request).await.0, 200);
}

#[tokio::test]
async fn an_action_of_another_version_is_not_found() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let mut request = base_info(70_001);
    request.service = Service::Dataworks;
    let (status, body) = client.send(&request).await;
    assert_eq!((status, &body["Code"]), (404, &json!("InvalidAction.NotFound")));
}

#[tokio::test]
async fn a_request_without_accept_json_is_answered_in_xml() {
    let simulator = start_simulator(0).await;
    let client = TestClient::of_alibaba(&simulator);
    let mut signed = client.signed(&dms("CreateOrder", &[]), Timestamp::now(), "n");
    signed.headers.retain(|(name, _)| name != "accept");
    let reply = client.send_signed(signed).await.unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.contains("<Error>") && text.contains("<Code>MissingComment</Code>"), "{text}");
}

#[tokio::test]
async fn the_sixth_bad_signature_locks_a_huawei_key() {
    let simulator = start_simulator(0).await;
    let wrong_secret = with_secret(TestClient::of_huawei(&simulator), "another secret");
    let client = TestClient::of_huawei(&simulator);
    let request = get(Service::Factory, packages(&client) + "/23");
    for _ in 0..5 {
        let (status, body) = wrong_secret.send(&request).await;
        assert_eq!((status, &body["error_code"]), (401, &json!("APIGW.0301")));
        assert!(body["error_msg"].as_str().unwrap().contains("verify aksk signature fail"));
    }
    let (_, body) = wrong_secret.send(&request).await;
    assert!(body["error_msg"].as_str().unwrap().contains("failed to reach the limit"));
    let (status, body) = client.send(&request).await;
    assert_eq!(status, 401, "the right secret is refused too: {body}");
}

#[tokio::test]
async fn the_password_gets_a_token_that_is_valid_until_it_expires() {
    let settings = SimulatorSettings {
        token_lifetime: Duration::from_secs(3600),
        ..SimulatorSettings::default()
    };
    let simulator = Simulator::start_locally(settings).await.unwrap();
    let client = TestClient::of_huawei(&simulator);
    let project = simulator.huawei_user("user").project_id().to_owned();
    let token_request = |password: &str| {
        let user = json!({"name": "sim-user", "password": password,
            "domain": {"name": "sim-domain"}});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        let scope = json!({"project": {"id": project}});
        let body = json!({"auth": {"identity": identity, "scope": scope}});
        post(Service::Factory, "/v3/auth/tokens".into(), body)
    };
    assert_eq!(client.send(&token_request("guess")).await.0, 401);
    let reply = client.try_send(&token_request("sim-password")).await.unwrap();
    assert_eq!(reply.status, 201);
    let token = SecretString::from(reply.header("x-subject-token").unwrap());

    let account = simulator.huawei_user("user");
    let request = get(Service::Factory, packages(&client) + "/23");
    let signed = |token: &SecretString| {
        crate::cloud::huawei::signed(&request, &account, Timestamp::now(), Some(token)).unwrap()
    };
    assert_eq!(client.send_signed(signed(&token)).await.unwrap().status, 200);
    let (status, body) = read(client.send_signed(signed(&"made up".into())).await.unwrap());
    assert_eq!(status, 401, "{body}");
    simulator.set_clock_offset(2 * 3_600_000);
    let (status, body) = read(client.send_signed(signed(&token)).await.unwrap());
    assert_eq!(status, 401);
    assert!(body["error_msg"].as_str().unwrap().contains("token expires"), "{body}");
}
