#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::Value;
use url::form_urlencoded;

use super::*;
use crate::cloud::request::{Body, Method};
use crate::cloud::service::Service;
use crate::cloud::tests::{alibaba, huawei};

const CAPTURES: &str = include_str!("../../../tests/fixtures/vectors/aliyun_sdk_wire_capture.json");
const SECRET: &str = "FakeSecret/With+Plus=And~Tilde0123";
const TOKEN: &str = "CAISFakeToken+/=abc~*%20_end";

/// Headers of the client that no server reads, and those that depend on the body's encoding.
const NOT_COMPARED: [&str; 5] =
    ["user-agent", "x-acs-credentials-provider", "accept", "x-acs-content-sha256", "authorization"];

fn decoded(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn comparable(headers: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()))
        .collect()
}

#[test]
fn requests_equal_those_of_the_official_client() {
    let captures: Vec<Value> = serde_json::from_str(CAPTURES).unwrap();
    let mut compared = 0;
    for capture in captures.iter().filter(|c| c["signature_mode"] == "default") {
        let (name, sent) = (capture["name"].as_str().unwrap(), &capture["request"]);
        let theirs: BTreeMap<String, String> =
            serde_json::from_value(sent["headers"].clone()).unwrap();
        let body = sent["body"].as_str().unwrap();
        let service = match theirs["x-acs-version"].as_str() {
            "2018-11-01" => Service::Dms,
            _ => Service::Dataworks,
        };
        let request = Request {
            service,
            action: theirs["x-acs-action"].clone().leak(),
            method: Method::Post,
            path: "/".into(),
            query: serde_json::from_value::<BTreeMap<_, _>>(sent["query"].clone())
                .unwrap()
                .into_iter()
                .collect(),
            body: match body {
                "" => Body::Empty,
                form => Body::Form(decoded(form)),
            },
        };
        let mut account = alibaba();
        let id = theirs.contains_key("x-acs-security-token").then_some(TOKEN);
        account.credentials = Credentials::Key {
            id: "LTAI5tFakeAccessKeyId001".into(),
            secret: SECRET.into(),
            security_token: id.map(Into::into),
        };
        let host = format!("https://{}", sent["host"].as_str().unwrap());
        account.endpoints.insert(service, host.parse().unwrap());

        let now = theirs["x-acs-date"].parse().unwrap();
        let ours = signed(&request, &account, now, &theirs["x-acs-signature-nonce"]).unwrap();
        let url: url::Url = sent["url"].as_str().unwrap().parse().unwrap();
        assert_eq!(ours.url.host_str(), url.host_str(), "{name}");
        assert_eq!(ours.url.path(), url.path(), "{name}");
        let query = |url: &url::Url| decoded(url.query().unwrap_or_default());
        assert_eq!(query(&ours.url), query(&url), "{name}");
        assert!(!ours.url.query().unwrap_or_default().contains('+'), "{name}");
        let our_body = String::from_utf8(ours.body.clone()).unwrap();
        assert_eq!(decoded(&our_body), decoded(body), "{name}");
        assert_eq!(comparable(ours.headers.clone()), comparable(theirs), "{name}");

        let query = query(&ours.url);
        let message = HttpMessage {
            method: "POST",
            path: ours.url.path(),
            query: &query,
            headers: &ours.headers,
            body: &ours.body,
        };
        let claimed = sign::parse(message.header("authorization").unwrap()).unwrap();
        assert!(sign::verify(&message, &claimed, SECRET), "{name}");
        assert_eq!(message.header("accept"), Some("application/json"));
        compared += 1;
    }
    assert_eq!(compared, 7);
}

fn base_info() -> Request {
    Request {
        service: Service::Dms,
        action: "GetOrderBaseInfo",
        method: Method::Post,
        path: "/".into(),
        query: vec![("OrderId".into(), "1".into())],
        body: Body::Empty,
    }
}

#[test]
fn the_signed_host_includes_the_port() {
    let mut account = alibaba();
    account.endpoints.insert(Service::Dms, "http://127.0.0.1:8080/dms/".parse().unwrap());
    let signed = signed(&base_info(), &account, Timestamp::UNIX_EPOCH, "n").unwrap();
    assert_eq!(signed.url.as_str(), "http://127.0.0.1:8080/dms/?OrderId=1");
    let host = signed.headers.iter().find(|(name, _)| name == "host").unwrap();
    assert_eq!(host.1, "127.0.0.1:8080");
}

#[test]
fn a_request_without_an_endpoint_or_a_key_says_what_is_missing() {
    let mut account = alibaba();
    account.endpoints.clear();
    let failure = signed(&base_info(), &account, Timestamp::UNIX_EPOCH, "n").unwrap_err();
    assert_eq!(
        failure.to_string(),
        "Misconfigured: account dms has no endpoint for dms: region cn-hangzhou is not known to \
         have one; set it under [accounts.dms.endpoints] dms"
    );
    account.credentials = huawei(true).credentials;
    let failure = signed(&base_info(), &account, Timestamp::UNIX_EPOCH, "n").unwrap_err();
    assert!(failure.message.contains("no access key"), "{failure}");
}
