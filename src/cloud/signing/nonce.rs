//! Request nonces. Alibaba accepts each one once, so a call sent by two workers takes effect once.

use rand::Rng;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::cloud::account::{Account, Credentials};
use crate::job::{ExecutionState, Job, RequestKind};

/// The nonce of the request with this index, from 0, of an operation's step: 32 hex digits. A call
/// has the same nonce whichever worker sends it. A read has a new one each time.
///
/// The provider remembers the nonces of all its customers, and job ids are unique in one
/// installation only, so the nonce of a call is derived from everything that identifies it.
pub(in crate::cloud) fn nonce(
    account: &Account,
    job: &Job,
    execution: &ExecutionState,
    index: usize,
) -> String {
    let bytes: [u8; 16] = match execution.request {
        RequestKind::Call => {
            let key = match &account.credentials {
                Credentials::Key { id, .. } => id.current().expose_secret().to_owned(),
                Credentials::Iam { user, .. } => user.clone(),
            };
            let Job { id, operation, params, .. } = job;
            let call = format!(
                "{}\n{key}\n{operation}\n{id}\n{}\n{index}\n{params}",
                account.name, execution.calls
            );
            let mut half = [0; 16];
            half.copy_from_slice(&Sha256::digest(call)[..16]);
            half
        }
        RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_) => return random(),
    };
    hex::encode(bytes)
}

/// A nonce for a read.
pub(in crate::cloud) fn random() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}
