//! What is asked: objects for the paths, bodies that would do something.

use std::collections::BTreeMap;

use endpoint::Endpoint;
use serde_json::json;

use super::world::World;

/// What the parameters of paths stand for.
pub type Objects = BTreeMap<&'static str, String>;

/// The path with its parameters filled in.
pub fn path(endpoint: &Endpoint, objects: &Objects) -> String {
    let segments = endpoint.path().split('/').map(|segment| {
        let parameter = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match parameter {
            None => segment.to_owned(),
            Some(name) => objects
                .get(name)
                .unwrap_or_else(|| panic!("the access matrix does not know what {{{name}}} stands for"))
                .clone(),
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    match endpoint.name() {
        // A page about nothing is not found.
        "show_invitation" => format!("{path}?token={}", objects["invitation_token"]),
        _ => path,
    }
}

/// A body with which the request succeeds, for endpoints that take one and can be asked again and again.
pub fn body(endpoint: &Endpoint, world: &World) -> Option<String> {
    let unique = world.unique();
    let body = match endpoint.name() {
        "create_organization" => json!({ "slug": unique, "name": "Matrix" }),
        "update_organization" => json!({ "name": unique }),
        "change_role" => json!({ "role": "editor" }),
        "create_invitation" => json!({ "email": format!("{unique}@acme.example"), "role": "member" }),
        "create_group" | "rename_group" => json!({ "name": unique }),
        "create_app" => json!({ "slug": unique, "name": "Matrix" }),
        "update_app" => json!({ "name": unique }),
        "put_grant" => json!({ "role": "viewer" }),
        "create_path_rule" | "replace_path_rule" => {
            json!({ "pattern": "/matrix", "subjects": [{ "kind": "role", "value": "owner" }] })
        }
        "issue_server_secret" => json!({ "environment": "preview" }),
        // Succeed at most once per person or platform; garbage is enough.
        "complete_set_up" | "accept_invitation" => return None,
        name if endpoint.takes_json() => panic!("the access matrix has no body for {name}"),
        _ => return None,
    };
    Some(body.to_string())
}
