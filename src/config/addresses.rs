//! Addresses: of the ledger, the broker and the providers' services.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::{Host, Url};

use super::key::SettingKey;
use super::reader::Reader;
use crate::cloud::service::{Service, default_endpoints};
use crate::job::Provider;
use crate::ledger::postgres::PostgresSettings;

/// The address of the ledger.
#[derive(Clone, Debug)]
pub enum LedgerUrl {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<PostgresSettings>),
}

impl LedgerUrl {
    /// Reads `sqlite:PATH` or `postgres://…`. The error never quotes the text, which can contain a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(r#"names no file; write it like "sqlite:ticketd.db""#.into()),
                ":memory:" => Err("would lose every job at a restart; name a file".into()),
                path if path.contains('?') => Err("takes no options after a '?'".into()),
                path => Ok(LedgerUrl::Sqlite(PathBuf::from(path))),
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(LedgerUrl::Postgres(Box::new(PostgresSettings::parse(text)?)));
        }
        Err("must begin with sqlite: or postgres://".into())
    }
}

/// Checks the broker's address. The error never quotes it, because it contains a password.
pub(super) fn broker(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|cause| format!("is not a URL: {cause}"))?;
    if !["amqp", "amqps"].contains(&url.scheme()) {
        return Err("must begin with amqp:// or amqps://".into());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".into());
    }
    if url.fragment().is_some() {
        return Err("has a '#'; write it as %23 inside a password".into());
    }
    if url.path().trim_start_matches('/').contains('/') {
        return Err("has a '/' in its virtual host; write it as %2f".into());
    }
    Ok(url)
}

/// Checks a provider's address. Requests and their signatures must be encrypted.
pub(super) fn endpoint(url: &Url) -> Result<(), String> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("names no host".into()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user or password in it; use access_key_id and so on".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a '?' or '#'; ticketd adds the query".into());
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => {
            Err("must be https; plain http is for 127.0.0.1, [::1] and localhost only".into())
        }
        _ => Err("must begin with https://".into()),
    }
}

/// Checks the characters of a URI reference (RFC 3986).
pub(super) fn uri_reference(text: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    if let Some(c) = text.chars().find(|c| !legal(*c)) {
        return Err(format!("has the character {c:?}, which a URI can't have; write it as %XX"));
    }
    let escapes_are_whole = text
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit()));
    if !escapes_are_whole {
        return Err("has a '%' without two hexadecimal digits after it".into());
    }
    Ok(())
}

/// `[accounts.NAME.endpoints]`: the addresses of the services, by default those of the region.
pub(super) fn endpoints(
    reader: &mut Reader<'_>,
    account: &SettingKey,
    provider: Provider,
    region: Option<&str>,
) -> Option<BTreeMap<Service, Url>> {
    let at = account.child("endpoints");
    let foreign = format!("is not a service of provider = \"{provider}\"");
    for service in Service::ALL.into_iter().filter(|service| service.provider() != provider) {
        reader.refuse(&at.child(service.key()), &foreign);
    }
    let read: Vec<_> = Service::of(provider)
        .map(|service| {
            let key = at.child(service.key());
            let url = reader.get_if(&key, endpoint);
            (service, reader.is_set(&key), url)
        })
        .collect();
    if read.iter().all(|(_, is_set, _)| *is_set) {
        return read.into_iter().map(|(service, _, url)| Some((service, url?))).collect();
    }
    let region = region?;
    let defaults = match default_endpoints(provider, region) {
        Ok(defaults) => defaults,
        Err(message) => {
            reader.reject(&account.child("region"), message);
            return None;
        }
    };
    let mut all = BTreeMap::new();
    for (service, is_set, url) in read {
        if is_set {
            all.insert(service, url?);
        } else if let Some(url) = defaults.get(&service) {
            record_default(reader, &at.child(service.key()), url, region);
            all.insert(service, url.clone());
        }
    }
    Some(all)
}

/// The address for fetching tokens of an IAM user.
pub(super) fn iam_endpoint(
    reader: &mut Reader<'_>,
    account: &SettingKey,
    region: Option<&str>,
) -> Option<Url> {
    let key = account.child("endpoints").child(Service::Iam.key());
    let set = reader.get_if(&key, endpoint);
    if reader.is_set(&key) {
        return set;
    }
    let url = Service::Iam.default_endpoint(region?).ok()??;
    record_default(reader, &key, &url, region?);
    Some(url)
}

fn record_default(reader: &mut Reader<'_>, key: &SettingKey, url: &Url, region: &str) {
    let shown = url.as_str().trim_end_matches('/');
    reader.record(key, shown.into(), Some(format!("default of region {region}")));
}
