//! Planted values in requests to every endpoint that the platform describes, where they do not belong.

use serde_json::{Map, Value, json};

use super::world::World;
use crate::installation::ORIGIN;
use crate::platform::Browser;

/// One operation of the API description.
struct Operation {
    method: String,
    path: String,
    properties: Option<Vec<String>>,
}

/// Each endpoint refuses: nobody, a stranger, bodies that are not acceptable, queries and headers.
pub async fn refused_everywhere(world: &World<'_>) {
    let operations = operations(world).await;
    assert!(operations.len() > 70, "{}", operations.len());
    for operation in &operations {
        for (who, browser) in [("nobody", &world.anonymous), ("a stranger", &world.stranger)] {
            let mark = world.marks.make(&format!("{who}: {} {}", operation.method, operation.path));
            let body = json!({ "value": mark, "name": mark, &mark: 1 }).to_string();
            let path = format!("{}?value={mark}&{mark}", operation.path);
            send(world, browser, &operation.method, &path, "application/json", &body, &mark).await;
        }
        let mark = |what: &str| world.marks.make(&format!("{what}: {} {}", operation.method, operation.path));
        if operation.method == "GET" {
            let mark = mark("a query");
            let path = format!("{}?{mark}={mark}&value={mark}", operation.path);
            send(world, &world.olga, "GET", &path, "", "", &mark).await;
        }
        let Some(properties) = &operation.properties else { continue };
        let with = |value: &dyn Fn(&str) -> Value| {
            let fields: Map<String, Value> =
                properties.iter().map(|name| (name.clone(), value(name))).collect();
            Value::Object(fields).to_string()
        };
        let unknown = mark("an unknown field");
        let wrong = mark("a wrong type");
        let broken = mark("no JSON");
        let (plain, listed) = (mark("no JSON type"), mark("a list"));
        for (mark, kind, body) in [
            (&unknown, "application/json", json!({ &unknown: &unknown }).to_string()),
            (&wrong, "application/json", with(&|_| json!({ &wrong: [&wrong] }))),
            (&wrong, "application/json", format!("{{\"{wrong}\": ")),
            (&broken, "application/json", format!("{{\"value\": \"{broken}\\x\"}}")),
            (&broken, "application/json", format!("{{\"value\": {broken}}}")),
            (&plain, "text/plain", plain.clone()),
            (&listed, "application/json", format!("[\"{listed}\"]")),
        ] {
            let status =
                send(world, &world.olga, &operation.method, &operation.path, kind, &body, mark).await;
            assert!(status >= 400, "{} {}: {status} for {body}", operation.method, operation.path);
        }
    }
}

/// Sends it, with the mark in a header and in a cookie as well.
async fn send(
    world: &World<'_>,
    browser: &Browser,
    method: &str,
    path: &str,
    media_type: &str,
    body: &str,
    mark: &str,
) -> u16 {
    let mut request = browser
        .client
        .request(method, &format!("{ORIGIN}{path}"))
        .header("origin", ORIGIN)
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", "cors")
        .header("x-mark", mark)
        .header("user-agent", mark)
        .header("VYBE_SERVER_SECRET", mark);
    if browser.client.cookie("vybe.test", "__Host-vybe_session").is_none() {
        request = request.header("authorization", &format!("Bearer {mark}"));
        request = request.header("cookie", &format!("__Host-vybe_session={mark}; other={mark}"));
    }
    if !media_type.is_empty() {
        request = request.body(media_type, body);
    }
    let response = request.send().await;
    world.heard.response(&format!("{method} {path}"), &response);
    response.status
}

/// What `/openapi.json` describes, with objects of the first organization in the paths.
async fn operations(world: &World<'_>) -> Vec<Operation> {
    let described = world.call(&world.olga, "GET", "/openapi.json", None).await.json();
    let mut operations = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if !matches!(method.as_str(), "get" | "post" | "put" | "patch" | "delete") {
                continue;
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let properties = schema.is_object().then(|| {
                let reference = schema["$ref"].as_str().unwrap_or_default().trim_start_matches('#');
                let schema = described.pointer(reference).filter(|_| !reference.is_empty()).unwrap_or(schema);
                schema["properties"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default()
            });
            let path = filled(world, path);
            operations.push(Operation { method: method.to_uppercase(), path, properties });
        }
    }
    operations
}

fn filled(world: &World<'_>, path: &str) -> String {
    let first = &world.organizations[0];
    let segments = path.split('/').map(|segment| match segment {
        "{organization_id}" => first.id.clone(),
        "{app_id}" => first.apps[0].clone(),
        "{provider}" => "company".to_owned(),
        // Nothing has this identifier: access is decided by the organization or the app before it.
        segment if segment.starts_with('{') => {
            format!("{}_{}", segment.trim_matches(['{', '}']), "0".repeat(32))
        }
        segment => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}
