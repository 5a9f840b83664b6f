//! Accounts at a running simulator, for tests and the demo.

use std::collections::BTreeMap;

use url::Url;

use super::RunningSimulator;
use super::settings::AccessKeyPair;
use crate::cloud::account::{Account, Credentials, ProviderSettings};
use crate::cloud::service::Service;
use crate::job::Provider;
use crate::secret::Secret;

impl RunningSimulator {
    /// An account with the Alibaba key: the temporary one if `sts`. None if there is no such key.
    pub fn alibaba(&self, name: &str, sts: bool) -> Option<Account> {
        let credentials = key(&self.state.settings.alibaba, sts)?;
        Some(self.account(name, Provider::Alibaba, credentials))
    }

    /// An account with the Huawei key: the temporary one if `sts`. None if there is no such key.
    pub fn huawei(&self, name: &str, sts: bool) -> Option<Account> {
        let credentials = key(&self.state.settings.huawei, sts)?;
        Some(self.account(name, Provider::Huawei, credentials))
    }

    /// An account with the Huawei IAM user.
    #[cfg(test)]
    pub fn huawei_user(&self, name: &str) -> Account {
        let user = &self.state.settings.user;
        let credentials = Credentials::Iam {
            user: user.name.clone(),
            domain: user.domain.clone(),
            password: Secret::from(user.password.as_str()),
            endpoint: self.url(),
        };
        self.account(name, Provider::Huawei, credentials)
    }

    fn account(&self, name: &str, provider: Provider, credentials: Credentials) -> Account {
        let settings = &self.state.settings;
        let endpoints: BTreeMap<Service, Url> =
            Service::of(provider).map(|service| (service, self.url())).collect();
        let (region, provider) = match provider {
            Provider::Alibaba => {
                let own = ProviderSettings::Alibaba { marker: true, redeploy_in_doubt: false };
                ("cn-hangzhou", own)
            }
            Provider::Huawei => {
                let (project_id, workspace) =
                    (settings.project_id.clone(), settings.workspace.clone());
                let own = ProviderSettings::Huawei { project_id, workspace, publish_type: None };
                ("cn-north-4", own)
            }
        };
        Account {
            name: name.to_owned(),
            region: region.to_owned(),
            credentials,
            endpoints,
            provider,
            rate_limit: None,
            rate_limit_shared: false,
            allowed_users: None,
            max_concurrent: None,
        }
    }
}

fn key(keys: &[AccessKeyPair], sts: bool) -> Option<Credentials> {
    let key = keys.iter().find(|key| key.security_token.is_some() == sts)?;
    Some(Credentials::Key {
        id: Secret::from(key.id.as_str()),
        secret: Secret::from(key.secret.as_str()),
        security_token: key.security_token.as_deref().map(Secret::from),
    })
}
