//! The text that is sent: one statement, without comments, with the placeholders of its language.

use crate::{
    Language, Reason, Refusal, bounds,
    scan::{self, Names, not_understood},
    token::{Token, TokenKind},
};

/// The most parameters that the protocols can carry.
const MOST_PARAMETERS: u32 = 65_535;

/// One statement as it is sent.
pub(crate) struct Text {
    pub(crate) sql: String,
    /// All of its tokens but white space: there are no comments.
    pub(crate) tokens: Vec<Token>,
    pub(crate) placeholders: usize,
    pub(crate) names: Vec<String>,
}

impl Text {
    pub(crate) fn new(language: Language, names: Names, sql: &str) -> Result<Self, Refusal> {
        bounds::length(sql)?;
        let names = if language == Language::Redshift { Names::Placeholders } else { names };
        let scanned = scan::scan(language, names, sql)?;
        let tokens = single(&scanned)?;
        // What is cut off may have kept apart what begins a comment without it: `--;` and `----- a` in MySQL.
        let is_whole =
            !scanned.iter().any(|token| matches!(token.kind, TokenKind::Comment | TokenKind::Semicolon));
        let (sql, tokens, names) = if names == Names::Ordinary && is_whole {
            let start = tokens.first().map_or(0, |token| token.start);
            let end = tokens.last().map_or(start, |token| token.end);
            let moved = tokens
                .iter()
                .filter(|token| token.counts())
                .map(|token| Token { start: token.start - start, end: token.end - start, ..*token })
                .collect();
            (sql.get(start..end).unwrap_or_default().to_owned(), moved, Vec::new())
        } else {
            rewritten(language, names, sql, tokens)?
        };
        let placeholders = placeholders(language, &tokens)?;
        Ok(Self { sql, tokens, placeholders, names })
    }

    pub(crate) fn text(&self, token: &Token) -> &str {
        token.text(&self.sql)
    }

    /// Whether the token at `index` is this word.
    pub(crate) fn is_word(&self, index: usize, word: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is_word(&self.sql, word))
    }

    /// Whether these words stand one after another from `index`.
    pub(crate) fn words(&self, index: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.is_word(index + offset, word))
    }

    /// Whether the token at `index` is this symbol.
    pub(crate) fn is_symbol(&self, index: usize, symbol: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| {
            matches!(token.kind, TokenKind::Symbol | TokenKind::Open | TokenKind::Close)
                && self.text(token) == symbol
        })
    }
}

/// The tokens of the one statement, from the first that counts to the last, without its semicolon.
fn single(tokens: &[Token]) -> Result<&[Token], Refusal> {
    let empty = || Refusal { reason: Reason::Empty, detail: "there is no statement".to_owned() };
    let first = tokens.iter().position(Token::counts).ok_or_else(empty)?;
    let last = tokens.iter().rposition(Token::counts).ok_or_else(empty)?;
    let semicolon = tokens.iter().position(|token| token.kind == TokenKind::Semicolon);
    let end = match semicolon {
        Some(at) if at == first => return Err(empty()),
        Some(at) if at < last => {
            return Err(Refusal {
                reason: Reason::SeveralStatements,
                detail: "there is more than one statement".to_owned(),
            });
        }
        Some(at) => {
            tokens.get(..at).and_then(|before| before.iter().rposition(Token::counts)).ok_or_else(empty)?
        }
        None => last,
    };
    tokens.get(first..=end).ok_or_else(empty)
}

type Rewritten = (String, Vec<Token>, Vec<String>);

/// The text without comments and with the language's own placeholders. It is read once more: what is sent must be
/// cut into the same tokens as what was given.
fn rewritten(language: Language, mode: Names, sql: &str, tokens: &[Token]) -> Result<Rewritten, Refusal> {
    let mut text = String::with_capacity(sql.len());
    let mut names: Vec<String> = Vec::new();
    for token in tokens {
        match token.kind {
            TokenKind::Comment => text.push(' '),
            TokenKind::NamedParameter => {
                let name = token.text(sql).trim_start_matches(':');
                if language == Language::Mysql {
                    names.push(name.to_owned());
                    text.push('?');
                } else {
                    let number = names.iter().position(|known| known == name).unwrap_or_else(|| {
                        names.push(name.to_owned());
                        names.len() - 1
                    });
                    text.push('$');
                    text.push_str(&(number + 1).to_string());
                }
            }
            TokenKind::Parameter(_) if mode == Names::Placeholders => {
                return Err(Refusal {
                    reason: Reason::Placeholders,
                    detail: "placeholders are written :name here".to_owned(),
                });
            }
            _ => text.push_str(token.text(sql)),
        }
    }
    let again: Vec<Token> = scan::scan(language, Names::Ordinary, &text)?
        .into_iter()
        .filter(|token| token.counts() || token.kind == TokenKind::Comment)
        .collect();
    let wanted: Vec<&Token> = tokens.iter().filter(|token| token.counts()).collect();
    let same = again.len() == wanted.len()
        && again.iter().zip(&wanted).all(|(sent, given)| match given.kind {
            TokenKind::NamedParameter => matches!(sent.kind, TokenKind::Parameter(_)),
            kind => sent.kind == kind && sent.text(&text) == given.text(sql),
        });
    if !same {
        return Err(not_understood("placeholders or comments that touch something else"));
    }
    Ok((text, again, names))
}

/// How many parameters are asked for.
fn placeholders(language: Language, tokens: &[Token]) -> Result<usize, Refusal> {
    let refused = |detail: &str| Refusal { reason: Reason::Placeholders, detail: detail.to_owned() };
    let mut numbers: Vec<u32> = tokens
        .iter()
        .filter_map(|token| match token.kind {
            TokenKind::Parameter(number) => Some(number),
            _ => None,
        })
        .collect();
    if language != Language::Mysql {
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.iter().zip(1..).any(|(number, expected)| *number != expected) {
            return Err(refused("placeholders are numbered $1, $2, … without a gap"));
        }
    }
    if numbers.len() > MOST_PARAMETERS as usize {
        return Err(refused("more than 65,535 placeholders"));
    }
    Ok(numbers.len())
}
