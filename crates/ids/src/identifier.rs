//! UUIDv7 newtypes with a printable prefix (`org_0191…`), one type per kind of thing.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Simple;

/// A text that is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier: expected {prefix}_ followed by 32 hexadecimal digits")]
pub struct IdentifierError {
    prefix: &'static str,
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, IdentifierError> {
    let error = IdentifierError { prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(error.clone())?;
    // One spelling only: the text is used as a key in tables and caches.
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 32 || !digits.bytes().all(lower_hex) {
        return Err(error);
    }
    Uuid::try_parse(digits).map_err(|_| error)
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What stands before the underscore in the printed form.
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier (UUIDv7, RFC 9562): ordered by time, 74 random bits.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The first identifier of an instant, in milliseconds since 1970: a border between what was
            /// made before and after it.
            #[must_use]
            pub const fn first_of(milliseconds: u64) -> Self {
                Self(Uuid::from_u128((milliseconds as u128) << 80))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                // In one piece: every request prints some of these.
                const START: &[u8] = concat!($prefix, "_").as_bytes();
                let mut text = [0; START.len() + Simple::LENGTH];
                let (start, digits) = text.split_at_mut(START.len());
                start.copy_from_slice(START);
                self.0.simple().encode_lower(digits);
                formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                crate::schema::identifier($prefix)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// An organization, the tenant.
    OrganizationId, "org"
);
identifier!(
    /// A person who has signed in.
    UserId, "usr"
);
identifier!(
    /// An app of one organization.
    AppId, "app"
);
identifier!(
    /// A session, as shown to its owner. Not the secret in the cookie.
    SessionId, "ses"
);
identifier!(
    /// An invitation to an organization. Not the secret in the link.
    InvitationId, "inv"
);
identifier!(
    /// A named group of members.
    GroupId, "grp"
);
identifier!(
    /// One path rule of an app.
    PathRuleId, "rul"
);
identifier!(
    /// A server secret of an app. Not the secret itself.
    ServerSecretId, "sec"
);
identifier!(
    /// A token of the coding agent for one app. Not the secret itself.
    AgentTokenId, "agt"
);
identifier!(
    /// A key that signs user tokens; the `kid` of the published key.
    SigningKeyId, "key"
);
identifier!(
    /// A value that the vault keeps sealed. Not the value itself.
    SecretId, "sct"
);
identifier!(
    /// A connection to a customer's database.
    ConnectionId, "dbc"
);
identifier!(
    /// A saved query of an app.
    DataQueryId, "dqu"
);
identifier!(
    /// A record of queries that were run.
    QueryRecordId, "qry"
);
identifier!(
    /// An account at a service, connected for an organization or for one person.
    AccountId, "acc"
);
identifier!(
    /// What an organization is registered as at a service.
    OauthClientId, "ocl"
);
identifier!(
    /// A service that an organization described or imported itself.
    ImportedServiceId, "svc"
);
identifier!(
    /// An API of the organization's own choice, with its credential.
    CustomApiId, "api"
);
identifier!(
    /// A record of calls to services.
    ServiceCallId, "cal"
);
identifier!(
    /// The revocation of all accounts of a service.
    ServiceRevocationId, "rvk"
);
identifier!(
    /// A key that seals values of one organization, or of the platform.
    DataKeyId, "dky"
);
identifier!(
    /// One replacement of a key by its successor.
    KeyRotationId, "rot"
);
identifier!(
    /// One turn of one process at a task that only one works on.
    LeaseId, "lse"
);
identifier!(
    /// One running process of the platform, from its start to its end.
    ReplicaId, "rpl"
);
identifier!(
    /// One decision of the middleware or of a management endpoint.
    DecisionId, "dec"
);
identifier!(
    /// One request, across logs, problem documents and upstream headers.
    RequestId, "req"
);
identifier!(
    /// One line of the audit trail.
    AuditEventId, "evt"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_back() {
        let id = AppId::generate();
        assert_eq!(id.to_string().parse::<AppId>(), Ok(id));
        assert!(id.to_string().starts_with("app_"));
    }

    #[test]
    fn refuses_other_kinds_and_other_spellings() {
        let id = AppId::generate().to_string();
        let check = |text: &str| assert!(text.parse::<AppId>().is_err(), "{text}");
        check("");
        check("app_");
        check(&id.replace("app_", "org_"));
        check(&id.to_uppercase());
        check(&format!("{id} "));
        check(&id[..id.len() - 1]);
        check("app_0191f3f0-0000-7000-8000-000000000000");
    }
}
