//! The sources, read once: what each file declares, imports and mentions, with its lines.
//!
//! `syn` trees can't be shared between threads, so each file is reduced to plain facts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proc_macro2::{TokenStream, TokenTree};

use crate::syntax::{self, Module};

/// A Rust file below `src/`.
pub(crate) struct Source {
    /// The path below `src/`.
    pub file: String,
    pub lines: usize,
    /// Only compiled for tests.
    pub test: bool,
    /// The file's own module first, then those that are written out inside it.
    pub modules: Vec<Module>,
    /// String literals outside tests.
    pub literals: Vec<Named>,
    /// Structs, enums, traits and type aliases, in tests too.
    pub types: Vec<Named>,
}

/// A text and the line it stands on.
pub(crate) struct Named {
    pub line: usize,
    pub text: String,
}

/// Every Rust file below `src/`, tests included.
pub(crate) fn all() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let mut sources = in_parallel(&files("src", "rs"), |path| {
            Source::parse(path.strip_prefix("src/").unwrap(), &read(path))
        });
        mark_tests(&mut sources);
        sources
    });
    assert!(SOURCES.len() > 100, "{} sources are not all of them", SOURCES.len());
    &SOURCES
}

/// Every Rust file below `src/` that is compiled for production.
pub(crate) fn production() -> impl Iterator<Item = &'static Source> {
    all().iter().filter(|source| !source.test)
}

/// Sources made up for a test of this reader: each file's path below `src/`, and its text.
pub(crate) fn parsed(files: &[(&str, &str)]) -> Vec<Source> {
    let mut sources =
        files.iter().map(|(file, text)| Source::parse(file, text)).collect::<Vec<_>>();
    mark_tests(&mut sources);
    sources
}

impl Source {
    fn parse(file: &str, text: &str) -> Self {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("src/{file}: {error}"));
        let facts = syntax::facts(&tree);
        Self {
            file: file.to_owned(),
            lines: text.lines().count(),
            test: false,
            modules: facts.modules,
            literals: facts.literals,
            types: facts.types,
        }
    }

    /// The folder below `src/`, or the file's own name.
    pub(crate) fn folder(&self) -> &str {
        let first = self.file.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether it is one of these files, or in one of these folders.
    pub(crate) fn is_within(&self, places: &[&str]) -> bool {
        is_within(&self.file, places)
    }

    /// `src/file:line`.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("src/{}:{line}", self.file)
    }

    /// The file's module, from the crate down.
    pub(crate) fn module(&self) -> Vec<String> {
        let stem = self.file.strip_suffix(".rs").unwrap();
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        if stem == "lib" { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
    }

    /// The paths in code outside tests, each with its module and its line. A name on its own is
    /// no path unless it is imported.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (Vec<String>, usize, &[String])> {
        self.modules.iter().flat_map(|module| {
            let place = [self.module(), module.path.clone()].concat();
            let imports = module.imports.iter().map(|import| (import.line, &import.path));
            let mentions = module.mentions.iter().map(|mention| (mention.line, &mention.path));
            let mentions = mentions.filter(|(_, path)| path.len() > 1);
            imports.chain(mentions).map(move |(line, path)| (place.clone(), line, path.as_slice()))
        })
    }

    /// The paths to other modules of ours, from the crate down, each with its line.
    pub(crate) fn own_paths(&self) -> impl Iterator<Item = (usize, Vec<String>)> {
        self.paths().filter_map(|(module, line, path)| {
            let path = absolute(&module, path);
            let own = matches!(path[0].as_str(), "crate" | "ticketd") && path.len() > 1;
            own.then(|| (line, path[1..].to_vec()))
        })
    }
}

/// `super` and `self` replaced by what they stand for; a path to elsewhere as it is.
pub(crate) fn absolute(module: &[String], path: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|name| *name == "super" || *name == "self").count();
    if ups == 0 {
        return path.to_vec();
    }
    let supers = path[..ups].iter().filter(|name| *name == "super").count();
    let above = &module[..module.len().saturating_sub(supers)];
    [&["crate".to_owned()], above, &path[ups..]].concat()
}

/// Whether a file is one of these, or in one of these folders.
pub(crate) fn is_within(file: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        file.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Marks the files of modules that are declared for tests only.
fn mark_tests(sources: &mut [Source]) {
    let tests: BTreeSet<Vec<String>> = sources
        .iter()
        .flat_map(|source| {
            source.modules.iter().flat_map(|module| {
                let place = [source.module(), module.path.clone()].concat();
                let name = |name: &String| [place.as_slice(), std::slice::from_ref(name)].concat();
                module.test_modules.iter().map(name).collect::<Vec<_>>()
            })
        })
        .collect();
    for source in sources {
        let module = source.module();
        source.test = (1..=module.len()).any(|length| tests.contains(&module[..length]));
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The text of a file, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths from the root of all files below a folder, in order; those with one extension if it
/// is not empty.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &root().join(folder), &mut found);
    found.retain(|file| extension.is_empty() || file.ends_with(&format!(".{extension}")));
    found.sort();
    found
}

/// Every identifier in a Rust file, with its line.
pub(crate) fn identifiers(path: &str) -> Vec<Named> {
    fn walk(tokens: TokenStream, found: &mut Vec<Named>) {
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    found.push(Named { line: name.span().start().line, text: name.to_string() })
                }
                TokenTree::Group(group) => walk(group.stream(), found),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}")), &mut found);
    found
}

/// The words in a text that can't be plain English, with their lines: those with an underscore or
/// with a capital inside. A file that is no text has none.
pub(crate) fn names_in_text(path: &str) -> Vec<Named> {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let lines = text.lines().zip(1..).flat_map(|(text, line)| {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let names = words.filter(|word| word.chars().skip(1).any(|c| c == '_' || c.is_uppercase()));
        names.map(move |name| Named { line, text: name.to_owned() })
    });
    lines.collect()
}

/// The result of `read` for each file, in the order of the files.
pub(crate) fn in_parallel<T: Send>(files: &[String], read: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut found = Vec::new();
        while let Some((place, file)) = Some(next.fetch_add(1, Ordering::Relaxed))
            .and_then(|place| files.get(place).map(|file| (place, file)))
        {
            found.push((place, read(file)));
        }
        found
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<(usize, T)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, found)| found).collect()
}
