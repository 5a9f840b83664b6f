//! Rust sources, read just well enough: comments, strings and tests are told from the rest.

use std::collections::BTreeSet;
use std::path::Path;

/// A file without its tests.
pub struct Source {
    /// Its path below `src/`.
    pub file: String,
    /// The code, with comments and the insides of strings blanked out.
    code: String,
    literals: Vec<(usize, String)>,
}

/// A path into one of our own modules.
pub struct Import {
    /// Where it stands.
    pub offset: usize,
    /// The module directly below the crate.
    pub root: String,
    /// The whole path from there.
    pub path: String,
}

/// The paths of all files below a folder, in order.
pub fn files(folder: &Path) -> Vec<String> {
    fn walk(base: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(base, &path, found);
            } else {
                found.push(path.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

impl Source {
    /// Every source below a folder but those of modules that are declared for tests only.
    pub fn all(folder: &Path) -> Vec<Self> {
        let mut tests = BTreeSet::new();
        let mut sources = Vec::new();
        for file in files(folder).into_iter().filter(|file| file.ends_with(".rs")) {
            let text = std::fs::read_to_string(folder.join(&file)).unwrap();
            let (source, declared) = Self::read(file, &text);
            tests.extend(declared);
            sources.push(source);
        }
        let is_test = |source: &Self| {
            let module = source.module().join("/");
            tests.iter().any(|test| {
                module
                    .strip_prefix(test.as_str())
                    .is_some_and(|r| r.is_empty() || r.starts_with('/'))
            })
        };
        sources.retain(|source| !is_test(source));
        sources
    }

    /// A source, and the modules it declares for tests only.
    fn read(file: String, text: &str) -> (Self, Vec<String>) {
        let (code, literals) = blank(text);
        let mut source = Self { file, code, literals };
        let mut declared = Vec::new();
        while let Some(start) = source.code.find("#[cfg(test)]") {
            let (end, module) = item(&source.code, start);
            declared.extend(module.map(|name| {
                source.module().into_iter().chain([name.as_str()]).collect::<Vec<_>>().join("/")
            }));
            let gone: String =
                source.code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            source.code.replace_range(start..end, &gone);
            source.literals.retain(|(offset, _)| !(start..end).contains(offset));
        }
        (source, declared)
    }

    /// The folder below `src/`, or the file's own name.
    pub fn folder(&self) -> &str {
        let first = self.file.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// `src/file:line`.
    pub fn at(&self, offset: usize) -> String {
        format!("src/{}:{}", self.file, self.code[..offset].matches('\n').count() + 1)
    }

    /// Where a name stands in the code, not as the end of a longer one.
    pub fn find(&self, name: &str) -> Vec<usize> {
        let before = |offset: usize| self.code[..offset].chars().next_back();
        let whole = |offset: &usize| !before(*offset).is_some_and(|c| is_name(c) || c == ':');
        let hits = self.code.match_indices(name).map(|(offset, _)| offset);
        hits.filter(|offset| whole(offset) || name.contains(char::is_uppercase)).collect()
    }

    /// The strings, and where each stands.
    pub fn literals(&self) -> impl Iterator<Item = (usize, &str)> {
        self.literals.iter().map(|(offset, text)| (*offset, text.as_str()))
    }

    /// Every path into our own modules from the crate down, by `crate` or by `super`.
    pub fn imports(&self) -> Vec<Import> {
        let mut imports = self.paths("crate");
        let up = format!("{}::", vec!["super"; self.module().len()].join("::"));
        if up != "::" {
            imports.extend(self.paths(up.trim_end_matches("::")));
        }
        imports
    }

    /// Every path that goes on from a name.
    pub fn paths(&self, from: &str) -> Vec<Import> {
        let from = format!("{from}::");
        let mut found = Vec::new();
        for offset in self.find(&from) {
            for path in branches(&self.code[offset + from.len()..]) {
                let root = path.split("::").next().unwrap().to_owned();
                found.push(Import { offset, root, path });
            }
        }
        found
    }

    fn module(&self) -> Vec<&str> {
        let stem = self.file.strip_suffix(".rs").unwrap();
        let mut names: Vec<&str> = stem.split('/').collect();
        if names.last() == Some(&"mod") {
            names.pop();
        }
        names
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths a `use` goes on with: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn branches(code: &str) -> Vec<String> {
    let end = code.find(|c: char| !is_name(c) && c != ':').unwrap_or(code.len());
    let stem = &code[..end];
    let Some(inside) = code[end..].strip_prefix('{') else { return vec![stem.to_owned()] };
    let mut paths = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (offset, c) in inside.char_indices() {
        if depth == 0 && (c == ',' || c == '}') {
            let branch = inside[start..offset].trim();
            let more = if branch.is_empty() { Vec::new() } else { branches(branch) };
            paths.extend(more.iter().map(|path| format!("{stem}{path}")));
            start = offset + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    paths
}

/// Where the item that begins with an attribute ends, and its name if it is a module in a file of
/// its own.
fn item(code: &str, start: usize) -> (usize, Option<String>) {
    let mut at = start;
    while code[at..].trim_start().starts_with("#[") {
        at += code[at..].find(']').unwrap() + 1;
    }
    let Some(length) = code[at..].find(['{', ';']) else { return (code.len(), None) };
    let head = code[at..at + length].trim();
    let is_use = head.starts_with("use ") || head.starts_with("pub use ");
    if code[at + length..].starts_with(';') || is_use {
        let end = at + code[at..].find(';').unwrap() + 1;
        let module = head.rsplit_once("mod ").map(|(_, name)| name.to_owned());
        return (end, module.filter(|_| !is_use));
    }
    let mut depth = 0;
    for (offset, c) in code[at + length..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return (at + length + offset + 1, None),
            '}' => depth -= 1,
            _ => {}
        }
    }
    (code.len(), None)
}

/// The code with every comment and string blanked out, byte for byte; and the strings.
fn blank(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = text.as_bytes().to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let c = rest.chars().next().unwrap();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((length, inside)) = string(text, at) {
            literals.push((at, inside.to_owned()));
            length
        } else if let Some(length) = character(rest) {
            length
        } else {
            at += c.len_utf8();
            continue;
        };
        code[at..at + length].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        at += length;
    }
    (String::from_utf8(code).unwrap(), literals)
}

/// The length of a string, plain or raw, that begins here, and what is in it.
fn string(text: &str, at: usize) -> Option<(usize, &str)> {
    let rest = &text[at..];
    if let Some(inside) = rest.strip_prefix('"') {
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        return Some((end + 2, &inside[..end]));
    }
    if text[..at].chars().next_back().is_some_and(|c| is_name(c) && c != 'b') {
        return None;
    }
    let hashes = rest.strip_prefix('r')?;
    let fence: String = hashes.chars().take_while(|c| *c == '#').collect();
    let inside = hashes[fence.len()..].strip_prefix('"')?;
    let end = inside.find(&format!("\"{fence}"))?;
    Some((1 + 2 * (fence.len() + 1) + end, &inside[..end]))
}

/// The length of a character literal that begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map(|end| end + 4);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].starts_with('\'').then(|| c.len_utf8() + 2)
}
