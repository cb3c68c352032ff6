//! Takes a credential out of what comes back: services echo what they were sent, in errors above all.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use catalogue::Authentication;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::needle::Needle;
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
pub(crate) struct Secrecy(Arc<Vec<Needle>>);

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
        Self(Arc::new(forms.iter().filter_map(|form| Needle::new(form.as_bytes())).collect()))
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

/// Takes them out of a body that comes in pieces. What a run of secrets covers is one [`REMOVED`].
pub(crate) struct Scrubber {
    secrecy: Secrecy,
    /// With how many first bytes of each secret the text ends that came.
    matched: Vec<usize>,
    /// The end of it that may be a part of a secret.
    held: BytesMut,
    /// What of this end is in secrets that came whole: where they begin and stop, apart from each other.
    covered: Vec<(usize, usize)>,
    /// Whether the text that went on ends with a secret.
    removing: bool,
}

impl Scrubber {
    pub(crate) fn new(secrecy: Secrecy) -> Self {
        let matched = vec![0; secrecy.0.len()];
        Self { secrecy, matched, held: BytesMut::new(), covered: Vec::new(), removing: false }
    }

    /// What may go on after this piece came. An end that could be the beginning of a secret is held back.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> Bytes {
        let before = self.held.len();
        self.held.extend_from_slice(piece);
        for (needle, matched) in self.secrecy.0.iter().zip(&mut self.matched) {
            // One secret may stand in the text as often as there are bytes.
            let mut last = None;
            *matched = needle.go_on(*matched, piece, |stop| {
                let (start, stop) = (before + stop - needle.len(), before + stop);
                match &mut last {
                    Some((_, end)) if start <= *end => *end = stop,
                    _ => self.covered.extend(last.replace((start, stop))),
                }
            });
            self.covered.extend(last);
        }
        self.covered.sort_unstable();
        self.covered.dedup_by(|(start, stop), (_, last)| {
            let touches = *start <= *last;
            if touches {
                *last = (*last).max(*stop);
            }
            touches
        });
        let open = self.matched.iter().max().copied().unwrap_or(0);
        self.go_on(self.held.len() - open)
    }

    /// The rest, when nothing comes any more.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.matched.fill(0);
        self.go_on(self.held.len())
    }

    /// So many first bytes of what is held, without the secrets. They are in no secret that is still to come whole.
    fn go_on(&mut self, end: usize) -> Bytes {
        let held = self.held.split_to(end);
        let mut clean = BytesMut::with_capacity(held.len());
        let mut from = 0;
        let mut left = Vec::new();
        for (start, stop) in std::mem::take(&mut self.covered) {
            if start < end {
                clean.extend_from_slice(&held[from..start]);
                if start > from || !self.removing {
                    clean.extend_from_slice(REMOVED);
                }
                from = stop.min(end);
                self.removing = true;
            }
            if stop > end {
                left.push((start.saturating_sub(end), stop - end));
            }
        }
        clean.extend_from_slice(&held[from..]);
        self.removing &= from == end;
        self.covered = left;
        clean.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

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

    /// The text with every run of bytes that are in a secret replaced, found by comparing everywhere.
    fn slowly(text: &[u8], secrets: &[String]) -> Vec<u8> {
        let covered = |at: usize| {
            secrets.iter().any(|secret| {
                let first = at.saturating_sub(secret.len() - 1);
                (first..=at).any(|start| text[start..].starts_with(secret.as_bytes()))
            })
        };
        let mut clean = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            if !covered(at) {
                clean.push(*byte);
            } else if at == 0 || !covered(at - 1) {
                clean.extend_from_slice(REMOVED);
            }
        }
        clean
    }

    /// How long the longest end is that a secret begins with.
    fn open_slowly(text: &[u8], secrets: &[String]) -> usize {
        let open = |secret: &String| {
            (0..secret.len()).rev().find(|length| text.ends_with(&secret.as_bytes()[..*length]))
        };
        secrets.iter().filter_map(open).max().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn secrets_are_found_as_by_comparing_everywhere(
            secrets in vec("(a{1,4}b?){2,4}[ab]{4}", 0..4),
            parts in vec((0..6_usize, "[abc]{0,6}"), 0..12),
            cuts in prop_oneof![vec(1..12_usize, 1..40), vec(1..100_usize, 1..40)],
        ) {
            let mut text = Vec::new();
            for (which, between) in &parts {
                text.extend_from_slice(secrets.get(*which).map_or(b"", String::as_bytes));
                text.extend_from_slice(between.as_bytes());
            }
            let mut scrubber = Scrubber::new(secrecy(&secrets.iter().map(String::as_str).collect::<Vec<_>>()));
            let (mut out, mut came) = (Vec::new(), 0);
            for size in cuts.iter().cycle() {
                let next = text.len().min(came + size);
                out.extend_from_slice(&scrubber.piece(&text[came..next]));
                came = next;
                prop_assert_eq!(scrubber.held.len(), open_slowly(&text[..came], &secrets));
                if came == text.len() {
                    break;
                }
            }
            out.extend_from_slice(&scrubber.rest());
            let expected = slowly(&text, &secrets);
            prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
        }
    }

    #[test]
    fn a_secret_that_repeats_itself_without_end_is_not_held_back() {
        let secret = "a".repeat(1_000);
        let mut scrubber = Scrubber::new(secrecy(&[&secret]));
        let mut out = Vec::new();
        for _ in 0..200_000 {
            out.extend_from_slice(&scrubber.piece(b"a"));
            assert!(scrubber.held.len() < secret.len() && scrubber.covered.len() <= 1);
        }
        out.extend_from_slice(&scrubber.rest());
        assert_eq!(out, REMOVED);
    }
}
