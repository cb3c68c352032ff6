//! Takes a credential out of what comes back: services echo what they were sent, in errors above all.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use catalogue::Authentication;
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Credentials, OauthClient};

/// The shortest secret that is looked for, in bytes: a shorter one is in every other answer by chance.
const SHORTEST: usize = 6;
/// What stands in its place.
const REMOVED: &[u8] = b"[removed]";
/// What is usually not percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same where slashes are left.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');
/// Names of what is given with secrets and is none: it may stand in answers, and often has to.
const NO_SECRETS: &[&str] = &[
    "user",
    "username",
    "user_name",
    "email",
    "login",
    "account",
    "client_id",
    "key_id",
    "access_key_id",
    "redirect_uri",
];

/// Every form of every secret of an account.
#[derive(Clone)]
pub(crate) struct Secrecy(Arc<Vec<Finder<'static>>>);

impl Secrecy {
    /// The secrets of an account, and what was made of them for a call.
    pub(crate) fn of(
        authentication: &Authentication,
        credentials: &Credentials,
        client: Option<&OauthClient>,
        made: &[String],
    ) -> Self {
        let mut secrets: Vec<&str> = made.iter().map(String::as_str).collect();
        let mut basic = None;
        secrets.extend(client.and_then(|client| client.secret.as_ref()).map(|secret| secret.reveal()));
        if let Some(kept) = credentials.secrets() {
            let real = kept.iter().filter(|(name, _)| !NO_SECRETS.contains(&name.as_str()));
            secrets.extend(real.map(|(_, secret)| secret.reveal()));
        }
        match credentials {
            Credentials::Tokens(tokens) => {
                secrets.push(tokens.access.reveal());
                secrets.extend(tokens.refresh.as_ref().map(|token| token.reveal()));
            }
            Credentials::ApiKey(secret) | Credentials::Bearer(secret) => secrets.push(secret.reveal()),
            Credentials::Basic { user, password } => {
                basic = Some(STANDARD.encode(format!("{user}:{}", password.reveal())));
                secrets.push(password.reveal());
                // Services that take a key as the user name.
                if matches!(authentication, Authentication::Basic { password_label: None, .. }) {
                    secrets.push(user);
                }
            }
            Credentials::Oauth1 { token, secret } => secrets.extend([token.reveal(), secret.reveal()]),
            Credentials::Secrets(_) | Credentials::None => {}
        }
        secrets.extend(basic.as_deref());
        let forms: BTreeSet<String> =
            secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).flat_map(forms).collect();
        Self(Arc::new(forms.into_iter().map(|form| Finder::new(form.as_bytes()).into_owned()).collect()))
    }

    /// The text without any of them.
    pub(crate) fn clean(&self, text: &[u8]) -> Bytes {
        let mut scrubber = Scrubber::new(self.clone());
        let mut clean = BytesMut::from(&scrubber.piece(text)[..]);
        clean.extend_from_slice(&scrubber.rest());
        clean.freeze()
    }
}

/// A secret as services write it: as it is, in URLs, and as the usual libraries write it in JSON.
fn forms(secret: &str) -> Vec<String> {
    // Most tokens: every writing is the same.
    if secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')) {
        return vec![secret.to_owned()];
    }
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default().to_owned();
    let escaped = |what: &[char], escape: fn(u32) -> String| {
        let mut text = String::with_capacity(json.len());
        for character in json.chars() {
            if what.contains(&character) {
                text.push_str(&escape(u32::from(character)));
            } else {
                text.push(character);
            }
        }
        text
    };
    let in_url = utf8_percent_encode(secret, ENCODED).to_string();
    vec![
        secret.to_owned(),
        utf8_percent_encode(secret, ENCODED_PATH).to_string(),
        lower_digits(&in_url),
        in_url,
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        json.replace('/', "\\/"),
        escaped(&['=', '<', '>', '&', '\''], |code| format!("\\u{code:04x}")),
        escaped(&['+', '<', '>', '&', '\'', '`'], |code| format!("\\u{code:04X}")),
        secret.replace('&', "&amp;"),
        json,
    ]
}

/// `%2b` for `%2B`.
fn lower_digits(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        text.extend(["%", &digits.to_ascii_lowercase(), rest]);
    }
    text
}

/// Takes them out of a body that comes in pieces.
pub(crate) struct Scrubber {
    secrecy: Secrecy,
    held: BytesMut,
}

impl Scrubber {
    pub(crate) fn new(secrecy: Secrecy) -> Self {
        Self { secrecy, held: BytesMut::new() }
    }

    /// What may go on after this piece came. An end that could be the beginning of a secret is held back.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> Bytes {
        self.held.extend_from_slice(piece);
        let found = self.found();
        let mut end = self.open_end();
        // What is about to be replaced is not cut: another secret may begin within it.
        while let Some((start, _)) = found.iter().find(|(start, stop)| *start < end && end < *stop) {
            end = *start;
        }
        let held = self.held.split_to(end);
        replaced(&held, found.into_iter().filter(|(_, stop)| *stop <= end))
    }

    /// The rest, when nothing comes any more.
    pub(crate) fn rest(&mut self) -> Bytes {
        let found = self.found();
        let held = self.held.split();
        replaced(&held, found.into_iter())
    }

    /// Where secrets are, first ones first, apart from each other.
    fn found(&self) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = self
            .secrecy
            .0
            .iter()
            .flat_map(|finder| {
                finder.find_iter(&self.held).map(|start| (start, start + finder.needle().len()))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().fold(Vec::new(), |mut apart, (start, stop)| {
            match apart.last_mut() {
                Some((_, last)) if start <= *last => *last = stop.max(*last),
                _ => apart.push((start, stop)),
            }
            apart
        })
    }

    /// Where the longest end begins that a secret begins with, too.
    fn open_end(&self) -> usize {
        let longest = self.secrecy.0.iter().map(|finder| finder.needle().len()).max().unwrap_or(0);
        let from = self.held.len().saturating_sub(longest.saturating_sub(1));
        (from..self.held.len())
            .find(|start| {
                let end = &self.held[*start..];
                self.secrecy
                    .0
                    .iter()
                    .any(|finder| finder.needle().len() > end.len() && finder.needle().starts_with(end))
            })
            .unwrap_or(self.held.len())
    }
}

fn replaced(text: &[u8], found: impl Iterator<Item = (usize, usize)>) -> Bytes {
    let mut clean = BytesMut::with_capacity(text.len());
    let mut from = 0;
    for (start, stop) in found {
        clean.extend_from_slice(&text[from..start]);
        clean.extend_from_slice(REMOVED);
        from = stop;
    }
    clean.extend_from_slice(&text[from..]);
    clean.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrecy(secrets: &[&str]) -> Secrecy {
        let made: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        Secrecy::of(&Authentication::None, &Credentials::None, None, &made)
    }

    #[test]
    fn a_secret_is_found_however_the_body_is_cut() {
        let secrecy = secrecy(&["invented+token/1=", "invented+token/1=longer", "other-secret"]);
        let body = br#"{"a":"invented+token/1=","b":"invented+token/1=longer","c":"invented\u002Btoken/1=","d":"invented+token\/1=","e":"invented%2Btoken%2F1%3D","f":"other-secret","g":"other-secre","h":"invented%2btoken%2f1%3d","i":"invented%2Btoken/1%3D"}"#;
        let clean = br#"{"a":"[removed]","b":"[removed]","c":"[removed]","d":"[removed]","e":"[removed]","f":"[removed]","g":"other-secre","h":"[removed]","i":"[removed]"}"#;
        for size in 1..=body.len() {
            let mut scrubber = Scrubber::new(secrecy.clone());
            let mut out = Vec::new();
            for piece in body.chunks(size) {
                out.extend_from_slice(&scrubber.piece(piece));
            }
            out.extend_from_slice(&scrubber.rest());
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(clean), "in pieces of {size}");
        }
    }

    #[test]
    fn secrets_that_overlap_are_taken_out_together() {
        let secrecy = secrecy(&["aaaabbbb", "bbbbcccc", "ccccdddd"]);
        for size in 1..20 {
            let mut scrubber = Scrubber::new(secrecy.clone());
            let mut out = Vec::new();
            for piece in b"x aaaabbbbccccdddd y aaaabbb".chunks(size) {
                out.extend_from_slice(&scrubber.piece(piece));
            }
            out.extend_from_slice(&scrubber.rest());
            assert_eq!(String::from_utf8_lossy(&out), "x [removed] y aaaabbb", "in pieces of {size}");
        }
    }

    #[test]
    fn nothing_is_held_back_that_no_secret_begins_with() {
        let mut scrubber = Scrubber::new(secrecy(&["secret-one"]));
        assert_eq!(&scrubber.piece(b"data: 1\n\n")[..], b"data: 1\n\n");
        assert_eq!(&scrubber.piece(b"data: sec")[..], b"data: ");
        assert_eq!(&scrubber.piece(b"ond\n\n")[..], b"second\n\n");
        assert_eq!(&secrecy(&[]).clean(b"anything")[..], b"anything");
        assert_eq!(&secrecy(&["X"]).clean(b"X marks the spot")[..], b"X marks the spot");
    }
}
