//! Which users may use which accounts. RabbitMQ verifies a message's `user_id`: it refuses any other
//! name than that of the connection's user.

use std::collections::BTreeMap;

use wildmatch::WildMatchPattern;

use super::AccountName;

/// Which users may use which accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPolicy {
    /// Whether every message must have a `user_id`.
    pub required: bool,
    /// Name patterns of the users who may use an account. An account without an entry is open to all.
    pub allowed: BTreeMap<AccountName, Vec<String>>,
}

impl AccessPolicy {
    /// Whether a user may use an account.
    pub fn may_use(&self, user: Option<&str>, account: &str) -> bool {
        let Some(patterns) = self.allowed.get(account) else { return true };
        user.is_some_and(|user| patterns.iter().any(|pattern| matches(pattern, user)))
    }
}

/// Whether a text matches a pattern in which `*` stands for any number of characters. The time grows
/// with the product of the two lengths at most, because a producer chooses the text.
pub fn matches(pattern: &str, text: &str) -> bool {
    // No single-character wildcard: `?` may occur in queue names.
    WildMatchPattern::<'*', '\0'>::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_open_to_the_users_it_names_or_to_all() {
        let allowed = BTreeMap::from([
            ("prod".to_owned(), vec!["alice".to_owned(), "ops-*".to_owned()]),
            ("closed".to_owned(), Vec::new()),
        ]);
        let users = AccessPolicy { required: false, allowed };
        for (user, account, expected) in [
            (Some("alice"), "prod", true),
            (Some("ops-7"), "prod", true),
            (Some("bob"), "prod", false),
            (None, "prod", false),
            (Some("alice"), "closed", false),
            (Some("bob"), "test", true),
            (None, "test", true),
        ] {
            assert_eq!(users.may_use(user, account), expected, "{user:?} {account}");
        }
    }

    #[test]
    fn a_star_matches_any_number_of_characters() {
        let table = [
            ("*", "anything", true),
            ("answers", "answers", true),
            ("answers", "answers.2", false),
            ("answers.*", "answers.2", true),
            ("answers.*", "answers", false),
            ("*.answers", "team.answers", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*é", "caf\u{e9}", true),
            ("", "x", false),
            ("a?c", "abc", false),
            ("a?c", "a?c", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern, text), expected, "{pattern} and {text}");
        }
    }

    #[test]
    fn a_pattern_with_many_stars_is_matched_in_bounded_time() {
        let (pattern, text) = ("*a".repeat(32) + "b", "a".repeat(4096));
        let started = std::time::Instant::now();
        assert!(!matches(&pattern, &text));
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
    }
}
