//! Kills, stops and freezes replicas.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::arguments::Measure;
use crate::book::Book;
use crate::configuration::LEASE;
use crate::jobs::Group;
use crate::plan::moments;
use crate::replicas::{Order, Replica};
use crate::tally::{Tally, add};

/// So many jobs under way make it likely that each replica has one in its hands.
const SEVERAL: usize = 12;

/// The longest that work is waited for.
const BUSY: Duration = Duration::from_secs(4);

/// Everything that is done to replicas, in order.
pub struct Killer {
    deeds: Vec<(Duration, Deed)>,
}

#[derive(Clone, Copy)]
enum Deed {
    Kill,
    Stop,
    Nap,
    LongFreeze,
}

impl Killer {
    /// Draws the moments.
    pub fn new(measure: &Measure, random: &mut StdRng) -> Self {
        let kinds = [
            (Deed::Kill, measure.kills),
            (Deed::Stop, measure.stops),
            (Deed::Nap, measure.freezes / 3),
            (Deed::LongFreeze, measure.freezes - measure.freezes / 3),
        ];
        let mut deeds = Vec::new();
        for (deed, count) in kinds {
            let moments = moments(random, count, measure.span());
            deeds.extend(moments.into_iter().map(|moment| (moment, deed)));
        }
        deeds.sort_by_key(|(moment, _)| *moment);
        Self { deeds }
    }

    /// Does it all, each to any replica it makes sense with, and most often to a busy one.
    pub async fn run(
        self,
        replicas: &[Replica],
        mut random: StdRng,
        start: Instant,
        book: &Book,
        tally: &Tally,
    ) {
        let shared: Vec<_> = replicas.iter().filter(|one| one.group == Group::Shared).collect();
        for (moment, deed) in self.deeds {
            sleep_until(start + moment).await;
            let any = &replicas[random.random_range(0..replicas.len())];
            // Nobody could take over from one that works alone.
            let one = &shared[random.random_range(0..shared.len())];
            match deed {
                Deed::Kill => {
                    if is_busy(book, any.group, 1).await {
                        add(&tally.busy_kills);
                    }
                    any.order(Order::Kill);
                }
                Deed::Stop => any.order(Order::Stop),
                Deed::Nap => {
                    add(&tally.naps);
                    any.order(Order::Freeze(LEASE.mul_f64(random.random_range(0.2..0.8))));
                }
                Deed::LongFreeze => {
                    is_busy(book, one.group, SEVERAL).await;
                    add(&tally.long_freezes);
                    // Others notice within twice the lease, and have the time to act then.
                    one.order(Order::Freeze(LEASE.mul_f64(random.random_range(2.2..3.6))));
                }
            }
        }
    }
}

/// Waits for a while until a group has so many jobs under way; says whether it has.
async fn is_busy(book: &Book, group: Group, jobs: usize) -> bool {
    let under_way = || {
        let pages = book.open();
        let of_group = |id: &&str| pages.accepted.get(*id).is_some_and(|job| job.group == group);
        pages.open().into_iter().filter(of_group).count()
    };
    let busy = async {
        while under_way() < jobs {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BUSY, busy).await.is_ok()
}
