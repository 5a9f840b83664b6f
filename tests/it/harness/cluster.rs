//! Three nodes that are one broker, and a wall between any of them and the others.

use std::io::Write;

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::broker::software;
use super::handshake;
use super::node::{Node, Software};

/// How many nodes there are: one may be lost.
const NODES: usize = 3;

/// A cluster of private nodes on this machine. It is gone when it is dropped.
pub struct Cluster {
    /// `amqp://` with user and password, of each node.
    pub urls: [String; NODES],
    nodes: [Node; NODES],
    _folder: TempDir,
}

impl Cluster {
    /// # Panics
    /// If it can't be started.
    pub async fn start() -> Self {
        let cluster = async {
            let software = software().await?;
            let started = spawn_blocking(move || started(&software)).await??;
            let version = handshake::version(&started.urls[0]).await?;
            // Said on the stream itself: what passing tests print is swallowed.
            writeln!(std::io::stderr(), "cluster: {NODES} nodes of RabbitMQ {version}")?;
            anyhow::Ok(started)
        };
        cluster.await.unwrap_or_else(|error| panic!("no cluster for this test: {error:#}"))
    }

    /// A node's name among the others.
    pub fn name(&self, node: usize) -> String {
        self.nodes[node].name()
    }

    /// Ends a node with SIGKILL.
    pub async fn kill(&self, node: usize) {
        self.nodes[node].kill().await.unwrap();
    }

    /// Runs `rabbitmqctl` on a node, and returns what that says.
    pub async fn control(&self, node: usize, arguments: &[&str]) -> String {
        self.nodes[node].control(arguments).await.unwrap()
    }

    /// Parts a node from the others: it drops them, and from now on neither believes the other.
    pub async fn isolate(&self, node: usize) {
        self.each_other(node, "erlang:set_cookie(N, elsewhere), erlang:disconnect_node(N)").await;
    }

    /// Ends its isolation.
    pub async fn heal(&self, node: usize) {
        self.each_other(node, "erlang:set_cookie(N, erlang:get_cookie())").await;
    }

    /// How many nodes a node is together with, itself included.
    pub async fn seen_by(&self, node: usize) -> usize {
        let running = self.nodes[node].control(&["eval", "length(rabbit_nodes:all_running())."]);
        running.await.ok().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    async fn each_other(&self, node: usize, what: &str) {
        let others: Vec<String> = (0..NODES)
            .filter(|other| *other != node)
            .map(|other| format!("'{}'", self.name(other)))
            .collect();
        let expression = format!("[begin {what} end || N <- [{}]].", others.join(", "));
        self.control(node, &["eval", &expression]).await;
    }
}

/// The second and the third join the first side by side.
fn started(software: &Software) -> anyhow::Result<Cluster> {
    let folder = TempDir::with_prefix("ticketd-it-")?;
    let first = Node::start(software, folder.path().join("0"), None)?;
    let [second, third] = std::thread::scope(|scope| {
        let joining = [1, 2].map(|number: usize| {
            let (folder, first) = (folder.path().join(number.to_string()), &first);
            scope.spawn(move || Node::start(software, folder, Some(first)))
        });
        joining.map(|node| node.join().unwrap())
    });
    let nodes = [first, second?, third?];
    Ok(Cluster { urls: nodes.each_ref().map(|node| node.url.clone()), nodes, _folder: folder })
}
