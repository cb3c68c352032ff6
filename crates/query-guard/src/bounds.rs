//! How large a statement may be. The parsers are recursive: what is nested without bound would end the process.

use crate::{
    Language, Reason, Refusal,
    scan::{self, Names, not_understood},
    token::{Token, TokenKind},
};

/// The longest text that is looked at, in bytes.
pub(crate) const MOST_BYTES: usize = 64 * 1024;

/// How deeply brackets, `CASE` and runs of prefix operators may be nested.
const DEEPEST: usize = 96;

/// How many operators may follow one another without a comma, a bracket or a clause between them. The tree of a chain
/// is as deep as the chain is long, and the time that the parsers take grows with its square.
const LONGEST_CHAIN: usize = 1_000;

/// How many joins there may be in all.
const MOST_JOINS: usize = 500;

/// How many conditions there may be in all.
const MOST_TERMS: usize = 2_000;

/// A body without brackets that need not be looked at, in bytes.
const SHORT_BODY: usize = 64;

/// Stack that a level of brackets takes at most in the parsers, in bytes.
const STACK_OF_LEVEL: usize = 32 * 1024;

/// Stack that a token takes at most where the parsers, or the trees they make, are as deep as a chain is long
/// (`1 + 1 + …`), in bytes.
const STACK_OF_TOKEN: usize = 4 * 1024;

/// Stack that is needed in any case, in bytes.
const STACK_OF_ANY: usize = 256 * 1024;

pub(crate) fn too_large(what: &str) -> Refusal {
    Refusal { reason: Reason::TooLarge, detail: format!("the statement is too large: {what}") }
}

/// Refuses text of more than 64 KiB.
pub(crate) fn length(sql: &str) -> Result<(), Refusal> {
    if sql.len() > MOST_BYTES {
        return Err(too_large("more than 65,536 bytes"));
    }
    Ok(())
}

/// How much there is for the parsers to do.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    tokens: usize,
    depth: usize,
}

impl Extent {
    /// That of `tokens`.
    ///
    /// # Errors
    /// They are nested too deeply, a chain is too long, or a bracket is closed that was not opened.
    pub(crate) fn of(sql: &str, tokens: &[Token]) -> Result<Self, Refusal> {
        let mut extent = Self { tokens: 0, depth: 0 };
        let mut brackets: Vec<(u8, usize)> = Vec::new();
        let (mut chain, mut cases, mut prefixes, mut joins, mut terms) =
            (0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
        for token in tokens.iter().filter(|token| token.counts()) {
            extent.tokens += 1;
            let text = token.text(sql);
            let word = if token.kind == TokenKind::Word { word(text) } else { Word::Other };
            match token.kind {
                TokenKind::Open => {
                    brackets.push((text.as_bytes().first().copied().unwrap_or_default(), chain));
                    chain = 0;
                }
                TokenKind::Close => match brackets.pop() {
                    Some((opened, outside)) if opened == if text == ")" { b'(' } else { b'[' } => {
                        chain = outside + 1
                    }
                    _ => return Err(not_understood("a bracket is closed that was not opened")),
                },
                TokenKind::Symbol if text == "," => chain = 0,
                TokenKind::Symbol | TokenKind::Cast | TokenKind::String => chain += 1,
                _ => {}
            }
            match word {
                Word::Case => cases += 1,
                Word::End => cases = cases.saturating_sub(1),
                Word::Join => joins += 1,
                Word::Term => {
                    terms += 1;
                    chain = 0;
                }
                Word::Clause => chain = 0,
                Word::Prefix | Word::Operator => chain += 1,
                Word::Other => {}
            }
            let prefix = matches!(token.kind, TokenKind::Symbol | TokenKind::Cast) && text != ","
                || word == Word::Prefix;
            prefixes = if prefix { prefixes + 1 } else { 0 };
            extent.depth = extent.depth.max(brackets.len() + cases + prefixes);
            if extent.depth > DEEPEST {
                return Err(too_large("nested too deeply"));
            }
            if chain > LONGEST_CHAIN || joins > MOST_JOINS || terms > MOST_TERMS {
                return Err(too_large("a chain of too many operators, joins or conditions"));
            }
        }
        if !brackets.is_empty() {
            return Err(not_understood("a bracket is not closed"));
        }
        Ok(extent)
    }

    /// Adds text that is parsed as well: the body of a function, as it stands in its quotes.
    pub(crate) fn with_body(mut self, quoted: &str) -> Result<Self, Refusal> {
        let inner = quoted
            .get(quoted.find('\'').map_or(0, |at| at + 1)..quoted.len().saturating_sub(1))
            .unwrap_or_default();
        let body = if quoted.starts_with('$') {
            let tag = quoted.get(1..).and_then(|rest| rest.find('$')).map_or(0, |at| at + 2);
            quoted.get(tag..quoted.len().saturating_sub(tag)).unwrap_or_default().to_owned()
        } else {
            inner.replace("''", "'")
        };
        if quoted.starts_with(['e', 'E', 'u', 'U']) && quoted.contains('\\') {
            return Err(not_understood("a body of a function with escapes"));
        }
        if !body.bytes().any(|byte| matches!(byte, b'(' | b'[')) && body.len() < SHORT_BODY {
            self.depth += SHORT_BODY / 4;
            return Ok(self);
        }
        let tokens = scan::scan(Language::Postgresql, Names::Ordinary, &body)?;
        let extent = Self::of(&body, &tokens)?;
        self.depth += extent.depth;
        self.tokens += extent.tokens;
        for token in tokens.iter().filter(|token| token.kind == TokenKind::String) {
            self = self.with_body(token.text(&body))?;
        }
        if self.depth > 2 * DEEPEST {
            return Err(too_large("nested too deeply"));
        }
        Ok(self)
    }

    /// Runs `work`, which is as deep as this allows, where there is stack enough, whatever thread it is on.
    pub(crate) fn with_stack<Answer>(self, work: impl FnOnce() -> Answer) -> Answer {
        let needed = STACK_OF_ANY + self.depth * STACK_OF_LEVEL + self.tokens * STACK_OF_TOKEN;
        stacker::maybe_grow(needed, needed + STACK_OF_ANY, work)
    }
}

/// What a word does to the trees of the parsers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Case,
    End,
    Join,
    /// `AND` and the like.
    Term,
    /// The beginning of a clause, where a chain of operators ends.
    Clause,
    /// It may stand before an expression or a statement, again and again.
    Prefix,
    /// An operator behind an expression.
    Operator,
    Other,
}

fn word(text: &str) -> Word {
    const WORDS: &[(&str, Word)] = &[
        ("and", Word::Term),
        ("or", Word::Term),
        ("union", Word::Term),
        ("except", Word::Term),
        ("intersect", Word::Term),
        ("as", Word::Other),
        ("case", Word::Case),
        ("end", Word::End),
        ("join", Word::Join),
        ("select", Word::Clause),
        ("from", Word::Clause),
        ("where", Word::Clause),
        ("when", Word::Clause),
        ("then", Word::Clause),
        ("else", Word::Clause),
        ("on", Word::Clause),
        ("not", Word::Prefix),
        ("explain", Word::Prefix),
        ("prior", Word::Prefix),
        ("binary", Word::Prefix),
        ("row", Word::Prefix),
        ("all", Word::Prefix),
        ("any", Word::Prefix),
        ("some", Word::Prefix),
        ("is", Word::Operator),
        ("at", Word::Operator),
        ("collate", Word::Operator),
        ("like", Word::Operator),
        ("ilike", Word::Operator),
        ("similar", Word::Operator),
        ("between", Word::Operator),
        ("div", Word::Operator),
        ("mod", Word::Operator),
        ("xor", Word::Operator),
        ("rlike", Word::Operator),
        ("regexp", Word::Operator),
        ("isnull", Word::Operator),
        ("notnull", Word::Operator),
    ];
    WORDS.iter().find(|(known, _)| text.eq_ignore_ascii_case(known)).map_or(Word::Other, |(_, word)| *word)
}
