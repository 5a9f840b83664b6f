//! Request nonces. Alibaba takes each one once, which guards a call that two workers might send.

use rand::Rng;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::account::{Account, Credentials};
use crate::job::{ExecutionState, Job, RequestKind};

/// The nonce of a question's request, counted from 0: 32 hex digits. A call has the same one
/// wherever it is made from; a read a new one each time.
///
/// The provider remembers nonces across all of its customers, and job ids are unique in one
/// installation only: so it is made from all that makes the call this one.
pub(super) fn nonce(
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

/// A nonce of a request that is like no other.
pub(super) fn random() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}
