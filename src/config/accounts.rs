//! `[accounts.NAME]`.

use figment::value::Value;
use serde_json::json;

use super::broker::within;
use super::key::SettingKey;
use super::reader::Reader;
use super::value::{ConfigValue, text};
use super::{addresses, credentials};
use crate::cloud::account::{Account, ProviderSettings};
use crate::job::Provider;

/// An account's name is part of every message, log line and event.
const MAX_NAME_LENGTH: usize = 64;

const ALIBABA_ONLY: [&str; 2] = ["marker", "redeploy_in_doubt"];
const HUAWEI_ONLY: [&str; 4] = ["project_id", "workspace", "publish_type", "iam"];

/// Reads all accounts. `replicas` is whether replicas can share the ledger.
pub(super) fn accounts(reader: &mut Reader<'_>, replicas: Option<bool>) -> Option<Vec<Account>> {
    let table = SettingKey::from("accounts");
    let names = reader.names(&table);
    let read: Vec<_> =
        names.into_iter().map(|name| account(reader, &table.child(&name), replicas)).collect();
    read.into_iter().collect()
}

fn account(reader: &mut Reader<'_>, at: &SettingKey, replicas: Option<bool>) -> Option<Account> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = at.name();
    if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.chars().all(legal) {
        let allowed = format!("1 to {MAX_NAME_LENGTH} characters of A-Za-z0-9._-");
        reader.reject(at, format!("an account's name is {allowed}"));
    }
    let Some(provider) = reader.need(&at.child("provider")) else {
        // The other settings depend on the provider, so they are not read.
        reader.asked.insert(at.clone());
        return None;
    };
    let region = reader.need_if(&at.child("region"), validate_region);
    let rate_limit = reader.get::<RequestRate>(&at.child("rate_limit"));
    let rate_limit_shared = read_rate_limit_shared(reader, at, replicas);
    let max_concurrent =
        reader.get_if(&at.child("max_concurrent"), |count: &u64| within(*count, 1, 1000));
    let allowed_users = reader.get(&at.child("allowed_users"));
    let endpoints = addresses::endpoints(reader, at, provider, region.as_deref());
    let credentials = match provider {
        Provider::Alibaba => credentials::key_pair(reader, at),
        Provider::Huawei => credentials::key_pair_or_iam(reader, at, region.as_deref()),
    };
    let provider = match provider {
        Provider::Alibaba => {
            let marker = reader.get_or(&at.child("marker"), true);
            let redeploy_in_doubt = reader.get_or(&at.child("redeploy_in_doubt"), false);
            for name in HUAWEI_ONLY {
                reader.refuse(&at.child(name), "is for accounts with provider = \"huawei\" only");
            }
            Some(ProviderSettings::Alibaba { marker, redeploy_in_doubt })
        }
        Provider::Huawei => {
            let project_id = reader.need(&at.child("project_id"));
            let workspace = reader.get(&at.child("workspace"));
            let publish_type = reader.get(&at.child("publish_type"));
            for name in ALIBABA_ONLY {
                reader.refuse(&at.child(name), "is for accounts with provider = \"alibaba\" only");
            }
            project_id.map(|project_id| ProviderSettings::Huawei {
                project_id,
                workspace,
                publish_type,
            })
        }
    };
    Some(Account {
        name: name.to_owned(),
        region: region?,
        credentials: credentials?,
        endpoints: endpoints?,
        provider: provider?,
        rate_limit: rate_limit.map(|rate| rate.per_second),
        rate_limit_shared,
        allowed_users,
        max_concurrent: max_concurrent.and_then(|count| usize::try_from(count).ok()),
    })
}

/// Whether replicas share the rate limit. That needs a rate limit and a shared ledger.
fn read_rate_limit_shared(
    reader: &mut Reader<'_>,
    at: &SettingKey,
    replicas: Option<bool>,
) -> bool {
    let key = at.child("rate_limit_shared");
    let shared = reader.get_or(&key, false);
    if shared && !reader.is_set(&at.child("rate_limit")) {
        reader.reject(&key, "needs a rate_limit to share; set one");
    } else if shared && replicas == Some(false) {
        reader.reject(&key, "needs a ledger that replicas share: ledger.url = \"postgres://...\"");
    }
    shared
}

fn validate_region(name: &String) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.chars().all(legal) {
        Ok(())
    } else {
        Err(format!("{name:?} is not a region id; write it like \"cn-hangzhou\""))
    }
}

/// Requests per unit of time, such as `10/s` or `100/m`.
struct RequestRate {
    text: String,
    per_second: f64,
}

impl ConfigValue for RequestRate {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(text(value)?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a rate; write it like \"10/s\" or \"100/m\"");
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let count: u32 = number.parse().map_err(|_| wrong())?;
        if count == 0 {
            return Err("must allow at least one request".into());
        }
        Ok(Self { text: text.to_owned(), per_second: f64::from(count) / seconds })
    }

    fn display(&self) -> serde_json::Value {
        json!(self.text)
    }
}

impl ConfigValue for Provider {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(text(value)?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "alibaba" => Ok(Provider::Alibaba),
            "huawei" => Ok(Provider::Huawei),
            other => Err(format!("{other:?} is not one of \"alibaba\", \"huawei\"")),
        }
    }

    fn display(&self) -> serde_json::Value {
        json!(self.to_string())
    }
}
