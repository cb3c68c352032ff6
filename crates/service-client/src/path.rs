//! From a caller's path to a URL that cannot leave the service's base URL.
//!
//! Nothing is decoded or mended: what one of the many decoders behind a service could read as another host or as the way
//! up is refused, whichever way it is written.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::{Position, Url};

/// The longest path and query, in bytes.
const LONGEST: usize = 16 * 1024;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a single slash: a URL, a host, or a user of one.
    #[error("the path has to begin with one /")]
    Start,
    /// An empty part between two slashes.
    #[error("the path has an empty part")]
    EmptyPart,
    /// A part that is the way up, or none, however it is written.
    #[error("the path has a part of dots only")]
    Dots,
    /// A backslash, a fragment, a character that is not visible ASCII, or one of them percent-encoded.
    #[error("the path has a character that does not belong there")]
    Character,
    /// A percent sign without two hexadecimal digits, or one that encodes a dot or another percent sign, or no UTF-8.
    #[error("the path has a percent-encoding that does not belong there")]
    Encoding,
    /// Longer than 16 KiB.
    #[error("the path is too long")]
    Length,
    /// What comes out does not begin with the base URL.
    #[error("the path leaves the service's base URL")]
    Outside,
}

/// What is percent-encoded in a path, besides what is not ASCII: no service sees these as they are.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'^').add(b'|');
/// The same for a query.
const QUERY: &AsciiSet = &PATH.add(b'\'');

/// A caller's path below the base URL, with the query that it may hold.
pub(crate) fn join(base: &Url, path: &str) -> Result<Url, PathError> {
    if path.len() > LONGEST {
        return Err(PathError::Length);
    }
    if path.chars().any(|character| character.is_control() || matches!(character, '\\' | '#')) {
        return Err(PathError::Character);
    }
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    check_path(path)?;
    if query.is_some_and(|query| bytes_behind_percent(query).any(|byte| byte.is_none())) {
        return Err(PathError::Encoding);
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(PathError::Outside);
    }
    let prefix = base.path().trim_end_matches('/');
    let mut text = base[..Position::BeforePath].to_owned();
    if path.is_empty() {
        text.push_str(base.path());
    } else {
        text.push_str(prefix);
        text.extend(utf8_percent_encode(path, PATH));
    }
    if let Some(query) = query {
        text.push('?');
        text.extend(utf8_percent_encode(query, QUERY));
    }
    let url = Url::parse(&text).map_err(|_| PathError::Outside)?;
    // A parser that changes anything understood something else than was checked.
    let inside = url.as_str() == text
        && url[..Position::BeforePath] == base[..Position::BeforePath]
        && url.path().strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if inside { Ok(url) } else { Err(PathError::Outside) }
}

fn check_path(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Ok(());
    }
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(PathError::Start);
    }
    for byte in bytes_behind_percent(path) {
        match byte {
            // What encodes a dot hides it, and what encodes a percent sign hides what comes behind it.
            None | Some(b'.' | b'%') => return Err(PathError::Encoding),
            Some(byte) if byte.is_ascii_control() || byte == b'\\' => return Err(PathError::Character),
            Some(_) => {}
        }
    }
    // What is no UTF-8 once decoded may be a dot or a slash in an overlong form (RFC 3629, 10).
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| PathError::Encoding)?;
    let mut parts: Vec<String> = vec![String::new()];
    for character in decoded.chars().skip(1) {
        let part = parts.last_mut().ok_or(PathError::Outside)?;
        match character {
            // A slash that was encoded divides for whoever decodes first; the others, for whoever normalises (NFKC).
            '/' | '\u{ff0f}' | '\u{2044}' | '\u{2215}' => parts.push(String::new()),
            '\u{ff3c}' => return Err(PathError::Character),
            '\u{ff0e}' | '\u{2024}' => part.push('.'),
            '\u{2025}' => part.push_str(".."),
            '\u{2026}' => part.push_str("..."),
            other => part.push(other),
        }
    }
    let last = parts.len() - 1;
    for (position, part) in parts.iter().enumerate() {
        if part.is_empty() && (position < last || path.ends_with("%2f") || path.ends_with("%2F")) {
            return Err(PathError::EmptyPart);
        }
        // Some servers take away what stands behind a semicolon before they look for the way up.
        let name = part.split(';').next().unwrap_or_default();
        if (!name.is_empty() && name.bytes().all(|byte| byte == b'.'))
            || (name.is_empty() && !part.is_empty())
        {
            return Err(PathError::Dots);
        }
    }
    Ok(())
}

/// The bytes that percent-encodings stand for; none for one that stands for nothing.
fn bytes_behind_percent(text: &str) -> impl Iterator<Item = Option<u8>> {
    let bytes = text.as_bytes();
    let digit = |position: usize| {
        bytes
            .get(position)
            .and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    (0..bytes.len())
        .filter(|position| bytes[*position] == b'%')
        .map(move |position| Some(digit(position + 1)? * 16 + digit(position + 2)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(base: &str, path: &str) -> Result<String, PathError> {
        join(&Url::parse(base).unwrap(), path).map(String::from)
    }

    #[test]
    fn a_path_goes_below_the_base() {
        for (base, path, url) in [
            ("https://api.example.com/v1", "/users", "https://api.example.com/v1/users"),
            ("https://api.example.com/v1/", "/users/", "https://api.example.com/v1/users/"),
            ("https://api.example.com", "/", "https://api.example.com/"),
            ("https://api.example.com/v1", "", "https://api.example.com/v1"),
            ("https://api.example.com/v1", "?a=b", "https://api.example.com/v1?a=b"),
            (
                "https://api.example.com:8443/v1",
                "/a?next=https://evil.example/",
                "https://api.example.com:8443/v1/a?next=https://evil.example/",
            ),
            (
                "https://api.example.com",
                "/calendars/me@example.com/events",
                "https://api.example.com/calendars/me@example.com/events",
            ),
            (
                "https://api.example.com",
                "/projects/group%2Fproject",
                "https://api.example.com/projects/group%2Fproject",
            ),
            (
                "https://api.example.com",
                "/v0/..a/b..;c/file.json",
                "https://api.example.com/v0/..a/b..;c/file.json",
            ),
            (
                "https://api.example.com",
                "/Überblick mit Platz?q=a b'c",
                "https://api.example.com/%C3%9Cberblick%20mit%20Platz?q=a%20b%27c",
            ),
            (
                "https://api.example.com",
                "/v1/projects/p:run?line=%0d%0a",
                "https://api.example.com/v1/projects/p:run?line=%0d%0a",
            ),
        ] {
            assert_eq!(joined(base, path).as_deref(), Ok(url), "{base} {path}");
        }
    }

    #[test]
    fn what_a_parser_would_understand_differently_is_refused() {
        let base = "https://api.example.com/v1/accounts";
        for path in [
            "users",
            "@evil.example/",
            "//evil.example/",
            "///evil.example",
            "https://evil.example/",
            "\\\\evil.example",
            "/\\evil.example",
            ".evil.example",
            ":8443/",
            ":password@evil.example/",
            "evil.example",
            "javascript:alert(1)",
            "/..",
            "/../",
            "/../../admin",
            "/a/../b",
            "/./a",
            "/a/.",
            "/...",
            "/a//b",
            "/a/%2e%2e/b",
            "/%2E%2e/",
            "/.%2e/",
            "/%2e",
            "/..%2f..%2fadmin",
            "/a%2f..%2fb",
            "/..%5cadmin",
            "/%5c%5cevil",
            "/%2fevil",
            "/%2f%2fevil",
            "/a%2f",
            "/a%2F/b",
            "/%252e%252e/",
            "/a%252fb",
            "/%25%32%65",
            "/..;/admin",
            "/..;a=b/admin",
            "/.;/a",
            "/;/a",
            "/..%3b/admin",
            "/%00",
            "/a%0d%0aHost:evil",
            "/a\r\nb",
            "/a\tb",
            "/a\0",
            "/a#b",
            "/a%23b/..",
            "/%c0%ae%c0%ae/",
            "/%c0%af",
            "/%e0%80%ae/",
            "/%ff",
            "/%",
            "/%2",
            "/%zz",
            "/a?b=%",
            "/a?b=%g0",
            "/a?b#c",
            "/．．/admin",
            "/%ef%bc%8e%ef%bc%8e/admin",
            "/‥/admin",
            "/a／..／b",
            "/%ef%bc%8f%ef%bc%8fevil",
            "/＼evil",
            "/…/a",
            "/\u{85}",
        ] {
            let joined = joined(base, path);
            assert!(joined.is_err(), "{path} became {joined:?}");
        }
        assert_eq!(joined(base, &format!("/{}", "a".repeat(LONGEST))), Err(PathError::Length));
        assert_eq!(joined("https://api.example.com/?key=1", "/a"), Err(PathError::Outside));
    }

    /// What the last of several decoders, each with habits of its own, could make of a path.
    fn decoded_to_the_end(path: &str) -> String {
        let mut text = path.to_owned();
        loop {
            let next: String = percent_decode_str(&text).decode_utf8_lossy().replace('\\', "/");
            if next == text {
                return text;
            }
            text = next;
        }
    }

    proptest! {
        #[test]
        fn whatever_is_joined_stays_below_the_base(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "//", ".", "..", "\\", "@", ":", ";", "?", "#", "%", "%2e", "%2E", "%2f", "%2F", "%5c", "%25", "%00",
                    "%c0%ae", "%3b", "%40", "a", "evil.example", "https:", "\u{ff0e}", "\u{ff0f}", "\u{2025}", " ", "\t", "\n", "é", "&", "=", "[", "|",
                ]),
                0..12,
            ),
            prefix in prop::sample::select(vec!["", "/", "/v1", "/v1/", "/v1/accounts"]),
        ) {
            let base = Url::parse(&format!("https://api.example.com{prefix}")).unwrap();
            let path = pieces.concat();
            if let Ok(url) = join(&base, &path) {
                prop_assert_eq!(url.host_str(), Some("api.example.com"));
                prop_assert_eq!(url.username(), "");
                prop_assert_eq!(url.port(), None);
                prop_assert_eq!(url.fragment(), None);
                prop_assert_eq!(Url::parse(url.as_str()).unwrap(), url.clone());
                let below = decoded_to_the_end(url.path());
                let prefix = prefix.trim_end_matches('/');
                prop_assert!(below.starts_with(prefix), "{} from {}", url, path);
                for part in below.split('/') {
                    let name = part.split(';').next().unwrap();
                    prop_assert!(name.is_empty() || name.bytes().any(|byte| byte != b'.'), "{} from {}", url, path);
                }
                prop_assert!(!below.contains("//"), "{} from {}", url, path);
            }
        }
    }
}
