//! Names in quotes, with escapes and in any letter case, as the server compares them.

use std::{borrow::Cow, fmt, ops::Deref};

use crate::{function_name::folded, text::Text, token::TokenKind};

/// A name in lower case, without quotes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Name<'text>(Cow<'text, str>);

impl<'text> Name<'text> {
    /// A name that letter case says nothing in. Those in quotes are folded too: what is refused in lower case has no
    /// harmless relative in capitals.
    pub(crate) fn folded(written: &'text str) -> Self {
        if written.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return Self(Cow::Borrowed(written));
        }
        Self(Cow::Owned(folded(written)))
    }
}

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is in the quotes.
pub(crate) fn unquoted(written: &str, quote: char) -> Name<'_> {
    let inner = written.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).unwrap_or(written);
    if inner.contains(quote) {
        let doubled: String = [quote, quote].iter().collect();
        return Name(Cow::Owned(folded(&inner.replace(&doubled, &quote.to_string()))));
    }
    Name::folded(inner)
}

/// What `U&"…"` stands for, with a backslash as its escape character.
pub(crate) fn unicode_escaped(written: &str) -> Option<Name<'static>> {
    let inner = written.get(2..)?.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\"");
    let mut name = String::with_capacity(inner.len());
    let mut rest = inner.as_str();
    while let Some(at) = rest.find('\\') {
        name.push_str(rest.get(..at)?);
        let escape = rest.get(at + 1..)?;
        let (digits, length) = match escape.as_bytes().first()? {
            b'\\' => {
                name.push('\\');
                rest = escape.get(1..)?;
                continue;
            }
            b'+' => (escape.get(1..7)?, 7),
            _ => (escape.get(..4)?, 4),
        };
        name.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = escape.get(length..)?;
    }
    name.push_str(rest);
    Some(Name(Cow::Owned(folded(&name))))
}

/// How many arguments stand in the brackets that open at `index`; `None` if they are not closed.
pub(crate) fn arguments(text: &Text, index: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut commas = 0_usize;
    for (offset, token) in text.tokens.get(index..)?.iter().enumerate() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => {
                depth -= 1;
                if depth == 0 {
                    return Some(if offset == 1 { 0 } else { commas + 1 });
                }
            }
            TokenKind::Symbol if depth == 1 && text.text(token) == "," => commas += 1,
            _ => {}
        }
    }
    None
}
