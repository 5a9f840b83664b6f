//! An OTLP collector for spans.

use std::io::Read;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::until;

/// Names the program of a real collector, which then forwards to ours: `rotel`.
const RECEIVER: &str = "OTLP_RECEIVER";

type Spans = Arc<Mutex<Vec<Span>>>;

/// Stores every span that it receives.
pub(crate) struct Collector {
    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    spans: Spans,
    _receiver: Option<Child>,
}

impl Collector {
    /// Listens on this machine.
    pub(crate) async fn start() -> Self {
        let spans = Spans::default();
        let router = Router::new().route("/v1/traces", post(keep)).with_state(spans.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        let receiver = match std::env::var(RECEIVER) {
            Ok(program) => {
                let (child, address) = put_before(&program, &endpoint).await;
                endpoint = address;
                Some(child)
            }
            Err(_) => None,
        };
        Self { endpoint, spans, _receiver: receiver }
    }

    /// The spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

async fn keep(State(spans): State<Spans>, headers: HeaderMap, body: Bytes) {
    let body = match headers.get(header::CONTENT_ENCODING) {
        Some(packed) if packed == "gzip" => {
            let mut unpacked = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
            unpacked.into()
        }
        Some(other) => panic!("packed as {other:?}"),
        None => body,
    };
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP in protobuf");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
}

/// Starts the real collector, which forwards to this one.
async fn put_before(program: &str, endpoint: &str) -> (Child, String) {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let child = Command::new(program)
        .args(["start", "--otlp-grpc-endpoint", "127.0.0.1:0"])
        .args(["--otlp-http-endpoint", &free.to_string()])
        .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
        .args(["--otlp-exporter-endpoint", endpoint])
        .args(["--batch-timeout", "200ms"])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until(async || TcpStream::connect(free).await.is_ok()).await;
    (child, format!("http://{free}"))
}

/// An attribute of a span, as text.
pub(crate) fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.clone());
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}
