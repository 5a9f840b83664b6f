//! An account: a provider, a region, credentials and limits, under a name messages may use.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::protocol::Service;
use crate::job::{AccountName, Provider};
use crate::secret::Secret;

/// How requests are signed.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An access key pair: ACS3-HMAC-SHA256 for Alibaba, SDK-HMAC-SHA256 for Huawei.
    Key {
        /// The public half.
        id: Secret,
        /// The secret half.
        secret: Secret,
        /// The token of a temporary pair.
        security_token: Option<Secret>,
    },
    /// A Huawei IAM user, whose token is fetched and kept.
    Iam {
        /// The user's name.
        user: String,
        /// The name of the domain (account) the user belongs to.
        domain: String,
        /// The user's password.
        password: Secret,
        /// Where tokens are fetched.
        endpoint: Url,
    },
}

impl Credentials {
    /// Every secret in them.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Credentials::Key { id, secret, security_token } => {
                [id, secret].into_iter().chain(security_token).collect()
            }
            Credentials::Iam { password, .. } => vec![password],
        }
    }

    /// Whether one of them changed within that time; the others may be about to.
    pub(super) fn changed_within(&self, time: Duration) -> bool {
        self.secrets().into_iter().any(|secret| secret.changed_within(time))
    }

    /// How often they have changed until now.
    pub(super) fn version(&self) -> u64 {
        self.secrets().into_iter().map(Secret::version).sum()
    }
}

/// An account as configured, checked.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// Whose it is.
    pub provider: Provider,
    /// The provider's region id.
    pub region: String,
    /// How requests are signed.
    pub credentials: Credentials,
    /// Where each of the provider's services is.
    pub endpoints: BTreeMap<Service, Url>,
    /// Huawei project id; empty for Alibaba.
    pub project_id: String,
    /// Huawei DataArts workspace id.
    pub workspace: Option<String>,
    /// Requests a second, at most.
    pub rate_limit: Option<f64>,
    /// Whether all replicas together keep to that, or each of them.
    pub rate_limit_shared: bool,
    /// Name patterns of the users whose jobs may name it; everybody's, if none.
    pub allowed_users: Option<Vec<String>>,
    /// Requests under way at once, at most.
    pub max_concurrent: Option<usize>,
    /// Whether a marker is put at the end of a ticket's Comment; without it a lost create is
    /// `unknown`.
    pub marker: bool,
    /// Whether a `dataworks.DeployDISyncTask` whose answer was lost may be made again unprobed.
    pub redeploy_in_doubt: bool,
    /// Sent as Huawei's `publish_type` when set.
    pub publish_type: Option<String>,
}
