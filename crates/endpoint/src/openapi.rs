//! Describes declared endpoints as an OpenAPI 3.1 document.

mod access;

use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::{Endpoint, Origins, Surface};

/// The document for the endpoints of the platform's host.
#[must_use]
pub fn openapi(endpoints: &[Endpoint]) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.surface() == Surface::Platform) {
        let item = paths.entry(endpoint.path()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(endpoint.method().as_str().to_ascii_lowercase(), operation(endpoint));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "vybe control plane",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "x-endpoints": listed(endpoints),
        "components": {
            "securitySchemes": access::security_schemes(),
            "schemas": { "Problem": problem_schema() },
            "responses": {
                "Problem": {
                    "description": "Refused or failed; `code` is stable (RFC 9457).",
                    "content": {
                        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
                    },
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name(),
        "x-action": endpoint.action(),
        "x-access": access::access(endpoint.rule()),
        "x-surface": surface_name(endpoint.surface()),
        "parameters": parameters(endpoint.path()),
        "security": access::security(endpoint.rule()),
        "responses": {
            "2XX": { "description": "Done." },
            "4XX": { "$ref": "#/components/responses/Problem" },
            "5XX": { "$ref": "#/components/responses/Problem" },
        },
    });
    if let (Some(body), Some(operation)) = (endpoint.body(), operation.as_object_mut()) {
        operation.insert(
            "requestBody".to_owned(),
            json!({ "required": true, "content": { "application/json": { "schema": body_schema(body) } } }),
        );
    }
    operation
}

/// A schema names its dialect when it stands alone; inside the document that is said already.
fn body_schema(body: &Schema) -> Value {
    let mut schema = body.as_value().clone();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}

fn parameters(path: &str) -> Value {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let name = name.split(':').next().unwrap_or(name);
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect()
}

/// Every endpoint that is mounted, on every surface: `paths` has those of the platform's host only, because
/// one path can stand for several endpoints on different hosts.
fn listed(endpoints: &[Endpoint]) -> Value {
    let line = |endpoint: &Endpoint| {
        json!({
            "surface": surface_name(endpoint.surface()),
            "method": endpoint.method().as_str(),
            "path": endpoint.path(),
            "name": endpoint.name(),
            "action": endpoint.action(),
            "access": access::access(endpoint.rule()),
            "origins": match endpoint.origins() {
                Origins::Platform => "platform",
                Origins::AppsToo => "apps_too",
            },
            "page": endpoint.is_page(),
        })
    };
    endpoints.iter().map(line).collect()
}

const fn surface_name(surface: Surface) -> &'static str {
    match surface {
        Surface::Platform => "platform",
        Surface::AppHosts => "app_hosts",
        Surface::Admin => "admin",
        Surface::DevelopmentIssuer => "development_issuer",
    }
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "requestId"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string" },
            "detail": { "type": "string" },
            "requestId": { "type": "string" },
            "decisionId": { "type": "string" },
        },
    })
}
