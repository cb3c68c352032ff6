//! Tokens of MySQL and MariaDB (`sql/sql_lex.cc`) under the `sql_mode` and the character set (utf8mb4) that sessions
//! are given: backslashes escape, double quotes are strings.

use super::{Backslash, Names, Scanner, not_understood};
use crate::{Reason, Refusal, token::TokenKind};

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d)
}

pub(super) fn token(scanner: &mut Scanner<'_>) -> Result<TokenKind, Refusal> {
    let byte = scanner.peek(0);
    let next = scanner.peek(1);
    match byte {
        _ if is_space(byte) => {
            scanner.skip_while(is_space);
            Ok(TokenKind::Space)
        }
        b'#' => {
            scanner.skip_while(|byte| byte != b'\n');
            Ok(TokenKind::Comment)
        }
        // Two minus signs are a comment only before white space, a control character or the end.
        b'-' if next == b'-' && (scanner.peek(2) <= b' ' || scanner.peek(2) == 0x7f) => {
            scanner.skip_while(|byte| byte != b'\n');
            Ok(TokenKind::Comment)
        }
        b'/' if next == b'*' => {
            if scanner.peek(2) == b'!' || (matches!(scanner.peek(2), b'm' | b'M') && scanner.peek(3) == b'!')
            {
                return Err(Refusal {
                    reason: Reason::NotUnderstood,
                    detail: "a comment that is executed, /*! */, is refused".to_owned(),
                });
            }
            scanner.position += 2;
            scanner.skip_past(b"*/").ok_or_else(|| not_understood("a comment is not closed"))?;
            Ok(TokenKind::Comment)
        }
        b'\'' | b'"' => {
            scanner.quoted(byte, Backslash::Escapes)?;
            if scanner.position > scanner.bytes.len() {
                return Err(not_understood("a quote is not closed"));
            }
            Ok(TokenKind::String)
        }
        b'n' | b'N' | b'x' | b'X' | b'b' | b'B' if next == b'\'' => {
            scanner.position += 1;
            scanner.quoted(b'\'', Backslash::Escapes)?;
            Ok(TokenKind::String)
        }
        b'`' => {
            scanner.quoted(b'`', Backslash::IsItself)?;
            Ok(TokenKind::QuotedName)
        }
        b'?' => {
            scanner.position += 1;
            Ok(TokenKind::Parameter(0))
        }
        b'0'..=b'9' => scanner.number(in_name),
        b'.' if next.is_ascii_digit() => scanner.number(in_name),
        b':' if scanner.names == Names::Placeholders && next != b':' && next != b'=' => scanner.colon(),
        b':' if next == b'=' => Err(Refusal {
            reason: Reason::Session,
            detail: "variables belong to the session and are refused".to_owned(),
        }),
        b':' | b'{' | b'}' | b'\\' => {
            Err(not_understood("a colon, a brace or a backslash outside of strings"))
        }
        b'@' => {
            // `@@name` reads a variable of the server; `@name` is one of the session.
            if next != b'@' {
                return Err(Refusal {
                    reason: Reason::Session,
                    detail: "variables belong to the session and are refused".to_owned(),
                });
            }
            scanner.position += 2;
            Ok(TokenKind::Symbol)
        }
        _ if in_name(byte) => {
            scanner.skip_while(in_name);
            Ok(TokenKind::Word)
        }
        _ => scanner.symbol(),
    }
}
