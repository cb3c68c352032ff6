use proof::{Declared, compare_document, render_document};
use serde_json::{Value, json};

fn endpoint(method: &str, path: &str, access: Value) -> Value {
    json!({
        "surface": "platform", "method": method, "path": path, "name": "a_name", "action": "an.action",
        "access": access, "origins": "platform", "page": false,
    })
}

fn document(endpoints: &[Value]) -> String {
    render_document(&Declared::read(json!({ "x-endpoints": endpoints })).unwrap().endpoints)
}

#[test]
fn a_document_of_the_same_declarations_has_no_difference() {
    let endpoints = [endpoint("GET", "/a", json!({ "kind": "app_role", "role": "viewer" }))];
    assert_eq!(compare_document(&document(&endpoints), &document(&endpoints)), Vec::<String>::new());
}

#[test]
fn a_changed_a_missing_and_a_stale_line_are_each_named() {
    let owners = json!({ "kind": "roles", "roles": ["owner"] });
    let runners = json!({ "kind": "roles", "roles": ["owner", "admin"] });
    let fresh = document(&[endpoint("GET", "/changed", runners), endpoint("GET", "/new", owners.clone())]);
    let written = document(&[endpoint("GET", "/changed", owners.clone()), endpoint("GET", "/old", owners)]);
    let differences = compare_document(&fresh, &written).join("\n");
    assert_eq!(compare_document(&fresh, &written).len(), 3, "{differences}");
    for line in ["changed in the document: ", "missing in the document: ", "stale in the document: "] {
        assert!(differences.contains(line), "{differences}");
    }
}

#[test]
fn an_empty_document_lacks_everything() {
    let fresh = document(&[endpoint("GET", "/a", json!({ "kind": "public", "reason": "style" }))]);
    assert!(compare_document(&fresh, "").iter().any(|line| line.contains("`GET /a`")));
}

#[test]
fn a_platform_without_a_development_provider_lacks_none() {
    let mut issuer = endpoint("GET", "/jwks", json!({ "kind": "public", "reason": "keys" }));
    issuer["surface"] = "development_issuer".into();
    let mine = endpoint("GET", "/a", json!({ "kind": "public", "reason": "style" }));
    let (with, without) = (document(&[mine.clone(), issuer]), document(&[mine]));
    assert_eq!(compare_document(&without, &with), Vec::<String>::new());
    assert_eq!(compare_document(&with, &without).len(), 1);
}

#[test]
fn endpoints_of_an_app_stand_in_the_second_table_too() {
    let endpoints = [endpoint("GET", "/a", json!({ "kind": "app_role", "role": "editor" }))];
    let text = document(&endpoints);
    assert_eq!(text.matches("`GET /a`").count(), 2);
    let by_level = text.lines().filter(|line| line.contains("`GET /a`")).nth(1).unwrap();
    assert!(by_level.ends_with("| 404 | 403 | yes | 403 | 404 | yes | 404 |"), "{by_level}");
}

#[test]
fn a_description_without_endpoints_is_refused() {
    assert!(Declared::read(json!({})).is_err());
    assert!(Declared::read(json!({ "x-endpoints": [] })).is_err());
    let unknown = endpoint("GET", "/a", json!({ "kind": "whoever" }));
    assert!(Declared::read(json!({ "x-endpoints": [unknown] })).is_err());
}

#[test]
fn the_example_of_a_callers_file_is_one() {
    let text = include_str!("../../../../deploy/callers.example.toml");
    assert!(proof::CallersFile::read(text).is_ok());
    assert!(proof::CallersFile::read("[session]\nowner = []").is_err());
}
