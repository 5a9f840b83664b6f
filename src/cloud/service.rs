//! The providers' services. A new service is one variant, with one entry in [`Service::entry`].

use std::collections::BTreeMap;

use url::Url;

use crate::job::Provider;

/// A service of a provider. Each has an address of its own, and its outages are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Alibaba DMS Enterprise.
    Dms,
    /// Alibaba DataWorks.
    Dataworks,
    /// Huawei DataArts Factory, release packages.
    Factory,
    /// Huawei DataArts Factory, system tasks.
    Tasks,
    /// Huawei IAM, which issues tokens. No operation calls it.
    Iam,
}

/// What differs between services.
struct Entry {
    key: &'static str,
    provider: Provider,
    /// Alibaba's `x-acs-version`. Empty for Huawei, where the path contains the version.
    version: &'static str,
    default_endpoint: fn(region: &str) -> Result<Option<String>, String>,
    /// A read that shows whether the service accepts an account: Alibaba's action and query, or
    /// Huawei's path. What it asks for need not exist.
    access_check: Option<&'static str>,
}

impl Service {
    pub const ALL: [Service; 5] =
        [Service::Dms, Service::Dataworks, Service::Factory, Service::Tasks, Service::Iam];

    fn entry(self) -> Entry {
        match self {
            Service::Dms => Entry {
                key: "dms",
                provider: Provider::Alibaba,
                version: "2018-11-01",
                // One host for all regions.
                default_endpoint: |_| Ok(Some("https://dms-enterprise.aliyuncs.com".to_owned())),
                access_check: Some(
                    "ListOrders?OrderResultType=AS_COMMITTER&OrderStatus=ALL\
                     &PageNumber=1&PageSize=1",
                ),
            },
            Service::Dataworks => Entry {
                key: "dataworks",
                provider: Provider::Alibaba,
                version: "2020-05-18",
                default_endpoint: |region| Ok(dataworks_endpoint(region)),
                access_check: Some("GetDISyncTask?ProjectId=1&TaskType=DI_REALTIME&FileId=1"),
            },
            Service::Factory => Entry {
                key: "factory",
                provider: Provider::Huawei,
                version: "",
                default_endpoint: |region| huawei_host("dayu", region),
                access_check: Some("/v2/{project}/factory/release-packages/0"),
            },
            Service::Tasks => Entry {
                key: "tasks",
                provider: Provider::Huawei,
                version: "",
                default_endpoint: |region| huawei_host("dayu-dlf", region),
                access_check: Some("/v1/{project}/system-tasks/0"),
            },
            Service::Iam => Entry {
                key: "iam",
                provider: Provider::Huawei,
                version: "",
                default_endpoint: |region| match region {
                    // The European cloud has a domain of its own for tokens.
                    "eu-west-101" => Ok(Some(format!("https://iam.{region}.myhuaweicloud.eu"))),
                    _ => huawei_host("iam", region),
                },
                access_check: None,
            },
        }
    }

    /// Its key under an account's `endpoints`, and its label in metrics and logs.
    pub fn key(self) -> &'static str {
        self.entry().key
    }

    pub fn provider(self) -> Provider {
        self.entry().provider
    }

    pub(super) fn version(self) -> &'static str {
        self.entry().version
    }

    pub(super) fn access_check(self) -> Option<&'static str> {
        self.entry().access_check
    }

    /// The services of a provider that operations call.
    pub fn of(provider: Provider) -> impl Iterator<Item = Service> {
        let called =
            move |service: &Service| *service != Service::Iam && service.provider() == provider;
        Service::ALL.into_iter().filter(called)
    }

    /// Its address in a region. `None` if the service is not known to exist there; `Err` says what
    /// is wrong with the region.
    pub fn default_endpoint(self, region: &str) -> Result<Option<Url>, String> {
        let Some(text) = (self.entry().default_endpoint)(region)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| format!("{text} is not a URL: {error}"))
    }
}

/// The addresses in a region of the services that operations call, without those that are not known
/// to exist there. `Err` says what is wrong with the region.
pub fn default_endpoints(
    provider: Provider,
    region: &str,
) -> Result<BTreeMap<Service, Url>, String> {
    let endpoint = |service: Service| {
        let url = service.default_endpoint(region).transpose()?;
        Some(url.map(|url| (service, url)))
    };
    Service::of(provider).filter_map(endpoint).collect()
}

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

/// Regions that share the DataWorks host without a region in its name.
const DATAWORKS_CENTRAL: [&str; 6] = [
    "ap-south-1",
    "ap-southeast-2",
    "cn-beijing-gov-1",
    "cn-hangzhou-finance",
    "cn-huhehaote",
    "cn-qingdao",
];

/// The official client makes up a host for a region it does not know. Here such a region has no
/// DataWorks, so that the configuration must name the host.
fn dataworks_endpoint(region: &str) -> Option<String> {
    if DATAWORKS_REGIONAL.contains(&region) {
        Some(format!("https://dataworks.{region}.aliyuncs.com"))
    } else {
        let central = DATAWORKS_CENTRAL.contains(&region);
        central.then(|| "https://dataworks.aliyuncs.com".to_owned())
    }
}

/// Huawei adds regions often and names all hosts alike, so any well-formed region is accepted.
fn huawei_host(service: &str, region: &str) -> Result<Option<String>, String> {
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || !region.chars().all(is_legal) {
        return Err(format!("{region:?} is not a Huawei region; write it like cn-north-4"));
    }
    Ok(Some(format!("https://{service}.{region}.myhuaweicloud.com")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn host(service: Service, region: &str) -> String {
        service.default_endpoint(region).unwrap().unwrap().to_string()
    }

    #[test]
    fn dms_has_one_host_for_all_regions() {
        for region in ["cn-hangzhou", "us-west-1", "ap-south-1"] {
            assert_eq!(host(Service::Dms, region), "https://dms-enterprise.aliyuncs.com/");
        }
    }

    #[test]
    fn dataworks_has_a_regional_or_the_central_host() {
        let dataworks = |region| host(Service::Dataworks, region);
        assert_eq!(dataworks("cn-shanghai"), "https://dataworks.cn-shanghai.aliyuncs.com/");
        assert_eq!(dataworks("cn-qingdao"), "https://dataworks.aliyuncs.com/");
    }

    #[test]
    fn a_region_without_known_dataworks_still_has_dms() {
        let endpoints = default_endpoints(Provider::Alibaba, "cn-heyuan").unwrap();
        assert_eq!(endpoints.keys().collect::<Vec<_>>(), [&Service::Dms]);
    }

    #[test]
    fn huawei_has_one_host_each_for_packages_tasks_and_tokens() {
        let at = |service| host(service, "cn-north-4");
        assert_eq!(at(Service::Factory), "https://dayu.cn-north-4.myhuaweicloud.com/");
        assert_eq!(at(Service::Tasks), "https://dayu-dlf.cn-north-4.myhuaweicloud.com/");
        assert_eq!(at(Service::Iam), "https://iam.cn-north-4.myhuaweicloud.com/");
        let european = host(Service::Iam, "eu-west-101");
        assert_eq!(european, "https://iam.eu-west-101.myhuaweicloud.eu/");
        let endpoints = default_endpoints(Provider::Huawei, "cn-north-4").unwrap();
        assert_eq!(endpoints.into_keys().collect::<Vec<_>>(), [Service::Factory, Service::Tasks]);
    }

    #[test]
    fn a_region_cannot_contain_another_host() {
        assert!(default_endpoints(Provider::Huawei, "evil.example/").is_err());
        assert!(default_endpoints(Provider::Huawei, "").is_err());
    }
}
