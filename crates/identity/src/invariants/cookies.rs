//! The session cookie, as a header and as a sealed value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::{SealingKey, Token};
use endpoint::http::header::{HeaderMap, HeaderName, HeaderValue};
use ids::SessionId;

use crate::{CookieHost, session_cookie};

/// `Cookie` headers, one on each line; the same bytes as a label, as what is sealed, and as what is changed in a sealed
/// value. A cookie counts if it came once; a sealed value opens unchanged, at its host, and nothing else does.
///
/// # Panics
/// Something does not hold.
pub fn cookie(bytes: &[u8]) {
    header(bytes);
    sealed(bytes);
}

fn header(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut pairs: Vec<&[u8]> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        headers.append(HeaderName::from_static("cookie"), value);
        pairs.extend(line.split(|byte| *byte == b';'));
    }
    let name = endpoint::SESSION_COOKIE;
    let values: Vec<&[u8]> = pairs
        .iter()
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (before, value) = pair.split_at(at);
            (before.trim_ascii_start() == name.as_bytes()).then(|| value[1..].trim_ascii_end())
        })
        .collect();
    let expected = match values.as_slice() {
        [only] => std::str::from_utf8(only).ok(),
        _ => None,
    };
    assert_eq!(endpoint::cookie(&headers, name), expected);
    // A second one of the name, wherever it comes from, and neither counts.
    if !values.is_empty() {
        headers.append(HeaderName::from_static("cookie"), HeaderValue::from_static("__Host-vybe_session=x"));
        assert_eq!(endpoint::cookie(&headers, name), None);
    }
}

fn sealed(bytes: &[u8]) {
    let key = SealingKey::new(&[7; 32]);
    let label = String::from_utf8_lossy(bytes);
    let host = CookieHost::App(&label);
    // Opened by somebody who does not have it.
    for place in [host, CookieHost::Platform] {
        assert!(session_cookie::open(&key, &label, place).is_none());
    }

    let id = SessionId::generate();
    let (Ok(token), Some(other)) = (Token::generate(), Token::from_bytes(&[1; 32])) else { return };
    let Ok(cookie) = session_cookie::seal(&key, id, &token, host) else { return };
    let opens = |cookie: &str, host: CookieHost<'_>| session_cookie::open(&key, cookie, host);
    assert!(opens(&cookie, host).is_some_and(|(read, secret)| read == id && secret.hash() == token.hash()));
    assert!(opens(&cookie, CookieHost::Platform).is_none(), "an app's cookie opens at the platform");
    assert!(opens(&cookie, CookieHost::App(&format!("{label}-"))).is_none());
    assert!(token.hash() != other.hash());

    // Changed at the places, to the characters, that the bytes say.
    let mut changed = cookie.clone().into_bytes();
    for change in bytes.as_chunks::<2>().0 {
        let at = usize::from(change[0]) % changed.len();
        changed[at] = change[1];
    }
    let changed = String::from_utf8_lossy(&changed);
    assert!(*changed == *cookie || opens(&changed, host).is_none(), "{cookie} changed to {changed} opens");

    // Whatever is inside, sealed by ourselves for something else.
    if let Ok(inside) = key.seal(&host.place(), bytes)
        && let Some((id, token)) = opens(&URL_SAFE_NO_PAD.encode(inside), host)
    {
        let written = [id.to_string().as_bytes(), token.as_bytes().as_slice()].concat();
        assert_eq!(written.to_ascii_lowercase(), bytes.to_ascii_lowercase(), "read otherwise than written");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cookies_hold() {
        hostile_input::replay("cookie", 2_000, super::cookie);
    }
}
