//! A worker process that crashes on the reply to certain requests, like a defect in a reply parser.
//!
//! The process is this test program, started again. Its transport aborts when it receives the reply to
//! a request that contains a given text.

use std::env;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use ticketd::app::{Worker, install_tls_provider};
use ticketd::cloud::http::{RawReply, Signed, Transport, TransportError};
use ticketd::cloud::operations;
use ticketd::config;
use ticketd::job::Kind;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::harness::TestEnv;

/// The environment variables that make this program such a worker.
const CONFIGURATION: &str = "POISON_WORKER_CONFIGURATION";
const TEXT: &str = "POISON_WORKER_TEXT";

/// Starts a worker that crashes on every request that contains a text.
pub(super) fn start(env: &TestEnv, text: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "jobs::poison_worker::a_worker_that_dies_of_a_reply",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("TICKETD_BROKER__URL", &env.url)
        .env(CONFIGURATION, env.configuration())
        .env(TEXT, text)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "a program that other tests start"]
fn a_worker_that_dies_of_a_reply() {
    let variables = [CONFIGURATION, TEXT].map(env::var);
    let [Ok(path), Ok(text)] = variables else { return };
    let catalogue = operations::catalogue();
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    let settings = config::load(&[path.into()], config::process_environment(), &names).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        install_tls_provider();
        let mut worker = Worker::new(settings, Kind::ALL.to_vec()).await.unwrap();
        worker.transport =
            Arc::new(PoisonWorker { transport: worker.transport, text, end: std::process::abort });
        worker.run(CancellationToken::new()).await.unwrap();
    });
}

/// A transport that crashes its user on some requests.
pub(super) struct PoisonWorker {
    pub transport: Arc<dyn Transport>,
    /// Requests that contain this text.
    pub text: String,
    /// How it crashes.
    pub end: fn() -> !,
}

#[async_trait]
impl Transport for PoisonWorker {
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError> {
        let poison_worker = request.url.as_str().contains(&self.text);
        let reply = self.transport.send(request).await;
        if poison_worker {
            (self.end)();
        }
        reply
    }
}
