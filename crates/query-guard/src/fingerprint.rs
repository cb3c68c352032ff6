//! What statements of one shape have in common.

use crate::{
    Language,
    statement::Fingerprint,
    text::Text,
    token::{Token, TokenKind},
};

const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a over the tokens, in which every constant is the same. It is a name, no secret and no proof.
pub(crate) fn fingerprint(language: Language, text: &Text) -> Fingerprint {
    let mut hash = Hash(START);
    hash.byte(language as u8);
    let mut before: Option<&Token> = None;
    for (index, token) in text.tokens.iter().enumerate() {
        let written = text.text(token);
        match token.kind {
            TokenKind::String | TokenKind::Number => hash.byte(1),
            TokenKind::Word
                if written.eq_ignore_ascii_case("true") || written.eq_ignore_ascii_case("false") =>
            {
                hash.byte(1)
            }
            // The sign of a constant belongs to it.
            TokenKind::Symbol
                if matches!(written, "-" | "+")
                    && !before.is_some_and(Token::ends_value)
                    && text.tokens.get(index + 1).is_some_and(|next| next.kind == TokenKind::Number) =>
            {
                continue;
            }
            TokenKind::Parameter(number) => {
                hash.byte(2);
                hash.bytes(&number.to_le_bytes());
            }
            TokenKind::Word if folds(language, written) => {
                hash.byte(3);
                for byte in written.bytes() {
                    hash.byte(byte.to_ascii_lowercase());
                }
            }
            TokenKind::Word => {
                hash.byte(3);
                hash.bytes(written.as_bytes());
            }
            _ => {
                hash.byte(4);
                hash.bytes(written.as_bytes());
            }
        }
        hash.byte(0);
        before = Some(token);
    }
    Fingerprint(hash.0)
}

/// Whether letter case says nothing in this word. In MySQL names of tables may differ in case only.
fn folds(language: Language, word: &str) -> bool {
    language != Language::Mysql
        || sqlparser::keywords::ALL_KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

struct Hash(u64);

impl Hash {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }
}
