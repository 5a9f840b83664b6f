//! `[retry]`, `[probe]` and `[poll]`, for all operations and for one operation.

use std::collections::BTreeMap;
use std::time::Duration;

use super::broker::within;
use super::durations;
use super::key::SettingKey;
use super::reader::Reader;
use super::worker::positive;
use crate::job::policy::{Policies, Policy, Poll, Probe, Retry};
use crate::job::suggest::nearest;

pub(super) fn policies(
    reader: &mut Reader<'_>,
    known_operations: &[&str],
    timeout: Option<Duration>,
) -> Option<Policies> {
    let default = policy(reader, &SettingKey::from(""), None, timeout);
    let mut operations = BTreeMap::new();
    let table = SettingKey::from("operations");
    for name in reader.names(&table) {
        let at = table.child(&name);
        if !known_operations.contains(&name.as_str()) {
            reader.asked.insert(at.clone());
            reader.reject(&at, unknown_operation(&name, known_operations));
            continue;
        }
        let own = policy(reader, &at, default, timeout);
        operations.insert(name, own);
    }
    let operations: Option<BTreeMap<_, _>> =
        operations.into_iter().map(|(name, policy)| Some((name, policy?))).collect();
    Some(Policies { default: default?, operations: operations? })
}

fn unknown_operation(name: &str, known: &[&str]) -> String {
    let family = format!("{name}.");
    if let Some(other) = known.iter().find(|other| other.starts_with(&family)) {
        return format!("needs quotes: [operations.\"{other}\".retry]");
    }
    match nearest(name, known.iter().copied()) {
        Some(other) => format!("is not an operation; did you mean {other:?}?"),
        None => format!("is not an operation; there are {}", known.join(", ")),
    }
}

/// Reads the three tables under `at`. Keys that are not set come from `base`. `config/default.toml`
/// sets all of them for the general policy, which has none.
fn policy(
    reader: &mut Reader<'_>,
    at: &SettingKey,
    base: Option<Policy>,
    timeout: Option<Duration>,
) -> Option<Policy> {
    let retry = retry(reader, &at.child("retry"), base.map(|base| base.retry));
    let probe = probe(reader, &at.child("probe"), base.map(|base| base.probe), timeout);
    let poll = poll(reader, &at.child("poll"), base.map(|base| base.poll));
    Some(Policy { retry: retry?, probe: probe?, poll: poll? })
}

fn retry(reader: &mut Reader<'_>, at: &SettingKey, base: Option<Retry>) -> Option<Retry> {
    let initial = reader.get_if(&at.child("initial"), positive);
    let multiplier = reader.get_if(&at.child("multiplier"), |factor: &f64| {
        let growing = factor.is_finite() && *factor >= 1.0;
        if growing { Ok(()) } else { Err(format!("is {factor}; must be 1 or more")) }
    });
    let jitter = reader.get_if(&at.child("jitter"), |share: &f64| {
        let share_is_one = (0.0..=1.0).contains(share);
        if share_is_one { Ok(()) } else { Err(format!("is {share}; must be from 0 to 1")) }
    });
    let max_interval = reader.get_if(&at.child("max_interval"), positive);
    let max_attempts = reader
        .get_if(&at.child("max_attempts"), |tries: &u64| within(*tries, 1, u64::from(u32::MAX)));
    let max_elapsed = reader.get_if(&at.child("max_elapsed"), positive);
    let retry = Retry {
        initial: initial.or(base.map(|base| base.initial))?,
        multiplier: multiplier.or(base.map(|base| base.multiplier))?,
        jitter: jitter.or(base.map(|base| base.jitter))?,
        max_interval: max_interval.or(base.map(|base| base.max_interval))?,
        max_attempts: match max_attempts {
            Some(tries) => u32::try_from(tries).ok()?,
            None => base.map(|base| base.max_attempts)?,
        },
        max_elapsed: max_elapsed.or(base.map(|base| base.max_elapsed))?,
    };
    check_order(reader, at, ("initial", retry.initial), ("max_interval", retry.max_interval));
    Some(retry)
}

fn probe(
    reader: &mut Reader<'_>,
    at: &SettingKey,
    base: Option<Probe>,
    timeout: Option<Duration>,
) -> Option<Probe> {
    let settle_key = at.child("settle");
    let settle = reader.get_if(&settle_key, positive);
    let interval = reader.get_if(&at.child("interval"), positive);
    let tries =
        reader.get_if(&at.child("tries"), |tries: &u64| within(*tries, 1, u64::from(u32::MAX)));
    if let (Some(settle), Some(timeout)) = (settle, timeout)
        && settle < timeout
    {
        let least = reader.describe_source("http.timeout", timeout);
        let why = "the lost call may still be on its way";
        reader.reject(&settle_key, format!("must be at least {least}: {why}"));
    }
    Some(Probe {
        settle: settle.or(base.map(|base| base.settle))?,
        interval: interval.or(base.map(|base| base.interval))?,
        tries: match tries {
            Some(tries) => u32::try_from(tries).ok()?,
            None => base.map(|base| base.tries)?,
        },
    })
}

fn poll(reader: &mut Reader<'_>, at: &SettingKey, base: Option<Poll>) -> Option<Poll> {
    let interval = reader.get_if(&at.child("interval"), positive);
    let max_interval = reader.get_if(&at.child("max_interval"), positive);
    let people_interval = reader.get_if(&at.child("people_interval"), positive);
    let poll = Poll {
        interval: interval.or(base.map(|base| base.interval))?,
        max_interval: max_interval.or(base.map(|base| base.max_interval))?,
        people_interval: people_interval.or(base.map(|base| base.people_interval))?,
    };
    check_order(reader, at, ("interval", poll.interval), ("max_interval", poll.max_interval));
    Some(poll)
}

/// Checks that `low` is not longer than `high`, if either is set here.
fn check_order(
    reader: &mut Reader<'_>,
    at: &SettingKey,
    low: (&str, Duration),
    high: (&str, Duration),
) {
    let (low_key, high_key) = (at.child(low.0), at.child(high.0));
    let set_here = reader.is_set(&low_key) || reader.is_set(&high_key);
    if set_here && low.1 > high.1 {
        let low_is_newer = reader.layer_index(&low_key) > reader.layer_index(&high_key);
        let key = if low_is_newer { low_key } else { high_key };
        let (low_is, high_is) = (durations::format(low.1), durations::format(high.1));
        let message =
            format!("{} ({low_is}) must not be longer than {} ({high_is})", low.0, high.0);
        reader.reject(&key, message);
    }
}
