//! A cluster that loses a node, and one that falls apart.

use std::time::{Duration, Instant};

use ticketd::worker::Drained;

use super::load::Load;
use crate::harness::{Cluster, until};

const JOBS: usize = 200;
const MORE: usize = 30;

/// Three nodes and all the rest on a small machine: an election may take its time there, and when it
/// began is only known to the second.
const SOON: Duration = Duration::from_secs(20);

/// A wake-up that a node was about to pass on when it was parted from the queue's leader is passed
/// on again after three minutes, RabbitMQ's `dead_letter_worker_publisher_confirm_timeout`.
const PASSED_ON_AGAIN: Duration = Duration::from_secs(240);

/// The node on which queues are declared, which makes it their first leader.
const LEADER: usize = 0;

/// The node that the worker is connected to.
const OURS: usize = 1;

/// One cluster for both: it takes its time to start.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_falls_apart_or_loses_its_leader_loses_and_repeats_nothing() {
    let cluster = Cluster::start().await;
    is_partitioned(&cluster).await;
    loses_its_leader(&cluster).await;
}

async fn is_partitioned(cluster: &Cluster) {
    let mut load = on(cluster).await;
    let worker = load.worker(&cluster.urls[OURS]);
    load.is_under_way().await;
    cluster.isolate(LEADER).await;
    load.goes_on_within(SOON, Instant::now()).await;
    until(async || cluster.seen_by(OURS).await == 2).await;
    cluster.heal(LEADER).await;
    until(async || cluster.seen_by(OURS).await == 3).await;
    // These come by way of the node that was alone.
    load.add(MORE).await;
    load.ends_well_within(PASSED_ON_AGAIN).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

async fn loses_its_leader(cluster: &Cluster) {
    let load = on(cluster).await;
    let worker = load.worker(&cluster.urls[OURS]);
    load.is_under_way().await;
    cluster.kill(LEADER).await;
    load.goes_on_within(SOON, Instant::now()).await;
    load.ends_well_within(PASSED_ON_AGAIN).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

/// Fails unless the jobs' queue has a member on every node and its leader where we believe it.
async fn on(cluster: &Cluster) -> Load {
    let mut load = Load::on(&cluster.urls[LEADER], "", JOBS).await;
    load.env.url.clone_from(&cluster.urls[OURS]);
    let columns = ["-q", "list_queues", "name", "leader", "members"];
    let listed = cluster.control(OURS, &columns).await;
    let queue = load.env.name("jobs.create");
    let line = listed.lines().find(|line| line.starts_with(&queue)).unwrap();
    let (leader, members) = line[queue.len()..].trim().split_once('\t').unwrap();
    assert_eq!(leader, cluster.name(LEADER));
    assert_eq!(members.matches('@').count(), cluster.urls.len(), "{members}");
    load
}
