//! Secrets that are renewed while a worker runs.

use ticketd::job::Kind;
use ticketd::simulator;

use crate::harness::{Proxy, TestEnv, own_broker};
use crate::jobs::tickets::{id, ticket};
use crate::replicas::process::Process;

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_access_key_signs_the_next_call() {
    let mut simulated = simulator::SimulatorSettings::default();
    let mut another = simulated.alibaba[0].clone();
    another.id = "sim-alibaba-key-2".to_owned();
    another.secret = "sim-alibaba-secret-2".to_owned();
    simulated.alibaba.push(another.clone());
    let mut env = TestEnv::with("", simulated).await;
    let worker = Process::ready(&env).await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.outcome(&id(1)).await;
    let folder = env.configuration().parent().unwrap().to_owned();
    std::fs::write(folder.join("ali-id"), &another.id).unwrap();
    std::fs::write(folder.join("ali-secret"), format!("{}\n", another.secret)).unwrap();
    env.submit(Kind::Create, &ticket(2, "")).await;
    assert_eq!(env.outcome(&id(2)).await["data"]["state"], "succeeded");
    let keys: Vec<String> = env.simulator.effects().into_iter().map(|it| it.key).collect();
    assert_eq!(keys, ["sim-alibaba-key", "sim-alibaba-key-2"]);
    worker.signal("TERM").await;
    let (_, said) = worker.end().await;
    assert!(said.iter().any(|line| line.contains("a secret has changed")), "{said:#?}");
    let secrets = ["sim-alibaba-secret", "sim-alibaba-key"];
    assert!(!said.iter().any(|line| secrets.iter().any(|it| line.contains(it))), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_password_opens_the_next_connection() {
    let broker = own_broker().await;
    let control = async |arguments: &[&str]| broker.control(arguments).await.unwrap();
    control(&["add_user", "replica", "s3cret"]).await;
    control(&["set_permissions", "replica", ".*", ".*", ".*"]).await;
    let mut env = TestEnv::on_broker(broker.url.clone()).await;
    let proxy = Proxy::to(&broker.url).await;
    let url = |password: &str| proxy.url.replace("guest:guest", &format!("replica:{password}"));
    let file = env.configuration().with_file_name("broker-url");
    std::fs::write(&file, url("s3cret")).unwrap();
    let mut command = env.process();
    command.env_remove("TICKETD_BROKER__URL").env("TICKETD_BROKER__URL__FILE", &file);
    let mut worker = Process::start(command);
    worker.says("ready for jobs").await;

    control(&["change_password", "replica", "an0ther"]).await;
    std::fs::write(&file, url("an0ther")).unwrap();
    proxy.cut();
    worker.says("connected again").await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "succeeded");
    worker.signal("TERM").await;
    let (_, said) = worker.end().await;
    let published = |line: &String| line.contains("s3cret") || line.contains("an0ther");
    assert!(!said.iter().any(published), "{said:#?}");
}
