//! How people sign in, and what lasts how long afterwards.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Period, Secret};

/// `[sign_in]`
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignInSection {
    /// Sign-in with Google. The redirect address to register there is https://<platform.host>/login/google/callback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleSection>,
    /// Any other OpenID provider, by a short name of your own in lower-case letters, digits and hyphens; repeat the
    /// section for more. The redirect address is https://<platform.host>/login/<short name>/callback.
    #[schemars(extend("x-name" = "company"))]
    pub provider: BTreeMap<String, ProviderSection>,
    /// More certificate authorities to trust when talking to OpenID providers, apps, the mail server and the key
    /// management service (PEM), besides Mozilla's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/vybe/tls/company-authority.pem")]
    pub extra_authorities: Option<PathBuf>,
}

impl SignInSection {
    /// Whether anybody can sign in.
    #[must_use]
    pub fn has_provider(&self) -> bool {
        self.google.is_some() || !self.provider.is_empty()
    }
}

/// `[sign_in.google]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleSection {
    /// The OAuth client of type "Web application".
    #[schemars(example = &"1234567890-abc.apps.googleusercontent.com")]
    pub client_id: String,
    /// Its secret.
    #[schemars(example = Secret::in_file("/etc/vybe/google-client-secret"))]
    pub client_secret: Secret,
    /// When not empty, only Google Workspace accounts of these domains get in; it is the signed claim `hd` that
    /// counts.
    #[serde(default)]
    pub hosted_domains: Vec<String>,
    /// What shows that somebody has just signed in again, for pages that ask for a recent sign-in: "prompt" trusts
    /// that Google showed its page, "auth_time" wants the signed claim, which Google sends if "Session age claims" are
    /// on in the project's settings.
    #[serde(default = "by_prompt")]
    pub reauthentication: Reauthentication,
}

const fn by_prompt() -> Reauthentication {
    Reauthentication::Prompt
}

/// `[sign_in.provider.<id>]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSection {
    /// The words on the button.
    #[schemars(example = &"Company single sign-on")]
    pub name: String,
    /// The issuer; its discovery document is at <issuer>/.well-known/openid-configuration.
    #[schemars(example = &"https://sso.example.com")]
    pub issuer: String,
    /// The client.
    #[schemars(example = &"vybe")]
    pub client_id: String,
    /// Its secret.
    #[schemars(example = Secret::environment("COMPANY_CLIENT_SECRET"))]
    pub client_secret: Secret,
    /// When not empty, only people with one of these hosted domains (the signed claim `hd`) get in.
    #[serde(default)]
    pub hosted_domains: Vec<String>,
    /// What shows that somebody has just signed in again. "prompt" is for providers that leave `auth_time` out.
    #[serde(default)]
    pub reauthentication: Reauthentication,
}

/// What shows that a person has just signed in again, for pages that ask for a recent sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reauthentication {
    /// The signed claim `auth_time`.
    #[default]
    AuthTime,
    /// That the provider was asked to show its page: for providers that leave `auth_time` out.
    Prompt,
}

impl From<Reauthentication> for identity::Reauthentication {
    fn from(configured: Reauthentication) -> Self {
        match configured {
            Reauthentication::AuthTime => Self::AuthTime,
            Reauthentication::Prompt => Self::Prompt,
        }
    }
}

/// `[sessions]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsSection {
    /// A session ends when it was not used for so long …
    pub idle: Period,
    /// … and so long after sign-in in any case.
    pub absolute: Period,
}

impl Default for SessionsSection {
    fn default() -> Self {
        Self { idle: Period::days(7), absolute: Period::days(30) }
    }
}

/// `[user_tokens]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserTokensSection {
    /// Requests of one session to one app share a user token for so long; at most 300s. A token lives 780 s.
    pub reuse: Period,
    /// The key that signs them is replaced when it is so old; at least 1h. Apps find both keys at
    /// https://<platform.host>/.well-known/jwks.json while one takes over from the other.
    pub rotate: Period,
}

impl Default for UserTokensSection {
    fn default() -> Self {
        Self { reuse: Period::seconds(30), rotate: Period::days(30) }
    }
}

/// `[organizations]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrganizationsSection {
    /// Whether whoever signs in and belongs to no organization gets one of their own.
    pub personal: bool,
}

impl Default for OrganizationsSection {
    fn default() -> Self {
        Self { personal: true }
    }
}
