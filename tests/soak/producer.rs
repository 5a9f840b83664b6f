//! Sends the jobs. A job counts as accepted when the broker has confirmed it. An unconfirmed message is
//! sent again, so the broker may receive a duplicate.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::BasicProperties;
use rand::Rng;
use serde_json::json;
use ticketd::job::Kind;
use tokio::time::{Instant, sleep, sleep_until};

use crate::arguments::Scale;
use crate::counters::{Counters, increment};
use crate::jobs::{self, Group, Job};
use crate::journal::Journal;
use crate::random::{generator, times};
use crate::raw_client::RawClient;

/// One of this many jobs is sent twice.
const DUPLICATE_RATIO: u32 = 25;

/// One of this many jobs is followed by an invalid message, another one by a message with the id of an
/// existing job and other content.
const INVALID_RATIO: u32 = 80;

/// Longest time between a job and its duplicate.
const MAX_DUPLICATE_DELAY: Duration = Duration::from_secs(12);

const RETRY_INTERVAL: Duration = Duration::from_millis(200);

enum Dispatch {
    Job(Box<Job>),
    Invalid {
        name: String,
        kind: Kind,
        body: Vec<u8>,
        content_type: &'static str,
    },
    /// A message with the id of a finished job and other content.
    Conflict {
        name: String,
    },
}

/// All messages of the soak, in order.
pub(crate) struct Producer {
    dispatches: Vec<(Duration, Dispatch)>,
}

impl Producer {
    /// Draws the messages. `start` is the start of the time span.
    pub(crate) fn new(scale: &Scale, start: Timestamp) -> Self {
        let mut random = generator(scale.seed, "producer");
        let mut dispatches = Vec::new();
        for (number, at) in (0_u32..).zip(times(&mut random, scale.jobs, scale.span())) {
            let sent_at = start + SignedDuration::try_from(at).unwrap_or_default();
            let job = Box::new(jobs::job(number, sent_at, &mut random));
            if random.random_ratio(1, DUPLICATE_RATIO) {
                let later = at + MAX_DUPLICATE_DELAY.mul_f64(random.random());
                dispatches.push((later, Dispatch::Job(job.clone())));
            }
            dispatches.push((at, Dispatch::Job(job)));
            if number % INVALID_RATIO == INVALID_RATIO / 4 {
                let name = format!("invalid-{number}");
                let kind = Kind::ALL[random.random_range(0..Kind::ALL.len())];
                let (body, content_type) = jobs::invalid(&name, &mut random);
                dispatches.push((at, Dispatch::Invalid { name, kind, body, content_type }));
            }
            if number % INVALID_RATIO == INVALID_RATIO / 2 {
                let name = format!("conflict-{number}");
                dispatches.push((at, Dispatch::Conflict { name }));
            }
        }
        dispatches.sort_by_key(|(at, _)| *at);
        Self { dispatches }
    }

    /// Sends each message at its time, or as soon as the broker accepts it.
    pub(crate) async fn run(
        self,
        url: String,
        start: Instant,
        journal: Arc<Journal>,
        counters: Arc<Counters>,
    ) {
        let mut client = RawClient::new(url);
        for (at, dispatch) in self.dispatches {
            sleep_until(start + at).await;
            let Some((group, message)) = message(&dispatch, &journal) else { continue };
            while publish(&mut client, group, &message).await.is_err() {
                increment(&counters.republished);
                sleep(RETRY_INTERVAL).await;
            }
            let mut entries = journal.lock();
            match dispatch {
                Dispatch::Job(job) => {
                    entries.accepted.insert(job.id.clone(), *job);
                }
                Dispatch::Invalid { name, .. } | Dispatch::Conflict { name } => {
                    entries.invalid.insert(name);
                }
            }
        }
    }
}

struct OutgoingMessage {
    kind: Kind,
    body: Vec<u8>,
    properties: BasicProperties,
}

/// None for a conflict while no job is finished.
fn message(dispatch: &Dispatch, journal: &Journal) -> Option<(Group, OutgoingMessage)> {
    let (group, kind, body, content_type, name) = match dispatch {
        Dispatch::Job(job) => {
            (job.group, job.kind, job.body.to_string().into_bytes(), "application/json", &job.id)
        }
        Dispatch::Invalid { name, kind, body, content_type } => {
            (Group::Shared, *kind, body.clone(), *content_type, name)
        }
        Dispatch::Conflict { name } => {
            let entries = journal.lock();
            let job = entries.accepted.values().find(|job| entries.has_outcome(&job.id))?;
            let mut body = job.body.clone();
            body["metadata"] = json!({ "soak": name });
            (job.group, job.kind, body.to_string().into_bytes(), "application/json", name)
        }
    };
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type(content_type.into())
        .with_correlation_id(name.as_str().into());
    Some((group, OutgoingMessage { kind, body, properties }))
}

async fn publish(
    client: &mut RawClient,
    group: Group,
    message: &OutgoingMessage,
) -> anyhow::Result<()> {
    let exchange = format!("{}.jobs", group.prefix());
    let properties = message.properties.clone();
    client.publish(&exchange, message.kind.as_str(), &message.body, properties).await
}
