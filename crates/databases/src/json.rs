//! JSON, written as it comes, without a value in between.
//!
//! Numbers and strings look as `JSON.stringify` writes them (ECMA-262, "Number::toString" and "QuoteJSONString").

use std::io::Write as _;

/// Appends a string in quotes.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// Appends what stands between a string's quotes.
pub(crate) fn escaped(text: &str, out: &mut Vec<u8>) {
    escaped_part(text.as_bytes(), out);
}

/// Appends a part of what stands between a string's quotes. It may be cut anywhere, even within a character.
pub(crate) fn escaped_part(part: &[u8], out: &mut Vec<u8>) {
    let mut rest = part;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = from.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => {
                const DIGITS: [u8; 16] = *b"0123456789abcdef";
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(other >> 4), digit(other & 15)]);
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// Appends a whole number.
pub(crate) fn integer(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            // Always below ten.
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Appends a floating-point number, which JSON has only if it is finite; otherwise `null`.
pub(crate) fn double(number: f64, out: &mut Vec<u8>) {
    float(&number, number.is_finite(), number.abs(), out);
}

/// Appends a floating-point number of four bytes, with as many digits as it has.
pub(crate) fn single(number: f32, out: &mut Vec<u8>) {
    float(&number, number.is_finite(), f64::from(number.abs()), out);
}

/// Shortest digits that give the number back, in the notation that ECMAScript chooses for its size.
fn float<N>(number: &N, is_finite: bool, size: f64, out: &mut Vec<u8>)
where
    N: serde::Serialize + std::fmt::Display + std::fmt::LowerExp,
{
    if !is_finite {
        out.extend_from_slice(b"null");
        return;
    }
    if size == 0.0 {
        out.push(b'0');
        return;
    }
    // Writing into memory does not fail.
    if (1e-5..1e15).contains(&size) {
        // The same digits in the same notation, faster; whole numbers have `.0`.
        let _ = serde_json::to_writer(&mut *out, number);
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
    } else if (1e-6..1e21).contains(&size) {
        let _ = write!(out, "{number}");
    } else {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((text.as_str(), "0"));
        out.extend_from_slice(digits.as_bytes());
        out.push(b'e');
        if !exponent.starts_with('-') {
            out.push(b'+');
        }
        out.extend_from_slice(exponent.as_bytes());
    }
}
