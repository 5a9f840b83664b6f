//! A worker without a broker.

use crate::harness::TestEnv;
use crate::replicas::process::Process;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_broker_is_one_line() {
    let env = TestEnv::new("").await;
    let mut command = env.process();
    command.env("TICKETD_BROKER__URL", "amqp://guest:hidden@127.0.0.1:1/%2f");
    let (status, said) = Process::start(command).end().await;
    assert_eq!(status.code(), Some(1));
    let [line] = said.as_slice() else { panic!("not one line: {said:#?}") };
    assert!(line.contains("127.0.0.1:1") && !line.contains("hidden"), "{line}");
}
