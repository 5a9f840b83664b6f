//! Replies in the provider's format: headers, envelope, JSON or XML.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::xml;
use crate::simulator::action::{ApiAction, Vendor};
use crate::simulator::reply::{ErrorReply, Payload};

/// What every reply to one request contains, whether it succeeds or fails.
#[derive(Clone, Debug)]
pub(super) struct ReplyEnvelope {
    pub(super) vendor: Vendor,
    pub(super) action: Option<ApiAction>,
    pub(super) json: bool,
    pub(super) host: String,
    pub(super) request_id: String,
    /// The server's time, as an HTTP date.
    pub(super) date: String,
}

impl ReplyEnvelope {
    pub(super) fn success(&self, payload: Payload) -> Response {
        let mut body = payload.body;
        if self.vendor == Vendor::Alibaba
            && let Value::Object(fields) = &mut body
        {
            fields.insert("RequestId".to_owned(), json!(self.request_id));
            fields.insert("Success".to_owned(), json!(true));
            if self.action.is_some_and(ApiAction::is_dms) {
                fields.insert("ErrorCode".to_owned(), json!(""));
                fields.insert("ErrorMessage".to_owned(), json!(""));
            }
        }
        let mut response = self.response(payload.status, &self.root_element("Response"), &body);
        if let Some((name, value)) = payload.header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }

    pub(super) fn error(&self, error: &ErrorReply) -> Response {
        let ErrorReply { status, code, message, retry_after } = error;
        let body = match (self.vendor, self.action) {
            (Vendor::Huawei, Some(ApiAction::CreateToken)) => {
                json!({"error": {"code": status, "message": message, "title": code}})
            }
            (Vendor::Huawei, _) => {
                json!({"error_code": code, "error_msg": message, "request_id": self.request_id})
            }
            (Vendor::Alibaba, _) if *status == 200 => json!({
                "RequestId": self.request_id, "Success": false,
                "ErrorCode": code, "ErrorMessage": message,
            }),
            (Vendor::Alibaba, _) => json!({
                "RequestId": self.request_id, "HostId": self.host,
                "Code": code, "Message": message,
                "Recommend": format!("https://api.alibabacloud.com/troubleshoot?q={code}"),
            }),
        };
        let root = if *status == 200 { self.root_element("Response") } else { "Error".to_owned() };
        let mut response = self.response(*status, &root, &body);
        if let Some(delay) = retry_after {
            let (name, value) = match self.vendor {
                Vendor::Alibaba => ("x-acs-retry-after", delay.as_millis()),
                Vendor::Huawei => ("retry-after", delay.as_millis().div_ceil(1000)),
            };
            if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// A body that is not a reply.
    pub(super) fn garbage(&self) -> Response {
        let mut response = Response::new(Body::from("<html><body>It works!</body></html>"));
        self.set_head(200, "text/html", &mut response);
        response
    }

    fn root_element(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.action.map_or("", ApiAction::name))
    }

    fn response(&self, status: u16, root: &str, body: &Value) -> Response {
        let (content_type, text) = if self.json {
            ("application/json;charset=utf-8", body.to_string())
        } else {
            ("text/xml;charset=utf-8", xml::document(root, body))
        };
        let mut response = Response::new(Body::from(text));
        self.set_head(status, content_type, &mut response);
        response
    }

    fn set_head(&self, status: u16, content_type: &'static str, response: &mut Response) {
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // Clients can tell the simulator from the real provider.
        headers.insert(header::SERVER, HeaderValue::from_static("ticketd-simulator"));
        let name = match self.vendor {
            Vendor::Alibaba => "x-acs-request-id",
            Vendor::Huawei => "x-request-id",
        };
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(name, id);
        }
        if let Ok(date) = HeaderValue::from_str(&self.date) {
            headers.insert(header::DATE, date);
        }
    }
}
