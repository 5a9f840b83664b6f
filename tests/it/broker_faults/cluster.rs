//! A cluster that loses a node, and a partitioned cluster.

use std::time::{Duration, Instant};

use ticketd::worker::Drained;

use super::load::Load;
use crate::harness::{Cluster, until};

const JOBS: usize = 200;
const MORE_JOBS: usize = 30;

/// Limit of an election with three nodes on a small machine. Its start is known to the second only.
const MAX_ELECTION: Duration = Duration::from_secs(20);

/// RabbitMQ forwards a wake-up again after `dead_letter_worker_publisher_confirm_timeout` (three
/// minutes) if the node that was forwarding it lost the queue's leader.
const MAX_FORWARDING_DELAY: Duration = Duration::from_secs(240);

/// The node on which queues are declared and which is therefore their first leader.
const LEADER: usize = 0;

/// The node that the worker is connected to.
const WORKER_NODE: usize = 1;

/// One cluster for both cases, because it starts slowly.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_or_a_lost_leader_loses_and_repeats_no_job() {
    let cluster = Cluster::start().await;
    is_partitioned(&cluster).await;
    loses_its_leader(&cluster).await;
}

async fn is_partitioned(cluster: &Cluster) {
    let mut load = on(cluster).await;
    let worker = load.worker(&cluster.urls[WORKER_NODE]);
    load.has_started().await;
    cluster.isolate(LEADER).await;
    load.continues_within(MAX_ELECTION, Instant::now()).await;
    until(async || cluster.seen_by(WORKER_NODE).await == 2).await;
    cluster.heal(LEADER).await;
    until(async || cluster.seen_by(WORKER_NODE).await == 3).await;
    // These are published through the node that was isolated.
    load.add(MORE_JOBS).await;
    load.all_succeed_within(MAX_FORWARDING_DELAY).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

async fn loses_its_leader(cluster: &Cluster) {
    let load = on(cluster).await;
    let worker = load.worker(&cluster.urls[WORKER_NODE]);
    load.has_started().await;
    cluster.kill(LEADER).await;
    load.continues_within(MAX_ELECTION, Instant::now()).await;
    load.all_succeed_within(MAX_FORWARDING_DELAY).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

/// Starts the load and asserts that the queue of jobs has a member on every node and the expected leader.
async fn on(cluster: &Cluster) -> Load {
    let mut load = Load::on(&cluster.urls[LEADER], "", JOBS).await;
    load.env.url.clone_from(&cluster.urls[WORKER_NODE]);
    let columns = ["-q", "list_queues", "name", "leader", "members"];
    let listed = cluster.control(WORKER_NODE, &columns).await;
    let queue = load.env.name("jobs.create");
    let line = listed.lines().find(|line| line.starts_with(&queue)).unwrap();
    let (leader, members) = line[queue.len()..].trim().split_once('\t').unwrap();
    assert_eq!(leader, cluster.name(LEADER));
    assert_eq!(members.matches('@').count(), cluster.urls.len(), "{members}");
    load
}
