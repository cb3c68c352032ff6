//! Who may do what, as the document says it: `security` for the credential, `x-access` for the rule.

use access_control::{AppRole, Means, Role, Rule, UserToken};
use serde_json::{Value, json};

use crate::SESSION_COOKIE;

/// Every credential there is.
pub(super) fn security_schemes() -> Value {
    json!({
        "session": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
        "apiToken": { "type": "http", "scheme": "bearer", "description": "An API token of a person." },
        "serverSecret": { "type": "apiKey", "in": "header", "name": "VYBE_SERVER_SECRET" },
        "userToken": { "type": "apiKey", "in": "header", "name": "x-vybe-user-token" },
        "agentToken": { "type": "http", "scheme": "bearer", "description": "A token of the coding agent." },
    })
}

/// The credentials that a rule reads; any one of the list is enough.
pub(super) fn security(rule: Rule) -> Value {
    let session = json!({ "session": [] });
    let api_token = json!({ "apiToken": [] });
    let app_and_person = json!({ "serverSecret": [], "userToken": [] });
    match rule {
        Rule::Public(_) => json!([]),
        Rule::OwnAccount(means) if !means.contains(&Means::ApiToken) => json!([session]),
        Rule::OwnAccount(_) | Rule::Roles(_) | Rule::AppRole(_) => json!([session, api_token]),
        Rule::ServerSecret(UserToken::Optional) => json!([{ "serverSecret": [] }, app_and_person]),
        Rule::ServerSecret(UserToken::Required) => json!([app_and_person]),
        Rule::AppOrItsPage => json!([{ "serverSecret": [] }, app_and_person, session]),
        Rule::AgentToken => json!([{ "agentToken": [] }]),
    }
}

/// The rule as data. `kind` says which other member there is.
pub(super) fn access(rule: Rule) -> Value {
    match rule {
        Rule::Public(reason) => json!({ "kind": "public", "reason": reason }),
        Rule::OwnAccount(means) => {
            json!({ "kind": "own_account", "means": means.iter().copied().map(means_name).collect::<Vec<_>>() })
        }
        Rule::Roles(roles) => {
            json!({ "kind": "roles", "roles": roles.iter().copied().map(Role::as_str).collect::<Vec<_>>() })
        }
        Rule::AppRole(role) => json!({ "kind": "app_role", "role": AppRole::as_str(role) }),
        Rule::ServerSecret(token) => {
            let token = match token {
                UserToken::Optional => "optional",
                UserToken::Required => "required",
            };
            json!({ "kind": "server_secret", "userToken": token })
        }
        Rule::AppOrItsPage => json!({ "kind": "app_or_its_page" }),
        Rule::AgentToken => json!({ "kind": "agent_token" }),
    }
}

fn means_name(means: Means) -> &'static str {
    match means {
        Means::Browser => "browser",
        Means::ApiToken => "api_token",
    }
}
