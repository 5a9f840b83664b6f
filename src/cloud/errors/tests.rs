#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

use Provider::{Alibaba, Huawei};

/// Reply headers.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// Expected result, HTTP status, code, headers.
type CodeRow<'a> = (&'a str, u16, &'a str, Headers<'a>);

/// Expected result, HTTP status, code, message, headers.
type MessageRow<'a> = (&'a str, u16, &'a str, &'a str, Headers<'a>);

const NOW: &str = "2026-01-02T03:04:05Z";
const LATER: &str = "Fri, 02 Jan 2026 04:04:05 GMT";

/// The result in the notation of the tables: `R`etryable, `R<ms>` after a pause, `P`ermanent,
/// `A`mbiguous or `ok`, and then the remedy, if there is one.
fn result(provider: Provider, status: u16, headers: Headers<'_>, body: &str) -> String {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let raw = RawReply { status, headers, body: body.as_bytes().to_vec() };
    match read_reply(provider, &raw, NOW.parse().unwrap()) {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let class = match error.failure.class {
                FailureClass::Retryable { retry_after: None } => "R".to_owned(),
                FailureClass::Retryable { retry_after: Some(pause) } => {
                    format!("R{}", pause.as_millis())
                }
                FailureClass::Permanent => "P".to_owned(),
                FailureClass::Ambiguous => "A".to_owned(),
            };
            let remedy = match error.remedy {
                Remedy::None => "",
                Remedy::Clock(_) => " clock",
                Remedy::Token => " token",
            };
            format!("{}{class}{remedy}", if error.failure.code.is_empty() { "?" } else { "" })
        }
    }
}

#[test]
fn every_alibaba_code_has_its_class() {
    let date = [("date", LATER)];
    let table: &[CodeRow<'_>] = &[
        ("R", 400, "Throttling", &[]),
        ("R", 400, "Throttling.User", &[]),
        ("R", 429, "Throttling.Api", &[]),
        ("R1500", 429, "Throttling.System", &[("x-acs-retry-after", "1500")]),
        ("R", 503, "Throttling.Resource", &[]),
        ("P", 429, "Throttling.Api.Risk", &[]),
        ("A", 503, "ServiceUnavailable", &[]),
        ("R7000", 503, "ServiceUnavailable", &[("retry-after", "7")]),
        ("A", 500, "SystemBusy", &[]),
        ("A", 500, "InternalError", &[]),
        ("A", 500, "InternalError.System", &[]),
        ("A", 500, "UnknownError", &[]),
        ("A", 400, "SignatureNonceUsed", &[]),
        ("P clock", 400, "InvalidTimeStamp.Expired", &date),
        ("P clock", 400, "InvalidTimeStamp.Format", &date),
        ("P", 400, "InvalidTimeStamp.Expired", &[]),
        ("P", 400, "SignatureDoesNotMatch", &[]),
        ("P", 403, "IncompleteSignature", &[]),
        ("P", 404, "InvalidAccessKeyId.NotFound", &[]),
        ("P", 400, "InvalidAccessKeyId.Inactive", &[]),
        ("P token", 400, "InvalidSecurityToken.Expired", &[]),
        ("P", 400, "InvalidSecurityToken.Malformed", &[]),
        ("P", 403, "Forbidden.RAM", &[]),
        ("P", 403, "NoPermission", &[]),
        ("P", 500, "Forbidden.Not.Server", &[]),
        ("P", 404, "TenantNotExist", &[]),
        ("P", 400, "MissingOrderId", &[]),
        ("P", 404, "InvalidAction.NotFound", &[]),
        // Only a prefix of a known family.
        ("P", 400, "ThrottlingPolicyInvalid", &[]),
    ];
    for (expected, status, code, headers) in table {
        let body = format!(r#"{{"Code":"{code}","Message":"m","RequestId":"r"}}"#);
        assert_eq!(result(Alibaba, *status, headers, &body), *expected, "{status} {code}");
    }
}

#[test]
fn every_huawei_code_has_its_class() {
    let date = [("date", LATER)];
    let table: &[MessageRow<'_>] = &[
        ("R", 429, "APIGW.0308", "policy user over ratelimit,limit:200,time:5 minute", &[]),
        ("R", 429, "APIG.0308", "throttled", &[]),
        ("P", 404, "APIGW.0101", "The API does not exist", &[]),
        ("P", 413, "APIGW.0201", "Request entity too large", &[]),
        ("A", 502, "APIGW.0201", "Backend unavailable", &[]),
        ("A", 504, "APIG.0201", "Backend timeout", &[]),
        ("A", 500, "APIGW.0201", "Server error", &[]),
        ("P token", 401, "APIGW.0301", "verify aksk signature fail", &[]),
        ("P clock", 401, "APIGW.0301", "verify aksk signature fail", &date),
        ("P token", 401, "APIGW.0301", "decrypt token fail", &[]),
        ("P token", 401, "APIGW.0301", "token expires, expires_at: 2026", &date),
        ("P token", 401, "APIG.0307", "The token must be updated", &[]),
        ("P", 403, "APIGW.0302", "user not allowed", &[]),
        ("P token", 401, "APIGW.0303", "app", &[]),
        ("P", 403, "APIGW.0306", "denied", &[]),
        ("P", 400, "DLF.0810", "Task does not exist.", &[]),
        ("P", 400, "DLF.6888", "no permission", &[]),
    ];
    for (expected, status, code, message, headers) in table {
        let body = format!(r#"{{"error_code":"{code}","error_msg":"{message}"}}"#);
        assert_eq!(result(Huawei, *status, headers, &body), *expected, "{status} {code}");
    }
}

#[test]
fn the_status_decides_without_a_known_code() {
    let in_an_hour = [("retry-after", LATER)];
    let table: &[(&str, u16, Headers<'_>)] = &[
        ("R", 408, &[]),
        ("R", 425, &[]),
        ("R", 429, &[]),
        ("R3000", 429, &[("retry-after", "3")]),
        ("R3600000", 429, &in_an_hour),
        ("R3600000", 503, &in_an_hour),
        ("R86400000", 429, &[("retry-after", "99999999")]),
        ("R", 429, &[("retry-after", "soon")]),
        ("A", 503, &[]),
        ("A", 500, &[]),
        ("A", 502, &[("retry-after", "3")]),
        ("A", 504, &[]),
        ("A", 599, &[]),
        ("A", 200, &[]),
        ("A", 204, &[]),
        ("P", 301, &[]),
        ("A", 303, &[]),
        ("P", 400, &[]),
        ("P", 403, &[]),
        ("P", 404, &[]),
        ("P", 422, &[]),
    ];
    for (expected, status, headers) in table {
        for provider in [Alibaba, Huawei] {
            let got = result(provider, *status, headers, "<html>gateway</html>");
            assert_eq!(got, *expected, "{provider} {status} {headers:?}");
        }
    }
}

#[test]
fn a_failed_2xx_is_permanent_only_with_a_reason() {
    let table = [
        ("ok", r#"{"Success":true,"ErrorCode":"UnknownError","RequestId":"r"}"#),
        ("ok", r#"{"RequestId":"r"}"#),
        ("P", r#"{"Success":false,"ErrorCode":"OrderStatusIllegal","ErrorMessage":"m"}"#),
        ("P", r#"{"Success":"false","ErrorCode":"NoPermission"}"#),
        ("P", r#"{"Success":false,"Data":{"Status":"fail","Message":"no such file"}}"#),
        ("R", r#"{"Success":false,"ErrorCode":"Throttling.User"}"#),
        ("A", r#"{"Success":false,"ErrorCode":"InternalError"}"#),
        ("A", r#"{"Success":false,"ErrorCode":"ServiceUnavailable"}"#),
        ("A", r#"{"Success":false,"ErrorCode":"UnknownError"}"#),
        ("A", r#"{"Success":false}"#),
        ("A", r#"{"Success":false,"Data":{"Status":"success"}}"#),
        ("P", r#"{"Success":false,"Data":{"Status":"Fail"}}"#),
        ("A", r#"{"Success":false,"ErrorCode":"RequestTimeout"}"#),
        ("A", r#"{"Success":false,"ErrorCode":"SYSTEM_ERROR"}"#),
        ("A", r#"{"Success":false,"ErrorCode":"ServerBusy"}"#),
        ("A", r#"{"Success":fal"#),
        ("A", ""),
    ];
    for (expected, body) in table {
        assert_eq!(result(Alibaba, 200, &[], body), expected, "{body}");
    }
}

#[test]
fn a_request_is_retryable_if_not_sent_and_ambiguous_if_lost() {
    let (host, cause) = ("h".to_owned(), "timed out".to_owned());
    let failure =
        transport_failure(&TransportError::NotSent { host: host.clone(), cause: cause.clone() });
    assert_eq!(failure.class, FailureClass::Retryable { retry_after: None });
    let failure = transport_failure(&TransportError::Lost { host, cause });
    assert_eq!(failure.class, FailureClass::Ambiguous);
    assert_eq!(failure.message, "no complete answer from h: timed out");
}

fn failure(provider: Provider, status: u16, body: &str) -> Failure {
    let headers = vec![("x-request-id".to_owned(), "from-header".to_owned())];
    let raw = RawReply { status, headers, body: body.as_bytes().to_vec() };
    read_reply(provider, &raw, NOW.parse().unwrap()).unwrap_err().failure
}

#[test]
fn codes_and_ids_are_read_from_every_known_form() {
    let table = [
        (Alibaba, r#"{"Code":"C","Message":"m","RequestId":"r"}"#, "C", "m", "r"),
        (Alibaba, r#"{"code":"C","message":"m","requestId":"r"}"#, "C", "m", "r"),
        (
            Alibaba,
            "<Error><RequestId>r</RequestId><Code>C</Code><Message>m</Message></Error>",
            "C",
            "m",
            "r",
        ),
        (Huawei, r#"{"error_code":"C","error_msg":"m","request_id":"r"}"#, "C", "m", "r"),
        (Huawei, r#"{"errorCode":"C","errorMsg":"m"}"#, "C", "m", "from-header"),
        (Huawei, r#"{"error":{"code":400,"message":"m"}}"#, "400", "m", "from-header"),
        (Huawei, "plain", "Http400", "HTTP 400: plain", "from-header"),
    ];
    for (provider, body, code, message, id) in table {
        let failure = failure(provider, 400, body);
        let read = (failure.code.as_str(), failure.message.as_str());
        assert_eq!(read, (code, message), "{body}");
        assert_eq!(failure.request_id.as_deref(), Some(id), "{body}");
    }
}

#[test]
fn the_providers_message_of_a_bad_signature_is_not_kept() {
    let body =
        r#"{"Code":"SignatureDoesNotMatch","Message":"server string: x-acs-security-token:T"}"#;
    assert!(!failure(Alibaba, 400, body).message.contains("token:T"));
}
