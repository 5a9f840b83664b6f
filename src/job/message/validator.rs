//! What messages are validated against.

use std::collections::BTreeMap;

use crate::job::{AccessPolicy, AccountName, Catalogue, Provider};

/// Validates messages against the operations, accounts and rights of this worker.
#[derive(Debug)]
pub struct MessageValidator {
    /// The operations.
    pub catalogue: Catalogue,
    /// The configured accounts and their providers.
    pub accounts: BTreeMap<AccountName, Provider>,
    /// Which users may use which accounts.
    pub users: AccessPolicy,
    /// The size limit of a body, in bytes.
    pub max_bytes: usize,
}
