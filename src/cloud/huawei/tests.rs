#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::cloud::request::{Body, Method};
use crate::cloud::service::Service;
use crate::cloud::tests::huawei;

const CAPTURES: &str = include_str!("../../../tests/fixtures/vectors/huawei_sdk_wire_capture.json");
const SECRET: &str = "FakeHuaweiSecretKey0123456789abcdefghijklmn";

fn header<'a>(signed: &'a Signed, name: &str) -> Option<&'a str> {
    let same = |other: &str| other.eq_ignore_ascii_case(name);
    signed.headers.iter().find(|(other, _)| same(other)).map(|(_, value)| value.as_str())
}

#[test]
fn requests_equal_those_of_the_official_client() {
    let captures: Vec<Value> = serde_json::from_str(CAPTURES).unwrap();
    assert_eq!(captures.len(), 4);
    for capture in captures {
        let (name, sent) = (capture["name"].as_str().unwrap(), &capture["request"]);
        let theirs: BTreeMap<String, String> =
            serde_json::from_value(sent["headers"].clone()).unwrap();
        let url: Url = sent["url"].as_str().unwrap().parse().unwrap();
        let service = if name == "ListSystemTasks" { Service::Tasks } else { Service::Factory };
        let body = sent["body"].as_str().map(|text| serde_json::from_str::<Value>(text).unwrap());
        let request = Request {
            service,
            action: "",
            method: if sent["method"] == "GET" { Method::Get } else { Method::Post },
            path: url.path().to_owned(),
            query: Vec::new(),
            body: body.clone().map_or(Body::Empty, Body::Json),
        };
        let account = huawei(false);
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let ours = signed(&request, &account, now, None).unwrap();
        assert_eq!(ours.url, url, "{name}");
        for header_name in ["workspace", "X-Project-Id", "X-Sdk-Date", "Host"] {
            assert_eq!(header(&ours, header_name), Some(theirs[header_name].as_str()), "{name}");
        }
        let kind = header(&ours, "content-type").unwrap().to_ascii_lowercase();
        assert!(kind.starts_with(&theirs["Content-Type"]), "{name}: {kind}");
        assert_eq!(serde_json::from_slice::<Value>(&ours.body).ok(), body, "{name}");

        let message = HttpMessage {
            method: sent["method"].as_str().unwrap(),
            path: ours.url.path(),
            query: &[],
            headers: &ours.headers,
            body: &ours.body,
        };
        let claimed = sign::parse(message.header("authorization").unwrap()).unwrap();
        assert!(sign::verify(&message, &claimed, SECRET), "{name}");
    }
}

#[test]
fn an_iam_token_replaces_the_signature() {
    let request = Request {
        service: Service::Factory,
        action: "",
        method: Method::Post,
        path: "/v2/p/factory/release-packages".into(),
        query: Vec::new(),
        body: Body::Json(json!({})),
    };
    let token = SecretString::from("the-token");
    let ours = signed(&request, &huawei(true), Timestamp::UNIX_EPOCH, Some(&token)).unwrap();
    assert_eq!(header(&ours, "X-Auth-Token"), Some("the-token"));
    assert_eq!(header(&ours, "authorization"), None);
    assert_eq!(header(&ours, "workspace"), Some("ws1"));
}

#[test]
fn a_path_is_encoded_and_has_no_dot_segments() {
    let mut request = Request {
        service: Service::Tasks,
        action: "",
        method: Method::Get,
        path: "/v1/p/jobs/job name+(中文)/status".into(),
        query: vec![("b".into(), "x y".into()), ("a".into(), String::new())],
        body: Body::Empty,
    };
    let at = Timestamp::UNIX_EPOCH;
    let ours = signed(&request, &huawei(false), at, None).unwrap();
    let path_and_query = ours.url.as_str().split_once(".com").unwrap().1;
    assert_eq!(
        path_and_query,
        "/v1/p/jobs/job%20name%2B%28%E4%B8%AD%E6%96%87%29/status?a=&b=x%20y"
    );
    for hostile in ["/v1/../iam", "/v1/%2e%2e/iam", "/v1/./x"] {
        request.path = hostile.into();
        assert!(signed(&request, &huawei(false), at, None).is_err(), "{hostile}");
    }
}
