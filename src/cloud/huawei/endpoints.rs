//! Where Huawei's services are. Release packages and system tasks live on two hosts.

use std::collections::BTreeMap;

use crate::cloud::protocol::Service;

/// The services of a region. Huawei adds regions often and names every host alike, so any region
/// that has the form of one is taken.
pub(in crate::cloud) fn defaults(region: &str) -> Result<BTreeMap<Service, String>, String> {
    Ok([(Service::Factory, host("dayu", region)?), (Service::Tasks, host("dayu-dlf", region)?)]
        .into())
}

/// Where tokens of a region are fetched. The European cloud has a domain of its own for it.
pub(in crate::cloud) fn iam(region: &str) -> Result<String, String> {
    match region {
        "eu-west-101" => Ok("https://iam.eu-west-101.myhuaweicloud.eu".to_owned()),
        _ => host("iam", region),
    }
}

fn host(service: &str, region: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || !region.chars().all(legal) {
        return Err(format!("{region:?} is not a Huawei region; one reads like cn-north-4"));
    }
    Ok(format!("https://{service}.{region}.myhuaweicloud.com"))
}
