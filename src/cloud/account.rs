//! An account: a provider, a region, credentials and limits, under the name that messages use.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::service::Service;
use crate::job::{AccountName, Provider};
use crate::secret::Secret;

/// How requests are signed.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An access key pair: ACS3-HMAC-SHA256 for Alibaba, SDK-HMAC-SHA256 for Huawei.
    Key {
        id: Secret,
        secret: Secret,
        /// Belongs to a temporary key pair.
        security_token: Option<Secret>,
    },
    /// A Huawei IAM user. Requests carry a token that is fetched with the password.
    Iam {
        user: String,
        /// The domain (account) of the user.
        domain: String,
        password: Secret,
        /// The address of IAM.
        endpoint: Url,
    },
}

impl Credentials {
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Credentials::Key { id, secret, security_token } => {
                [id, secret].into_iter().chain(security_token).collect()
            }
            Credentials::Iam { password, .. } => vec![password],
        }
    }

    /// Whether one of the secrets changed within that time. The others may be about to change.
    pub(super) fn changed_within(&self, time: Duration) -> bool {
        self.secrets().into_iter().any(|secret| secret.changed_within(time))
    }

    /// The number of changes of the secrets so far.
    pub(super) fn version(&self) -> u64 {
        self.secrets().into_iter().map(Secret::version).sum()
    }
}

/// The settings that only one provider has.
#[derive(Clone, Debug)]
pub enum ProviderSettings {
    Alibaba {
        /// Whether a marker is added to the Comment of each ticket. Without it, a lost create is
        /// `unknown`.
        marker: bool,
        /// Whether a `dataworks.DeployDISyncTask` whose answer was lost may be repeated unprobed.
        redeploy_in_doubt: bool,
    },
    Huawei {
        project_id: String,
        /// The DataArts workspace id.
        workspace: Option<String>,
        /// Sent as `publish_type` when set.
        publish_type: Option<String>,
    },
}

/// An account as configured and checked.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: AccountName,
    /// The provider's region id.
    pub region: String,
    pub credentials: Credentials,
    pub endpoints: BTreeMap<Service, Url>,
    pub provider: ProviderSettings,
    /// Maximum requests per second.
    pub rate_limit: Option<f64>,
    /// Whether `rate_limit` holds for all replicas together, or for each of them.
    pub rate_limit_shared: bool,
    /// Name patterns of the users whose jobs may use the account. Without any, all may.
    pub allowed_users: Option<Vec<String>>,
    /// Maximum requests in flight.
    pub max_concurrent: Option<usize>,
}

impl Account {
    pub fn provider(&self) -> Provider {
        match self.provider {
            ProviderSettings::Alibaba { .. } => Provider::Alibaba,
            ProviderSettings::Huawei { .. } => Provider::Huawei,
        }
    }

    pub(super) fn marker(&self) -> bool {
        matches!(self.provider, ProviderSettings::Alibaba { marker: true, .. })
    }

    pub(super) fn redeploy_in_doubt(&self) -> bool {
        matches!(self.provider, ProviderSettings::Alibaba { redeploy_in_doubt: true, .. })
    }

    /// Huawei's project id. Empty for Alibaba.
    pub fn project_id(&self) -> &str {
        match &self.provider {
            ProviderSettings::Alibaba { .. } => "",
            ProviderSettings::Huawei { project_id, .. } => project_id,
        }
    }

    pub(super) fn publish_type(&self) -> Option<&str> {
        match &self.provider {
            ProviderSettings::Alibaba { .. } => None,
            ProviderSettings::Huawei { publish_type, .. } => publish_type.as_deref(),
        }
    }
}
