//! `ticketd demo`.

use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use ticketd::broker::{BrokerSettings, Error, TopologyProblem, topology};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::broker::fixture::{BrokerFixture, with_fixture};

/// A demo on a broker, and its folder for files.
fn demo(settings: &BrokerSettings, url: &str) -> (Command, TempDir) {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketd"));
    command
        .arg("demo")
        .env_clear()
        .env("TMPDIR", folder.path())
        .env("TICKETD_BROKER__URL", url)
        .env("TICKETD_BROKER__PREFIX", &settings.prefix)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    (command, folder)
}

/// Waits with a limit that covers a slow machine.
async fn soon<F: Future>(what: &str, wanted: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(90), wanted).await {
        Ok(found) => found,
        Err(_) => panic!("{what} did not come in time"),
    }
}

fn url(fixture: &BrokerFixture) -> String {
    secrecy::ExposeSecret::expose_secret(&fixture.settings.url.current()).to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn is_empty(folder: &TempDir) -> bool {
    folder.path().read_dir().unwrap().next().is_none()
}

/// Whether no exchange and no queue exists.
async fn is_gone(settings: &BrokerSettings) -> bool {
    let all = topology::describe(&settings.prefix, settings.unrouted_max).len();
    match soon("a look at the broker", topology::check(settings)).await {
        Err(Error::Topology(problems)) => {
            problems.len() == all
                && problems.iter().all(|problem| matches!(problem, TopologyProblem::Missing { .. }))
        }
        Ok(()) | Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_ends_as_expected_and_nothing_is_left() {
    with_fixture(async |fixture| {
        let (mut command, folder) = demo(&fixture.settings, &url(&fixture));
        let output = soon("the last line", command.output()).await.unwrap();
        let Output { status, stdout, stderr } = output;
        let (shown, errors) = (text(&stdout), text(&stderr));
        assert!(status.success(), "{shown}\n{errors}");
        assert_eq!(errors, "");
        let last = shown.lines().last().unwrap();
        let jobs: usize = last.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(last, format!("demo: {jobs} jobs, {jobs} as expected"));
        assert!(jobs >= 15, "{last}");
        // A pipe gets no colour, and nothing is truncated for it.
        assert!(!shown.contains('\x1b') && !shown.contains('…'), "{shown}");
        for word in ["retrying", "doubtful", "progress", "failed", "rejected", "did you mean"] {
            assert!(shown.contains(word), "{word} is not shown:\n{shown}");
        }
        assert!(is_gone(&fixture.settings).await);
        assert!(is_empty(&folder));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_demo_leaves_nothing() {
    tokio::join!(interrupt_with("-INT"), interrupt_with("-TERM"), interrupt_with("-HUP"));
}

async fn interrupt_with(signal: &'static str) {
    with_fixture(async move |fixture| {
        let (mut command, folder) = demo(&fixture.settings, &url(&fixture));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        soon("a job under way", async {
            while !lines.next_line().await.unwrap().unwrap().contains("submitted") {}
        })
        .await;
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
        // Its further output must be read, or it would block.
        soon("the end of what it says", async {
            while lines.next_line().await.unwrap().is_some() {}
        })
        .await;
        let output = soon("its end", child.wait_with_output()).await.unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert_eq!(text(&output.stderr), "demo: interrupted; all queues and files are removed\n");
        assert!(is_gone(&fixture.settings).await);
        assert!(is_empty(&folder));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_in_use_is_refused_and_unchanged() {
    with_fixture(async |fixture| {
        topology::apply(&fixture.settings).await.unwrap();
        let (mut command, folder) = demo(&fixture.settings, &url(&fixture));
        let output = soon("a refusal", command.output()).await.unwrap();
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
        assert!(errors.contains("set TICKETD_BROKER__PREFIX to another name"), "{errors}");
        topology::check(&fixture.settings).await.unwrap();
        assert!(is_empty(&folder));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_broker_is_one_line_with_advice() {
    with_fixture(async |fixture| {
        let (mut command, folder) = demo(&fixture.settings, "amqp://me:s3cret@127.0.0.1:1/%2f");
        let output = soon("a refusal", command.output()).await.unwrap();
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
        assert!(errors.contains("127.0.0.1:1") && errors.contains("`make demo`"), "{errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
        assert!(is_empty(&folder));
    })
    .await;
}
