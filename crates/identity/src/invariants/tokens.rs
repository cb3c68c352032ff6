//! User tokens, forged with our own key: what a signature cannot hold off.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::SecretBytes;
use ids::AppId;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::Value;
use time::OffsetDateTime;

use crate::signing_key::SigningKey;
use crate::{USER_TOKEN_LIFE, token_cryptography, user_token};

const ISSUER: &str = "https://vybe.test";
const KEY: &str = "key_00000000000070008000000000000001";
const APP: &str = "app_00000000000070008000000000000002";
/// Seconds since 1970.
const NOW: i64 = 1_767_225_600;
/// How far clocks may be apart, in seconds.
const SKEW: i64 = 30;

/// A header on the first line, claims on the second, and on the third what is changed in the token that is made of them; and
/// all of it as a token. One that counts says what ours say, by a second reader of JSON, and is signed; one that was changed
/// does not count.
///
/// # Panics
/// Something does not hold.
pub fn user_token(bytes: &[u8]) {
    let Some(key) = key() else {
        assert!(bytes.is_empty() && !bytes.is_empty(), "there is no key");
        return;
    };
    if let Ok(text) = std::str::from_utf8(bytes) {
        judged(key, text);
    }
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let (header, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.pair.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    if !judged(key, &token) {
        return;
    }
    let mut changed = token.clone().into_bytes();
    for change in lines.next().unwrap_or_default().as_chunks::<3>().0 {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % changed.len();
        changed[at] = change[2];
    }
    let changed = String::from_utf8_lossy(&changed);
    assert!(*changed == *token || !judged(key, &changed), "{token} changed to {changed} counts");
    // No other spelling of the last character, whose lowest bits mean nothing.
    for other in *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=" {
        let spelled = format!("{}{}", &token[..token.len() - 1], char::from(other));
        assert!(spelled == token || !judged(key, &spelled), "{token} has two spellings");
    }
}

/// Whether a token counts, to our app, now.
fn judged(key: &SigningKey, token: &str) -> bool {
    let peeked = user_token::peek(token).filter(|(kid, _)| *kid == key.id);
    let claims = user_token::authentic(token, key, ISSUER);
    let Ok(app) = APP.parse::<AppId>() else { return false };
    let user = claims.and_then(|claims| claims.user(app, NOW));
    let (Some((_, session)), Some(user)) = (peeked, user) else { return false };

    let parts: Vec<&str> = token.split('.').collect();
    let decoded: Vec<Vec<u8>> = parts.iter().filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect();
    let [header, claims, signature] = decoded.as_slice() else {
        assert!(token.is_empty() && !token.is_empty(), "{token} counts, and has no three parts");
        return true;
    };
    let signed = token.rsplit_once('.').map(|(signed, _)| signed.as_bytes()).unwrap_or_default();
    let public = UnparsedPublicKey::new(&ED25519, key.pair.public_key().as_ref());
    assert!(public.verify(signed, signature).is_ok(), "{token} counts, and is not signed");

    let header: Value = serde_json::from_slice(header).unwrap_or_default();
    assert_eq!(header.get("alg"), Some(&Value::from("EdDSA")), "{header}");
    assert!(header.get("crit").is_none_or(Value::is_null), "{header}");
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    assert_eq!(text(&header, "kid").and_then(|kid| kid.parse().ok()), Some(key.id), "{header}");
    assert_eq!(text(&header, "sid").and_then(|sid| sid.parse().ok()), Some(session), "{header}");

    let claims: Value = serde_json::from_slice(claims).unwrap_or_default();
    let names: Vec<&str> = claims.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["aud", "exp", "iat", "iss", "sub"], "{claims}");
    assert_eq!(text(&claims, "iss").as_deref(), Some(ISSUER), "{claims}");
    assert_eq!(text(&claims, "aud").and_then(|aud| aud.parse().ok()), Some(app), "{claims}");
    assert_eq!(text(&claims, "sub").and_then(|sub| sub.parse().ok()), Some(user), "{claims}");
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (issued, ends) = (number("iat").unwrap_or_default(), number("exp").unwrap_or_default());
    assert_eq!(ends - issued, USER_TOKEN_LIFE, "{claims}");
    assert!((issued - SKEW..ends + SKEW).contains(&NOW), "{claims}");
    true
}

fn key() -> Option<&'static SigningKey> {
    static SIGNING: OnceLock<Option<SigningKey>> = OnceLock::new();
    SIGNING
        .get_or_init(|| {
            token_cryptography::install();
            let seed = [7_u8; 32];
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
            let public = pair.public_key().as_ref().to_vec();
            let id = KEY.parse().ok()?;
            let created = OffsetDateTime::UNIX_EPOCH;
            SigningKey::read(
                id,
                ids::SecretId::generate(),
                &SecretBytes::copy_of(&seed),
                &public,
                created,
                None,
            )
        })
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_tokens_hold() {
        hostile_input::replay("user_token", 1_000, super::user_token);
    }

    #[test]
    fn the_first_seed_counts() {
        let session = ids::SessionId::generate();
        let user = ids::UserId::generate();
        let key = key().unwrap();
        let issuer = Value::from(ISSUER).to_string();
        let token = user_token::sign(key, &issuer, session, user, APP.parse().unwrap(), NOW);
        assert!(judged(key, &token));
    }
}
