//! What holds for whatever bytes come as a path; for the fuzzer (`xtask/fuzz`) and the tests.

use crate::{Method, PathPattern, PathRule, PathRules, RequestPath};

/// The longest path, in bytes, as it comes and as it goes.
const LONGEST: usize = 8 * 1024;

/// One path: read twice it is the same, what is judged is what is forwarded, and another reader agrees.
///
/// # Panics
/// Something does not hold.
pub fn path(bytes: &[u8]) {
    let Ok(raw) = std::str::from_utf8(bytes) else { return };
    let read = RequestPath::parse(raw);
    let expected = if raw.len() <= LONGEST { second_reading(raw.as_bytes()) } else { None };
    let expected = expected.filter(|plain| canonical_length(plain) <= LONGEST);
    let Ok(path) = read else {
        assert_eq!(expected, None, "{raw:?} is refused: {read:?}");
        return;
    };
    let (forwarded, judged) = (path.forwarded(), path.judged());
    let plain = decoded(forwarded.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap_or_default());
    assert_eq!(plain, expected, "another reader reads {raw:?} in another way");
    let plain = plain.unwrap_or_default();

    // A reader that decodes again, or resolves again, finds nothing to do.
    assert_eq!(RequestPath::parse(forwarded).as_ref(), Ok(&path), "{raw:?} read twice");
    assert!(forwarded.starts_with('/') && !forwarded.contains("//"), "{forwarded:?}");
    assert!(forwarded.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\;?#\"<>^`{|}[]".contains(&byte)));
    assert!(!plain.split('/').any(|segment| matches!(segment, "." | "..")), "{plain:?}");
    assert!(!plain.contains(['\\', ';', '\0', '\r', '\n']), "{plain:?}");

    // Judged is forwarded, without its case.
    let folded: Vec<String> = plain.split('/').map(str::to_lowercase).collect();
    assert_eq!(folded.join("/"), judged, "what is judged is not what is forwarded");

    // However the same path is spelled, it is the same.
    let spelled: String = plain
        .bytes()
        .map(|byte| if byte == b'/' { "//.//".to_owned() } else { format!("%{byte:02x}") })
        .collect();
    let spelled = spelled.strip_suffix("//.//").map_or_else(|| spelled.clone(), |rest| format!("{rest}/"));
    if spelled.len() <= LONGEST {
        let again = RequestPath::parse(&spelled);
        assert_eq!(again.as_ref().map(|path| path.forwarded()), Ok(forwarded), "{spelled}");
    }
    rules_cover(&path, plain.contains('*'));
}

/// A rule that is written as the path is covers it, in whatever case.
fn rules_cover(path: &RequestPath<'_>, has_wildcard: bool) {
    let pattern = path.forwarded().parse::<PathPattern>();
    let segments = path.segments().count();
    let Ok(pattern) = pattern else {
        assert!(has_wildcard || segments > 64, "{path:?} is no pattern");
        return;
    };
    let again = pattern.to_string().parse::<PathPattern>();
    assert_eq!(again.as_ref(), Ok(&pattern), "a pattern printed and read is another");
    let rule = |pattern: PathPattern| {
        let id = ids::PathRuleId::generate();
        PathRule { id, pattern, methods: Vec::new(), subjects: Vec::new(), sign_in_within: None }
    };
    let rules = PathRules::new(vec![rule(pattern)]);
    let deciding = "GET".parse::<Method>().map(|get| rules.deciding(path, &get).len());
    assert_eq!(deciding, Ok(1), "{path:?} is not covered by its own rule");
}

/// The path decoded and resolved by rewriting text (RFC 3986, 5.2.4), instead of by segments.
fn second_reading(raw: &[u8]) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii() && !matches!(byte, b'#' | b'?' | b' ' | b'\\' | b';');
    if raw.first() != Some(&b'/') || !raw.iter().all(|byte| allowed(*byte)) {
        return None;
    }
    let lower = String::from_utf8_lossy(raw).to_ascii_lowercase();
    if ["%2f", "%5c", "%3b", "%7f"].iter().any(|refused| lower.contains(refused)) {
        return None;
    }
    let mut text = String::from_utf8(decoded(raw)?).ok()?;
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    // What is doubled or stays where it is goes first, so that each `..` stands behind a name.
    loop {
        let shorter = text.replace("//", "/").replace("/./", "/");
        if shorter == text {
            break;
        }
        text = shorter;
    }
    if let Some(directory) = text.strip_suffix("/.") {
        text = format!("{directory}/");
    }
    text.push('/');
    while let Some(at) = text.find("/../") {
        let parent = text.get(..at)?.rfind('/')?;
        text.replace_range(parent..at + 3, "");
    }
    // The slash that was added is one too many, unless the path led to a directory.
    let last = raw_last_segment(raw)?;
    if !matches!(last.as_slice(), b"" | b"." | b"..") {
        text.pop();
    }
    let text = text.replace("//", "/");
    Some(if text.is_empty() { "/".to_owned() } else { text })
}

/// How long a decoded path is once it is encoded.
fn canonical_length(plain: &str) -> usize {
    let as_it_is = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(&byte);
    plain.bytes().map(|byte| if as_it_is(byte) { 1 } else { 3 }).sum()
}

fn raw_last_segment(raw: &[u8]) -> Option<Vec<u8>> {
    decoded(raw.rsplit(|byte| *byte == b'/').next()?)
}

/// Percent-decoded once; `None` if an escape is broken.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = bytes.split(|byte| *byte == b'%');
    let mut text = pieces.next()?.to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        text.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        text.extend_from_slice(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_hold() {
        hostile_input::replay("path", 20_000, super::path);
    }
}
