//! A request on its way through the simulator: as received, as admitted, and as executed.

use axum::body::to_bytes;
use axum::extract::Request;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::action::{ApiAction, Vendor};
use super::reply::ErrorReply;
use super::settings::SimulatorSettings;
use crate::cloud::signing::canonical::HttpMessage;

/// Largest accepted body: 12 MB.
const MAX_BODY_BYTES: usize = 12 * 1024 * 1024;

/// A request as received, completely read.
#[derive(Debug)]
pub(super) struct RawRequest {
    pub(super) method: String,
    pub(super) path: String,
    /// Query parameters, decoded.
    pub(super) query: Vec<(String, String)>,
    /// Form parameters of the body, decoded; empty if the body is not a form.
    pub(super) form: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// The authenticated sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The access key id, or the name of the IAM user.
    pub(super) key: String,
    /// The nonce of the request; only Alibaba has one.
    pub(super) nonce: Option<String>,
}

/// A request that passed authentication.
#[derive(Debug)]
pub(super) struct AdmittedRequest {
    pub(super) action: ApiAction,
    pub(super) raw: RawRequest,
    pub(super) caller: Caller,
    pub(super) request_id: String,
}

/// What a handler knows about the request it executes.
#[derive(Debug)]
pub(super) struct CallContext<'a> {
    pub(super) request: &'a AdmittedRequest,
    pub(super) settings: &'a SimulatorSettings,
    /// The time of execution, by the machine's clock.
    pub(super) now: Timestamp,
    /// How far the server's clock is ahead of the machine's clock.
    pub(super) offset: SignedDuration,
}

impl CallContext<'_> {
    /// Converts a time of the machine's clock to the server's clock.
    pub(super) fn server_time(&self, time: Timestamp) -> Timestamp {
        time.saturating_add(self.offset).unwrap_or(time)
    }

    /// Whether lists and system tasks already show what was created at this time.
    pub(super) fn is_visible(&self, created: Timestamp) -> bool {
        created.saturating_add(self.settings.lag).is_ok_and(|visible| visible <= self.now)
    }
}

impl RawRequest {
    /// Reads a request completely.
    pub(super) async fn read(request: Request) -> Result<Self, ErrorReply> {
        let (parts, body) = request.into_parts();
        let too_large = |_| ErrorReply::new(413, "APIGW.0201", "The request body is too large.");
        let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(too_large)?.to_vec();
        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
        let mut request = Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            form: Vec::new(),
            headers,
            body,
        };
        let form = "application/x-www-form-urlencoded";
        if request.header("content-type").is_some_and(|kind| kind.starts_with(form)) {
            request.form = pairs(&request.body);
        }
        Ok(request)
    }

    /// The value of a header; `name` is lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// The action it names; none if the simulator does not implement it.
    pub(super) fn action(&self) -> Option<ApiAction> {
        match self.vendor() {
            Vendor::Alibaba => {
                ApiAction::by_name(self.header("x-acs-action")?, self.header("x-acs-version")?)
            }
            Vendor::Huawei => ApiAction::by_path(&self.method, &self.segments()),
        }
    }

    /// The vendor it is sent to. Alibaba's path is always `/`, Huawei's never is.
    pub(super) fn vendor(&self) -> Vendor {
        if self.path == "/" || self.header("x-acs-action").is_some() {
            Vendor::Alibaba
        } else {
            Vendor::Huawei
        }
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// Whether the reply is JSON. Otherwise it is XML, which is Alibaba's default.
    pub(super) fn wants_json(&self) -> bool {
        self.vendor() == Vendor::Huawei
            || self.header("accept").is_some_and(|accept| accept.contains("json"))
    }

    /// The text in which a fault rule searches for `matching`.
    pub(super) fn searchable_text(&self) -> String {
        let mut text = self.path.clone();
        for (name, value) in self.query.iter().chain(&self.form) {
            text.push_str(&format!(" {name}={value}"));
        }
        if self.form.is_empty() {
            text.push_str(&String::from_utf8_lossy(&self.body));
        }
        text
    }

    /// The view of the request that a signature covers.
    pub(super) fn signed_message(&self) -> HttpMessage<'_> {
        HttpMessage {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }
}
