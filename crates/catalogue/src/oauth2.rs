//! What OAuth 2.0 leaves to each service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Lifetime, Template};

/// The authorization code grant of a service (RFC 6749, 4.1; RFC 7636).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth2Code {
    /// Where people consent.
    pub authorize_url: Template,
    /// Where codes are exchanged.
    pub token_url: Template,
    /// Where tokens are refreshed, if elsewhere.
    pub refresh_url: Option<Template>,
    /// How tokens are revoked; without it a connection can only be forgotten.
    pub revocation: Option<Revocation>,
    /// Whether a proof key is sent.
    #[serde(default)]
    pub pkce: Pkce,
    /// Why none is sent.
    pub pkce_off_because: Option<String>,
    /// How token requests are written.
    #[serde(default)]
    pub token_request: TokenRequest,
    /// What separates scopes.
    #[serde(default = "space")]
    pub scope_separator: String,
    /// The name of the parameter that carries the scopes.
    #[serde(default = "scope")]
    pub scope_parameter: String,
    /// Scopes that are asked for if nobody chooses; they may hold variables.
    #[serde(default)]
    pub default_scopes: Vec<String>,
    /// Scopes that are always asked for, such as `offline_access`; they may hold variables.
    #[serde(default)]
    pub required_scopes: Vec<String>,
    /// Further parameters of the page where people consent.
    #[serde(default)]
    pub authorize_parameters: BTreeMap<String, String>,
    /// The name of the redirect's parameter that brings the code.
    #[serde(default = "code")]
    pub callback_code: String,
    /// The authorization server's name of itself, to be compared with the redirect's `iss` (RFC 9207).
    pub issuer: Option<String>,
    /// Whether every redirect brings `iss`.
    #[serde(default)]
    pub issuer_in_callback: bool,
    /// A call right after the code's exchange that changes its short-lived token for one that lives longer.
    pub extension: Option<Extension>,
    /// How long tokens live.
    #[serde(default)]
    pub lifetime: Lifetime,
    /// Calls after an account was connected, at most two, that fill learned values.
    #[serde(default)]
    pub discovery: Vec<DiscoveryCall>,
}

/// A client that proves itself (RFC 6749, 4.4).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// Where tokens are given.
    pub token_url: Template,
    /// How token requests are written.
    #[serde(default)]
    pub token_request: TokenRequest,
    /// What separates scopes.
    #[serde(default = "space")]
    pub scope_separator: String,
    /// Scopes that are asked for if nobody chooses; they may hold variables.
    #[serde(default)]
    pub default_scopes: Vec<String>,
    /// How long tokens live.
    #[serde(default)]
    pub lifetime: Lifetime,
}

/// A signed assertion that is exchanged for a token (RFC 7523, 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// Where tokens are given. Without one, the assertion itself is the token.
    pub token_url: Option<Template>,
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// Its claims; values may hold variables, and `{client_id}`. `iat` and `exp` are added.
    pub claims: BTreeMap<String, String>,
    /// How long an assertion lives, in seconds.
    #[serde(default = "five_minutes")]
    pub assertion_seconds: u32,
    /// How a shared secret is written (HS256 only).
    #[serde(default)]
    pub secret_encoding: SecretEncoding,
    /// Where the assertion stands in the request for a token.
    #[serde(default)]
    pub assertion_in: AssertionPlace,
    /// How token requests are written.
    #[serde(default)]
    pub token_request: TokenRequest,
    /// How long tokens live.
    #[serde(default)]
    pub lifetime: Lifetime,
}

/// How an assertion is signed (RFC 7518, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JwtAlgorithm {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256.
    Hs256,
}

/// How a shared secret is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretEncoding {
    /// Its bytes are the key.
    #[default]
    Text,
    /// In hexadecimal digits.
    Hex,
}

/// Where an assertion stands in the request for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionPlace {
    /// In the body, as `assertion` (RFC 7523, 2.1).
    #[default]
    Body,
    /// As `Authorization: Bearer`; the body is empty.
    Bearer,
}

/// Whether a proof key is sent (RFC 7636).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Pkce {
    /// Its SHA-256 is.
    #[default]
    S256,
    /// The service refuses it, or is not known to take it.
    #[serde(rename = "off")]
    Off,
}

/// How the client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// In the `Authorization` header (RFC 6749, 2.3.1).
    #[default]
    Basic,
    /// In the body.
    Body,
    /// Not: there is no client secret.
    None,
}

/// How a body of a token request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRequestBody {
    /// As a form.
    #[default]
    Form,
    /// As a JSON object.
    Json,
    /// Not at all: parameters are in the query of a GET.
    Query,
}

/// How token requests of a service are written, and their answers read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRequest {
    /// How the client proves itself.
    pub client_authentication: ClientAuthentication,
    /// How the client proves itself in a refresh, if otherwise.
    pub refresh_client_authentication: Option<ClientAuthentication>,
    /// How the body is written.
    pub body: TokenRequestBody,
    /// How the body of a refresh is written, if otherwise.
    pub refresh_body: Option<TokenRequestBody>,
    /// Further parameters of every token request; values may hold variables. They win over the usual ones of this name.
    pub parameters: BTreeMap<String, String>,
    /// Further parameters of refresh requests only, likewise.
    pub refresh_parameters: BTreeMap<String, String>,
    /// Further headers; revocations carry them, too.
    pub headers: BTreeMap<String, String>,
    /// Other names for parameters: `client_id = "client_key"`. They hold for the page where people consent, too.
    pub renamed: BTreeMap<String, String>,
    /// The grant type of a refresh, if it is not `refresh_token`.
    pub refresh_grant_type: Option<String>,
    /// Where the access token is (RFC 6901).
    pub access_token: String,
    /// Where the refresh token is.
    pub refresh_token: String,
    /// Where the lifetime is.
    pub expires_in: String,
    /// Where the granted scopes are.
    pub scope: String,
    /// An answer is a refusal, whatever its status, if this place does not hold `true`.
    pub success: Option<String>,
    /// Words in `error` (or in `error_pointer`) that mean that a person has to consent again.
    pub reconnect_errors: Vec<String>,
    /// Where the word for what went wrong is.
    pub error_pointer: String,
}

impl Default for TokenRequest {
    fn default() -> Self {
        Self {
            client_authentication: ClientAuthentication::default(),
            refresh_client_authentication: None,
            body: TokenRequestBody::default(),
            refresh_body: None,
            parameters: BTreeMap::new(),
            refresh_parameters: BTreeMap::new(),
            headers: BTreeMap::new(),
            renamed: BTreeMap::new(),
            refresh_grant_type: None,
            access_token: "/access_token".to_owned(),
            refresh_token: "/refresh_token".to_owned(),
            expires_in: "/expires_in".to_owned(),
            scope: "/scope".to_owned(),
            success: None,
            reconnect_errors: vec!["invalid_grant".to_owned()],
            error_pointer: "/error".to_owned(),
        }
    }
}

/// A call right after the code's exchange that changes its short-lived token for one that lives longer. It is a GET without
/// a header for the client; its answer is read like that of a token request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Where.
    pub url: Template,
    /// The query; values may hold `{token}`, `{client_id}` and `{client_secret}`.
    pub parameters: BTreeMap<String, String>,
}

/// How tokens are revoked at the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Where. May hold `{client_id}`, and `{token}` where the service wants it there.
    pub url: Template,
    /// What kind of request.
    #[serde(default)]
    pub kind: RevocationKind,
    /// Whether the refresh token is sent, which ends the whole grant (RFC 7009, 2.1), rather than the access token.
    #[serde(default = "yes")]
    pub by_refresh_token: bool,
    /// How the body is written, where there is one.
    #[serde(default)]
    pub body: TokenRequestBody,
    /// Other names for its parameters: `token = "access_token"`.
    #[serde(default)]
    pub renamed: BTreeMap<String, String>,
    /// Whether `token_type_hint` is sent (RFC 7009, 2.1); some services refuse what they do not know.
    #[serde(default = "yes")]
    pub hint: bool,
    /// How the client proves itself, if otherwise than in token requests.
    pub client_authentication: Option<ClientAuthentication>,
    /// The most requests per minute that the service takes; without one, ten a second are sent at most.
    pub most_per_minute: Option<u32>,
}

/// What kind of request revokes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationKind {
    /// A form with `token`, and the client's credentials (RFC 7009).
    #[default]
    Rfc7009,
    /// A form with `token` alone; with nothing, if the URL holds it.
    TokenOnly,
    /// A POST with the access token as `Authorization: Bearer` and no body.
    PostAsBearer,
    /// A DELETE with the access token as `Authorization: Bearer`.
    DeleteAsBearer,
    /// A GET with the token in the query, as `token` or where the URL holds it.
    GetWithToken,
    /// A DELETE with the client's credentials as Basic and `{"access_token": …}` as body.
    DeleteAsClient,
}

/// A call after an account was connected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DiscoveryCall {
    /// What is called, with the account's credential.
    pub url: Template,
    /// Learned values and where in the answer they are (RFC 6901).
    pub save: BTreeMap<String, String>,
}

fn space() -> String {
    " ".to_owned()
}

fn scope() -> String {
    "scope".to_owned()
}

fn code() -> String {
    "code".to_owned()
}

const fn five_minutes() -> u32 {
    300
}

const fn yes() -> bool {
    true
}
