//! Text for people: the only module that knows how wide a terminal is.
//!
//! On a terminal, lines are wrapped or truncated to its width, counted in columns: a Chinese
//! character takes two. Output to a pipe or a file has no limit, so it is never shortened. Colour
//! is removed by `anstream` where it is not wanted.

mod row;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSplitter};

pub use row::{OUTCOMES, OutputRow, SUMMARY_COLUMN, format_result, state_style};

/// The width of a terminal that does not report one.
const DEFAULT_WIDTH: usize = 100;

/// Narrower terminals wrap lines themselves: columns of a few characters are unreadable.
const MIN_WIDTH: usize = 40;

/// How wide a line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineWidth {
    Columns(usize),
    Unlimited,
}

impl LineWidth {
    pub fn of_stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    pub fn of_stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::Unlimited;
        }
        let columns = terminal_size::terminal_size_of(stream).map(|(width, _)| width.0.into());
        Self::Columns(columns.unwrap_or(DEFAULT_WIDTH).max(MIN_WIDTH))
    }

    pub fn columns(self) -> Option<usize> {
        match self {
            Self::Columns(width) => Some(width),
            Self::Unlimited => None,
        }
    }

    /// The width that remains to the right of `label`.
    pub fn beside(self, label: &str) -> Self {
        match self {
            Self::Columns(width) => Self::Columns(width.saturating_sub(display_width(label))),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// This width, or `columns` if that is less. A pipe stays unlimited.
    pub fn at_most(self, columns: usize) -> Self {
        match self {
            Self::Columns(width) => Self::Columns(width.min(columns)),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// The escaped text; where it is too wide, its beginning and `…`.
    pub fn truncate(self, text: &str) -> String {
        let text = escape(text);
        match self {
            Self::Columns(width) if display_width(&text) > width => {
                let room = width.saturating_sub(1);
                let kept = Word::from(&text).break_apart(room).next().map(|word| word.to_string());
                kept.filter(|kept| display_width(kept) <= room).unwrap_or_default() + "…"
            }
            Self::Columns(_) | Self::Unlimited => text,
        }
    }

    /// `label` and the escaped text, in as many lines as needed; all but the first are indented.
    pub fn wrap(self, label: &str, indent: usize, text: &str) -> String {
        let text = escape(&text.replace(['\n', '\r', '\t'], " "));
        let Self::Columns(width) = self else {
            return format!("{label}{text}").trim_end().to_owned();
        };
        let indent = " ".repeat(indent);
        let options = Options::new(width)
            .initial_indent(label)
            .subsequent_indent(&indent)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(&text, options).join("\n")
    }

    /// A table without lines. Cells that are too wide are wrapped.
    pub fn table<const N: usize>(
        self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        table.add_rows(rows.into_iter().map(|row| row.map(|cell| escape(&cell))));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        match self {
            Self::Columns(width) => table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(u16::try_from(width).unwrap_or(u16::MAX)),
            Self::Unlimited => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.trim_fmt() + "\n"
    }
}

/// A text with spaces behind it, up to a width in columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(display_width(text))))
}

/// Writes to standard output. A reader that stops early, such as `head`, is not an error.
pub fn print(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Writes one message to standard output.
pub fn print_line(message: impl Display) {
    print(&format!("{}\n", LineWidth::of_stdout().wrap("", 4, &message.to_string())));
}

/// Writes a message to standard error, each of its lines wrapped.
pub fn print_error(message: impl Display) {
    let width = LineWidth::of_stderr();
    for line in message.to_string().lines() {
        let _ = writeln!(anstream::stderr(), "{}", width.wrap("", 4, line));
    }
}

/// A moment, to the second, in UTC.
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%F %T").to_string()
}

/// Whether an invisible character changes the direction of text or begins a new line.
fn changes_layout(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Replaces every character that could control a terminal or hide text by its JSON escape.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() || changes_layout(c) => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
