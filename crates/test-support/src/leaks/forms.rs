//! The forms in which programs write bytes down.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How a value was written down where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// As it is.
    Plain,
    /// Last byte first.
    Reversed,
    /// `6a6b`, also in an SQL dump.
    LowerHex,
    /// `6A6B`.
    UpperHex,
    /// Base64 (RFC 4648), wherever in a longer text the value begins.
    Base64,
    /// Base64 with the alphabet for addresses.
    Base64Url,
    /// `%6a%6B`: every byte percent-encoded.
    Percent,
    /// `\u006a\u006b` (JSON).
    JsonEscapes,
    /// `106, 107`: how Rust's `Debug` prints bytes.
    DecimalList,
    /// `106,107`: how serde writes bytes as JSON.
    JsonNumbers,
    /// Two bytes per character, the low one first.
    Utf16,
}

impl Form {
    /// Every form.
    pub const ALL: &'static [Self] = &[
        Self::Plain,
        Self::Reversed,
        Self::LowerHex,
        Self::UpperHex,
        Self::Base64,
        Self::Base64Url,
        Self::Percent,
        Self::JsonEscapes,
        Self::DecimalList,
        Self::JsonNumbers,
        Self::Utf16,
    ];

    /// How these bytes look in this form: all ways in which it can be written.
    #[must_use]
    pub fn write(self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let each = |write: &dyn Fn(&mut String, u8)| {
            let mut text = String::new();
            bytes.iter().for_each(|byte| write(&mut text, *byte));
            text.into_bytes()
        };
        let upper = |text: Vec<u8>| text.to_ascii_uppercase();
        // Writing to a String cannot fail.
        let hex = || each(&|text, byte| _ = write!(text, "{byte:02x}"));
        let percent = || each(&|text, byte| _ = write!(text, "%{byte:02x}"));
        let escapes = || each(&|text, byte| _ = write!(text, "\\u{byte:04x}"));
        match self {
            Self::Plain => vec![bytes.to_vec()],
            Self::Reversed => vec![bytes.iter().rev().copied().collect()],
            Self::LowerHex => vec![hex()],
            Self::UpperHex => vec![upper(hex())],
            Self::Base64 => alignments(bytes, |bytes| STANDARD_NO_PAD.encode(bytes)),
            Self::Base64Url => alignments(bytes, |bytes| URL_SAFE_NO_PAD.encode(bytes)),
            Self::Percent => vec![percent(), upper(percent())],
            Self::JsonEscapes => {
                let lower = escapes();
                let digits_upper =
                    lower.iter().map(|byte| if *byte == b'u' { b'u' } else { byte.to_ascii_uppercase() });
                vec![lower.clone(), digits_upper.collect()]
            }
            Self::DecimalList => vec![joined(bytes, ", ")],
            Self::JsonNumbers => vec![joined(bytes, ",")],
            Self::Utf16 => vec![bytes.iter().flat_map(|byte| [*byte, 0]).collect()],
        }
    }
}

fn joined(bytes: &[u8], separator: &str) -> Vec<u8> {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(separator).into_bytes()
}

/// Base64 has three bytes in four characters: what a text in the middle of others looks like depends on where it
/// begins. The characters at the edges, which also depend on the neighbours, are left out.
fn alignments(bytes: &[u8], encode: impl Fn(&[u8]) -> String) -> Vec<Vec<u8>> {
    (0..3)
        .map(|before: usize| {
            let padded = [&[0; 3][..before], bytes].concat();
            let text = encode(&padded).into_bytes();
            let first = (before * 8).div_ceil(6);
            let last = padded.len() * 8 / 6;
            text[first..last].to_vec()
        })
        .collect()
}
