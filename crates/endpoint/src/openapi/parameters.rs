//! What stands in the path and in the query.

use ids::{
    AccountId, AgentTokenId, AppId, AuditEventId, ConnectionId, CustomApiId, DataQueryId, DecisionId,
    GroupId, ImportedServiceId, InvitationId, KeyRotationId, OauthClientId, OrganizationId, PathRuleId,
    SecretId, ServerSecretId, ServiceRevocationId, SessionId, UserId,
};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::description::{SchemaOf, schema_of};

/// What each name in a path stands for, the same in every path.
const IN_PATHS: &[(&str, SchemaOf)] = &[
    ("account_id", schema_of::<AccountId>),
    ("agent_token_id", schema_of::<AgentTokenId>),
    ("api_token_id", schema_of::<SessionId>),
    ("app_id", schema_of::<AppId>),
    ("app_secret_id", schema_of::<SecretId>),
    ("connection_id", schema_of::<ConnectionId>),
    ("custom_api_id", schema_of::<CustomApiId>),
    ("data_query_id", schema_of::<DataQueryId>),
    ("decision_id", schema_of::<DecisionId>),
    ("event_id", schema_of::<AuditEventId>),
    ("group_id", schema_of::<GroupId>),
    ("imported_service_id", schema_of::<ImportedServiceId>),
    ("invitation_id", schema_of::<InvitationId>),
    ("key_rotation_id", schema_of::<KeyRotationId>),
    ("oauth_client_id", schema_of::<OauthClientId>),
    ("organization_id", schema_of::<OrganizationId>),
    ("organization_secret_id", schema_of::<SecretId>),
    ("own_account_id", schema_of::<AccountId>),
    ("own_secret_id", schema_of::<SecretId>),
    ("rule_id", schema_of::<PathRuleId>),
    ("secret_id", schema_of::<ServerSecretId>),
    ("service_revocation_id", schema_of::<ServiceRevocationId>),
    ("session_id", schema_of::<SessionId>),
    ("user_id", schema_of::<UserId>),
];

/// The names in a path pattern.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.split(':').next().unwrap_or(name))
}

/// Parameters of the path.
pub(super) fn in_path(path: &str, generator: &mut SchemaGenerator) -> Vec<Value> {
    names(path)
        .map(|name| {
            let known = IN_PATHS.iter().find(|(known, _)| *known == name);
            let schema = match known {
                Some((_, schema)) => schema(generator).to_value(),
                // A word: no identifier of ours.
                None => json!({ "type": "string", "pattern": "^[A-Za-z0-9._~-]+$" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

/// The names of the parameters of the query.
pub(crate) fn names_in_query(query: SchemaOf) -> Vec<String> {
    let described = in_query(query, &mut super::Generators::new().read);
    described.iter().filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned())).collect()
}

/// Parameters of the query: one for each field of its type.
pub(super) fn in_query(query: SchemaOf, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = query(generator).to_value();
    let named = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let schema = named.and_then(|name| generator.definitions_mut().remove(name)).unwrap_or(schema);
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let Some(fields) = schema["properties"].as_object() else { return Vec::new() };
    fields
        .iter()
        .map(|(name, schema)| {
            json!({ "name": name, "in": "query", "required": required(name), "schema": present(schema) })
        })
        .collect()
}

/// A parameter that may be left out is never `null`.
fn present(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kinds) = schema["type"].as_array() {
        let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
        schema["type"] = if let [kind] = kinds.as_slice() { kind.clone() } else { kinds.into() };
    }
    schema
}
