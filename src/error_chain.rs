//! An error and its causes on one line.

use std::error::Error;

/// Libraries often repeat a cause in their own message; such a cause is not printed twice.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct DialError(&'static str, #[source] DialCause);

    #[derive(Debug, thiserror::Error)]
    #[error("connection refused")]
    struct DialCause;

    #[test]
    fn a_cause_is_appended_unless_the_message_ends_with_it() {
        assert_eq!(chain(&DialError("dial failed", DialCause)), "dial failed: connection refused");
        let repeated = DialError("dial failed: connection refused", DialCause);
        assert_eq!(chain(&repeated), "dial failed: connection refused");
    }
}
