//! Source files as trees of tokens, with their strings and doc comments.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::programs;

/// One file of the product.
pub(super) struct File {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) trees: Vec<TokenTree>,
}

/// Crates that are no part of what an operator runs.
const OTHERS: [&str; 4] = ["test-support", "local-postgres", "development", "proof"];

/// Every file of the product, without its tests, in order.
pub(super) fn product() -> Result<Vec<File>> {
    let root = programs::root();
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("crates")).context("crates")? {
        let folder = entry?.path();
        if OTHERS.iter().any(|other| folder.ends_with(other)) {
            continue;
        }
        collect(&folder.join("src"), &root, &mut files)?;
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn collect(folder: &Path, root: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, root, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let trees = parse(&text).with_context(|| shown.clone())?;
            files.push(File { path: shown, trees });
        }
    }
    Ok(())
}

/// The trees of a file's text, without modules that are only compiled for tests.
pub(super) fn parse(text: &str) -> Result<Vec<TokenTree>> {
    let stream: TokenStream = text.parse().map_err(|error| anyhow!("{error}"))?;
    let mut trees: Vec<TokenTree> = stream.into_iter().collect();
    let of_tests = |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.stream().to_string() == "cfg (test)");
    if let Some(at) = trees.iter().position(of_tests)
        && trees.iter().skip(at).take(5).any(|tree| is_word(tree, "mod"))
    {
        trees.truncate(at);
    }
    Ok(trees)
}

/// Calls `look` with every sequence of trees: the file's own, and that of each group in it.
pub(super) fn every_sequence(trees: &[TokenTree], look: &mut dyn FnMut(&[TokenTree])) {
    look(trees);
    for tree in trees {
        if let TokenTree::Group(group) = tree {
            every_sequence(&inside(group), look);
        }
    }
}

pub(super) fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

pub(super) fn is_word(tree: &TokenTree, word: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == word)
}

pub(super) fn is_sign(tree: &TokenTree, sign: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// What stands in the parentheses here, split at its commas.
pub(super) fn arguments(tree: Option<&TokenTree>) -> Option<Vec<Vec<TokenTree>>> {
    let Some(TokenTree::Group(group)) = tree else { return None };
    if group.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    let trees = inside(group);
    let split = trees.split(|tree| is_sign(tree, ',')).map(<[TokenTree]>::to_vec);
    Some(split.filter(|argument| !argument.is_empty()).collect())
}

/// The value of a string literal that stands alone.
pub(super) fn string(trees: &[TokenTree]) -> Option<String> {
    let [TokenTree::Literal(literal)] = trees else { return None };
    let text = literal.to_string();
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    // A line that ends in a backslash goes on with the next line's first word.
    let mut value = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
            Some('n') => value.push('\n'),
            Some(other) => value.push(other),
            None => {}
        }
    }
    Some(value)
}

/// The doc comment that ends right before this place, as one line.
pub(super) fn documentation(trees: &[TokenTree], before: usize) -> String {
    let mut lines = Vec::new();
    let mut at = before;
    while at >= 2 {
        let (Some(sign), Some(TokenTree::Group(group))) = (trees.get(at - 2), trees.get(at - 1)) else {
            break;
        };
        if !is_sign(sign, '#') {
            break;
        }
        if let [doc, equals, text @ ..] = inside(group).as_slice()
            && is_word(doc, "doc")
            && is_sign(equals, '=')
            && let Some(line) = string(text)
        {
            lines.push(line.trim().to_owned());
        }
        at -= 2;
    }
    lines.reverse();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_arguments_are_read_and_tests_are_not() {
        let trees = parse(
            "/// One.\n/// Two.\nconst A: &str = \"b\\\n    c\";\nfn f() { g(1, h(2, 3)) }\n#[cfg(test)]\nmod tests { const D: u8 = 1; }",
        )
        .unwrap();
        let at = trees.iter().position(|tree| is_word(tree, "const")).unwrap();
        assert_eq!(documentation(&trees, at), "One. Two.");
        assert!(!trees.iter().any(|tree| is_word(tree, "tests")));
        let (mut strings, mut calls) = (Vec::new(), Vec::new());
        every_sequence(&trees, &mut |trees| {
            strings.extend(trees.iter().filter_map(|tree| string(std::slice::from_ref(tree))));
            let of_g = trees.iter().position(|tree| is_word(tree, "g"));
            calls.extend(of_g.and_then(|at| arguments(trees.get(at + 1))).map(|all| all.len()));
        });
        assert!(strings.contains(&"bc".to_owned()), "{strings:?}");
        assert_eq!(calls, [2]);
    }
}
