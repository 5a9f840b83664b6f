//! Wraps, truncates and aligns text by its width in columns.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use comfy_table::{ContentArrangement, Table, presets};
use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSplitter};

use super::escape::escape;

/// The width of a terminal that does not report one.
const DEFAULT_WIDTH: usize = 100;

/// Narrower terminals wrap lines themselves: columns of a few characters are unreadable.
const MIN_WIDTH: usize = 40;

/// How wide a line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineWidth {
    Columns(usize),
    Unlimited,
}

impl LineWidth {
    pub(crate) fn of_stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    pub(crate) fn of_stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::Unlimited;
        }
        let columns = terminal_size::terminal_size_of(stream).map(|(width, _)| width.0.into());
        Self::Columns(columns.unwrap_or(DEFAULT_WIDTH).max(MIN_WIDTH))
    }

    pub(crate) fn columns(self) -> Option<usize> {
        match self {
            Self::Columns(width) => Some(width),
            Self::Unlimited => None,
        }
    }

    /// The width that remains to the right of `label`.
    pub(crate) fn beside(self, label: &str) -> Self {
        match self {
            Self::Columns(width) => Self::Columns(width.saturating_sub(display_width(label))),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// This width, or `columns` if that is less. A pipe stays unlimited.
    pub(crate) fn at_most(self, columns: usize) -> Self {
        match self {
            Self::Columns(width) => Self::Columns(width.min(columns)),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// The escaped text; where it is too wide, its beginning and `…`.
    pub(crate) fn truncate(self, text: &str) -> String {
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
    pub(crate) fn wrap(self, label: &str, indent: usize, text: &str) -> String {
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
    pub(crate) fn table<const N: usize>(
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
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(display_width(text))))
}
