//! Tokens of PostgreSQL (`src/backend/parser/scan.l`) and Redshift, whose language is that of an old PostgreSQL.

use super::{Backslash, Scanner, not_understood};
use crate::{Refusal, token::TokenKind};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Postgresql,
    Redshift,
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn in_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

pub(super) fn token(scanner: &mut Scanner<'_>, flavour: Flavour) -> Result<TokenKind, Refusal> {
    let byte = scanner.peek(0);
    let next = scanner.peek(1);
    match byte {
        _ if is_space(byte) => {
            scanner.skip_while(is_space);
            Ok(TokenKind::Space)
        }
        b'-' if next == b'-' => {
            scanner.skip_while(|byte| byte != b'\n' && byte != b'\r');
            Ok(TokenKind::Comment)
        }
        b'/' if next == b'*' => comment(scanner, flavour),
        b'\'' => plain_string(scanner, flavour, 0),
        b'e' | b'E' | b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if next == b'\'' => {
            let escapes = matches!(byte, b'e' | b'E');
            if flavour == Flavour::Redshift {
                return Err(not_understood("a string with a prefix"));
            }
            if escapes {
                scanner.position += 1;
                scanner.quoted(b'\'', Backslash::Escapes)?;
                // A string that goes on in the next line goes on with escapes: not every reader knows.
                not_continued(scanner)?;
                Ok(TokenKind::String)
            } else {
                plain_string(scanner, flavour, 1)
            }
        }
        b'u' | b'U' if next == b'&' && matches!(scanner.peek(2), b'\'' | b'"') => {
            if flavour == Flavour::Redshift {
                return Err(not_understood("a string with a prefix"));
            }
            let quote = scanner.peek(2);
            scanner.position += 2;
            scanner.quoted(quote, Backslash::IsItself)?;
            if quote == b'"' {
                return Ok(TokenKind::EscapedName);
            }
            not_continued(scanner)?;
            Ok(TokenKind::String)
        }
        b'"' => {
            scanner.quoted(b'"', Backslash::IsItself)?;
            Ok(TokenKind::QuotedName)
        }
        b'$' if next.is_ascii_digit() => parameter(scanner),
        b'$' => dollar_string(scanner),
        _ if starts_name(byte) => {
            if scanner.position == 0 && byte == 0xef && scanner.sql.starts_with('\u{feff}') {
                return Err(not_understood("a byte order mark"));
            }
            scanner.skip_while(in_name);
            Ok(TokenKind::Word)
        }
        b'0'..=b'9' => scanner.number(in_name),
        b'.' if next.is_ascii_digit() => scanner.number(in_name),
        b':' => scanner.colon(),
        _ => scanner.symbol(),
    }
}

/// `'…'`, behind `prefix` letters.
fn plain_string(scanner: &mut Scanner<'_>, flavour: Flavour, prefix: usize) -> Result<TokenKind, Refusal> {
    scanner.position += prefix;
    let backslash = if flavour == Flavour::Redshift { Backslash::MayEscape } else { Backslash::IsItself };
    scanner.quoted(b'\'', backslash)?;
    Ok(TokenKind::String)
}

/// Comments nest. Whether they do in Redshift is not documented: there, one in another is refused.
fn comment(scanner: &mut Scanner<'_>, flavour: Flavour) -> Result<TokenKind, Refusal> {
    scanner.position += 2;
    let mut depth = 1_usize;
    while depth > 0 {
        match (scanner.peek(0), scanner.peek(1)) {
            _ if scanner.position >= scanner.bytes.len() => {
                return Err(not_understood("a comment is not closed"));
            }
            (b'/', b'*') if flavour == Flavour::Redshift => {
                return Err(not_understood("a comment in a comment"));
            }
            (b'/', b'*') => {
                depth += 1;
                scanner.position += 2;
            }
            (b'*', b'/') => {
                depth -= 1;
                scanner.position += 2;
            }
            _ => scanner.position += 1,
        }
    }
    Ok(TokenKind::Comment)
}

/// `$1`
fn parameter(scanner: &mut Scanner<'_>) -> Result<TokenKind, Refusal> {
    scanner.position += 1;
    let from = scanner.position;
    scanner.skip_while(|byte| byte.is_ascii_digit());
    if in_name(scanner.peek(0)) {
        return Err(not_understood("letters behind a placeholder"));
    }
    let number = scanner.sql.get(from..scanner.position).and_then(|digits| digits.parse().ok());
    // Too large for a number is too large for a placeholder: told as such where placeholders are counted.
    Ok(TokenKind::Parameter(number.unwrap_or(u32::MAX)))
}

/// `$$…$$`, `$tag$…$tag$`
fn dollar_string(scanner: &mut Scanner<'_>) -> Result<TokenKind, Refusal> {
    let start = scanner.position;
    scanner.position += 1;
    scanner.skip_while(|byte| in_name(byte) && byte != b'$');
    if scanner.peek(0) != b'$' {
        return Err(not_understood("a dollar sign"));
    }
    scanner.position += 1;
    let tag = scanner.bytes.get(start..scanner.position).unwrap_or_default();
    scanner.skip_past(tag).ok_or_else(|| not_understood("a quote is not closed"))?;
    Ok(TokenKind::String)
}

/// Refuses a string that goes on behind a line break.
fn not_continued(scanner: &Scanner<'_>) -> Result<(), Refusal> {
    let mut rest = scanner.bytes.get(scanner.position..).unwrap_or_default();
    let mut line_break = false;
    loop {
        match rest {
            [byte, tail @ ..] if is_space(*byte) => {
                line_break |= matches!(byte, b'\n' | b'\r');
                rest = tail;
            }
            [b'-', b'-', ..] => {
                let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
            }
            [b'\'', ..] if line_break => {
                return Err(not_understood("a string that goes on in the next line"));
            }
            _ => return Ok(()),
        }
    }
}
