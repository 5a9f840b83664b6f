//! JSON paths, and quotes from a message.

/// Limit of a quoted value or name, in characters.
const MAX_QUOTE_CHARS: usize = 48;

/// Limit of a path, in characters.
const MAX_PATH_CHARS: usize = 400;

/// The path of a field of the object at `path`. A long name is truncated.
pub fn child(path: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(plain) {
        format!("{path}.{}", truncate(name))
    } else {
        format!("{path}[{:?}]", truncate(name))
    }
}

/// The path of a value inside a message. It is formatted only when needed, so that walking through a
/// message allocates nothing.
#[derive(Clone, Copy, Debug)]
pub enum JsonPath<'a> {
    /// A formatted path.
    Path(&'a str),
    /// A field of the object at a path.
    Field(&'a JsonPath<'a>, &'a str),
    /// An item of the array at a path.
    Item(&'a JsonPath<'a>, usize),
}

impl JsonPath<'_> {
    /// The formatted path, truncated to [`MAX_PATH_CHARS`].
    pub fn to_truncated_string(&self) -> String {
        truncate_to(MAX_PATH_CHARS, &self.format())
    }

    fn format(&self) -> String {
        match self {
            Self::Path(path) => (*path).to_owned(),
            Self::Field(parent, name) => child(&parent.format(), name),
            Self::Item(parent, index) => format!("{}[{index}]", parent.format()),
        }
    }
}

/// A text from a message, truncated to [`MAX_QUOTE_CHARS`].
pub(in crate::job) fn truncate(text: &str) -> String {
    truncate_to(MAX_QUOTE_CHARS, text)
}

fn truncate_to(max_chars: usize, text: &str) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_formatted_as_a_json_path() {
        let root = JsonPath::Path("$.params");
        let list = JsonPath::Field(&root, "dbItemList");
        let item = JsonPath::Item(&list, 3);
        assert_eq!(
            JsonPath::Field(&item, "db Id").to_truncated_string(),
            "$.params.dbItemList[3][\"db Id\"]"
        );
    }

    #[test]
    fn a_very_long_path_is_truncated() {
        fn deep(path: &JsonPath<'_>, levels: usize) -> String {
            match levels {
                0 => path.to_truncated_string(),
                _ => deep(&JsonPath::Field(path, &"n".repeat(60)), levels - 1),
            }
        }
        let path = deep(&JsonPath::Path("$"), 100);
        assert_eq!(path.chars().count(), MAX_PATH_CHARS + 1, "{path}");
    }
}
