//! `[accounts.NAME.endpoints]`: where each of a provider's services is.

use std::collections::BTreeMap;

use url::Url;

use super::addresses;
use super::key::Key;
use super::reader::Reader;
use crate::cloud::service::{Service, default_endpoints};
use crate::job::Provider;

/// The addresses of a provider's services: as set, or else the region's own.
pub(super) fn endpoints(
    reader: &mut Reader<'_>,
    account: &Key,
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
            let url = reader.get_if(&key, addresses::endpoint);
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
            note(reader, &at.child(service.key()), url, region);
            all.insert(service, url.clone());
        }
    }
    Some(all)
}

/// Where the tokens of an IAM user are fetched.
pub(super) fn iam(reader: &mut Reader<'_>, account: &Key, region: Option<&str>) -> Option<Url> {
    let key = account.child("endpoints").child(Service::Iam.key());
    let set = reader.get_if(&key, addresses::endpoint);
    if reader.is_set(&key) {
        return set;
    }
    let url = Service::Iam.default_endpoint(region?).ok()??;
    note(reader, &key, &url, region?);
    Some(url)
}

fn note(reader: &mut Reader<'_>, key: &Key, url: &Url, region: &str) {
    let shown = url.as_str().trim_end_matches('/');
    reader.record(key, shown.into(), Some(format!("default of region {region}")));
}
