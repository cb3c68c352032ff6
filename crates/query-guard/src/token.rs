//! The smallest pieces of a statement, as the database itself reads them.

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// White space.
    Space,
    /// A comment of either kind.
    Comment,
    /// A keyword, or a name without quotes.
    Word,
    /// A name in quotes: `"…"`, `` `…` ``.
    QuotedName,
    /// A name with escapes: `U&"…"`.
    EscapedName,
    /// A string in whatever quotes, with its prefix.
    String,
    /// A number.
    Number,
    /// `$1` with its number, or `?` with the number 0.
    Parameter(u32),
    /// `:name`, where those are looked for.
    NamedParameter,
    /// `;`
    Semicolon,
    /// `(`, `[`
    Open,
    /// `)`, `]`
    Close,
    /// `::`
    Cast,
    /// Any other single character.
    Symbol,
}

/// One piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn text<'sql>(&self, sql: &'sql str) -> &'sql str {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_word(&self, sql: &str, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }

    /// Neither white space nor a comment.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self.kind, TokenKind::Space | TokenKind::Comment)
    }

    /// Whether a value or a name ends here, so that an operator may follow.
    pub(crate) fn ends_value(&self) -> bool {
        matches!(
            self.kind,
            TokenKind::Word
                | TokenKind::QuotedName
                | TokenKind::EscapedName
                | TokenKind::String
                | TokenKind::Number
                | TokenKind::Parameter(_)
                | TokenKind::NamedParameter
                | TokenKind::Close
        )
    }
}
