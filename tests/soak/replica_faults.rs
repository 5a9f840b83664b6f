//! Kills, stops and freezes of replicas.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::arguments::Scale;
use crate::counters::{Counters, increment};
use crate::jobs::Group;
use crate::journal::Journal;
use crate::random::times;
use crate::replicas::{Command, Replica};
use crate::worker_config::LEASE;

/// With this many jobs in progress each replica probably has one.
const BUSY_JOBS: usize = 12;

/// Longest wait for a group to be busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(4);

/// The faults of the whole soak, in order.
pub(crate) struct ReplicaFaults {
    faults: Vec<(Duration, ReplicaFault)>,
}

#[derive(Clone, Copy)]
enum ReplicaFault {
    Kill,
    Stop,
    ShortFreeze,
    LongFreeze,
}

impl ReplicaFaults {
    /// Draws the times of the faults.
    pub(crate) fn new(scale: &Scale, random: &mut StdRng) -> Self {
        let kinds = [
            (ReplicaFault::Kill, scale.kills),
            (ReplicaFault::Stop, scale.stops),
            (ReplicaFault::ShortFreeze, scale.freezes / 3),
            (ReplicaFault::LongFreeze, scale.freezes - scale.freezes / 3),
        ];
        let mut faults = Vec::new();
        for (fault, count) in kinds {
            let times = times(random, count, scale.span());
            faults.extend(times.into_iter().map(|time| (time, fault)));
        }
        faults.sort_by_key(|(time, _)| *time);
        Self { faults }
    }

    /// Injects the faults, each into a random replica.
    pub(crate) async fn run(
        self,
        replicas: &[Replica],
        mut random: StdRng,
        start: Instant,
        journal: &Journal,
        counters: &Counters,
    ) {
        let shared: Vec<_> = replicas.iter().filter(|one| one.group == Group::Shared).collect();
        for (time, fault) in self.faults {
            sleep_until(start + time).await;
            let any = &replicas[random.random_range(0..replicas.len())];
            // A long freeze needs other replicas that take over.
            let one = &shared[random.random_range(0..shared.len())];
            match fault {
                ReplicaFault::Kill => {
                    if wait_until_busy(journal, any.group, 1).await {
                        increment(&counters.busy_kills);
                    }
                    any.send(Command::Kill);
                }
                ReplicaFault::Stop => any.send(Command::Stop),
                ReplicaFault::ShortFreeze => {
                    increment(&counters.short_freezes);
                    any.send(Command::Freeze(LEASE.mul_f64(random.random_range(0.2..0.8))));
                }
                ReplicaFault::LongFreeze => {
                    wait_until_busy(journal, one.group, BUSY_JOBS).await;
                    increment(&counters.long_freezes);
                    // Other replicas notice within two leases and then have time to act.
                    one.send(Command::Freeze(LEASE.mul_f64(random.random_range(2.2..3.6))));
                }
            }
        }
    }
}

/// Waits until a group has this many jobs in progress. Returns false after the timeout.
async fn wait_until_busy(journal: &Journal, group: Group, jobs: usize) -> bool {
    let in_progress = || {
        let entries = journal.lock();
        let in_group = |id: &&str| entries.accepted.get(*id).is_some_and(|job| job.group == group);
        entries.unfinished().into_iter().filter(in_group).count()
    };
    let busy = async {
        while in_progress() < jobs {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BUSY_TIMEOUT, busy).await.is_ok()
}
