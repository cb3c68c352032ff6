//! How large a statement may be. The parsers are recursive: what is nested without bound would end the process.

use crate::{
    Reason, Refusal,
    scan::not_understood,
    token::{Token, TokenKind},
};

/// The longest text that is looked at, in bytes.
pub(crate) const MOST_BYTES: usize = 64 * 1024;

/// How deeply brackets, `CASE` and runs of prefix operators may be nested.
const DEEPEST: usize = 96;

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
    /// They are nested too deeply, or a bracket is closed that was not opened.
    pub(crate) fn of(sql: &str, tokens: &[Token]) -> Result<Self, Refusal> {
        let mut extent = Self { tokens: 0, depth: 0 };
        let mut brackets: Vec<u8> = Vec::new();
        let mut cases = 0_usize;
        let mut prefixes = 0_usize;
        for token in tokens.iter().filter(|token| token.counts()) {
            extent.tokens += 1;
            let text = token.text(sql);
            match token.kind {
                TokenKind::Open => brackets.push(text.as_bytes().first().copied().unwrap_or_default()),
                TokenKind::Close => {
                    let opened = if text == ")" { b'(' } else { b'[' };
                    if brackets.pop() != Some(opened) {
                        return Err(not_understood("a bracket is closed that was not opened"));
                    }
                }
                TokenKind::Word if text.eq_ignore_ascii_case("case") => cases += 1,
                TokenKind::Word if text.eq_ignore_ascii_case("end") => cases = cases.saturating_sub(1),
                _ => {}
            }
            let prefix = matches!(token.kind, TokenKind::Symbol | TokenKind::Cast) && text != ","
                || token.kind == TokenKind::Word
                    && PREFIXES.iter().any(|word| text.eq_ignore_ascii_case(word));
            prefixes = if prefix { prefixes + 1 } else { 0 };
            extent.depth = extent.depth.max(brackets.len() + cases + prefixes);
            if extent.depth > DEEPEST {
                return Err(too_large("nested too deeply"));
            }
        }
        if !brackets.is_empty() {
            return Err(not_understood("a bracket is not closed"));
        }
        Ok(extent)
    }

    /// Adds text that is parsed as well: bodies of functions. What is nested in it is estimated, on the safe side.
    pub(crate) fn with_body(mut self, body: &str) -> Result<Self, Refusal> {
        let mut open = 0_usize;
        let mut deepest = 0_usize;
        for byte in body.bytes() {
            match byte {
                // A backslash may stand for a bracket.
                b'(' | b'[' | b'\\' => open += 1,
                b')' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(open);
        }
        let words = |wanted: &[&str]| {
            body.split(|character: char| !character.is_alphanumeric() && character != '_')
                .filter(|word| wanted.iter().any(|one| word.eq_ignore_ascii_case(one)))
                .count()
        };
        deepest += words(&["case", "begin", "if", "loop", "not"]);
        if deepest > DEEPEST {
            return Err(too_large("the body of a function is nested too deeply"));
        }
        self.depth += deepest;
        self.tokens += body.len();
        Ok(self)
    }

    /// Runs `work`, which is as deep as this allows, where there is stack enough, whatever thread it is on.
    pub(crate) fn with_stack<Answer>(self, work: impl FnOnce() -> Answer) -> Answer {
        let needed = STACK_OF_ANY + self.depth * STACK_OF_LEVEL + self.tokens * STACK_OF_TOKEN;
        stacker::maybe_grow(needed, needed + STACK_OF_ANY, work)
    }
}

/// Words that may stand before an expression, again and again, or a statement.
const PREFIXES: [&str; 8] = ["not", "explain", "prior", "binary", "row", "all", "any", "some"];
