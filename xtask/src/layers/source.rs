//! Source files as tokens, so that comments and strings do not count.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

use super::arrows::Package;
use crate::programs;

/// One file.
#[derive(Debug)]
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    /// The package it belongs to.
    pub package: String,
    pub tokens: Vec<Token>,
    pub lines: usize,
    /// Whether it begins with a comment that says what it is for.
    pub is_introduced: bool,
}

/// A word or a sign, and its line.
#[derive(Clone, Debug)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// All Rust files of these packages.
pub fn all(packages: &[Package]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for package in packages {
        for part in ["src", "tests", "benches"] {
            collect(&package.folder.join(part), &package.name, &mut sources)?;
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn collect(folder: &Path, package: &str, sources: &mut Vec<Source>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, package, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let shown = path.strip_prefix(programs::root()).unwrap_or(&path);
            sources.push(parse(&shown.to_string_lossy(), package, &text)?);
        }
    }
    Ok(())
}

/// Reads one file.
pub fn parse(path: &str, package: &str, text: &str) -> Result<Source> {
    let stream: TokenStream = text.parse().map_err(|error| anyhow!("{path}: {error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(Source {
        path: path.to_owned(),
        package: package.to_owned(),
        tokens,
        lines: text.lines().count(),
        is_introduced: text.starts_with("//!"),
    })
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: String, line| tokens.push(Token { text, line });
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                push(open.to_owned(), line);
                let end = group.span_close().start().line;
                flatten(group.stream(), tokens);
                tokens.push(Token { text: close.to_owned(), line: end });
            }
            TokenTree::Ident(word) => push(word.to_string(), line),
            TokenTree::Punct(sign) => push(sign.as_char().to_string(), line),
            TokenTree::Literal(_) => push("\"\"".to_owned(), line),
        }
    }
}

impl Source {
    /// The lines on which these tokens follow each other. `a::b` is written `&["a", ":", ":", "b"]`.
    pub fn lines_with(&self, pattern: &[&str]) -> Vec<usize> {
        self.tokens
            .windows(pattern.len())
            .filter(|window| window.iter().zip(pattern).all(|(token, word)| token.text == *word))
            .map(|window| window[0].line)
            .collect()
    }

    /// The token before and the token after each use of a word, and its line.
    pub fn uses<'a>(&'a self, word: &'a str) -> impl Iterator<Item = (&'a str, &'a str, usize)> {
        self.tokens.iter().enumerate().filter(move |(_, token)| token.text == word).map(|(at, token)| {
            let text = |at: Option<usize>| {
                at.and_then(|at| self.tokens.get(at)).map_or("", |token| token.text.as_str())
            };
            (text(at.checked_sub(1)), text(Some(at + 1)), token.line)
        })
    }

    /// Whether it is test code: another file than those under `src`, a `tests` module, or a fixture.
    pub fn is_test(&self) -> bool {
        !self.path.contains("/src/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.package == "test-support"
    }
}
