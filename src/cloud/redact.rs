//! Other people's words, fit to be told: providers echo parts of what they refuse, and may say more
//! than anybody reads.

use secrecy::{ExposeSecret, SecretString};

use super::account::Account;
use super::huawei::token::Token;
use crate::job::Failure;
use crate::secret::Secret;

/// The most that is kept of a provider's code, and of its message, in characters.
const LONGEST_CODE: usize = 100;
const LONGEST_MESSAGE: usize = 1000;

/// The failure without the account's secrets, or the token that was used.
pub(super) fn redact(failure: Failure, account: &Account, token: Option<&Token>) -> Failure {
    let configured: Vec<SecretString> =
        account.credentials.secrets().into_iter().flat_map(Secret::all).collect();
    let fetched = token.map(|token| &token.value);
    let secrets: Vec<&str> = configured
        .iter()
        .chain(fetched)
        .map(ExposeSecret::expose_secret)
        .filter(|secret| !secret.is_empty())
        .collect();
    // Cut only then, or what is left of a secret at the cut would not be known as one.
    let masked =
        |text: String| secrets.iter().fold(text, |text, secret| text.replace(secret, "***"));
    let Failure { meaning, code, message, request_id } = failure;
    let cut = |text: String, most| text.chars().take(most).collect();
    let (code, message) = (cut(masked(code), LONGEST_CODE), cut(masked(message), LONGEST_MESSAGE));
    Failure { meaning, code, message, request_id: request_id.map(masked) }
}
