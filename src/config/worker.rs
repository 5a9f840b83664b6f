//! `[http]`, `[ledger]` and `[worker]`.

use std::time::Duration;

use super::addresses::LedgerUrl;
use super::broker::within;
use super::durations;
use super::key::Key;
use super::reader::Reader;
use crate::cloud::http;

/// A quorum queue refuses a larger prefetch.
const MOST_CONCURRENT: u64 = 2000;

/// The shortest time a finished job is remembered. A wake-up that was sent twice would run a job that
/// is forgotten when the second one comes.
const SHORTEST_RETENTION: Duration = Duration::from_secs(60 * 60);

/// Where and how long jobs are remembered.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Where it is.
    pub url: LedgerUrl,
    /// How long a claim holds without a save.
    pub lease: Duration,
    /// How long a finished job is kept.
    pub retention: Duration,
}

/// How a replica works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Jobs in progress at once, which is also the prefetch.
    pub concurrency: u16,
    /// How long a stop may take before it is no longer clean.
    pub grace: Duration,
}

pub(super) fn http(reader: &mut Reader<'_>) -> Option<http::HttpSettings> {
    let connect_key = Key::from("http.connect_timeout");
    let connect_timeout = reader.need_if(&connect_key, positive);
    let timeout = reader.need_if(&Key::from("http.timeout"), positive);
    let (connect_timeout, timeout) = (connect_timeout?, timeout?);
    if connect_timeout > timeout {
        let limit = reader.told("http.timeout", timeout);
        reader.reject(&connect_key, format!("must not be longer than {limit}"));
    }
    Some(http::HttpSettings { connect_timeout, timeout })
}

pub(super) fn ledger(reader: &mut Reader<'_>, http: Option<http::HttpSettings>) -> Option<Ledger> {
    let url = reader.need_guarded_url(&Key::from("ledger.url"), LedgerUrl::parse);
    let lease_key = Key::from("ledger.lease");
    let lease = reader.need_if(&lease_key, positive);
    let retention = reader.need_if(&Key::from("ledger.retention"), long_enough);
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
    Some(Ledger { url, lease: lease?, retention: retention? })
}

pub(super) fn worker(reader: &mut Reader<'_>) -> Option<Worker> {
    let concurrency = reader.need_if(&Key::from("worker.concurrency"), |count: &u64| {
        within(*count, 1, MOST_CONCURRENT)
    });
    let grace = reader.need_if(&Key::from("worker.grace"), positive);
    Some(Worker { concurrency: u16::try_from(concurrency?).ok()?, grace: grace? })
}

fn long_enough(retention: &Duration) -> Result<(), String> {
    if *retention < SHORTEST_RETENTION {
        let least = durations::format(SHORTEST_RETENTION);
        return Err(format!(
            "must be at least {least}: a message still on its way would run a forgotten job again"
        ));
    }
    Ok(())
}

/// Checks a duration that can't be nothing.
pub(super) fn positive(duration: &Duration) -> Result<(), String> {
    if duration.is_zero() { Err("must be longer than 0s".into()) } else { Ok(()) }
}
