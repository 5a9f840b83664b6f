//! Requests to a provider and its replies, as values.

use serde_json::Value;

/// Which of a provider's services a request goes to. The account knows its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Alibaba DMS Enterprise, version 2018-11-01.
    Dms,
    /// Alibaba DataWorks, version 2020-05-18.
    Dataworks,
    /// Huawei DataArts Factory, release packages.
    Factory,
    /// Huawei DataArts Factory, system tasks.
    Tasks,
}

impl Service {
    /// Its key under an account's `endpoints`.
    pub fn key(self) -> &'static str {
        match self {
            Service::Dms => "dms",
            Service::Dataworks => "dataworks",
            Service::Factory => "factory",
            Service::Tasks => "tasks",
        }
    }
}

/// The HTTP methods the providers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A read.
    Get,
    /// Anything.
    Post,
}

impl Method {
    /// As it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// What a request carries below its headers.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `application/json`.
    Json(Value),
}

/// A request, before it is addressed and signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Where it goes.
    pub service: Service,
    /// Alibaba's `Action`; empty for Huawei, where the path says it.
    pub action: &'static str,
    /// The method.
    pub method: Method,
    /// The path; always `/` for Alibaba.
    pub path: String,
    /// Query parameters, not encoded.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A reply that was taken: a 2xx whose body is JSON and does not say `Success: false`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// The body.
    pub body: Value,
}
