//! The marker in a ticket's comment, by which a lost create is found.

use sha2::{Digest, Sha256};

use crate::job::JobId;

/// A short text derived from a job's id: `[tk:`, 12 hex digits, `]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker(String);

impl Marker {
    pub(super) fn of(job: &JobId) -> Self {
        let digest = hex::encode(Sha256::digest(job.as_str()));
        Self(format!("[tk:{}]", &digest[..12]))
    }

    pub(super) fn append_to(&self, comment: &str) -> String {
        format!("{comment} {}", self.0)
    }

    /// Whether a comment contains the marker. A provider may trim or wrap what it stores.
    pub(super) fn is_in(&self, comment: &str) -> bool {
        comment.contains(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Marker;

    #[test]
    fn a_marker_is_short_and_is_found_in_a_trimmed_comment() {
        let marker = Marker::of(&"chg-2041".parse().unwrap());
        let comment = marker.append_to("close stale carts");
        let digits = comment.strip_prefix("close stale carts [tk:").unwrap();
        assert_eq!(digits.len(), 13);
        assert!(digits[..12].chars().all(|c| c.is_ascii_hexdigit()) && digits.ends_with(']'));
        assert!(marker.is_in(&format!("  {comment}\n")));
        assert!(
            !marker.is_in(&Marker::of(&"chg-2042".parse().unwrap()).append_to("close stale carts"))
        );
    }
}
