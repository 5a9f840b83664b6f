//! `[accounts.NAME.endpoints]`: where each of a provider's services is.

use std::collections::BTreeMap;

use url::Url;

use super::addresses;
use super::key::Key;
use super::reader::Reader;
use crate::cloud::endpoints::{default_endpoints, default_iam_endpoint};
use crate::cloud::protocol::Service;
use crate::job::Provider;

const ALIBABA: [(&str, Service); 2] = [("dms", Service::Dms), ("dataworks", Service::Dataworks)];
const HUAWEI: [(&str, Service); 2] = [("factory", Service::Factory), ("tasks", Service::Tasks)];

/// The addresses of a provider's services: as set, or else the region's own.
pub(super) fn endpoints(
    reader: &mut Reader<'_>,
    account: &Key,
    provider: Provider,
    region: Option<&str>,
) -> Option<BTreeMap<Service, Url>> {
    let at = account.child("endpoints");
    let (own, foreign) = match provider {
        Provider::Alibaba => (ALIBABA, HUAWEI),
        Provider::Huawei => (HUAWEI, ALIBABA),
    };
    let unfit = format!("is not a service of provider = \"{provider}\"");
    for (name, _) in foreign {
        reader.refuse(&at.child(name), &unfit);
    }
    if provider == Provider::Alibaba {
        reader.refuse(&at.child("iam"), &unfit);
    }
    let set =
        own.map(|(name, service)| (service, reader.get_if(&at.child(name), addresses::endpoint)));
    if own.iter().all(|(name, _)| reader.is_set(&at.child(name))) {
        return set.into_iter().map(|(service, url)| Some((service, url?))).collect();
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
    for ((name, service), (_, set)) in own.into_iter().zip(set) {
        let key = at.child(name);
        if reader.is_set(&key) {
            all.insert(service, set?);
        } else if let Some(url) = defaults.get(&service) {
            note(reader, &key, url, region);
            all.insert(service, url.clone());
        }
    }
    Some(all)
}

/// Where the tokens of an IAM user are fetched.
pub(super) fn iam(reader: &mut Reader<'_>, account: &Key, region: Option<&str>) -> Option<Url> {
    let key = account.child("endpoints").child("iam");
    let set = reader.get_if(&key, addresses::endpoint);
    if reader.is_set(&key) {
        return set;
    }
    let url = default_iam_endpoint(region?).ok()?;
    note(reader, &key, &url, region?);
    Some(url)
}

fn note(reader: &mut Reader<'_>, key: &Key, url: &Url, region: &str) {
    let shown = url.as_str().trim_end_matches('/');
    reader.record(key, shown.into(), Some(format!("default of region {region}")));
}
