//! The mark a ticket carries, by which a create whose answer was lost is found again.

use sha2::{Digest, Sha256};

use crate::job::JobId;

/// A short mark made from a job's id, put at the end of a ticket's Comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker(String);

impl Marker {
    /// The marker of a job, always the same: `[tk:` and 12 hex digits and `]`.
    pub(super) fn of(job: &JobId) -> Self {
        let digest = hex::encode(Sha256::digest(job.as_str()));
        Self(format!("[tk:{}]", &digest[..12]))
    }

    /// The comment with the marker at its end.
    pub(super) fn sign(&self, comment: &str) -> String {
        format!("{comment} {}", self.0)
    }

    /// Whether a comment carries it; providers may trim or wrap what they store.
    pub(super) fn is_in(&self, comment: &str) -> bool {
        comment.contains(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Marker;

    #[test]
    fn a_marker_is_short_stable_and_found_in_a_trimmed_comment() {
        let marker = Marker::of(&"chg-2041".parse().unwrap());
        let comment = marker.sign("close stale carts");
        let digits = comment.strip_prefix("close stale carts [tk:").unwrap();
        assert_eq!(digits.len(), 13);
        assert!(digits[..12].chars().all(|c| c.is_ascii_hexdigit()) && digits.ends_with(']'));
        assert!(marker.is_in(&format!("  {comment}\n")));
        assert!(!marker.is_in(&Marker::of(&"chg-2042".parse().unwrap()).sign("same words")));
    }
}
