//! Where identifiers stand in requests: in paths, in queries, in bodies. Read from the description of the API,
//! so that a new field is found without anybody adding it here.

use serde_json::{Map, Value, json};

use crate::declared::{Declared, Endpoint};
use crate::requests;

/// Stands in a body for the identifier that is varied.
pub(crate) const VARIED: &str = "$varied";
/// Begins what stands in a body for another identifier; its kind follows.
pub(crate) const OWN: &str = "$own:";

/// One place of one endpoint where an identifier stands.
#[derive(Clone, Debug)]
pub(crate) enum Position {
    /// A parameter of the path, by its name.
    Path(String),
    /// A parameter of the query, by the name of the object that stands there.
    Query(String),
    /// A field of the body.
    Body {
        /// Where, for people.
        field: String,
        /// What stands before the underscore.
        kind: String,
        /// A smallest body that has it.
        body: Value,
    },
}

/// Every position of an endpoint, and what looks like one and is not recognised.
pub(crate) fn positions(declared: &Declared, endpoint: &Endpoint) -> (Vec<Position>, Vec<String>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for parameter in endpoint.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        if parameter.ends_with("_id") {
            found.push(Position::Path(parameter.to_owned()));
        }
    }
    let query = requests::varied_query(endpoint).unwrap_or_default();
    let in_query = requests::names(query).filter(|name| name.ends_with("_id"));
    found.extend(in_query.map(|name| Position::Query(name.to_owned())));
    let operation = &declared.description["paths"][&endpoint.path][endpoint.method.to_ascii_lowercase()];
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if !is_covered(parameter, query) {
            unknown.push(format!("parameter {}", parameter["name"]));
        }
    }
    for content in operation["requestBody"]["content"].as_object().into_iter().flat_map(Map::values) {
        let mut fields = Vec::new();
        varied(&content["schema"], "", &mut fields, &mut unknown);
        found.extend(fields.into_iter().map(|(body, field, kind)| Position::Body { field, kind, body }));
    }
    (found, unknown)
}

/// The kind of identifier that a schema describes, if it does: its pattern is `^usr_[0-9a-f]{32}$`.
fn kind_of(schema: &Value) -> Option<&str> {
    schema["pattern"].as_str()?.strip_prefix('^')?.strip_suffix("_[0-9a-f]{32}$")
}

/// Names of things that services have, and not the platform: the client at a service, and an action in its entry.
const OF_SERVICES: [&str; 2] = ["clientId", "actionId"];

/// Whether a name or a schema says that it is an identifier.
fn is_identifier(name: &str, schema: &Value) -> bool {
    let says_so = name == "id" || name.ends_with("Id") || name.ends_with("Ids");
    (says_so && !OF_SERVICES.contains(&name)) || kind_of(schema).is_some()
}

/// Whether a parameter is varied, or is no identifier.
fn is_covered(parameter: &Value, query: &str) -> bool {
    let name = parameter["name"].as_str().unwrap_or_default();
    let is_varied = match parameter["in"].as_str() {
        Some("path") => name.ends_with("_id"),
        Some("query") => query.contains(&format!("{name}=$")),
        // None is read from headers and cookies.
        _ => true,
    };
    is_varied || !is_identifier(name, &parameter["schema"])
}

/// For every identifier in a schema a smallest value with [`VARIED`] in its place, the field, and the kind.
fn varied(schema: &Value, field: &str, found: &mut Vec<(Value, String, String)>, unknown: &mut Vec<String>) {
    if let Some(kind) = kind_of(schema) {
        found.push((json!(VARIED), field.to_owned(), kind.to_owned()));
        return;
    }
    for branch in alternatives(schema) {
        varied(branch, field, found, unknown);
    }
    if let Some(items) = schema.get("items") {
        let mut inner = Vec::new();
        varied(items, field, &mut inner, unknown);
        found.extend(inner.into_iter().map(|(value, field, kind)| (json!([value]), field, kind)));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let mut inner = Vec::new();
        varied(property, &format!("{field}.{name}"), &mut inner, unknown);
        if inner.is_empty() && is_identifier(name, property) {
            unknown.push(format!("field {field}.{name}"));
        }
        for (value, field, kind) in inner {
            let mut object = smallest_object(schema);
            object.insert(name.clone(), value);
            found.push((object.into(), tagged(&field, schema), kind));
        }
    }
}

/// A field of one of several alternatives is told by their `kind`.
fn tagged(field: &str, schema: &Value) -> String {
    match schema["properties"]["kind"]["const"].as_str() {
        Some(kind) => format!("{field} ({kind})"),
        None => field.to_owned(),
    }
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().flat_map(|name| schema[name].as_array().into_iter().flatten())
}

fn smallest_object(schema: &Value) -> Map<String, Value> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.map(|name| (name.to_owned(), smallest(&schema["properties"][name], name))).collect()
}

/// A smallest value that a schema takes.
fn smallest(schema: &Value, name: &str) -> Value {
    if let Some(kind) = kind_of(schema) {
        return json!(format!("{OWN}{kind}"));
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()) {
        return value.clone();
    }
    if let Some(branch) = alternatives(schema).next() {
        return smallest(branch, name);
    }
    match schema["type"].as_str() {
        Some("object") => smallest_object(schema).into(),
        Some("array") => {
            let needs_one = name == "subjects" || schema["minItems"].as_u64() > Some(0);
            if needs_one { json!([smallest(&schema["items"], name)]) } else { json!([]) }
        }
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(false),
        _ if name == "pattern" => json!("/proof"),
        _ => json!("proof"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Value {
        json!({ "type": "string", "pattern": "^usr_[0-9a-f]{32}$" })
    }

    #[test]
    fn identifiers_are_found_in_lists_alternatives_and_objects() {
        let schema = json!({
            "type": "object", "required": ["changes"],
            "properties": { "changes": { "type": "array", "items": { "oneOf": [
                { "type": "object", "required": ["kind", "userId", "role"], "properties": {
                    "kind": { "const": "set_role" }, "userId": user(), "role": { "enum": ["member"] } } },
                { "type": "object", "required": ["kind", "userId", "appId"], "properties": {
                    "kind": { "const": "put_grant" }, "userId": user(),
                    "appId": { "pattern": "^app_[0-9a-f]{32}$" } } },
            ] } } },
        });
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        varied(&schema, "", &mut found, &mut unknown);
        assert!(unknown.is_empty(), "{unknown:?}");
        // In which order fields come depends on what else is built: maps may keep theirs.
        let expected = [
            json!({ "changes": [{ "kind": "set_role", "userId": "$varied", "role": "member" }] }),
            json!({ "changes": [{ "kind": "put_grant", "userId": "$own:usr", "appId": "$varied" }] }),
            json!({ "changes": [{ "kind": "put_grant", "userId": "$varied", "appId": "$own:app" }] }),
        ];
        assert_eq!(found.len(), expected.len());
        for body in expected {
            assert!(found.iter().any(|(made, ..)| *made == body), "{body}");
        }
    }

    #[test]
    fn a_parameter_that_is_described_as_an_identifier_and_not_varied_is_named() {
        let secret = json!({ "type": "string", "pattern": "^sct_[0-9a-f]{32}$" });
        let covered = |place: &str, name: &str, query: &str| {
            is_covered(&json!({ "in": place, "name": name, "schema": secret }), query)
        };
        assert!(covered("path", "app_secret_id", "") && !covered("path", "secret", ""));
        assert!(
            covered("query", "secret", "?secret=$app_secret_id")
                && !covered("query", "secret", "?user=$user_id")
        );
        assert!(is_covered(&json!({ "in": "query", "name": "after", "schema": { "type": "string" } }), ""));
    }

    #[test]
    fn a_field_that_looks_like_an_identifier_and_is_not_described_as_one_is_named() {
        let schema = json!({ "type": "object", "properties": { "ownerId": { "type": "string" } } });
        let mut unknown = Vec::new();
        varied(&schema, "", &mut Vec::new(), &mut unknown);
        assert_eq!(unknown, ["field .ownerId"]);
    }
}
