//! An OpenID provider whose sign-in is a click on a name: authorization code flow with PKCE (S256),
//! discovery, JWKS, ES256 (OpenID Connect Core 1.0, RFC 6749, RFC 7636).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::DevelopmentError;

/// How long a code may take from the browser back to the provider.
const CODE_LIFE: Duration = Duration::from_secs(60);
/// How long an ID token is valid, in seconds.
const ID_TOKEN_LIFE: i64 = 300;
/// More unredeemed codes than one person at one machine makes; the oldest expire anyway.
const MOST_CODES: usize = 1_000;

/// Somebody who can sign in by clicking.
#[derive(Clone, Debug, Serialize)]
pub struct DemoUser {
    /// The `sub` of the provider.
    pub subject: &'static str,
    /// Shown on the button.
    pub name: &'static str,
    /// The verified address.
    pub email: &'static str,
    /// What this person is there to show.
    pub purpose: &'static str,
}

/// The one client that the provider knows: the platform.
#[derive(Clone)]
pub struct IssuerClient {
    /// Its identifier.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where answers are sent, exactly.
    pub redirect_uri: String,
}

impl IssuerClient {
    /// The platform, with a new secret.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate(redirect_uri: String) -> Result<Self, DevelopmentError> {
        let secret = random_text(&SystemRandom::new())?;
        Ok(Self { id: "vybe".to_owned(), secret, redirect_uri })
    }
}

/// The provider.
pub struct Issuer {
    origin: String,
    client: IssuerClient,
    users: &'static [DemoUser],
    key: EcdsaKeyPair,
    key_id: String,
    random: SystemRandom,
    codes: Mutex<HashMap<String, Code>>,
}

struct Code {
    user: &'static DemoUser,
    nonce: Option<String>,
    challenge: String,
    /// When the person clicked.
    signed_in_at: OffsetDateTime,
    expires: Instant,
}

/// A request to sign somebody in, complete and checked.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) state: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
}

/// Why the provider refuses, in the words of RFC 6749 (sections 4.1.2.1 and 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IssuerRefusal(pub(crate) &'static str);

impl Issuer {
    /// A provider at `origin` with a new key.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(
        origin: &str,
        client: IssuerClient,
        users: &'static [DemoUser],
    ) -> Result<Self, DevelopmentError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| DevelopmentError::Key)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|_| DevelopmentError::Key)?;
        let key_id = random_text(&random)?;
        let codes = Mutex::default();
        Ok(Self { origin: origin.to_owned(), client, users, key, key_id, random, codes })
    }

    /// Everybody who can sign in.
    #[must_use]
    pub fn users(&self) -> &'static [DemoUser] {
        self.users
    }

    /// The discovery document (OpenID Connect Discovery 1.0).
    pub(crate) fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.origin);
        json!({
            "issuer": self.origin,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["login", "select_account"],
            "authorization_response_iss_parameter_supported": true,
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "email", "email_verified", "name"],
        })
    }

    /// The public key (RFC 7517).
    pub(crate) fn key_set(&self) -> Value {
        // An uncompressed point: 0x04, then x and y, 32 bytes each (SEC 1, section 2.3.3).
        let point = self.key.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }

    /// Checks the parameters of an authorization request. A wrong client or redirect address is never
    /// redirected to (RFC 6749, section 4.1.2.1), so everything refused here is shown to the person.
    pub(crate) fn check(
        &self,
        parameter: impl Fn(&str) -> Option<String>,
    ) -> Result<AuthorizationRequest, IssuerRefusal> {
        let is = |name: &str, expected: &str| parameter(name).as_deref() == Some(expected);
        if !is("client_id", &self.client.id) || !is("redirect_uri", &self.client.redirect_uri) {
            return Err(IssuerRefusal("unauthorized_client"));
        }
        if !is("response_type", "code") {
            return Err(IssuerRefusal("unsupported_response_type"));
        }
        let openid = |scope: String| scope.split(' ').any(|word| word == "openid");
        if !parameter("scope").is_some_and(openid) {
            return Err(IssuerRefusal("invalid_scope"));
        }
        // Nobody stays signed in here, so every sign-in is a click of a moment ago: `login`,
        // `select_account` and every `max_age` are kept, and `none` never is (OpenID Connect Core 1.0,
        // section 3.1.2.1).
        let prompts = parameter("prompt").unwrap_or_default();
        if prompts.split(' ').any(|prompt| prompt == "none") {
            return Err(IssuerRefusal("login_required"));
        }
        if parameter("max_age").is_some_and(|seconds| seconds.parse::<u32>().is_err()) {
            return Err(IssuerRefusal("invalid_request"));
        }
        match (parameter("state"), parameter("code_challenge"), is("code_challenge_method", "S256")) {
            (Some(state), Some(challenge), true) => {
                Ok(AuthorizationRequest { state, nonce: parameter("nonce"), challenge })
            }
            _ => Err(IssuerRefusal("invalid_request")),
        }
    }

    /// The address that carries the answer back to the platform.
    pub(crate) fn sign_in(
        &self,
        request: &AuthorizationRequest,
        subject: &str,
        now: OffsetDateTime,
    ) -> Result<String, IssuerRefusal> {
        let user = self.users.iter().find(|user| user.subject == subject);
        let user = user.ok_or(IssuerRefusal("access_denied"))?;
        let code = random_text(&self.random).map_err(|_| IssuerRefusal("server_error"))?;
        let entry = Code {
            user,
            nonce: request.nonce.clone(),
            challenge: request.challenge.clone(),
            signed_in_at: now,
            expires: Instant::now() + CODE_LIFE,
        };
        {
            let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
            codes.retain(|_, entry| entry.expires > Instant::now());
            if codes.len() >= MOST_CODES {
                return Err(IssuerRefusal("temporarily_unavailable"));
            }
            codes.insert(code.clone(), entry);
        }
        let mut address =
            url::Url::parse(&self.client.redirect_uri).map_err(|_| IssuerRefusal("server_error"))?;
        address
            .query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &request.state)
            .append_pair("iss", &self.origin);
        Ok(address.into())
    }

    /// Whether this is the platform.
    pub(crate) fn knows(&self, client_id: &str, client_secret: &str) -> bool {
        client_id == self.client.id
            && cryptography::same(client_secret.as_bytes(), self.client.secret.as_bytes())
    }

    /// Exchanges a code, once, for an ID token.
    pub(crate) fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
        now: OffsetDateTime,
    ) -> Result<Value, IssuerRefusal> {
        let entry = self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
        let entry = entry.filter(|entry| entry.expires > Instant::now());
        let entry = entry.ok_or(IssuerRefusal("invalid_grant"))?;
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        if redirect_uri != self.client.redirect_uri || URL_SAFE_NO_PAD.encode(digest) != entry.challenge {
            return Err(IssuerRefusal("invalid_grant"));
        }
        let server_error = |_| IssuerRefusal("server_error");
        Ok(json!({
            "access_token": random_text(&self.random).map_err(server_error)?,
            "token_type": "Bearer",
            "expires_in": ID_TOKEN_LIFE,
            "scope": "openid email profile",
            "id_token": self.id_token(&entry, now)?,
        }))
    }

    fn id_token(&self, code: &Code, now: OffsetDateTime) -> Result<String, IssuerRefusal> {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.key_id });
        let mut claims = json!({
            "iss": self.origin,
            "sub": code.user.subject,
            "aud": self.client.id,
            "iat": now.unix_timestamp(),
            "exp": now.unix_timestamp() + ID_TOKEN_LIFE,
            "auth_time": code.signed_in_at.unix_timestamp(),
            "email": code.user.email,
            "email_verified": true,
            "name": code.user.name,
        });
        if let (Some(nonce), Some(object)) = (&code.nonce, claims.as_object_mut()) {
            object.insert("nonce".to_owned(), json!(nonce));
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature =
            self.key.sign(&self.random, signed.as_bytes()).map_err(|_| IssuerRefusal("server_error"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// 256 random bits in base64url.
pub(crate) fn random_text(random: &SystemRandom) -> Result<String, DevelopmentError> {
    let mut bytes = [0_u8; 32];
    random.fill(&mut bytes).map_err(|_| DevelopmentError::Key)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &[DemoUser] =
        &[DemoUser { subject: "ada", name: "Ada", email: "ada@acme.example", purpose: "" }];
    const BACK: &str = "https://vybe.localhost:8443/login/development/callback";

    fn issuer() -> Issuer {
        let client =
            IssuerClient { id: "vybe".to_owned(), secret: "s".to_owned(), redirect_uri: BACK.to_owned() };
        Issuer::new("https://issuer.vybe.localhost:8443", client, USERS).unwrap()
    }

    fn request(issuer: &Issuer, verifier: &str) -> AuthorizationRequest {
        let challenge =
            URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
        let parameters = [
            ("client_id", "vybe"),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "xyz"),
            ("nonce", "n"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let find = |name: &str| {
            parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        issuer.check(find).unwrap()
    }

    fn code_of(address: &str) -> String {
        let address = url::Url::parse(address).unwrap();
        address.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned()
    }

    #[test]
    fn a_code_is_worth_one_id_token_and_only_with_its_verifier() {
        let issuer = issuer();
        let now = OffsetDateTime::now_utc();
        let ask = || code_of(&issuer.sign_in(&request(&issuer, "right"), "ada", now).unwrap());
        let refused = Err(IssuerRefusal("invalid_grant"));

        let code = ask();
        assert!(issuer.redeem(&code, "right", BACK, now).is_ok());
        assert_eq!(issuer.redeem(&code, "right", BACK, now), refused);
        assert_eq!(issuer.redeem(&ask(), "wrong", BACK, now), refused);
        assert_eq!(issuer.redeem(&ask(), "right", "https://evil.test/", now), refused);
    }

    #[test]
    fn o03_a_request_without_pkce_or_with_a_foreign_address_is_refused() {
        let issuer = issuer();
        let base = [
            ("client_id", "vybe"),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "xyz"),
            ("code_challenge", "c"),
            ("code_challenge_method", "S256"),
        ];
        let check = |name: &str, value: Option<&str>| {
            let find = |asked: &str| {
                if asked == name {
                    return value.map(str::to_owned);
                }
                base.iter().find(|(key, _)| *key == asked).map(|(_, value)| (*value).to_owned())
            };
            issuer.check(find).err().map(|refusal| refusal.0)
        };
        assert_eq!(check("nothing", None), None);
        assert_eq!(check("code_challenge", None), Some("invalid_request"));
        assert_eq!(check("code_challenge_method", Some("plain")), Some("invalid_request"));
        assert_eq!(check("state", None), Some("invalid_request"));
        assert_eq!(check("redirect_uri", Some("https://evil.test/")), Some("unauthorized_client"));
        assert_eq!(check("client_id", Some("other")), Some("unauthorized_client"));
        assert_eq!(check("prompt", Some("login")), None);
        assert_eq!(check("prompt", Some("none")), Some("login_required"));
        assert_eq!(check("max_age", Some("0")), None);
        assert_eq!(check("max_age", Some("-1")), Some("invalid_request"));
        assert_eq!(check("response_type", Some("token")), Some("unsupported_response_type"));
    }
}
