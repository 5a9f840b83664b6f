//! JSON paths, and pieces of a message that are quoted to its sender.

/// Values and names from a message are cut to this many characters.
const LONGEST_QUOTE: usize = 48;

/// Paths are cut to this many characters.
const LONGEST_PATH: usize = 400;

/// The path of a field of the object at `path`; a long name is cut.
pub fn child(path: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(plain) {
        format!("{path}.{}", cut(name))
    } else {
        format!("{path}[{:?}]", cut(name))
    }
}

/// A place inside a message: the steps that lead there. It becomes a text only when one is asked
/// for, so that walking through a message costs nothing.
#[derive(Clone, Copy, Debug)]
pub enum JsonPath<'a> {
    /// A path that is known.
    Path(&'a str),
    /// A field of the object at a place.
    Field(&'a JsonPath<'a>, &'a str),
    /// An item of the array at a place.
    Item(&'a JsonPath<'a>, usize),
}

impl JsonPath<'_> {
    /// The place as a JSON path; one so long that nobody would read it is cut.
    pub fn path(&self) -> String {
        cut_to(LONGEST_PATH, &self.whole())
    }

    fn whole(&self) -> String {
        match self {
            Self::Path(path) => (*path).to_owned(),
            Self::Field(above, name) => child(&above.whole(), name),
            Self::Item(above, index) => format!("{}[{index}]", above.whole()),
        }
    }
}

/// A text, cut if it is long.
pub(in crate::job) fn cut(text: &str) -> String {
    cut_to(LONGEST_QUOTE, text)
}

fn cut_to(longest: usize, text: &str) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_a_json_path() {
        let root = JsonPath::Path("$.params");
        let list = JsonPath::Field(&root, "dbItemList");
        let item = JsonPath::Item(&list, 3);
        assert_eq!(JsonPath::Field(&item, "db Id").path(), "$.params.dbItemList[3][\"db Id\"]");
    }

    #[test]
    fn a_path_that_nobody_would_read_is_cut() {
        fn deep(place: &JsonPath<'_>, levels: usize) -> String {
            match levels {
                0 => place.path(),
                _ => deep(&JsonPath::Field(place, &"n".repeat(60)), levels - 1),
            }
        }
        let path = deep(&JsonPath::Path("$"), 100);
        assert_eq!(path.chars().count(), LONGEST_PATH + 1, "{path}");
    }
}
