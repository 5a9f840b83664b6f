//! Text for people: the only module that knows how wide a terminal is.
//!
//! On a terminal, lines are wrapped or truncated to its width, counted in columns: a Chinese
//! character takes two. Output to a pipe or a file has no limit, so it is never shortened. Colour
//! is removed by `anstream` where it is not wanted.

mod escape;
mod line_width;
mod row;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::Write;

use jiff::Timestamp;

pub(super) use escape::escape;
pub(super) use line_width::{LineWidth, pad};
pub(super) use row::{OUTCOMES, OutputRow, SUMMARY_COLUMN, format_result, state_style};

/// Writes to standard output. A reader that stops early, such as `head`, is not an error.
pub(super) fn print(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Writes one message to standard output.
pub(super) fn print_line(message: impl Display) {
    print(&format!("{}\n", LineWidth::of_stdout().wrap("", 4, &message.to_string())));
}

/// Writes a message to standard error, each of its lines wrapped.
pub(super) fn print_error(message: impl Display) {
    let width = LineWidth::of_stderr();
    for line in message.to_string().lines() {
        let _ = writeln!(anstream::stderr(), "{}", width.wrap("", 4, line));
    }
}

/// A moment, to the second, in UTC.
pub(super) fn format_time(at: Timestamp) -> String {
    at.strftime("%F %T").to_string()
}
