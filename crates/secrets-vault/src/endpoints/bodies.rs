//! What comes in and goes out about named secrets. A value comes in and never goes out.

use std::borrow::Cow;
use std::fmt;

use access_control::Environment;
use cryptography::SecretBytes;
use endpoint::{GivenInstant, Instant};
use ids::{AppId, SecretId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

use super::secret_text::SecretText;
use crate::{
    GivenParts, GivenValue, Kind, NewSecret, NewSecretValue, Secret, SecretScope, SecretUse, VariableSource,
};

/// The largest body, in bytes: a value of 64 KiB in which every byte is escaped, and the rest.
pub const LARGEST_BODY: usize = 512 * 1024;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBody {
    kind: KindBody,
    /// Once among the secrets of one owner. For `environment_variable`, the variable's name; for `api_key`,
    /// `bearer_token` and `basic_credentials` the variable is `CUSTOM_API_` and the name in upper snake case.
    name: String,
    /// preview or production, for what is injected into deployments; left out for anything else.
    environment: Option<Environment>,
    value: ValueBody,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaceBody {
    value: ValueBody,
    /// The version that the value takes the place of: 409 if it is another one by now. Any, if left out.
    expected_version: Option<i64>,
}

impl From<NewBody> for NewSecret {
    fn from(body: NewBody) -> Self {
        Self { kind: body.kind.into(), name: body.name, environment: body.environment, value: body.value.0 }
    }
}

impl From<ReplaceBody> for NewSecretValue {
    fn from(body: ReplaceBody) -> Self {
        Self { value: body.value.0, expected_version: body.expected_version }
    }
}

/// The kinds that people can keep.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindBody {
    EnvironmentVariable,
    ApiKey,
    BearerToken,
    BasicCredentials,
    ConnectionString,
    SshPrivateKey,
    OauthTokenSet,
}

impl From<KindBody> for Kind {
    fn from(body: KindBody) -> Self {
        match body {
            KindBody::EnvironmentVariable => Self::EnvironmentVariable,
            KindBody::ApiKey => Self::ApiKey,
            KindBody::BearerToken => Self::BearerToken,
            KindBody::BasicCredentials => Self::BasicCredentials,
            KindBody::ConnectionString => Self::ConnectionString,
            KindBody::SshPrivateKey => Self::SshPrivateKey,
            KindBody::OauthTokenSet => Self::OauthTokenSet,
        }
    }
}

/// A text or an object with parts. Read straight into memory that is erased, past every buffer of serde's that
/// is not.
struct ValueBody(GivenValue);

impl JsonSchema for ValueBody {
    fn schema_name() -> Cow<'static, str> {
        "SecretValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let parts = generator.subschema_for::<PartsBody>();
        json_schema!({
            "description": "Never answered again. A text for environment_variable, api_key, bearer_token and \
                connection_string; parts for basic_credentials (user, password), ssh_private_key (privateKey, passphrase) \
                and oauth_token_set (accessToken, refreshToken, tokenType, expiresAt, scopes).",
            "writeOnly": true,
            "anyOf": [{ "type": "string", "minLength": 1, "maxLength": 65536 }, parts],
        })
    }
}

impl<'de> Deserialize<'de> for ValueBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;

        impl<'de> Visitor<'de> for TextOrParts {
            type Value = ValueBody;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or an object with parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<ValueBody, E> {
                Ok(ValueBody(GivenValue::Text(SecretBytes::copy_of(text.as_bytes()))))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ValueBody, A::Error> {
                let parts = PartsBody::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ValueBody(GivenValue::Parts(Box::new(parts.into()))))
            }
        }

        deserializer.deserialize_any(TextOrParts)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SecretParts")]
struct PartsBody {
    user: Option<SecretText>,
    password: Option<SecretText>,
    private_key: Option<SecretText>,
    passphrase: Option<SecretText>,
    access_token: Option<SecretText>,
    refresh_token: Option<SecretText>,
    token_type: Option<String>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<GivenInstant>")]
    expires_at: Option<OffsetDateTime>,
    scopes: Option<Vec<String>>,
}

impl From<PartsBody> for GivenParts {
    fn from(body: PartsBody) -> Self {
        let secret = |text: Option<SecretText>| text.map(SecretText::into_bytes);
        Self {
            user: secret(body.user),
            password: secret(body.password),
            private_key: secret(body.private_key),
            passphrase: secret(body.passphrase),
            access_token: secret(body.access_token),
            refresh_token: secret(body.refresh_token),
            token_type: body.token_type,
            expires_at: body.expires_at,
            scopes: body.scopes,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretAnswer {
    id: SecretId,
    /// organization, app or personal.
    scope: &'static str,
    kind: &'static str,
    name: String,
    /// preview or production; null for what is not injected.
    environment: Option<Environment>,
    /// The variable that it becomes; null for what is not injected.
    variable: Option<String>,
    /// What is shown in place of the value: four dots, with the last four characters of long API keys and
    /// bearer tokens.
    mask: String,
    /// How often the value was written.
    version: i64,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
    last_injected_at: Option<Instant>,
}

impl From<Secret> for SecretAnswer {
    fn from(secret: Secret) -> Self {
        Self {
            id: secret.id,
            scope: SecretScope::of(secret.owner).map(SecretScope::as_str).unwrap_or_default(),
            kind: secret.kind.as_str(),
            mask: secret.mask(),
            name: secret.name,
            environment: secret.environment,
            variable: secret.variable,
            version: secret.version,
            created_by: secret.created_by,
            created_at: secret.created_at.into(),
            updated_by: secret.updated_by,
            updated_at: secret.updated_at.into(),
            last_injected_at: secret.last_injected_at.map(Into::into),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretsAnswer {
    pub secrets: Vec<SecretAnswer>,
    pub next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsesAnswer {
    /// The apps that got it, the latest first; without those that you may not see.
    pub uses: Vec<UseAnswer>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UseAnswer {
    app_id: AppId,
    /// Which version the app got last.
    version: i64,
    injected_by: UserId,
    injected_at: Instant,
}

impl From<Vec<SecretUse>> for UsesAnswer {
    fn from(uses: Vec<SecretUse>) -> Self {
        let answer = |used: SecretUse| UseAnswer {
            app_id: used.app,
            version: used.version,
            injected_by: used.injected_by,
            injected_at: used.injected_at.into(),
        };
        Self { uses: uses.into_iter().map(answer).collect() }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentAnswer {
    environment: Environment,
    /// What a deployment gets besides what the platform gives by itself, in the order of names.
    variables: Vec<VariableAnswer>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VariableAnswer {
    variable: String,
    /// organization or app.
    scope: &'static str,
    secret_id: SecretId,
    kind: &'static str,
    version: i64,
    updated_at: Instant,
    /// The secret of the organization that it stands before.
    overrides: Option<SecretId>,
}

impl EnvironmentAnswer {
    pub fn new(environment: Environment, sources: Vec<VariableSource>) -> Self {
        let answer = |source: VariableSource| VariableAnswer {
            variable: source.variable,
            scope: SecretScope::of(source.secret.owner).map(SecretScope::as_str).unwrap_or_default(),
            secret_id: source.secret.id,
            kind: source.secret.kind.as_str(),
            version: source.secret.version,
            updated_at: source.secret.updated_at.into(),
            overrides: source.overrides,
        };
        Self { environment, variables: sources.into_iter().map(answer).collect() }
    }
}
