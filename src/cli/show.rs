//! What happened to jobs as a person reads it: one line of at most 100 columns each.

use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use serde_json::Value;

/// The widest line a person is shown, in characters.
pub const WIDTH: usize = 100;

/// The states that end a job.
pub const OUTCOMES: [&str; 6] =
    ["succeeded", "failed", "unknown", "expired", "cancelled", "rejected"];

/// One thing that happened to a job.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The time of day, or another word for when it happened.
    pub when: String,
    /// The job's id.
    pub job: String,
    /// Its state.
    pub state: String,
    /// Its operation; may be left out where it was said before.
    pub operation: String,
    /// What matters most about it.
    pub gist: String,
}

impl Line {
    /// What an event tells.
    pub fn of(event: &Value) -> Self {
        let data = &event["data"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        Self {
            when: event["time"].as_str().and_then(|t| t.get(11..19)).unwrap_or("-").to_owned(),
            job: text(&data["job_id"]),
            state: text(&data["state"]),
            operation: text(&data["operation"]),
            gist: gist(data),
        }
    }

    fn head(&self) -> String {
        format!("{:>8}  {:<14}  ", self.when, self.job)
    }

    /// The column after which it says more than the state.
    pub fn indent(&self) -> usize {
        self.head().chars().count() + 9 + 2
    }

    /// The line, at most [`WIDTH`] wide; in `colour`, the state stands out.
    pub fn written(&self, colour: bool) -> String {
        let Self { operation, state, gist, .. } = self;
        let before = plain(&self.head());
        let gap = if operation.is_empty() { "" } else { "  " };
        let line = cut(format!("{before}{state:<9}  {operation}{gap}{gist}").trim_end());
        match paint(state).filter(|_| colour) {
            Some(paint) => {
                let mut rest = line.chars();
                let before: String = rest.by_ref().take(before.chars().count()).collect();
                let state: String = rest.by_ref().take(state.chars().count()).collect();
                format!("{before}{paint}{state}{PLAIN}{}", rest.as_str())
            }
            None => line,
        }
    }
}

/// Whether standard output is a terminal that wants colour; `NO_COLOR` says that it does not.
pub fn in_colour() -> bool {
    let says_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !says_no
}

/// Ends what [`paint`] began.
pub const PLAIN: &str = "\x1b[0m";

/// Green is good, red is not, yellow needed care; what goes its usual way stays as it is.
pub fn paint(state: &str) -> Option<&'static str> {
    match state {
        "succeeded" => Some("\x1b[32m"),
        "failed" | "unknown" | "rejected" => Some("\x1b[31m"),
        "retrying" | "doubtful" | "expired" | "cancelled" => Some("\x1b[33m"),
        "sent" | "started" => Some("\x1b[2m"),
        _ => None,
    }
}

/// What matters most about an event: what went wrong, what was seen, what came of it.
fn gist(data: &Value) -> String {
    if let Some(code) = data["error"]["code"].as_str() {
        let message = data["error"]["message"].as_str().unwrap_or_default();
        return format!("{code}: {message}");
    }
    if let Some(status) = data["provider"]["status"].as_str() {
        return status.to_owned();
    }
    result(&data["result"])
}

/// A result in words rather than in JSON: `order 17`, `packages 23 deployed, 24 deployed`.
pub fn result(result: &Value) -> String {
    let Value::Object(fields) = result else { return String::new() };
    // The tickets say again which orders they are.
    let repeated = |name: &str| name == "order_ids" && fields.contains_key("tickets");
    let said = fields.iter().filter(|(name, _)| !repeated(name)).map(|(name, value)| {
        let name = name.replace('_', " ");
        let plain = name.strip_suffix(" ids").or(name.strip_suffix(" id")).unwrap_or(&name);
        match value {
            Value::Bool(true) => name,
            Value::Array(items) => {
                let one = plain.strip_suffix('s').unwrap_or(plain);
                let ending = if items.len() == 1 { "" } else { "s" };
                let items: Vec<String> = items.iter().map(|item| part(item, one)).collect();
                format!("{one}{ending} {}", items.join(", "))
            }
            other => format!("{plain} {}", part(other, plain)),
        }
    });
    said.collect::<Vec<_>>().join(", ")
}

/// One part of a result; of one with parts of its own, its id and status.
fn part(value: &Value, name: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let own = fields.get(&format!("{name}_id"));
            let id = own.or_else(|| Some(fields.iter().find(|(name, _)| name.ends_with("_id"))?.1));
            let said = [id, fields.get("status")].into_iter().flatten();
            said.map(|value| part(value, name)).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// A [`plain`] text cut to the width of a terminal line, with a sign that it was.
pub fn cut(text: &str) -> String {
    cut_to(WIDTH, text)
}

/// A moment, to the second, in UTC.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%F %T").to_string()
}

/// Writes to standard output. A reader that has seen enough, as `head`, is no error.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Whether a character is not seen, and changes the direction or the line of what is.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without the characters that would do something to a terminal, or hide what stands there:
/// they are written as JSON escapes them.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => plain.push_str("\\n"),
            '\r' => plain.push_str("\\r"),
            '\t' => plain.push_str("\\t"),
            c if c.is_control() || turns(c) => {
                plain.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => plain.push(c),
        }
    }
    plain
}

/// A [`plain`] text cut to a width, with a sign that it was.
pub fn cut_to(width: usize, text: &str) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A text in as many lines as it takes, all but the first after so many blanks.
pub fn wrapped(text: &str, indent: usize) -> String {
    let (mut whole, mut width) = (String::new(), indent);
    for word in text.split_whitespace().map(|word| cut_to(WIDTH - indent, word)) {
        let length = word.chars().count();
        if whole.is_empty() {
            width += length;
        } else if width + 1 + length <= WIDTH {
            whole.push(' ');
            width += 1 + length;
        } else {
            whole.push('\n');
            whole.push_str(&" ".repeat(indent));
            width = indent + length;
        }
        whole.push_str(&word);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failed() -> Value {
        json!({
            "time": "2026-11-21T20:30:01.123Z",
            "data": {
                "state": "failed", "job_id": "chg-1", "operation": "dms.CreateOrder",
                "error": { "code": "NoPermission", "message": "x".repeat(200) },
            },
        })
    }

    #[test]
    fn a_line_says_when_what_and_why_within_the_width() {
        let line = Line::of(&failed()).written(false);
        assert!(line.starts_with("20:30:01  chg-1           failed     dms.Create"), "{line}");
        assert!(line.contains("  NoPermission: xxx") && line.ends_with('…'), "{line}");
        assert_eq!(line.chars().count(), WIDTH);
    }

    #[test]
    fn what_a_stranger_wrote_does_nothing_to_the_terminal() {
        let mut event = failed();
        event["data"]["error"]["message"] = json!("a\nb\t\u{1b}[2Jc\u{9b}d\u{202e}é");
        event["data"]["job_id"] = json!("\u{7}job");
        event["time"] = json!("2026-11-21T20:30\u{1b}012");
        let line = Line::of(&event).written(false);
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.contains(r": a\nb\t\u001b[2Jc"), "{line}");
        let painted = Line::of(&event).written(true);
        assert_eq!(painted.replace("\x1b[31m", "").replace(PLAIN, ""), line);
        assert!(painted.contains("\x1b[31mfailed\x1b[0m"), "{painted:?}");
        assert_eq!(cut("\u{1b}[31m\u{9b}red\u{202e}é"), r"\u001b[31m\u009bred\u202eé");
    }

    #[test]
    fn colour_changes_nothing_but_the_colour_of_the_state() {
        let line = Line::of(&failed());
        let painted = line.written(true);
        assert!(painted.contains("\x1b[31mfailed\x1b[0m"), "{painted}");
        assert_eq!(painted.replace("\x1b[31m", "").replace("\x1b[0m", ""), line.written(false));
    }

    #[test]
    fn a_result_is_told_in_words() {
        let packages = json!({"packages": [
            {"asy_task_id": "t", "package_id": "23", "status": "deployed"}, {"package_id": "24"}]});
        let ticket = json!({"order_ids": [17], "tickets": [{"order_id": 17, "status": "success"}]});
        for (value, words) in [
            (json!({"order_ids": [17]}), "order 17"),
            (json!({"order_ids": [17, 18]}), "orders 17, 18"),
            (ticket, "ticket 17 success"),
            (packages, "packages 23 deployed, 24"),
            (json!({"adopted": true, "task_id": 5}), "adopted, task 5"),
            (Value::Null, ""),
        ] {
            assert_eq!(result(&value), words);
        }
    }
}
