//! Z06: no endpoint takes a field that only the platform sets. Over every endpoint with a JSON body, as
//! `/openapi.json` lists them, by somebody who may use it.

use std::collections::BTreeSet;

use ids::{
    AccountId, AgentTokenId, AuditEventId, ConnectionId, CustomApiId, DataQueryId, DecisionId, GroupId,
    ImportedServiceId, InvitationId, OauthClientId, PathRuleId, SecretId, ServerSecretId, SessionId,
};
use serde_json::{Value, json};
use test_support::TestDatabase;

use crate::platform::Platform;

/// What somebody would like to set besides.
const FIELDS: [&str; 14] = [
    "id",
    "role",
    "organizationId",
    "organization_id",
    "ownerId",
    "userId",
    "createdBy",
    "creatorId",
    "invitedBy",
    "createdAt",
    "expiresAt",
    "level",
    "isAdmin",
    "__proto__",
];

/// The path with what stands for its parameters.
fn filled(path: &str, platform: &Platform) -> String {
    let seeded = &platform.demo.seeded;
    path.split('/')
        .map(|segment| match segment {
            "{organization_id}" => seeded.organization.to_string(),
            "{app_id}" => seeded.apps["hello"].id.to_string(),
            "{user_id}" => seeded.people["member"].id.to_string(),
            "{group_id}" => GroupId::generate().to_string(),
            "{invitation_id}" => InvitationId::generate().to_string(),
            "{rule_id}" => PathRuleId::generate().to_string(),
            "{secret_id}" => ServerSecretId::generate().to_string(),
            "{organization_secret_id}" | "{app_secret_id}" | "{own_secret_id}" => {
                SecretId::generate().to_string()
            }
            "{session_id}" | "{api_token_id}" => SessionId::generate().to_string(),
            "{agent_token_id}" => AgentTokenId::generate().to_string(),
            "{connection_id}" => ConnectionId::generate().to_string(),
            "{data_query_id}" => DataQueryId::generate().to_string(),
            "{account_id}" | "{own_account_id}" => AccountId::generate().to_string(),
            "{oauth_client_id}" => OauthClientId::generate().to_string(),
            "{custom_api_id}" => CustomApiId::generate().to_string(),
            "{imported_service_id}" => ImportedServiceId::generate().to_string(),
            "{service}" => "slack".to_owned(),
            "{event_id}" => AuditEventId::generate().to_string(),
            "{decision_id}" => DecisionId::generate().to_string(),
            plain => {
                assert!(!plain.starts_with('{'), "{path}: what stands for {plain}?");
                plain.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// The schema of an operation's JSON body, if it takes one.
fn body<'a>(document: &'a Value, operation: &'a Value) -> Option<&'a Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')),
        None => (!schema.is_null()).then_some(schema),
    }
}

#[test]
fn z06_no_endpoint_takes_a_field_that_only_the_platform_sets() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let document = owner.call("GET", "/openapi.json", None).await.json();
        let mut asked = BTreeSet::new();
        let mut requests = 0;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let Some(schema) = body(&document, operation) else { continue };
                let method = method.to_ascii_uppercase();
                let known = |field: &str| schema["properties"].get(field).is_some();
                assert_eq!(schema["additionalProperties"], json!(false), "{method} {path}: {schema}");
                for field in FIELDS.into_iter().filter(|field| !known(field)) {
                    let body = json!({ field: "x" });
                    let answer = if path.starts_with("/api/v1/") {
                        owner.call(&method, &filled(path, &platform), Some(&body)).await
                    } else {
                        // Only an app's server asks these.
                        let client = platform.browser().client;
                        let request = client.request(&method, &platform.url(path));
                        let secret = platform.server_secret("hello");
                        request.header("VYBE_SERVER_SECRET", secret).json(&body).send().await
                    };
                    let text = answer.text();
                    assert_eq!(answer.status, 422, "{method} {path} {field}: {text}");
                    assert!(text.contains("unknown field"), "{method} {path} {field}: {text}");
                    requests += 1;
                }
                asked.insert(format!("{method} {path}"));
            }
        }
        for endpoint in [
            "POST /api/v1/organizations",
            "PATCH /api/v1/organizations/{organization_id}",
            "PATCH /api/v1/organizations/{organization_id}/members/{user_id}",
            "POST /api/v1/organizations/{organization_id}/invitations",
            "POST /api/v1/organizations/{organization_id}/orphaned-apps/{app_id}/transfer",
            "POST /api/v1/organizations/{organization_id}/groups",
            "POST /api/v1/invitations/accept",
            "PUT /api/v1/apps/{app_id}/grants/{user_id}",
        ] {
            assert!(asked.contains(endpoint), "{endpoint} is not among {asked:#?}");
        }
        assert!(requests > asked.len() * (FIELDS.len() - 4), "{requests} requests for {asked:#?}");
    });
}
