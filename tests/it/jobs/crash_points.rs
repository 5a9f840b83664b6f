//! A worker process that stops at a chosen step, where the test kills it with SIGKILL.
//!
//! The process is this test program, started again, so that it is always built from the tested code.
//! Its ledger and its transport count the steps. At the chosen step it prints a line and blocks.

use std::env;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use ticketd::app::{Worker, install_tls_provider};
use ticketd::cloud::http::{RawReply, Signed, Transport, TransportError};
use ticketd::cloud::operations;
use ticketd::config;
use ticketd::job::{JobId, Kind, RequestKind, State};
use ticketd::ledger::{Claim, ClaimRequest, Claimed, Error, Ledger, Save};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::harness::{Intercept, LedgerProxy, TestEnv};

/// The environment variables that make this program such a worker.
const CONFIGURATION: &str = "CRASH_POINT_CONFIGURATION";
const JOB: &str = "CRASH_POINT_JOB";
const LAST_STEP: &str = "CRASH_POINT_STEP";

/// Prefixes of the lines that the process prints for the test.
const HALTED: &str = "worker stopped at a step: ";
const FINISHED: &str = "worker finished its job";

/// How the process ended.
#[derive(Debug)]
pub(super) enum Death {
    /// It was killed at the step.
    At(String),
    /// It finished its job first.
    Finished,
}

/// Runs a worker process that is killed at one of its steps with a job, counted from 1.
pub(super) async fn die_at(env: &TestEnv, job: &str, step: u32) -> Death {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "jobs::crash_points::a_worker_that_stops_at_a_step",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("TICKETD_BROKER__URL", &env.url)
        .env(CONFIGURATION, env.configuration())
        .env(JOB, job)
        .env(LAST_STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let death = loop {
        match lines.next_line().await.unwrap() {
            Some(line) if line == FINISHED => break Death::Finished,
            Some(line) => match line.strip_prefix(HALTED) {
                Some(place) => break Death::At(place.to_owned()),
                None => said.push(line),
            },
            None => panic!("the crash_points worker ended by itself:\n{}", said.join("\n")),
        }
    };
    child.kill().await.unwrap();
    death
}

#[test]
#[ignore = "a program that other tests start"]
fn a_worker_that_stops_at_a_step() {
    let variables = [CONFIGURATION, JOB, LAST_STEP].map(env::var);
    let [Ok(path), Ok(job), Ok(last)] = variables else { return };
    let catalogue = operations::catalogue();
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    let settings = config::load(&[path.into()], config::process_environment(), &names).unwrap();
    // One thread, so that nothing else runs after the step.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let steps = Arc::new(Steps {
        job: job.parse().unwrap(),
        at_work: AtomicBool::new(false),
        taken: AtomicU32::new(0),
        last: last.parse().unwrap(),
    });
    runtime.block_on(async {
        install_tls_provider();
        let worker = Worker::new(settings, Kind::ALL.to_vec()).await.unwrap();
        let ledger = MortalLedger { ledger: worker.ledger.clone(), steps: steps.clone() };
        let transport = MortalTransport { transport: worker.transport.clone(), steps };
        let worker = Worker {
            ledger: Arc::new(LedgerProxy(ledger)),
            transport: Arc::new(transport),
            ..worker
        };
        worker.run(CancellationToken::new()).await.unwrap();
    });
}

/// Counts the steps of one job. A redelivered earlier job does not count.
struct Steps {
    job: JobId,
    at_work: AtomicBool,
    taken: AtomicU32,
    last: u32,
}

impl Steps {
    /// Starts counting for a job, or continues.
    fn begin_job(&self, job: &JobId) {
        self.at_work.store(*job == self.job, Ordering::Relaxed);
    }

    /// Passes one step, or stops there.
    fn pass(&self, place: &str) {
        if !self.at_work.load(Ordering::Relaxed) {
            return;
        }
        if self.taken.fetch_add(1, Ordering::Relaxed) + 1 == self.last {
            eprintln!("{HALTED}{place}");
            loop {
                std::thread::park();
            }
        }
    }
}

struct MortalLedger {
    ledger: Arc<dyn Ledger>,
    steps: Arc<Steps>,
}

#[async_trait]
impl Intercept for MortalLedger {
    fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_ref()
    }

    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        self.steps.begin_job(&request.job.id);
        self.steps.pass("before a claim");
        self.ledger.claim(request).await
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        let name = match save.state {
            State::Waiting { execution, .. } => format!("Waiting({})", name(&execution.request)),
            State::Asking { execution, .. } => format!("Asking({})", name(&execution.request)),
            State::Reporting { .. } => "Reporting".to_owned(),
            State::Done { .. } => "Done".to_owned(),
        };
        self.steps.begin_job(&claim.job);
        self.steps.pass(&format!("before {name} was saved"));
        self.ledger.save(claim, save).await?;
        self.steps.begin_job(&claim.job);
        self.steps.pass(&format!("after {name} was saved"));
        if claim.job == self.steps.job && matches!(save.state, State::Done { .. }) {
            eprintln!("{FINISHED}");
        }
        Ok(())
    }
}

fn name(ask: &RequestKind) -> &'static str {
    match ask {
        RequestKind::Baseline => "Baseline",
        RequestKind::Call => "Call",
        RequestKind::Probe => "Probe",
        RequestKind::Poll(_) => "Poll",
    }
}

struct MortalTransport {
    transport: Arc<dyn Transport>,
    steps: Arc<Steps>,
}

#[async_trait]
impl Transport for MortalTransport {
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError> {
        self.steps.pass("before a request");
        let reply = self.transport.send(request).await;
        self.steps.pass("after its reply");
        reply
    }
}
