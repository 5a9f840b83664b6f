//! TLS with certificates on both sides.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use ticketd::broker::{Broker, BrokerSettings, Error};

use crate::harness::{Authority, Node, TestEnv, own_node};
use crate::jobs::tickets::{id, ticket};
use crate::replicas::process::Process;

/// A node that accepts only TLS with a client certificate of our authority.
struct Private {
    node: Node,
    port: u16,
}

impl Private {
    async fn trusting(ours: &Authority) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let node = own_node(|folder| {
            let server = ours.sign(folder, "localhost");
            let (ca, certificate) = (ours.put(folder, "ours"), server.certificate);
            format!(
                "listeners.ssl.1 = 127.0.0.1:{port}\n\
                 ssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
                 ssl_options.keyfile = {}\nssl_options.verify = verify_peer\n\
                 ssl_options.fail_if_no_peer_cert = true\n",
                ca.display(),
                certificate.display(),
                server.key.display()
            )
        });
        drop(listener);
        Self { node: node.await, port }
    }

    fn url(&self, host: &str) -> String {
        format!("amqps://guest:guest@{host}:{}/%2f", self.port)
    }

    fn folder(&self) -> &Path {
        &self.node.folder
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_and_worker_verify_each_others_certificates() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let private = Private::trusting(&ours).await;
    let folder = private.folder();
    let env = TestEnv::new("").await;
    let (ca, wrong) = (folder.join("ours.pem"), other.put(folder, "other"));
    let known = ours.sign(folder, "ticketd");
    let known = (known.certificate, known.key);
    let stranger = other.sign(&folder.join("stranger"), "ticketd");
    let stranger = (stranger.certificate, stranger.key);
    let with = |host: &str, ca: Option<&Path>, identity: Option<&(_, _)>| BrokerSettings {
        url: private.url(host).into(),
        ca: ca.map(Path::to_owned),
        client_certificate: identity.cloned(),
        ..env.settings.broker.clone()
    };
    Broker::connect(&with("localhost", Some(&ca), Some(&known))).await.unwrap().close().await;
    for (what, settings) in [
        ("no certificate of ours", with("localhost", Some(&ca), None)),
        ("a stranger's certificate", with("localhost", Some(&ca), Some(&stranger))),
        ("another authority", with("localhost", Some(&wrong), Some(&known))),
        ("the system's authorities", with("localhost", None, Some(&known))),
        ("another host's certificate", with("127.0.0.1", Some(&ca), Some(&known))),
    ] {
        let Err(error) = Broker::connect(&settings).await else { panic!("connected with {what}") };
        assert!(matches!(error, Error::Tls { .. }), "{what}: {error:?}");
        let line = error.to_string();
        assert!(line.contains("correct the ca and client certificate files"), "{what}: {line}");
        assert!(!line.contains("guest:guest"), "{what}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_uses_a_renewed_certificate() {
    let ours = Authority::new("ours");
    let private = Private::trusting(&ours).await;
    let folder = private.folder();
    let known = ours.sign(folder, "ticketd");
    let mut env = TestEnv::on_broker(private.node.url.clone()).await;
    let mut command = env.process();
    command
        .env("TICKETD_BROKER__URL", private.url("localhost"))
        .env("TICKETD_BROKER__CA", folder.join("ours.pem"))
        .env("TICKETD_BROKER__CLIENT_CERTIFICATE", &known.certificate)
        .env("TICKETD_BROKER__CLIENT_KEY", &known.key);
    let mut worker = Process::start(command);
    worker.says("ready for jobs").await;
    env.submit(ticketd::job::Kind::Create, &ticket(1, "")).await;
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "succeeded");

    // The certificate is replaced, and the broker refuses the old one.
    std::fs::write(&known.certificate, "no certificate").unwrap();
    close(&private.node).await;
    worker.says("connection lost").await;
    ours.sign(folder, "ticketd");
    worker.says("connected again").await;
    env.follow_again().await;
    env.submit(ticketd::job::Kind::Create, &ticket(2, "")).await;
    assert_eq!(env.outcome(&id(2)).await["data"]["state"], "succeeded");
}

async fn close(node: &Node) {
    node.control(&["close_all_connections", "renewed"]).await.unwrap();
}
