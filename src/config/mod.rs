//! The configuration: files and environment variables in, checked settings out.
//!
//! Later layers override earlier ones: `config/default.toml`, which is built in; the files of
//! `--config`; variables `TICKETD_TABLE__KEY`. All problems are reported at once, one line each. The
//! environment is an argument; the only files that are read are those that settings name.

mod accounts;
mod addresses;
mod broker;
mod credentials;
mod display;
mod durations;
mod key;
mod layers;
mod policies;
mod reader;
mod secrets;
#[cfg(test)]
mod tests;
mod value;
mod worker;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use addresses::LedgerUrl;
pub use display::{ConfigProblem, ConfigProblems, Setting, as_toml};
pub use durations::{format as format_duration, parse as parse_duration};
pub use layers::{DEFAULT, Layer};
pub use worker::{LedgerSettings, WorkerSettings};

use crate::broker::settings::BrokerSettings;
use crate::cloud::{account::Account, http};
use crate::job::policy::Policies;

/// The exit code for a wrong configuration, from `sysexits.h`.
pub const EX_CONFIG: u8 = 78;

/// The settings of `ticketd demo`, over the built-in ones.
pub const DEMO: &str = include_str!("../../config/demo.toml");

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub broker: BrokerSettings,
    /// The CloudEvents `source` of every event, a URI reference.
    pub event_source: String,
    pub ledger: LedgerSettings,
    pub worker: WorkerSettings,
    /// The address for metrics and health; none if it is off.
    pub admin: Option<SocketAddr>,
    pub http: http::HttpSettings,
    /// Can be empty: submitting jobs and following events needs no account.
    pub accounts: Vec<Account>,
    pub policies: Policies,
}

/// The result of loading, for `config check` and `config print`.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// Every value that could be read, in the order of `config/default.toml`.
    pub values: Vec<Setting>,
    pub settings: Result<Settings, ConfigProblems>,
}

/// Loads the built-in settings, `files` and `environment`, which also contains the secrets that are
/// written as `{ env = "NAME" }`.
pub fn load(
    files: &[PathBuf],
    environment: impl IntoIterator<Item = (String, String)>,
    known_operations: &[&str],
) -> Result<Settings, ConfigProblems> {
    let layers: Vec<Layer> = files.iter().cloned().map(Layer::File).collect();
    load_with_report(&layers, environment, known_operations).settings
}

/// Loads any layers, and keeps every value for `config print`.
pub fn load_with_report(
    layers: &[Layer],
    environment: impl IntoIterator<Item = (String, String)>,
    known_operations: &[&str],
) -> LoadReport {
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    let (layers, unreadable) = layers::Layers::merge(layers, &environment, known_operations);
    let mut reader = reader::Reader::new(&layers, &environment);
    reader.problems = unreadable;
    let settings = read(&mut reader, known_operations);
    reader.reject_unknown();
    let settings = match settings {
        Some(settings) if reader.problems.is_empty() => Ok(settings),
        Some(_) | None => Err(ConfigProblems(reader.problems)),
    };
    LoadReport { values: reader.settings, settings }
}

/// The variables of this process that are UTF-8; [`std::env::vars`] panics on others.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads every section, also after an error, so that all problems are reported.
fn read(reader: &mut reader::Reader<'_>, known_operations: &[&str]) -> Option<Settings> {
    let broker = broker::broker(reader);
    let event_source = broker::event_source(reader);
    let http = worker::http(reader);
    let ledger = worker::ledger(reader, http);
    let worker = worker::worker(reader);
    let admin = worker::admin(reader);
    let timeout = http.map(|http| http.timeout);
    let policies = policies::policies(reader, known_operations, timeout);
    let replicas = ledger.as_ref().map(|ledger| matches!(ledger.url, LedgerUrl::Postgres(_)));
    let accounts = accounts::accounts(reader, replicas);
    Some(Settings {
        broker: broker?,
        event_source: event_source?,
        ledger: ledger?,
        worker: worker?,
        admin: admin?,
        http: http?,
        accounts: accounts?,
        policies: policies?,
    })
}
