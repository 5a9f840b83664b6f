//! The jobs: of every operation and plugin type, each with unique parameters, so that every effect at
//! the provider belongs to exactly one job.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::simulator::{self, Effect};

use crate::support::samples;

/// The plugin types of tickets, with the words in a comment that make a ticket fail.
const TICKETS: [(&str, &[&str]); 7] = [
    ("DC_COMMON", &["sim:reject", "sim:close", "sim:fail"]),
    ("DC_CHUNK", &["sim:reject", "sim:close", "sim:fail"]),
    ("DC_CRON_CLEAR", &["sim:reject", "sim:close"]),
    ("NDDL", &["sim:reject", "sim:close"]),
    ("DATA_EXPORT", &["sim:reject", "sim:close", "sim:fail"]),
    ("PERM_APPLY", &["sim:reject", "sim:close"]),
    ("OWNER_APPLY", &["sim:reject", "sim:close"]),
];

/// First id of the schema designs; each is published once.
const FIRST_DESIGN: i64 = 20_000_000;
/// First id of the DataWorks files.
const FIRST_FILE: i64 = 30_000_000;
/// First id of the release packages, two for each job.
const FIRST_PACKAGE: i64 = 40_000_000;
/// Ids from here on fail at the provider.
const FIRST_FAILING: i64 = 90_000_000;
const DATABASE: i64 = 17;

/// Percentages of jobs.
const FAILING_PERCENT: u32 = 8;
const UNTIL_ACCEPTED_PERCENT: u32 = 40;
const NOT_BEFORE_PERCENT: u32 = 6;
const DEADLINE_PERCENT: u32 = 4;

/// The replicas that a job is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Several replicas that share a ledger.
    Shared,
    /// One replica with its own SQLite file.
    Single,
}

impl Group {
    pub(crate) const ALL: [Group; 2] = [Group::Shared, Group::Single];

    /// The prefix of the group's exchanges and queues.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Group::Shared => "soak-shared",
            Group::Single => "soak-single",
        }
    }
}

/// A valid job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The job id, which is also the correlation id.
    pub id: String,
    pub group: Group,
    pub operation: String,
    pub kind: Kind,
    /// Identifies the effect of the job, see [`effect_key`].
    pub effect_key: String,
    pub body: Value,
}

/// Identifies an effect: that of a ticket by the job id at the start of its Comment, any other by an
/// id that only one job has.
pub(crate) fn effect_key(effect: &Effect) -> String {
    match (&effect.comment, &effect.target, effect.file_id) {
        (Some(comment), ..) => {
            comment.split_once(". ").map_or(comment.as_str(), |(id, _)| id).into()
        }
        (None, Some(target), _) => format!("design {}", target.order_id),
        (None, None, Some(file)) => format!("file {file}"),
        (None, None, None) => format!("packages {}", effect.package_ids.join(" ")),
    }
}

/// The settings of the simulator, with the ids above.
pub(crate) fn simulator_settings() -> simulator::SimulatorSettings {
    simulator::SimulatorSettings {
        pace: Duration::from_millis(300),
        lag: Duration::from_millis(400),
        design_orders: (FIRST_DESIGN, FIRST_FILE - 1),
        failing_ids: (FIRST_FAILING, i64::MAX),
        ..simulator::SimulatorSettings::default()
    }
}

/// A random job with this number, which is sent at this time.
pub(crate) fn job(number: u32, at: Timestamp, random: &mut StdRng) -> Job {
    let id = format!("soak-{number}");
    let fails = random.random_ratio(FAILING_PERCENT, 100);
    let number = i64::from(number);
    let mut body = match random.random_range(0..100) {
        0..35 => {
            let (plugin_type, words) = TICKETS[random.random_range(0..TICKETS.len())];
            samples::ticket(&id, plugin_type, &comment(&id, words, fails, random))
        }
        35..45 => {
            samples::free_lock(&id, &comment(&id, &["sim:reject", "sim:fail"], fails, random))
        }
        45..65 => samples::publish(
            &id,
            FIRST_DESIGN + number,
            if fails { FIRST_FAILING } else { DATABASE },
        ),
        65..80 => {
            let task_type = ["DI_REALTIME", "DI_SOLUTION"][random.random_range(0..2)];
            samples::file(&id, task_type, FIRST_FILE + number)
        }
        _ => {
            let first = if fails { FIRST_FAILING } else { FIRST_PACKAGE } + 2 * number;
            let ids = [first.to_string(), (first + 1).to_string()];
            samples::packages(&id, &[ids[0].as_str(), &ids[1]][..random.random_range(1..=2)])
        }
    };
    if random.random_ratio(UNTIL_ACCEPTED_PERCENT, 100) {
        body = samples::accepted(body);
    }
    let soon = |random: &mut StdRng, max_ms| {
        at + SignedDuration::from_millis(random.random_range(500..max_ms))
    };
    match random.random_range(0..100) {
        share if share < NOT_BEFORE_PERCENT => body["not_before"] = json!(soon(random, 6_000)),
        share if share < NOT_BEFORE_PERCENT + DEADLINE_PERCENT => {
            body["deadline"] = json!(soon(random, 8_000))
        }
        _ => {}
    }
    body["metadata"] = json!({ "soak": number });
    let group = if random.random_ratio(1, 5) { Group::Single } else { Group::Shared };
    let operation = body["operation"].as_str().unwrap_or_default().to_owned();
    Job {
        effect_key: expected_effect_key(&id, &body["params"]),
        kind: samples::kind(&body),
        id,
        group,
        operation,
        body,
    }
}

fn comment(id: &str, words: &[&str], fails: bool, random: &mut StdRng) -> String {
    let word = if fails { words[random.random_range(0..words.len())] } else { "" };
    format!("{id}. {word}")
}

/// The key of the effect of a job with these parameters.
fn expected_effect_key(id: &str, params: &Value) -> String {
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

/// A random invalid message: its body and its content type.
pub(crate) fn invalid(name: &str, random: &mut StdRng) -> (Vec<u8>, &'static str) {
    let valid = samples::change(name, "soak");
    let json = "application/json";
    match random.random_range(0..5) {
        0 => (format!("{name}: this is not JSON").into_bytes(), json),
        1 => (samples::with(valid, "params", json!({})).to_string().into_bytes(), json),
        2 => {
            (samples::with(valid, "operation", json!("dms.DropAll")).to_string().into_bytes(), json)
        }
        3 => (samples::with(valid, "not_before", json!("tomorrow")).to_string().into_bytes(), json),
        _ => (valid.to_string().into_bytes(), "text/plain"),
    }
}
