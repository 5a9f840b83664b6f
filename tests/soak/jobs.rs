//! The jobs: of all operations and forms, each with parameters that no other job has, so that every
//! effect at the provider can be told to be the effect of one job.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::simulator::{self, Effect};

use crate::harness::samples;

/// The plugin types of tickets, and the words that make some of them fail at the provider.
const TICKETS: [(&str, &[&str]); 7] = [
    ("DC_COMMON", &["sim:reject", "sim:close", "sim:fail"]),
    ("DC_CHUNK", &["sim:reject", "sim:close", "sim:fail"]),
    ("DC_CRON_CLEAR", &["sim:reject", "sim:close"]),
    ("NDDL", &["sim:reject", "sim:close"]),
    ("DATA_EXPORT", &["sim:reject", "sim:close", "sim:fail"]),
    ("PERM_APPLY", &["sim:reject", "sim:close"]),
    ("OWNER_APPLY", &["sim:reject", "sim:close"]),
];

/// Schema designs are numbered from here; each is published once.
const DESIGNS: i64 = 20_000_000;
/// DataWorks files are numbered from here.
const FILES: i64 = 30_000_000;
/// Release packages are numbered from here, two for a job.
const PACKAGES: i64 = 40_000_000;
/// What has an id from here on fails at the provider.
const FAILING: i64 = 90_000_000;
/// A database to publish to.
const DATABASE: i64 = 17;

/// The shares of chance, in percent.
const FATED: u32 = 8;
const ACCEPTED: u32 = 40;
const LATER: u32 = 6;
const URGENT: u32 = 4;

/// The replicas a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Those that share a ledger.
    Shared,
    /// The one with a file of its own.
    Alone,
}

impl Group {
    pub const ALL: [Group; 2] = [Group::Shared, Group::Alone];

    /// What the names of the group's queues begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Group::Shared => "soak-shared",
            Group::Alone => "soak-alone",
        }
    }
}

/// A valid job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id, which is its correlation id as well.
    pub id: String,
    pub group: Group,
    pub operation: String,
    pub kind: Kind,
    /// What its effect is told by, see [`mark`].
    pub mark: String,
    pub body: Value,
}

/// What an effect is told by: a ticket by the job's id at the head of its Comment, anything else by
/// the number that only one job has.
pub fn mark(effect: &Effect) -> String {
    match (&effect.comment, &effect.target, effect.file_id) {
        (Some(comment), ..) => {
            comment.split_once(". ").map_or(comment.as_str(), |(id, _)| id).into()
        }
        (None, Some(target), _) => format!("design {}", target.order_id),
        (None, None, Some(file)) => format!("file {file}"),
        (None, None, None) => format!("packages {}", effect.package_ids.join(" ")),
    }
}

/// A simulator that knows the numbers above.
pub fn providers() -> simulator::Settings {
    simulator::Settings {
        pace: Duration::from_millis(300),
        lag: Duration::from_millis(400),
        design_orders: (DESIGNS, FILES - 1),
        failing_ids: (FAILING, i64::MAX),
        ..simulator::Settings::default()
    }
}

/// The job with a number, to be sent at that time.
pub fn job(number: u32, at: Timestamp, random: &mut StdRng) -> Job {
    let id = format!("soak-{number}");
    let fated = random.random_ratio(FATED, 100);
    let number = i64::from(number);
    let mut body = match random.random_range(0..100) {
        0..35 => {
            let (plugin_type, words) = TICKETS[random.random_range(0..TICKETS.len())];
            samples::ticket(&id, plugin_type, &comment(&id, words, fated, random))
        }
        35..45 => {
            samples::free_lock(&id, &comment(&id, &["sim:reject", "sim:fail"], fated, random))
        }
        45..65 => samples::publish(&id, DESIGNS + number, if fated { FAILING } else { DATABASE }),
        65..80 => {
            let task_type = ["DI_REALTIME", "DI_SOLUTION"][random.random_range(0..2)];
            samples::file(&id, task_type, FILES + number)
        }
        _ => {
            let first = if fated { FAILING } else { PACKAGES } + 2 * number;
            let ids = [first.to_string(), (first + 1).to_string()];
            samples::packages(&id, &[ids[0].as_str(), &ids[1]][..random.random_range(1..=2)])
        }
    };
    if random.random_ratio(ACCEPTED, 100) {
        body = samples::accepted(body);
    }
    let soon = |random: &mut StdRng, most| {
        at + SignedDuration::from_millis(random.random_range(500..most))
    };
    match random.random_range(0..100) {
        share if share < LATER => body["not_before"] = json!(soon(random, 6_000)),
        share if share < LATER + URGENT => body["deadline"] = json!(soon(random, 8_000)),
        _ => {}
    }
    body["metadata"] = json!({ "soak": number });
    let group = if random.random_ratio(1, 5) { Group::Alone } else { Group::Shared };
    let operation = body["operation"].as_str().unwrap_or_default().to_owned();
    Job {
        mark: mark_of(&id, &body["params"]),
        kind: samples::kind(&body),
        id,
        group,
        operation,
        body,
    }
}

fn comment(id: &str, words: &[&str], fated: bool, random: &mut StdRng) -> String {
    let word = if fated { words[random.random_range(0..words.len())] } else { "" };
    format!("{id}. {word}")
}

/// The mark of the effect that a job with these parameters has.
fn mark_of(id: &str, params: &Value) -> String {
    match (&params["OrderId"], &params["FileId"], &params["package_ids"]) {
        (Value::Number(order), ..) => format!("design {order}"),
        (_, Value::Number(file), _) => format!("file {file}"),
        (_, _, Value::Array(ids)) => {
            let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
            format!("packages {}", ids.join(" "))
        }
        _ => id.to_owned(),
    }
}

/// A message that is no job: its body, and its content type.
pub fn invalid(name: &str, random: &mut StdRng) -> (Vec<u8>, &'static str) {
    let valid = samples::change(name, "soak");
    let json = "application/json";
    match random.random_range(0..5) {
        0 => (format!("{name}: this is no JSON").into_bytes(), json),
        1 => (samples::with(valid, "params", json!({})).to_string().into_bytes(), json),
        2 => {
            (samples::with(valid, "operation", json!("dms.DropAll")).to_string().into_bytes(), json)
        }
        3 => (samples::with(valid, "not_before", json!("tomorrow")).to_string().into_bytes(), json),
        _ => (valid.to_string().into_bytes(), "text/plain"),
    }
}
