//! Lines of exports and heads files. Every byte has its place: what is hashed or signed is the exact text
//! between the fixed parts, and nothing else fits around it.

use cryptography::hexadecimal;

use crate::ChainHash;

/// What stands in a line, apart from the header.
#[derive(Debug)]
pub enum Line<'a> {
    Record { hash: ChainHash, text: &'a [u8] },
    Head { text: &'a [u8], signature: [u8; 64] },
}

/// Reads a line without its end. Whether the text is JSON is for the reader of the text.
pub fn parse(line: &[u8]) -> Option<Line<'_>> {
    if let Some(rest) = line.strip_prefix(b"{\"hash\":\"") {
        let (digits, rest) = rest.split_at_checked(64)?;
        let text = rest.strip_prefix(b"\",\"record\":")?.strip_suffix(b"}")?;
        return Some(Line::Record { hash: ChainHash::from_bytes(hexadecimal::decode(digits)?), text });
    }
    let rest = line.strip_prefix(b"{\"head\":")?.strip_suffix(b"\"}")?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(128)?)?;
    let text = rest.strip_suffix(b",\"signature\":\"")?;
    Some(Line::Head { text, signature: hexadecimal::decode(digits)? })
}
