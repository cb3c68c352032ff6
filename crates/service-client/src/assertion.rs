//! Signed assertions (RFC 7523), and tokens for them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalogue::{AssertionPlace, JwtAlgorithm, JwtBearer, SecretEncoding, Service, Values};
use cryptography::{ForeignKey, hmac_sha256};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::connections::Connections;
use crate::grant::{Grant, filling, granted, of_answer};
use crate::token_call::{Occasion, TokenCall, filled, sensitive};
use crate::{Credentials, Granted, NotSent, OauthClient, Secrets, TokenError, Tokens};

/// The grant type of RFC 7523, 2.1.
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How far the service's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(30);

/// A token for a signed assertion; or the assertion, where it is the token.
pub(crate) async fn exchange(
    connections: &Connections,
    service: &Service,
    grant: &JwtBearer,
    values: &Values,
    secrets: &Secrets,
) -> Result<Granted, TokenError> {
    let client = secrets
        .get("client_id")
        .map(|client_id| OauthClient { client_id: client_id.reveal().to_owned(), secret: None });
    let fill = filling(values, client.as_ref());
    let assertion = signed(grant, &fill, secrets, OffsetDateTime::now_utc())?;
    let Some(token_url) = &grant.token_url else {
        return Ok(Granted {
            credentials: Credentials::Tokens(Tokens {
                access: assertion.into(),
                refresh: None,
                secrets: secrets.clone(),
            }),
            expires_in: Some(Duration::from_secs(grant.assertion_seconds.into()).saturating_sub(SKEW)),
            scopes: None,
            learned: Values::new(),
        });
    };
    let call = TokenCall {
        url: token_url.url(values).map_err(NotSent::from)?,
        shape: &grant.token_request,
        occasion: Occasion::Given,
        fill: &fill,
    };
    let (parameters, authorization) = match grant.assertion_in {
        AssertionPlace::Body => {
            let grant_type = ("grant_type".to_owned(), GRANT_TYPE.to_owned());
            (vec![grant_type, ("assertion".to_owned(), assertion)], None)
        }
        AssertionPlace::Bearer => (Vec::new(), Some(sensitive(&format!("Bearer {assertion}"))?)),
    };
    let answer = call.send(connections, parameters, authorization).await?;
    let shape = Grant { request: &grant.token_request, lifetime: &grant.lifetime, separator: " " };
    let learned = of_answer(service, &answer);
    Ok(Granted { learned, ..granted(&answer, shape, None, secrets)?.without_refresh() })
}

/// A JWT in compact form (RFC 7515, 7.1).
fn signed(
    grant: &JwtBearer,
    fill: &Values,
    secrets: &Secrets,
    now: OffsetDateTime,
) -> Result<String, NotSent> {
    let mut claims = Map::new();
    for (name, value) in &grant.claims {
        claims.insert(name.clone(), Value::String(filled(value, fill)?));
    }
    let issued = (now - SKEW).unix_timestamp();
    claims.insert("iat".to_owned(), json!(issued));
    claims.insert("exp".to_owned(), json!(issued + i64::from(grant.assertion_seconds)));
    let algorithm = match grant.algorithm {
        JwtAlgorithm::Rs256 => "RS256",
        JwtAlgorithm::Es256 => "ES256",
        JwtAlgorithm::Hs256 => "HS256",
    };
    let mut header = json!({ "alg": algorithm, "typ": "JWT" });
    if let Some(key_id) = secrets.get("key_id") {
        header["kid"] = json!(key_id.reveal());
    }
    let encoded = |value: &dyn ToString| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encoded(&header), encoded(&Value::Object(claims)));
    let key = secrets.get("private_key").ok_or(NotSent::Credentials)?.reveal();
    let signature = sign(grant, key, message.as_bytes())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn sign(grant: &JwtBearer, key: &str, message: &[u8]) -> Result<Vec<u8>, NotSent> {
    let key = match (grant.algorithm, grant.secret_encoding) {
        (JwtAlgorithm::Hs256, SecretEncoding::Text) => {
            return Ok(hmac_sha256(key.as_bytes(), message).to_vec());
        }
        (JwtAlgorithm::Hs256, SecretEncoding::Hex) => {
            let key = Zeroizing::new(from_hexadecimal(key.trim()).ok_or(NotSent::Key)?);
            return Ok(hmac_sha256(&key, message).to_vec());
        }
        (JwtAlgorithm::Rs256, _) => match private_key(key)? {
            PrivateKeyDer::Pkcs8(key) => ForeignKey::rsa_from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => ForeignKey::rsa_from_pkcs1(key.secret_pkcs1_der()),
            _ => return Err(NotSent::Key),
        },
        (JwtAlgorithm::Es256, _) => match private_key(key)? {
            PrivateKeyDer::Pkcs8(key) => ForeignKey::p256_from_pkcs8(key.secret_pkcs8_der()),
            _ => return Err(NotSent::Key),
        },
    };
    key.and_then(|key| key.sign(message)).map_err(|_| NotSent::Key)
}

/// A private key in PEM. One that was copied out of a JSON document has `\n` in place of its line ends.
fn private_key(text: &str) -> Result<PrivateKeyDer<'static>, NotSent> {
    PrivateKeyDer::from_pem_slice(text.replace("\\n", "\n").as_bytes()).map_err(|_| NotSent::Key)
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect()
}
