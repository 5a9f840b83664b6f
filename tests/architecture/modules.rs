//! Which file an imported or mentioned name comes from, through every re-export on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::source::{self, Source, absolute};
use crate::syntax::Module;

/// Which file takes what from which: file, file it takes from, names.
pub(crate) type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<String>>>;

/// Modules by their paths from the crate down, each with its file.
pub(crate) struct Tree<'a> {
    modules: BTreeMap<Vec<String>, (&'a str, &'a Module)>,
}

#[derive(Clone)]
pub(crate) enum Target<'a> {
    Module(Vec<String>),
    /// Something that a file of ours defines.
    Item {
        file: &'a str,
        name: String,
    },
    /// Something of another crate, by its full path.
    Foreign(Vec<String>),
}

/// The module and name of every look-up that is under way. One of these leads nowhere when it comes
/// up again.
type Lookups = Vec<(Vec<String>, String)>;

/// Every module that is compiled for production.
pub(crate) fn production() -> &'static Tree<'static> {
    static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::new(source::production()));
    &TREE
}

impl<'a> Tree<'a> {
    pub(crate) fn new(sources: impl Iterator<Item = &'a Source>) -> Self {
        let modules = sources.flat_map(|source| {
            source.modules.iter().map(|module| {
                let path = [source.module(), module.path.clone()].concat();
                (path, (source.file.as_str(), module))
            })
        });
        Self { modules: modules.collect() }
    }

    /// What a path stands for that is written in a module: nothing if it leads nowhere, and more
    /// than one thing where a module and a function share a name.
    pub(crate) fn resolve(&self, module: &[String], path: &[String]) -> Vec<Target<'a>> {
        self.follow(module, path, &mut Lookups::new())
    }

    /// The imports of each file. A file that only passes on what the files below it define does
    /// not import it.
    pub(crate) fn imports(&self) -> Imports<'a> {
        let mut imports = Imports::new();
        for (path, (file, module)) in &self.modules {
            let used = module.imports.iter().map(|import| (&import.path, import.exported));
            let mentioned: BTreeSet<&Vec<String>> =
                module.mentions.iter().map(|mention| &mention.path).collect();
            for (written, exported) in used.chain(mentioned.into_iter().map(|path| (path, false))) {
                for target in self.resolve(path, written) {
                    let Target::Item { file: from, name } = target else { continue };
                    let passed_on = exported && is_below(from, file);
                    if from != *file && !passed_on {
                        imports.entry(*file).or_default().entry(from).or_default().insert(name);
                    }
                }
            }
        }
        imports
    }

    fn follow(&self, module: &[String], path: &[String], lookups: &mut Lookups) -> Vec<Target<'a>> {
        let path = absolute(module, path);
        let (first, rest) = path.split_first().unwrap();
        let mut targets = if first == "crate" || first == "ticketd" {
            vec![Target::Module(Vec::new())]
        } else {
            self.look_up(module, first, lookups)
        };
        if targets.is_empty() {
            return vec![Target::Foreign(path)];
        }
        for name in rest {
            // A path goes on below a module before it does below a function of the same name.
            if targets.iter().any(|target| !matches!(target, Target::Item { .. })) {
                targets.retain(|target| !matches!(target, Target::Item { .. }));
            }
            targets = targets
                .into_iter()
                .flat_map(|target| match target {
                    Target::Module(path) => self.look_up(&path, name, lookups),
                    Target::Item { .. } => vec![target],
                    Target::Foreign(path) => {
                        vec![Target::Foreign([path, vec![name.clone()]].concat())]
                    }
                })
                .collect();
        }
        targets
    }

    fn look_up(&self, path: &[String], name: &str, lookups: &mut Lookups) -> Vec<Target<'a>> {
        let question = (path.to_vec(), name.to_owned());
        let Some((file, module)) = self.modules.get(path) else { return Vec::new() };
        if lookups.contains(&question) {
            return Vec::new();
        }
        lookups.push(question);
        let mut found = Vec::new();
        if module.children.iter().any(|child| child == name) {
            found.push(Target::Module([path, &[name.to_owned()]].concat()));
        }
        if module.definitions.iter().any(|definition| definition == name) {
            found.push(Target::Item { file, name: name.to_owned() });
        }
        let named = |import: &&crate::syntax::Import| import.name.as_deref() == Some(name);
        for import in module.imports.iter().filter(named) {
            found.extend(self.follow(path, &import.path, lookups));
        }
        if found.is_empty() {
            for glob in module.imports.iter().filter(|import| import.name.is_none()) {
                for target in self.follow(path, &glob.path, lookups) {
                    if let Target::Module(below) = target {
                        found.extend(self.look_up(&below, name, lookups));
                    }
                }
            }
        }
        lookups.pop();
        found
    }
}

/// Whether a file belongs to a module below another file's.
fn is_below(file: &str, above: &str) -> bool {
    let folder = above.strip_suffix("mod.rs").or_else(|| above.strip_suffix("lib.rs"));
    let folder = folder.map_or_else(|| above.replace(".rs", "/"), str::to_owned);
    file.starts_with(&folder)
}
