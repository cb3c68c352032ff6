//! The one reading of a request's path. What is judged here is, byte for byte, what is forwarded.
//!
//! RFC 3986: percent-decode once, resolve dot segments, fold `//`, and write the result in one
//! canonical spelling. Refused, because two readers disagree on them: encoded slashes, backslashes,
//! NUL and other control characters, `;` parameters, broken percent-encoding, invalid UTF-8.

use std::borrow::Cow;

/// Why a path is refused. Always the sender's fault: 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestPathError {
    /// Does not start with `/`.
    #[error("the path must start with /")]
    NotAbsolute,
    /// `%` without two hexadecimal digits.
    #[error("the path has a broken percent-encoding")]
    PercentEncoding,
    /// `%2F`.
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// `\` or `%5C`.
    #[error("the path has a backslash")]
    Backslash,
    /// `;` or `%3B`.
    #[error("the path has a semicolon")]
    Semicolon,
    /// NUL or another control character.
    #[error("the path has a control character")]
    ControlCharacter,
    /// Not UTF-8, or characters that must be percent-encoded.
    #[error("the path has characters that are not valid UTF-8 or not percent-encoded")]
    Encoding,
    /// `..` above the root.
    #[error("the path leaves the root")]
    AboveRoot,
    /// Longer than 8 KiB, as it came or in canonical spelling.
    #[error("the path is too long")]
    TooLong,
}

/// The longest path, in bytes.
const LONGEST: usize = 8 * 1024;

/// A path in canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    forwarded: Cow<'a, str>,
    judged: Cow<'a, str>,
}

impl<'a> RequestPath<'a> {
    /// Reads the path of a request target (everything before the first `?`).
    ///
    /// # Errors
    /// The path has no single reading.
    pub fn parse(raw: &'a str) -> Result<Self, RequestPathError> {
        if raw.len() > LONGEST {
            return Err(RequestPathError::TooLong);
        }
        if !raw.starts_with('/') {
            return Err(RequestPathError::NotAbsolute);
        }
        if is_plain(raw) {
            return Ok(Self { forwarded: Cow::Borrowed(raw), judged: Cow::Borrowed(raw) });
        }
        let decoded = decode(raw)?;
        let segments = resolve(&decoded)?;
        let forwarded = encode(segments.iter().copied());
        // What is forwarded has to be a path for whoever reads it next, too.
        if forwarded.len() > LONGEST {
            return Err(RequestPathError::TooLong);
        }
        Ok(Self { forwarded: Cow::Owned(forwarded), judged: Cow::Owned(fold(&segments)) })
    }

    /// The path to put on the wire: canonical, percent-encoded.
    #[must_use]
    pub fn forwarded(&self) -> &str {
        &self.forwarded
    }

    /// The path as rules see it: decoded, lower case.
    #[must_use]
    pub fn judged(&self) -> &str {
        &self.judged
    }

    /// The judged path's segments, without empty ones: a trailing slash makes no difference.
    pub fn segments(&self) -> impl Iterator<Item = &str> + Clone {
        self.judged.split('/').filter(|segment| !segment.is_empty())
    }

    /// The same path, owning its text.
    #[must_use]
    pub fn into_owned(self) -> RequestPath<'static> {
        RequestPath {
            forwarded: Cow::Owned(self.forwarded.into_owned()),
            judged: Cow::Owned(self.judged.into_owned()),
        }
    }
}

/// Already canonical and lower case: nothing to decode, resolve, fold or lower.
fn is_plain(raw: &str) -> bool {
    let mut before = 0_u8;
    for byte in raw.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {}
            b'/' if before != b'/' => {}
            // A dot that starts a segment may be a dot segment.
            b'.' if before != b'/' => {}
            _ => return false,
        }
        before = byte;
    }
    true
}

fn decode(raw: &str) -> Result<String, RequestPathError> {
    let hex = |byte: Option<u8>| byte.and_then(|digit| char::from(digit).to_digit(16));
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let value = if byte == b'%' {
            let (Some(high), Some(low)) = (hex(bytes.next()), hex(bytes.next())) else {
                return Err(RequestPathError::PercentEncoding);
            };
            let value = u8::try_from(high * 16 + low).map_err(|_| RequestPathError::PercentEncoding)?;
            if value == b'/' {
                return Err(RequestPathError::EncodedSlash);
            }
            value
        } else {
            if !byte.is_ascii() || byte == b'#' || byte == b'?' || byte == b' ' {
                return Err(RequestPathError::Encoding);
            }
            byte
        };
        match value {
            b'\\' => return Err(RequestPathError::Backslash),
            b';' => return Err(RequestPathError::Semicolon),
            0..=0x1f | 0x7f => return Err(RequestPathError::ControlCharacter),
            _ => decoded.push(value),
        }
    }
    String::from_utf8(decoded).map_err(|_| RequestPathError::Encoding)
}

/// The segments after resolving `.`, `..` and empty ones; a last empty segment stands for a trailing
/// slash.
fn resolve(decoded: &str) -> Result<Vec<&str>, RequestPathError> {
    let mut segments: Vec<&str> = Vec::new();
    let mut directory = true;
    for segment in decoded.split('/').skip(1) {
        directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop().ok_or(RequestPathError::AboveRoot)?;
            }
            name => segments.push(name),
        }
    }
    if directory {
        segments.push("");
    }
    Ok(segments)
}

/// Segments in canonical percent-encoding, each after a slash.
pub(crate) fn encode<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        for byte in segment.bytes() {
            // RFC 3986 pchar, without `;`, which `decode` refused.
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte) {
                text.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

fn fold(segments: &[&str]) -> String {
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        text.push_str(&segment.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, forwarded: &str, judged: &str) {
        let path = RequestPath::parse(raw).unwrap();
        assert_eq!((path.forwarded(), path.judged()), (forwarded, judged), "{raw}");
        let again = RequestPath::parse(path.forwarded()).unwrap();
        assert_eq!(again, path, "canonical spelling of {raw} is not stable");
    }

    #[test]
    fn one_spelling_for_one_path() {
        check("/", "/", "/");
        check("/admin", "/admin", "/admin");
        check("/x/../admin", "/admin", "/admin");
        check("/./admin", "/admin", "/admin");
        check("/admin/.", "/admin/", "/admin/");
        check("/x/%2e%2E/admin", "/admin", "/admin");
        check("//admin///x/", "/admin/x/", "/admin/x/");
        check("/%61dmin/File.txt", "/admin/File.txt", "/admin/file.txt");
        check("/caf%c3%A9", "/caf%C3%A9", "/caf\u{e9}");
        check("/a%2561", "/a%2561", "/a%61");
        check("/[id]|^", "/%5Bid%5D%7C%5E", "/[id]|^");
        check("/.well-known/x", "/.well-known/x", "/.well-known/x");
    }

    #[test]
    fn paths_with_two_readings_are_refused() {
        let check = |raw: &str, error| assert_eq!(RequestPath::parse(raw), Err(error), "{raw}");
        check("", RequestPathError::NotAbsolute);
        check("admin", RequestPathError::NotAbsolute);
        check("*", RequestPathError::NotAbsolute);
        check("/a%2fb", RequestPathError::EncodedSlash);
        check("/..%2Fadmin", RequestPathError::EncodedSlash);
        check("/a\\b", RequestPathError::Backslash);
        check("/a%5cb", RequestPathError::Backslash);
        check("/a;b", RequestPathError::Semicolon);
        check("/..;/admin", RequestPathError::Semicolon);
        check("/a%3Bb", RequestPathError::Semicolon);
        check("/a%00", RequestPathError::ControlCharacter);
        check("/a%0d%0a", RequestPathError::ControlCharacter);
        check("/a%7f", RequestPathError::ControlCharacter);
        check("/a%", RequestPathError::PercentEncoding);
        check("/a%4", RequestPathError::PercentEncoding);
        check("/a%zz", RequestPathError::PercentEncoding);
        check("/a%c0%af", RequestPathError::Encoding);
        check("/a%ff", RequestPathError::Encoding);
        check("/caf\u{e9}", RequestPathError::Encoding);
        check("/a#b", RequestPathError::Encoding);
        check(&format!("/{}", "a".repeat(LONGEST)), RequestPathError::TooLong);
        check(&format!("/{}", "^".repeat(LONGEST / 3 + 1)), RequestPathError::TooLong);
        check("/../admin", RequestPathError::AboveRoot);
        check("/a/../../b", RequestPathError::AboveRoot);
    }
}
