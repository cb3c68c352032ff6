//! Describes declared endpoints as an OpenAPI 3.1 document.

mod access;
mod answers;
mod parameters;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::description::{Body, SchemaOf};
use crate::{Endpoint, Origins, Surface};

pub(crate) use answers::declares;
pub(crate) use parameters::names_in_query;

/// Schemas as they are read and as they are written: a field that may be left out on the way in is always
/// there on the way out.
struct Generators {
    /// What is small and used once stands where it is used.
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Generators {
    fn new() -> Self {
        let settings = |inline| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.inline_subschemas = inline;
            })
        };
        Self {
            read: settings(true).for_deserialize().into_generator(),
            written: settings(false).for_serialize().into_generator(),
        }
    }
}

/// The document for the endpoints of the platform's host.
#[must_use]
pub fn openapi(endpoints: &[Endpoint]) -> Value {
    let mut generators = Generators::new();
    let mut paths = Map::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.surface() == Surface::Platform) {
        let item = paths.entry(endpoint.path()).or_insert_with(|| json!({}));
        item[endpoint.method().as_str().to_ascii_lowercase()] = operation(endpoint, &mut generators);
    }
    let mut schemas = generators.read.take_definitions(true);
    schemas.extend(generators.written.take_definitions(true));
    schemas.insert("Problem".to_owned(), answers::problem());
    let mut components = Map::new();
    components.insert("securitySchemes".to_owned(), access::security_schemes());
    components.insert("schemas".to_owned(), schemas.into());
    answers::components(&mut components);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "vybe control plane",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "x-endpoints": listed(endpoints),
        "components": components,
    })
}

fn operation(endpoint: &Endpoint, generators: &mut Generators) -> Value {
    let description = &endpoint.description;
    let mut parameters = parameters::in_path(endpoint.path(), &mut generators.read);
    if let Some(query) = description.query {
        parameters.extend(parameters::in_query(query, &mut generators.read));
    }
    let mut operation = json!({
        "operationId": endpoint.name(),
        "x-action": endpoint.action(),
        "x-access": access::access(endpoint.rule()),
        "x-surface": surface_name(endpoint.surface()),
        "parameters": parameters,
        "security": access::security(endpoint.rule()),
        "responses": answers::answers(endpoint, &mut generators.written),
    });
    if let Some(body) = description.body {
        let mut read = |schema: SchemaOf| json!({ "schema": schema(&mut generators.read).to_value() });
        let content = match body {
            Body::Json(schema) => json!({ "application/json": read(schema) }),
            Body::Form(schema) => json!({ "application/x-www-form-urlencoded": read(schema) }),
            Body::FormWithFile(schema) => {
                let body = read(schema);
                json!({ "application/x-www-form-urlencoded": body, "multipart/form-data": body })
            }
            Body::JsonOrMultipart(schema) => {
                let body = read(schema);
                let params = json!({ "contentType": "application/json" });
                json!({
                    "application/json": body,
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "required": ["params"],
                            "properties": { "params": body["schema"] },
                            "additionalProperties": true,
                        },
                        "encoding": { "params": params },
                    },
                })
            }
        };
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
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
