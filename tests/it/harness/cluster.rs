//! A cluster of three nodes, with network partitions.

use std::io::Write;

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::broker::software;
use crate::support::handshake;
use crate::support::node::{Node, Software};

/// The number of nodes; one may be lost.
const NODES: usize = 3;

/// A cluster of private nodes on this machine. It is removed on drop.
pub(crate) struct Cluster {
    /// `amqp://` with user and password, of each node.
    pub urls: [String; NODES],
    nodes: [Node; NODES],
    _folder: TempDir,
}

impl Cluster {
    /// # Panics
    /// If it cannot be started.
    pub(crate) async fn start() -> Self {
        let cluster = async {
            let software = software().await?;
            let started = spawn_blocking(move || started(&software)).await??;
            let version = handshake::version(&started.urls[0]).await?;
            // Written to the stream directly: cargo hides what passing tests print.
            writeln!(std::io::stderr(), "cluster: {NODES} nodes of RabbitMQ {version}")?;
            anyhow::Ok(started)
        };
        cluster.await.unwrap_or_else(|error| panic!("no cluster for this test: {error:#}"))
    }

    /// The Erlang name of a node.
    pub(crate) fn name(&self, node: usize) -> String {
        self.nodes[node].name()
    }

    /// Kills a node with SIGKILL.
    pub(crate) async fn kill(&self, node: usize) {
        self.nodes[node].kill().await.unwrap();
    }

    /// Runs `rabbitmqctl` on a node and returns its output.
    pub(crate) async fn control(&self, node: usize, arguments: &[&str]) -> String {
        self.nodes[node].control(arguments).await.unwrap()
    }

    /// Isolates a node from the others, in both directions.
    pub(crate) async fn isolate(&self, node: usize) {
        self.each_other(node, "erlang:set_cookie(N, elsewhere), erlang:disconnect_node(N)").await;
    }

    /// Ends the isolation of a node.
    pub(crate) async fn heal(&self, node: usize) {
        self.each_other(node, "erlang:set_cookie(N, erlang:get_cookie())").await;
    }

    /// The number of running nodes that a node sees, itself included.
    pub(crate) async fn seen_by(&self, node: usize) -> usize {
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

/// The second and third node join the first one at the same time.
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
