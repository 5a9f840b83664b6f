//! The configuration: files and environment variables in, checked settings out.
//!
//! Three layers lie over each other, later ones winning: `config/default.toml`, built in; the files
//! named by `--config`; variables `TICKETD_TABLE__KEY`. Every problem is reported at once, one line
//! each. The environment is an argument, so nothing here looks at the process it runs in; only the
//! files that settings name are read.

mod accounts;
mod addresses;
mod admin;
mod broker;
mod credentials;
mod durations;
mod endpoints;
mod forms;
mod key;
mod layers;
mod policies;
mod problem;
mod reader;
mod secrets;
mod show;
#[cfg(test)]
mod tests;
mod unknown;
mod variables;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use addresses::LedgerUrl;
pub use admin::Admin;
pub use broker::Events;
pub use durations::{format as format_duration, parse as parse_duration};
pub use layers::Layer;
pub use problem::{Problem, Problems};
pub use show::{Setting, as_toml};
pub use worker::{Ledger, Worker};

use crate::cloud::{account::Account, http};
use crate::job::policy::Policies;

/// The exit code of a process whose configuration is wrong, as in `sysexits.h`.
pub const EX_CONFIG: u8 = 78;

/// The built-in settings, with a comment for each: the operator's reference.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// What `ticketd demo` lays over them.
pub const DEMO: &str = include_str!("../../config/demo.toml");

/// Everything that is configured, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker, and who may be replied to.
    pub broker: crate::broker::settings::BrokerSettings,
    /// What events say about where they come from.
    pub events: Events,
    /// Where and how long jobs are remembered.
    pub ledger: Ledger,
    /// How a replica works.
    pub worker: Worker,
    /// Where metrics and health are shown.
    pub admin: Admin,
    /// How long we wait for a provider.
    pub http: http::HttpSettings,
    /// The accounts, by name; there may be none, which is enough to submit jobs and follow events.
    pub accounts: Vec<Account>,
    /// How patient we are, per operation.
    pub policies: Policies,
}

/// A configuration taken apart, right or wrong.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Every value that could be read, fit to be shown; in the order of `config/default.toml`.
    pub values: Vec<Setting>,
    /// The settings, or everything that is wrong with them.
    pub settings: Result<Settings, Problems>,
}

/// Reads the configuration: `files` over the built-in settings, `environment` over the files.
/// `environment` also holds the secrets that are written as `{ env = "NAME" }`.
pub fn load(
    files: &[PathBuf],
    environment: impl IntoIterator<Item = (String, String)>,
    known_operations: &[&str],
) -> Result<Settings, Problems> {
    let layers: Vec<Layer> = files.iter().cloned().map(Layer::File).collect();
    examine(&layers, environment, known_operations).settings
}

/// Reads the configuration from any layers, and keeps what `config print` shows.
pub fn examine(
    layers: &[Layer],
    environment: impl IntoIterator<Item = (String, String)>,
    known_operations: &[&str],
) -> Examined {
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    let (layers, unreadable) = layers::Layers::lay(layers, &environment, known_operations);
    let mut reader = reader::Reader::new(&layers, &environment);
    reader.problems = unreadable;
    let settings = read(&mut reader, known_operations);
    reader.reject_unknown();
    let settings = match settings {
        Some(settings) if reader.problems.is_empty() => Ok(settings),
        Some(_) | None => Err(Problems(reader.problems)),
    };
    Examined { values: reader.settings, settings }
}

/// The variables of this process that are text; [`std::env::vars`] would panic on others.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads every section before giving up on any, so that all problems are seen.
fn read(reader: &mut reader::Reader<'_>, known_operations: &[&str]) -> Option<Settings> {
    let broker = broker::broker(reader);
    let events = broker::events(reader);
    let http = worker::http(reader);
    let ledger = worker::ledger(reader, http);
    let worker = worker::worker(reader);
    let admin = admin::admin(reader);
    let timeout = http.map(|http| http.timeout);
    let policies = policies::policies(reader, known_operations, timeout);
    let replicas = ledger.as_ref().map(|ledger| matches!(ledger.url, LedgerUrl::Postgres(_)));
    let accounts = accounts::accounts(reader, replicas);
    Some(Settings {
        broker: broker?,
        events: events?,
        ledger: ledger?,
        worker: worker?,
        admin: admin?,
        http: http?,
        accounts: accounts?,
        policies: policies?,
    })
}
