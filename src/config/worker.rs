//! `[http]`, `[ledger]`, `[worker]` and `[admin]`.

use std::net::SocketAddr;
use std::time::Duration;

use figment::value::Value;
use serde_json::json;

use super::addresses::LedgerUrl;
use super::broker::within;
use super::durations;
use super::key::SettingKey;
use super::reader::Reader;
use super::value::{ConfigValue, text};
use crate::cloud::http;

/// The largest prefetch of a quorum queue.
const MAX_CONCURRENCY: u64 = 2000;

/// A duplicate wake-up that arrives after the job was deleted would run the job again.
const MIN_RETENTION: Duration = Duration::from_secs(60 * 60);

/// The value of `admin.address` for no address.
const OFF: &str = "off";

/// Where jobs are stored, and how long.
#[derive(Clone, Debug)]
pub struct LedgerSettings {
    pub url: LedgerUrl,
    /// How long a claim is valid without a save.
    pub lease: Duration,
    /// How long a finished job is stored.
    pub retention: Duration,
}

/// How many jobs a replica runs, and how it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The maximum number of jobs in progress, and the prefetch.
    pub concurrency: u16,
    /// The time to finish requests when the worker stops.
    pub grace: Duration,
}

pub(super) fn http(reader: &mut Reader<'_>) -> Option<http::HttpSettings> {
    let connect_key = SettingKey::from("http.connect_timeout");
    let connect_timeout = reader.need_if(&connect_key, positive);
    let timeout = reader.need_if(&SettingKey::from("http.timeout"), positive);
    let (connect_timeout, timeout) = (connect_timeout?, timeout?);
    if connect_timeout > timeout {
        let limit = reader.describe_source("http.timeout", timeout);
        reader.reject(&connect_key, format!("must not be longer than {limit}"));
    }
    Some(http::HttpSettings { connect_timeout, timeout })
}

pub(super) fn ledger(
    reader: &mut Reader<'_>,
    http: Option<http::HttpSettings>,
) -> Option<LedgerSettings> {
    let url = reader.need_url(&SettingKey::from("ledger.url"), LedgerUrl::parse);
    let lease_key = SettingKey::from("ledger.lease");
    let lease = reader.need_if(&lease_key, positive);
    let retention = reader.need_if(&SettingKey::from("ledger.retention"), min_retention);
    if let (Some(lease), Some(http)) = (lease, http) {
        let request = http.timeout + http.connect_timeout;
        if lease <= request {
            let request = durations::format(request);
            reader.reject(
                &lease_key,
                format!(
                    "must be longer than http.timeout and connect_timeout together ({request})"
                ),
            );
        }
    }
    let url = match url? {
        (source, LedgerUrl::Postgres(settings)) => {
            LedgerUrl::Postgres(Box::new(settings.kept_in(source)))
        }
        (_, file @ LedgerUrl::Sqlite(_)) => file,
    };
    Some(LedgerSettings { url, lease: lease?, retention: retention? })
}

pub(super) fn worker(reader: &mut Reader<'_>) -> Option<WorkerSettings> {
    let concurrency = reader.need_if(&SettingKey::from("worker.concurrency"), |count: &u64| {
        within(*count, 1, MAX_CONCURRENCY)
    });
    let grace = reader.need_if(&SettingKey::from("worker.grace"), positive);
    Some(WorkerSettings { concurrency: u16::try_from(concurrency?).ok()?, grace: grace? })
}

fn min_retention(retention: &Duration) -> Result<(), String> {
    if *retention < MIN_RETENTION {
        let least = durations::format(MIN_RETENTION);
        return Err(format!(
            "must be at least {least}: a message still on its way would run a deleted job again"
        ));
    }
    Ok(())
}

pub(super) fn positive(duration: &Duration) -> Result<(), String> {
    if duration.is_zero() { Err("must be longer than 0s".into()) } else { Ok(()) }
}

/// The address for metrics and health; none if it is off.
pub(super) fn admin(reader: &mut Reader<'_>) -> Option<Option<SocketAddr>> {
    reader.need(&SettingKey::from("admin.address"))
}

impl ConfigValue for Option<SocketAddr> {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(text(value)?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(None);
        }
        let address = text.parse().map_err(|_| {
            format!("{text:?} is not an address with a port, such as 127.0.0.1:9464, nor \"off\"")
        })?;
        Ok(Some(address))
    }

    fn display(&self) -> serde_json::Value {
        self.map_or(json!(OFF), |address| json!(address.to_string()))
    }
}
