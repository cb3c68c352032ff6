//! A secret in the configuration: where it is, not what it is.

use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a secret is found. Printing it never shows an inline value.
#[derive(Clone)]
pub enum Secret {
    /// In the configuration file itself.
    Inline(zeroize::Zeroizing<String>),
    /// In an environment variable.
    Env(String),
    /// In a file of its own.
    File(PathBuf),
    /// In the credential of this name that systemd hands to the service (systemd.exec(5), LoadCredential=).
    Credential(String),
}

impl Secret {
    /// In the environment variable of this name.
    pub(super) fn environment(name: &str) -> Self {
        Self::Env(name.to_owned())
    }

    /// In this file.
    pub(super) fn in_file(path: &str) -> Self {
        Self::File(path.into())
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = |name: &str, about: &str| {
            json_schema!({
                "type": "object",
                "description": about,
                "properties": { name: { "type": "string" } },
                "required": [name],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "A secret: the value itself, or where it is.",
            "x-kind": "secret",
            "anyOf": [
                { "type": "string" },
                one("env", "The name of an environment variable."),
                one("file", "The path of a file."),
                one("credential", "The name of a credential that systemd hands over."),
            ],
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => formatter.write_str("(redacted)"),
            Self::Env(name) => write!(formatter, "the environment variable {name}"),
            Self::File(path) => write!(formatter, "the file {}", path.display()),
            Self::Credential(name) => write!(formatter, "the credential {name}"),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inline(_) => serializer.serialize_str("(redacted)"),
            Self::Env(name) => one(serializer, "env", name),
            Self::File(path) => one(serializer, "file", path),
            Self::Credential(name) => one(serializer, "credential", name),
        }
    }
}

fn one<S: Serializer>(serializer: S, key: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, { env = \"NAME\" }, { file = \"/path\" } or { credential = \"NAME\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::Inline(zeroize::Zeroizing::new(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let secret = match map.next_key::<String>()?.as_deref() {
            Some("env") => Secret::Env(map.next_value()?),
            Some("file") => Secret::File(map.next_value()?),
            Some("credential") => Secret::Credential(map.next_value()?),
            Some(other) => return Err(A::Error::unknown_field(other, &["env", "file", "credential"])),
            None => {
                return Err(A::Error::custom(
                    "expected { env = \"NAME\" }, { file = \"/path\" } or { credential = \"NAME\" }",
                ));
            }
        };
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("name one of env, file and credential"));
        }
        Ok(secret)
    }
}

/// The file of a credential, in the folder that systemd made for the service.
pub(crate) fn credential_file(name: &str) -> Result<PathBuf, &'static str> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err("a credential's name is that of a file, without a folder");
    }
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    let folder = folder.ok_or("systemd handed over no credentials (CREDENTIALS_DIRECTORY is not set)")?;
    Ok(PathBuf::from(folder).join(name))
}

/// The API token with which commands speak to a running platform, from `VYBE_TOKEN`.
pub(crate) fn api_token() -> Option<zeroize::Zeroizing<String>> {
    std::env::var("VYBE_TOKEN").ok().map(zeroize::Zeroizing::new)
}
