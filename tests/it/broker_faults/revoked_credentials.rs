//! Credentials and permissions that are revoked and restored.

use std::time::Instant;

use super::load::Load;
use crate::harness::{TestBroker, own_broker};
use crate::replicas::process::Process;

const JOBS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_revoked_credentials_continues_when_restored() {
    let broker = own_broker().await;
    control(&broker, &["add_user", "replica", "s3cret"]).await;
    control(&broker, &["set_permissions", "replica", ".*", ".*", ".*"]).await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let mut command = load.env.process();
    command.env("TICKETD_BROKER__URL", broker.url.replace("guest:guest", "replica:s3cret"));
    let mut worker = Process::start(command);
    load.has_started().await;

    control(&broker, &["change_password", "replica", "another"]).await;
    control(&broker, &["close_all_connections", "revoked"]).await;
    let line = worker.says("refuses the user's credentials").await;
    assert!(line.contains("correct them in broker.url"), "{line}");
    assert!(line.contains("replica@") && !line.contains("s3cret"), "{line}");
    control(&broker, &["change_password", "replica", "s3cret"]).await;
    load.continues(Instant::now()).await;

    control(&broker, &["clear_permissions", "replica"]).await;
    control(&broker, &["close_all_connections", "revoked"]).await;
    let line = worker.says("refuses access to virtual host \"/\"").await;
    assert!(line.contains("give the user permissions on it"), "{line}");
    control(&broker, &["set_permissions", "replica", ".*", ".*", ".*"]).await;
    load.continues(Instant::now()).await;

    load.all_succeed().await;
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("s3cret")), "{said:#?}");
}

async fn control(broker: &TestBroker, arguments: &[&str]) {
    broker.control(arguments).await.unwrap();
}
