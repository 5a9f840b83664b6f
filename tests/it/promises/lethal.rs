//! A worker that dies of some requests, as of a fault in the code that reads their replies.
//!
//! It is this test program, started once more. Its transport aborts the process when it has the
//! reply to a request with a certain text in it.

use std::env;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use ticketd::app::{Worker, install_tls_provider};
use ticketd::cloud::http::{RawReply, SendError, Signed, Transport};
use ticketd::cloud::operations;
use ticketd::config;
use ticketd::job::Kind;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::harness::Stage;

/// The variables that make a lethal worker of this program.
const CONFIGURATION: &str = "LETHAL_CONFIGURATION";
const TEXT: &str = "LETHAL_TEXT";

/// Starts a worker that dies of every request with a text in it.
pub fn start(stage: &Stage, text: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["promises::lethal::a_lethal_worker", "--exact", "--ignored", "--nocapture"])
        .env("TICKETD_BROKER__URL", &stage.url)
        .env(CONFIGURATION, stage.configuration())
        .env(TEXT, text)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "a program that other tests start"]
fn a_lethal_worker() {
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
            Arc::new(Lethal { transport: worker.transport, text, end: std::process::abort });
        worker.run(CancellationToken::new()).await.unwrap();
    });
}

/// A transport that ends whoever uses it for some requests.
pub struct Lethal {
    pub transport: Arc<dyn Transport>,
    /// Those with this text in them.
    pub text: String,
    /// How it ends them.
    pub end: fn() -> !,
}

#[async_trait]
impl Transport for Lethal {
    async fn send(&self, request: Signed) -> Result<RawReply, SendError> {
        let lethal = request.url.as_str().contains(&self.text);
        let reply = self.transport.send(request).await;
        if lethal {
            (self.end)();
        }
        reply
    }
}
