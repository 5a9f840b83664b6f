//! What goes back: a payload or a refusal, in the provider's own form.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::action::{Action, Cloud};
use super::xml;

/// A request that is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// What the reply says about trying again.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), retry_after: None }
    }

    /// Alibaba's refusal of a request without a parameter it needs.
    pub(super) fn missing(name: &str) -> Self {
        Self::new(400, &format!("Missing{name}"), format!("{name} is mandatory for this action."))
    }

    /// Alibaba's refusal of a parameter's value.
    pub(super) fn invalid(name: &str, what: &str) -> Self {
        let message = format!("Specified parameter {name} is not valid: {what}.");
        Self::new(400, &format!("Invalid{name}"), message)
    }
}

/// A request that is granted: what the payload is, before it is put in an envelope.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Granted {
    pub(super) status: u16,
    /// A header of this reply alone.
    pub(super) header: Option<(&'static str, String)>,
    pub(super) body: Value,
}

impl From<Value> for Granted {
    fn from(body: Value) -> Self {
        Self { status: 200, header: None, body }
    }
}

/// What the reply to one request must say, whatever comes of it.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) cloud: Cloud,
    pub(super) action: Option<Action>,
    pub(super) json: bool,
    pub(super) host: String,
    pub(super) request_id: String,
    /// The server's clock, in the form of HTTP dates.
    pub(super) date: String,
}

impl Envelope {
    /// Puts a payload in its envelope.
    pub(super) fn granted(&self, granted: Granted) -> Response {
        let mut body = granted.body;
        if self.cloud == Cloud::Alibaba
            && let Value::Object(fields) = &mut body
        {
            fields.insert("RequestId".to_owned(), json!(self.request_id));
            fields.insert("Success".to_owned(), json!(true));
            if self.action.is_some_and(Action::is_dms) {
                fields.insert("ErrorCode".to_owned(), json!(""));
                fields.insert("ErrorMessage".to_owned(), json!(""));
            }
        }
        let mut response = self.response(granted.status, &self.root("Response"), &body);
        if let Some((name, value)) = granted.header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// Puts a refusal in its envelope.
    pub(super) fn refused(&self, refusal: &Refusal) -> Response {
        let Refusal { status, code, message, retry_after } = refusal;
        let body = match (self.cloud, self.action) {
            (Cloud::Huawei, Some(Action::CreateToken)) => {
                json!({"error": {"code": status, "message": message, "title": code}})
            }
            (Cloud::Huawei, _) => {
                json!({"error_code": code, "error_msg": message, "request_id": self.request_id})
            }
            (Cloud::Alibaba, _) if *status == 200 => json!({
                "RequestId": self.request_id, "Success": false,
                "ErrorCode": code, "ErrorMessage": message,
            }),
            (Cloud::Alibaba, _) => json!({
                "RequestId": self.request_id, "HostId": self.host,
                "Code": code, "Message": message,
                "Recommend": format!("https://api.alibabacloud.com/troubleshoot?q={code}"),
            }),
        };
        let root = if *status == 200 { self.root("Response") } else { "Error".to_owned() };
        let mut response = self.response(*status, &root, &body);
        if let Some(delay) = retry_after {
            let (name, value) = match self.cloud {
                Cloud::Alibaba => ("x-acs-retry-after", delay.as_millis()),
                Cloud::Huawei => ("retry-after", delay.as_millis().div_ceil(1000)),
            };
            if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// A body that is no reply at all.
    pub(super) fn garbage(&self) -> Response {
        let mut response = Response::new(Body::from("<html><body>It works!</body></html>"));
        self.head(200, "text/html", &mut response);
        response
    }

    fn root(&self, end: &str) -> String {
        format!("{}{end}", self.action.map_or("", Action::name))
    }

    fn response(&self, status: u16, root: &str, body: &Value) -> Response {
        let (kind, text) = if self.json {
            ("application/json;charset=utf-8", body.to_string())
        } else {
            ("text/xml;charset=utf-8", xml::document(root, body))
        };
        let mut response = Response::new(Body::from(text));
        self.head(status, kind, &mut response);
        response
    }

    fn head(&self, status: u16, kind: &'static str, response: &mut Response) {
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        // So that nobody takes it for the real thing.
        headers.insert(header::SERVER, HeaderValue::from_static("ticketd-simulator"));
        let name = match self.cloud {
            Cloud::Alibaba => "x-acs-request-id",
            Cloud::Huawei => "x-request-id",
        };
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(name, id);
        }
        if let Ok(date) = HeaderValue::from_str(&self.date) {
            headers.insert(header::DATE, date);
        }
    }
}
