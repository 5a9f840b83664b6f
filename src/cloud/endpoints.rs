//! Default addresses of the services, per provider and region.

use std::collections::BTreeMap;

use url::Url;

use super::protocol::Service;
use super::{alibaba, huawei};
use crate::job::Provider;

/// Where a provider's services are in a region; or, in one line, why that can't be told. A service
/// that is not known to be in the region is left out.
pub fn default_endpoints(
    provider: Provider,
    region: &str,
) -> Result<BTreeMap<Service, Url>, String> {
    let texts = match provider {
        Provider::Alibaba => alibaba::endpoints::defaults(region),
        Provider::Huawei => huawei::endpoints::defaults(region)?,
    };
    texts.into_iter().map(|(service, text)| Ok((service, parse(&text)?))).collect()
}

/// Where Huawei's tokens are fetched in a region.
pub fn default_iam_endpoint(region: &str) -> Result<Url, String> {
    parse(&huawei::endpoints::iam(region)?)
}

fn parse(text: &str) -> Result<Url, String> {
    text.parse().map_err(|error| format!("{text} is not an address: {error}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn host(provider: Provider, region: &str, service: Service) -> String {
        default_endpoints(provider, region).unwrap()[&service].to_string()
    }

    #[test]
    fn dms_is_on_one_host_whatever_the_region() {
        for region in ["cn-hangzhou", "us-west-1", "ap-south-1"] {
            let dms = host(Provider::Alibaba, region, Service::Dms);
            assert_eq!(dms, "https://dms-enterprise.aliyuncs.com/");
        }
    }

    #[test]
    fn dataworks_is_on_the_host_of_its_region_or_the_central_one() {
        let dataworks = |region| host(Provider::Alibaba, region, Service::Dataworks);
        assert_eq!(dataworks("cn-shanghai"), "https://dataworks.cn-shanghai.aliyuncs.com/");
        assert_eq!(dataworks("cn-qingdao"), "https://dataworks.aliyuncs.com/");
    }

    #[test]
    fn a_region_that_is_not_known_to_have_dataworks_has_dms_all_the_same() {
        let endpoints = default_endpoints(Provider::Alibaba, "cn-heyuan").unwrap();
        assert_eq!(endpoints.keys().collect::<Vec<_>>(), [&Service::Dms]);
    }

    #[test]
    fn huawei_has_a_host_for_packages_one_for_tasks_and_one_for_tokens() {
        let at = |service| host(Provider::Huawei, "cn-north-4", service);
        assert_eq!(at(Service::Factory), "https://dayu.cn-north-4.myhuaweicloud.com/");
        assert_eq!(at(Service::Tasks), "https://dayu-dlf.cn-north-4.myhuaweicloud.com/");
        let iam = default_iam_endpoint("cn-north-4").unwrap();
        assert_eq!(iam.as_str(), "https://iam.cn-north-4.myhuaweicloud.com/");
        let european = default_iam_endpoint("eu-west-101").unwrap();
        assert_eq!(european.as_str(), "https://iam.eu-west-101.myhuaweicloud.eu/");
    }

    #[test]
    fn a_region_can_not_smuggle_another_host_in() {
        assert!(default_endpoints(Provider::Huawei, "evil.example/").is_err());
        assert!(default_endpoints(Provider::Huawei, "").is_err());
    }
}
