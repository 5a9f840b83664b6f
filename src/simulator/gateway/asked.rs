//! A request, read whole.

use axum::body::to_bytes;
use axum::extract::Request;
use url::form_urlencoded;

use crate::cloud::signing::canonical::HttpMessage;
use crate::simulator::action::Cloud;
use crate::simulator::reply::Refusal;

/// The largest body a gateway takes: 12 MB.
const BODY_LIMIT: usize = 12 * 1024 * 1024;

/// A request as it came, taken apart.
#[derive(Debug)]
pub(in crate::simulator) struct Asked {
    pub(in crate::simulator) method: String,
    pub(in crate::simulator) path: String,
    /// Query parameters, decoded.
    pub(in crate::simulator) query: Vec<(String, String)>,
    /// Form parameters of the body, decoded; empty when the body is no form.
    pub(in crate::simulator) form: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(in crate::simulator) body: Vec<u8>,
}

impl Asked {
    /// Reads a request to its end.
    pub(in crate::simulator) async fn read(request: Request) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let too_large = |_| Refusal::new(413, "APIGW.0201", "The request body is too large.");
        let body = to_bytes(body, BODY_LIMIT).await.map_err(too_large)?.to_vec();
        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
        let mut asked = Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            form: Vec::new(),
            headers,
            body,
        };
        let form = "application/x-www-form-urlencoded";
        if asked.header("content-type").is_some_and(|kind| kind.starts_with(form)) {
            asked.form = pairs(&asked.body);
        }
        Ok(asked)
    }

    /// A header's value; the name in lower case.
    pub(in crate::simulator) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// Whose gateway it is meant for. Alibaba's path is always `/`, and Huawei's never.
    pub(in crate::simulator) fn cloud(&self) -> Cloud {
        if self.path == "/" || self.header("x-acs-action").is_some() {
            Cloud::Alibaba
        } else {
            Cloud::Huawei
        }
    }

    /// The parts of the path.
    pub(in crate::simulator) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// Whether the reply is to be JSON; XML otherwise, which is DMS's own choice.
    pub(in crate::simulator) fn wants_json(&self) -> bool {
        self.cloud() == Cloud::Huawei
            || self.header("accept").is_some_and(|accept| accept.contains("json"))
    }

    /// Everything a fault's `matching` is looked for in.
    pub(in crate::simulator) fn text(&self) -> String {
        let mut text = self.path.clone();
        for (name, value) in self.query.iter().chain(&self.form) {
            text.push_str(&format!(" {name}={value}"));
        }
        if self.form.is_empty() {
            text.push_str(&String::from_utf8_lossy(&self.body));
        }
        text
    }

    /// As a signature sees it.
    pub(super) fn message(&self) -> HttpMessage<'_> {
        HttpMessage {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }
}
