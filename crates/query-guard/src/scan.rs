//! Cuts a statement into tokens exactly as the database does, and refuses what databases, versions
//! or settings cut differently: what hides in a string for one reader must not be a statement for another.

mod mysql;
mod postgresql;

use crate::{Language, Reason, Refusal, token::Token, token::TokenKind};

/// Whether `:name` is a placeholder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    Placeholders,
    Ordinary,
}

/// The tokens of `sql`, white space and comments among them: together they are the whole text.
pub(crate) fn scan(language: Language, names: Names, sql: &str) -> Result<Vec<Token>, Refusal> {
    if sql.bytes().any(|byte| byte == 0) {
        return Err(not_understood("a NUL character"));
    }
    let mut scanner = Scanner {
        sql,
        bytes: sql.as_bytes(),
        position: 0,
        names,
        tokens: Vec::with_capacity(sql.len() / 3 + 4),
        brackets: 0,
    };
    while scanner.position < scanner.bytes.len() {
        let start = scanner.position;
        let kind = match language {
            Language::Postgresql => postgresql::token(&mut scanner, postgresql::Flavour::Postgresql)?,
            Language::Redshift => postgresql::token(&mut scanner, postgresql::Flavour::Redshift)?,
            Language::Mysql => mysql::token(&mut scanner)?,
        };
        let written = sql.get(start..scanner.position).unwrap_or_default();
        if kind == TokenKind::Word
            && !written.is_ascii()
            && written.chars().any(|character| character.is_whitespace() || character.is_control())
        {
            // White space for some readers, part of a name for others.
            return Err(not_understood("white space that is not ASCII"));
        }
        scanner.tokens.push(Token { kind, start, end: scanner.position });
    }
    Ok(scanner.tokens)
}

pub(crate) fn not_understood(what: &str) -> Refusal {
    Refusal { reason: Reason::NotUnderstood, detail: format!("the statement is not understood: {what}") }
}

/// Where the reading stands.
pub(crate) struct Scanner<'sql> {
    sql: &'sql str,
    bytes: &'sql [u8],
    position: usize,
    names: Names,
    tokens: Vec<Token>,
    /// How many `[` are open.
    brackets: usize,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.position + ahead).copied().unwrap_or(0)
    }

    fn skip_while(&mut self, test: impl Fn(u8) -> bool) {
        while self.bytes.get(self.position).is_some_and(|byte| test(*byte)) {
            self.position += 1;
        }
    }

    /// Behind the next `end`, or `None` if there is none.
    fn skip_past(&mut self, end: &[u8]) -> Option<()> {
        let rest = self.bytes.get(self.position..)?;
        let at = rest.windows(end.len()).position(|window| window == end)?;
        self.position += at + end.len();
        Some(())
    }

    /// The last token that counts.
    fn before(&self) -> Option<&Token> {
        self.tokens.iter().rev().find(|token| token.counts())
    }

    /// From the opening quote to behind the closing one; a doubled quote is part of the content.
    fn quoted(&mut self, quote: u8, backslash: Backslash) -> Result<(), Refusal> {
        self.position += 1;
        loop {
            match self.bytes.get(self.position) {
                None => return Err(not_understood("a quote is not closed")),
                Some(b'\\') if backslash == Backslash::Escapes => self.position += 2,
                Some(b'\\') if backslash == Backslash::MayEscape => {
                    let from = self.position;
                    self.skip_while(|byte| byte == b'\\');
                    if (self.position - from) % 2 == 1 && self.peek(0) == quote {
                        return Err(not_understood("a backslash before a quote can be read in two ways"));
                    }
                }
                Some(byte) if *byte == quote => {
                    self.position += 1;
                    if self.peek(0) != quote {
                        return Ok(());
                    }
                    self.position += 1;
                }
                Some(_) => self.position += 1,
            }
        }
    }

    /// A number that starts here. Names that begin with digits, and numbers that run into a name, are refused.
    fn number(&mut self, is_name: impl Fn(u8) -> bool) -> Result<TokenKind, Refusal> {
        let based = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X' | b'b' | b'B' | b'o' | b'O') {
            let digits: fn(u8) -> bool = match self.peek(1) {
                b'x' | b'X' => |byte| byte.is_ascii_hexdigit() || byte == b'_',
                b'b' | b'B' => |byte| matches!(byte, b'0' | b'1' | b'_'),
                _ => |byte| matches!(byte, b'0'..=b'7' | b'_'),
            };
            self.position += 2;
            let from = self.position;
            self.skip_while(digits);
            if self.position == from || based(self.peek(0)) {
                return Err(not_understood("letters behind a number"));
            }
        } else {
            self.skip_while(|byte| byte.is_ascii_digit() || byte == b'_');
            if self.peek(0) == b'.' && self.peek(1) != b'.' {
                self.position += 1;
                self.skip_while(|byte| byte.is_ascii_digit() || byte == b'_');
            }
            if matches!(self.peek(0), b'e' | b'E') {
                self.position += 1;
                if matches!(self.peek(0), b'+' | b'-') {
                    self.position += 1;
                }
                if !self.peek(0).is_ascii_digit() {
                    return Err(not_understood("letters behind a number"));
                }
                self.skip_while(|byte| byte.is_ascii_digit() || byte == b'_');
            }
        }
        if is_name(self.peek(0)) {
            return Err(not_understood("letters behind a number"));
        }
        Ok(TokenKind::Number)
    }

    /// One character, in which no multi-byte character is cut.
    fn symbol(&mut self) -> Result<TokenKind, Refusal> {
        let byte = self.peek(0);
        self.position += 1;
        Ok(match byte {
            b';' => TokenKind::Semicolon,
            b'(' => TokenKind::Open,
            b'[' => {
                self.brackets += 1;
                TokenKind::Open
            }
            b')' => TokenKind::Close,
            b']' => {
                self.brackets = self.brackets.saturating_sub(1);
                TokenKind::Close
            }
            0x21..=0x7e => TokenKind::Symbol,
            _ => return Err(not_understood("a control character")),
        })
    }

    /// What begins with a colon: a cast, a placeholder with a name, or the character itself.
    fn colon(&mut self) -> Result<TokenKind, Refusal> {
        if self.peek(1) == b':' {
            self.position += 2;
            return Ok(TokenKind::Cast);
        }
        let named = self.peek(1).is_ascii_alphabetic() || self.peek(1) == b'_' || self.peek(1) >= 0x80;
        if self.names == Names::Ordinary || !named {
            self.position += 1;
            return Ok(TokenKind::Symbol);
        }
        if self.brackets > 0 && self.before().is_some_and(Token::ends_value) {
            return Err(Refusal {
                reason: Reason::Placeholders,
                detail: "a colon in brackets can be a placeholder or the bounds of a slice: write a space behind it".to_owned(),
            });
        }
        self.position += 1;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if self.peek(0) >= 0x80 || self.peek(0) == b'$' {
            return Err(Refusal {
                reason: Reason::Placeholders,
                detail: "names of placeholders are letters, digits and underscores".to_owned(),
            });
        }
        Ok(TokenKind::NamedParameter)
    }
}

/// What a backslash does in a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Escapes,
    IsItself,
    /// It depends on settings: a string that would end elsewhere is refused.
    MayEscape,
}
