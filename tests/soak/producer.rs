//! Sends everything. A job counts as accepted when the broker has confirmed it, and what was not
//! confirmed is sent again: a duplicate perhaps, as in life.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::BasicProperties;
use rand::Rng;
use serde_json::json;
use ticketd::job::Kind;
use tokio::time::{Instant, sleep, sleep_until};

use crate::arguments::Measure;
use crate::book::Book;
use crate::jobs::{self, Group, Job};
use crate::outsider::Outsider;
use crate::plan::{moments, random};
use crate::tally::{Tally, add};

/// Of so many jobs one is sent a second time.
const AGAIN: u32 = 25;

/// Of so many jobs one is followed by an invalid message, or by one that takes its id for another
/// content.
const INVALID: u32 = 80;

/// The longest a second copy follows the first.
const ECHO: Duration = Duration::from_secs(12);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Something to be sent. Whatever else a producer may ask for has its place here.
enum Dispatch {
    Job(Box<Job>),
    Invalid {
        name: String,
        kind: Kind,
        body: Vec<u8>,
        content_type: &'static str,
    },
    /// The id of a job that is over, with other content.
    Conflict {
        name: String,
    },
}

/// Everything there is to send, in order.
pub struct Producer {
    dispatches: Vec<(Duration, Dispatch)>,
}

impl Producer {
    /// Draws it all. `start` is when the span begins.
    pub fn new(measure: &Measure, start: Timestamp) -> Self {
        let mut random = random(measure.seed, "producer");
        let mut dispatches = Vec::new();
        for (number, at) in (0_u32..).zip(moments(&mut random, measure.jobs, measure.span())) {
            let begins = start + SignedDuration::try_from(at).unwrap_or_default();
            let job = Box::new(jobs::job(number, begins, &mut random));
            if random.random_ratio(1, AGAIN) {
                let later = at + ECHO.mul_f64(random.random());
                dispatches.push((later, Dispatch::Job(job.clone())));
            }
            dispatches.push((at, Dispatch::Job(job)));
            if number % INVALID == INVALID / 4 {
                let name = format!("invalid-{number}");
                let kind = Kind::ALL[random.random_range(0..Kind::ALL.len())];
                let (body, content_type) = jobs::invalid(&name, &mut random);
                dispatches.push((at, Dispatch::Invalid { name, kind, body, content_type }));
            }
            if number % INVALID == INVALID / 2 {
                let name = format!("conflict-{number}");
                dispatches.push((at, Dispatch::Conflict { name }));
            }
        }
        dispatches.sort_by_key(|(at, _)| *at);
        Self { dispatches }
    }

    /// Sends it all, each at its moment or as soon as the broker takes it.
    pub async fn run(self, url: String, start: Instant, book: Arc<Book>, tally: Arc<Tally>) {
        let mut outsider = Outsider::new(url);
        for (at, dispatch) in self.dispatches {
            sleep_until(start + at).await;
            let Some((group, message)) = message(&dispatch, &book) else { continue };
            while publish(&mut outsider, group, &message).await.is_err() {
                add(&tally.republished);
                sleep(PAUSE).await;
            }
            let mut pages = book.open();
            match dispatch {
                Dispatch::Job(job) => {
                    pages.accepted.insert(job.id.clone(), *job);
                }
                Dispatch::Invalid { name, .. } | Dispatch::Conflict { name } => {
                    pages.invalid.insert(name);
                }
            }
        }
    }
}

struct Message {
    kind: Kind,
    body: Vec<u8>,
    properties: BasicProperties,
}

/// None for a conflict with no job to be in conflict with.
fn message(dispatch: &Dispatch, book: &Book) -> Option<(Group, Message)> {
    let (group, kind, body, content_type, name) = match dispatch {
        Dispatch::Job(job) => {
            (job.group, job.kind, job.body.to_string().into_bytes(), "application/json", &job.id)
        }
        Dispatch::Invalid { name, kind, body, content_type } => {
            (Group::Shared, *kind, body.clone(), *content_type, name)
        }
        Dispatch::Conflict { name } => {
            let pages = book.open();
            let job = pages.accepted.values().find(|job| pages.is_over(&job.id))?;
            let mut body = job.body.clone();
            body["metadata"] = json!({ "soak": name });
            (job.group, job.kind, body.to_string().into_bytes(), "application/json", name)
        }
    };
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type(content_type.into())
        .with_correlation_id(name.as_str().into());
    Some((group, Message { kind, body, properties }))
}

async fn publish(outsider: &mut Outsider, group: Group, message: &Message) -> anyhow::Result<()> {
    let exchange = format!("{}.jobs", group.prefix());
    let properties = message.properties.clone();
    outsider.publish(&exchange, message.kind.as_str(), &message.body, properties).await
}
