//! Who is let in.

use std::time::Duration;

use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;

use super::visitor::{Visitor, base_info, create_order, dms, get, post, read, simulator};
use crate::cloud::account::Credentials;
use crate::cloud::request::Method;
use crate::cloud::service::Service;
use crate::simulator::{Settings, Simulator};

fn with_secret(mut visitor: Visitor, other: &str) -> Visitor {
    let Credentials::Key { secret, .. } = &mut visitor.account.credentials else { unreachable!() };
    *secret = Secret::from(other);
    visitor
}

#[tokio::test]
async fn a_used_nonce_is_refused_and_makes_nothing() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    let signed = visitor.signed(&create_order("once [tk:1]"), Timestamp::now(), "nonce-1");
    let (status, _) = read(visitor.send(signed.clone()).await.unwrap());
    assert_eq!(status, 200);
    let (status, body) = read(visitor.send(signed).await.unwrap());
    assert_eq!((status, &body["Code"]), (400, &json!("SignatureNonceUsed")));
    assert_eq!(running.effects().len(), 1);
    assert_eq!(running.effects()[0].nonce.as_deref(), Some("nonce-1"));
    assert_eq!(running.requests()["dms.CreateOrder"].refused, 1);
}

#[tokio::test]
async fn a_bad_signature_is_refused_and_its_nonce_is_not_remembered() {
    let running = simulator(0).await;
    let stranger = with_secret(Visitor::of_alibaba(&running), "another secret");
    let request = create_order("c");
    let signed = stranger.signed(&request, Timestamp::now(), "nonce-1");
    let (status, body) = read(stranger.send(signed).await.unwrap());
    assert_eq!((status, &body["Code"]), (400, &json!("SignatureDoesNotMatch")));
    assert!(running.effects().is_empty());

    let visitor = Visitor::of_alibaba(&running);
    let mut tampered = visitor.signed(&request, Timestamp::now(), "nonce-1");
    tampered.body.extend_from_slice(b"&More=1");
    let (_, body) = read(visitor.send(tampered).await.unwrap());
    assert_eq!(body["Code"], "SignatureDoesNotMatch");
    let signed = visitor.signed(&request, Timestamp::now(), "nonce-1");
    assert_eq!(read(visitor.send(signed).await.unwrap()).0, 200);
}

#[tokio::test]
async fn a_temporary_key_needs_its_token() {
    let running = simulator(0).await;
    let mut visitor = Visitor::new(running.alibaba("sts", true).unwrap());
    assert_eq!(visitor.ask(&create_order("c")).await.0, 200);
    let Credentials::Key { security_token, .. } = &mut visitor.account.credentials else {
        unreachable!()
    };
    *security_token = None;
    let (status, body) = visitor.ask(&create_order("c")).await;
    let code = "InvalidSecurityToken.MismatchWithAccessKey";
    assert_eq!((status, &body["Code"]), (400, &json!(code)));
}

#[tokio::test]
async fn a_skewed_clock_is_refused_with_a_date_to_learn_from() {
    let running = simulator(0).await;
    running.set_clock_offset(SignedDuration::from_hours(2).as_millis() as i64);
    let visitor = Visitor::of_alibaba(&running);
    let request = create_order("c");
    let reply = visitor.try_ask(&request).await.unwrap();
    let date = jiff::fmt::rfc2822::parse(reply.header("date").unwrap()).unwrap().timestamp();
    let (status, body) = read(reply);
    assert_eq!((status, &body["Code"]), (400, &json!("InvalidTimeStamp.Expired")));
    let ahead = date.duration_since(Timestamp::now());
    assert!(ahead > SignedDuration::from_mins(119), "{ahead}");
    let (status, _) = read(visitor.send(visitor.signed(&request, date, "n")).await.unwrap());
    assert_eq!(status, 200);

    let visitor = Visitor::of_huawei(&running);
    let (status, body) = visitor.ask(&get(Service::Factory, packages(&visitor) + "/23")).await;
    assert_eq!((status, &body["error_code"]), (401, &json!("APIGW.0301")));
}

fn packages(visitor: &Visitor) -> String {
    format!("/v2/{}/factory/release-packages", visitor.account.project_id())
}

#[tokio::test]
async fn a_publish_is_posted_or_not_at_all() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    let mut request = dms("CreatePublishGroupTask", &[("OrderId", "70001")]);
    request.method = Method::Get;
    assert_eq!(visitor.ask(&request).await.1["Code"], "UnsupportedHTTPMethod");
    let mut request = base_info(70_001);
    request.method = Method::Get;
    assert_eq!(visitor.ask(&request).await.0, 200);
}

#[tokio::test]
async fn an_action_of_another_version_is_not_found() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    let mut request = base_info(70_001);
    request.service = Service::Dataworks;
    let (status, body) = visitor.ask(&request).await;
    assert_eq!((status, &body["Code"]), (404, &json!("InvalidAction.NotFound")));
}

#[tokio::test]
async fn who_does_not_ask_for_json_is_answered_in_xml() {
    let running = simulator(0).await;
    let visitor = Visitor::of_alibaba(&running);
    let mut signed = visitor.signed(&dms("CreateOrder", &[]), Timestamp::now(), "n");
    signed.headers.retain(|(name, _)| name != "accept");
    let reply = visitor.send(signed).await.unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.contains("<Error>") && text.contains("<Code>MissingComment</Code>"), "{text}");
}

#[tokio::test]
async fn the_sixth_bad_signature_locks_a_huawei_key() {
    let running = simulator(0).await;
    let stranger = with_secret(Visitor::of_huawei(&running), "another secret");
    let visitor = Visitor::of_huawei(&running);
    let request = get(Service::Factory, packages(&visitor) + "/23");
    for _ in 0..5 {
        let (status, body) = stranger.ask(&request).await;
        assert_eq!((status, &body["error_code"]), (401, &json!("APIGW.0301")));
        assert!(body["error_msg"].as_str().unwrap().contains("verify aksk signature fail"));
    }
    let (_, body) = stranger.ask(&request).await;
    assert!(body["error_msg"].as_str().unwrap().contains("failed to reach the limit"));
    let (status, body) = visitor.ask(&request).await;
    assert_eq!(status, 401, "the right secret does not help either: {body}");
}

#[tokio::test]
async fn a_token_is_given_for_the_password_and_is_good_until_it_expires() {
    let settings = Settings { token_lifetime: Duration::from_secs(3600), ..Settings::default() };
    let running = Simulator::start_locally(settings).await.unwrap();
    let visitor = Visitor::of_huawei(&running);
    let project = running.huawei_user("user").project_id().to_owned();
    let asking = |password: &str| {
        let user = json!({"name": "sim-user", "password": password,
            "domain": {"name": "sim-domain"}});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        let scope = json!({"project": {"id": project}});
        let body = json!({"auth": {"identity": identity, "scope": scope}});
        post(Service::Factory, "/v3/auth/tokens".into(), body)
    };
    assert_eq!(visitor.ask(&asking("guess")).await.0, 401);
    let reply = visitor.try_ask(&asking("sim-password")).await.unwrap();
    assert_eq!(reply.status, 201);
    let token = SecretString::from(reply.header("x-subject-token").unwrap());

    let account = running.huawei_user("user");
    let request = get(Service::Factory, packages(&visitor) + "/23");
    let signed = |token: &SecretString| {
        crate::cloud::huawei::signed(&request, &account, Timestamp::now(), Some(token)).unwrap()
    };
    assert_eq!(visitor.send(signed(&token)).await.unwrap().status, 200);
    let (status, body) = read(visitor.send(signed(&"made up".into())).await.unwrap());
    assert_eq!(status, 401, "{body}");
    running.set_clock_offset(2 * 3_600_000);
    let (status, body) = read(visitor.send(signed(&token)).await.unwrap());
    assert_eq!(status, 401);
    assert!(body["error_msg"].as_str().unwrap().contains("token expires"), "{body}");
}
