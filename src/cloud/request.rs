//! A request to a provider before it is addressed and signed, and an accepted reply.

use serde_json::Value;

use super::service::Service;

/// The HTTP methods the providers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl Method {
    /// Upper case, as it is sent and signed.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Empty,
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `application/json`.
    Json(Value),
}

/// A request to a service. The account adds the host and the signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub service: Service,
    /// Alibaba's `Action`. Empty for Huawei, where the path names the action.
    pub action: &'static str,
    pub method: Method,
    /// Always `/` for Alibaba.
    pub path: String,
    /// Query parameters, not encoded.
    pub query: Vec<(String, String)>,
    pub body: Body,
}

/// An accepted reply: a 2xx whose body is JSON and does not say `Success: false`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The provider's id of the request.
    pub request_id: Option<String>,
    pub body: Value,
}
