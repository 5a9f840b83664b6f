//! Where Alibaba's services are.

use std::collections::BTreeMap;

use crate::cloud::protocol::Service;

/// DMS has one host for all regions.
const DMS: &str = "https://dms-enterprise.aliyuncs.com";

/// Regions whose DataWorks has a host of its own.
const DATAWORKS_REGIONAL: [&str; 23] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-chengdu",
    "cn-hangzhou",
    "cn-hongkong",
    "cn-north-2-gov-1",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "us-east-1",
    "us-west-1",
];

/// Regions served by the one host without a region in its name.
const DATAWORKS_CENTRAL: [&str; 6] = [
    "ap-south-1",
    "ap-southeast-2",
    "cn-beijing-gov-1",
    "cn-hangzhou-finance",
    "cn-huhehaote",
    "cn-qingdao",
];

/// The services of a region. The official client invents a DataWorks host for a region it does not
/// know; we leave the service out.
pub(in crate::cloud) fn defaults(region: &str) -> BTreeMap<Service, String> {
    let dataworks = if DATAWORKS_REGIONAL.contains(&region) {
        Some(format!("https://dataworks.{region}.aliyuncs.com"))
    } else if DATAWORKS_CENTRAL.contains(&region) {
        Some("https://dataworks.aliyuncs.com".to_owned())
    } else {
        None
    };
    let dataworks = dataworks.map(|host| (Service::Dataworks, host));
    [(Service::Dms, DMS.to_owned())].into_iter().chain(dataworks).collect()
}
