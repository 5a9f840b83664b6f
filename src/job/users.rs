//! Who may ask for what. A message's `user_id` is the user of the connection it came on: the broker
//! refuses any other.

use std::collections::BTreeMap;

use super::AccountName;
use super::pattern::fits;

/// Which users may ask for jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPolicy {
    /// Whether a message has to say whose it is.
    pub required: bool,
    /// Name patterns of those who may use an account; an account that is not here is for all.
    pub allowed: BTreeMap<AccountName, Vec<String>>,
}

impl AccessPolicy {
    /// Whether a user may have anything done with an account.
    pub fn may_use(&self, user: Option<&str>, account: &str) -> bool {
        let Some(patterns) = self.allowed.get(account) else { return true };
        user.is_some_and(|user| patterns.iter().any(|pattern| fits(pattern, user)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_for_those_it_names_or_for_all() {
        let allowed = BTreeMap::from([
            ("prod".to_owned(), vec!["alice".to_owned(), "ops-*".to_owned()]),
            ("nobody".to_owned(), Vec::new()),
        ]);
        let users = AccessPolicy { required: false, allowed };
        for (user, account, expected) in [
            (Some("alice"), "prod", true),
            (Some("ops-7"), "prod", true),
            (Some("bob"), "prod", false),
            (None, "prod", false),
            (Some("alice"), "nobody", false),
            (Some("bob"), "test", true),
            (None, "test", true),
        ] {
            assert_eq!(users.may_use(user, account), expected, "{user:?} {account}");
        }
    }
}
