//! What an address has to look like, by what is behind it.

use std::path::PathBuf;

use url::{Host, Url};

use crate::ledger::postgres::PostgresSettings;

/// Where the ledger is.
#[derive(Clone, Debug)]
pub enum LedgerUrl {
    /// One file on this machine.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PostgresSettings>),
}

impl LedgerUrl {
    /// Reads `sqlite:PATH` or `postgres://…`. The error never quotes the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(r#"names no file; write it like "sqlite:ticketd.db""#.into()),
                ":memory:" => Err("would forget every job at a restart; name a file".into()),
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

/// Checks a broker's address. The error never quotes it: it has a password.
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

/// Checks a provider's address: requests and their signatures must not travel in the open.
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

/// Checks a URI reference, by the characters RFC 3986 allows.
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
