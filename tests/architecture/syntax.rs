//! What a file says, taken from its `syn` tree.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, Lit, UseTree};

use crate::source::Named;

/// A module: a file, or one that is written out inside a file.
#[derive(Default)]
pub(crate) struct Module {
    /// The path from the file's own module down; empty for that one.
    pub path: Vec<String>,
    /// Modules below this one.
    pub children: Vec<String>,
    /// Modules below this one that only tests have.
    pub test_modules: Vec<String>,
    /// Names of what this module itself defines.
    pub definitions: Vec<String>,
    pub imports: Vec<Import>,
    pub mentions: Vec<Mention>,
}

/// One name of a `use`.
pub(crate) struct Import {
    pub line: usize,
    pub path: Vec<String>,
    /// What it is called here; nothing for a glob.
    pub name: Option<String>,
    /// Others may import it from here.
    pub exported: bool,
}

/// A path in an expression, a type, a pattern, an attribute or a macro call.
pub(crate) struct Mention {
    pub line: usize,
    pub path: Vec<String>,
}

#[derive(Default)]
pub(crate) struct ParsedFacts {
    pub modules: Vec<Module>,
    pub literals: Vec<Named>,
    pub types: Vec<Named>,
}

pub(crate) fn facts(file: &File) -> ParsedFacts {
    let mut reader = Reader::default();
    reader.facts.modules.push(Module::default());
    reader.visit_file(file);
    reader.facts
}

#[derive(Default)]
struct Reader {
    facts: ParsedFacts,
    /// The place of the module that is being read.
    module: usize,
    /// Inside something that only tests have.
    test: bool,
    /// Inside a function.
    local: bool,
}

impl Reader {
    fn module(&mut self) -> &mut Module {
        &mut self.facts.modules[self.module]
    }

    fn mention(&mut self, names: &[Ident]) {
        if let (false, Some(first)) = (self.test, names.first()) {
            let line = first.span().start().line;
            let path = names.iter().map(plain).collect();
            self.module().mentions.push(Mention { line, path });
        }
    }

    fn import(&mut self, tree: &UseTree, above: &[Ident], exported: bool) {
        let (last, name) = match tree {
            UseTree::Path(path) => {
                let above = [above, std::slice::from_ref(&path.ident)].concat();
                return self.import(&path.tree, &above, exported);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, above, exported));
            }
            UseTree::Name(name) => (Some(&name.ident), Some(&name.ident)),
            UseTree::Rename(rename) => (Some(&rename.ident), Some(&rename.rename)),
            UseTree::Glob(_) => (None, None),
        };
        let line = above.first().or(last).map_or(0, |name| name.span().start().line);
        let itself = last.is_some_and(|last| last == "self" && !above.is_empty());
        let last = last.filter(|_| !itself);
        let name =
            if itself && name.is_some_and(|name| name == "self") { above.last() } else { name };
        let path = above.iter().chain(last).map(plain).collect();
        let name = name.map(plain);
        self.module().imports.push(Import { line, path, name, exported });
    }

    /// Paths and strings in what a macro or an attribute is given.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<Ident> = Vec::new();
        let (mut colons, mut field) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 || path.is_empty() {
                        self.mention(&std::mem::take(&mut path));
                    }
                    if !field {
                        path.push(name);
                    }
                    (colons, field) = (0, false);
                }
                other => {
                    self.mention(&std::mem::take(&mut path));
                    colons = 0;
                    field = matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '.');
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Literal(literal) => self.visit_lit(&Lit::new(literal)),
                        TokenTree::Punct(_) | TokenTree::Ident(_) => {}
                    }
                }
            }
        }
        self.mention(&path);
    }

    fn type_definition(&mut self, name: &Ident) {
        let line = name.span().start().line;
        self.facts.types.push(Named { line, text: plain(name) });
    }

    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::TraitAlias(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Macro(item) => match &item.ident {
                Some(name) => name,
                None => return,
            },
            _ => return,
        };
        if !self.test && !self.local {
            let name = plain(name);
            self.module().definitions.push(name);
        }
        if let Item::Enum(_) | Item::Struct(_) | Item::Trait(_) | Item::Type(_) | Item::Union(_) =
            item
        {
            self.type_definition(name);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (test, local) = (self.test, self.local);
        self.test |= is_test(attributes(item));
        self.define(item);
        self.local |= !matches!(item, Item::Mod(_));
        visit::visit_item(self, item);
        (self.test, self.local) = (test, local);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = plain(&item.ident);
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        let Some((_, items)) = &item.content else {
            let test = self.test;
            let module = self.module();
            if test { &mut module.test_modules } else { &mut module.children }.push(name);
            return;
        };
        let above = self.module;
        if !self.test {
            self.module().children.push(name.clone());
            let path = [self.module().path.as_slice(), &[name]].concat();
            self.facts.modules.push(Module { path, ..Module::default() });
            self.module = self.facts.modules.len() - 1;
        }
        items.iter().for_each(|item| self.visit_item(item));
        self.module = above;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !self.test {
            let exported = !matches!(item.vis, syn::Visibility::Inherited);
            self.import(&item.tree, &[], exported);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<Ident> = path.segments.iter().map(|segment| segment.ident.clone()).collect();
        self.mention(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        assert!(self.test || !is_test(std::slice::from_ref(attribute)), "cfg(test) on no item");
        visit::visit_attribute(self, attribute);
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        if !self.test {
            let line = text.span().start().line;
            self.facts.literals.push(Named { line, text: text.value() });
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        use syn::ImplItem::{Const, Fn, Macro, Type};
        let test = self.test;
        if let Const(syn::ImplItemConst { attrs, .. })
        | Fn(syn::ImplItemFn { attrs, .. })
        | Macro(syn::ImplItemMacro { attrs, .. })
        | Type(syn::ImplItemType { attrs, .. }) = item
        {
            self.test |= is_test(attrs);
        }
        visit::visit_impl_item(self, item);
        self.test = test;
    }
}

fn plain(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Whether something is there for tests only: `cfg(test)`, alone or among what `all` asks for.
fn is_test(attributes: &[Attribute]) -> bool {
    fn asks_for_tests(meta: &syn::Meta) -> bool {
        match meta {
            syn::Meta::Path(path) => path.is_ident("test"),
            syn::Meta::List(list) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
                .is_ok_and(|metas| metas.iter().any(asks_for_tests)),
            syn::Meta::List(_) | syn::Meta::NameValue(_) => false,
        }
    }
    let cfgs = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    cfgs.filter_map(|cfg| cfg.parse_args().ok()).any(|meta| asks_for_tests(&meta))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(syn::ItemConst { attrs, .. })
        | Item::Enum(syn::ItemEnum { attrs, .. })
        | Item::ExternCrate(syn::ItemExternCrate { attrs, .. })
        | Item::Fn(syn::ItemFn { attrs, .. })
        | Item::ForeignMod(syn::ItemForeignMod { attrs, .. })
        | Item::Impl(syn::ItemImpl { attrs, .. })
        | Item::Macro(syn::ItemMacro { attrs, .. })
        | Item::Mod(syn::ItemMod { attrs, .. })
        | Item::Static(syn::ItemStatic { attrs, .. })
        | Item::Struct(syn::ItemStruct { attrs, .. })
        | Item::Trait(syn::ItemTrait { attrs, .. })
        | Item::TraitAlias(syn::ItemTraitAlias { attrs, .. })
        | Item::Type(syn::ItemType { attrs, .. })
        | Item::Union(syn::ItemUnion { attrs, .. })
        | Item::Use(syn::ItemUse { attrs, .. }) => attrs,
        _ => &[],
    }
}
