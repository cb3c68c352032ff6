//! What of metadata about sign-ins stands in an entry.

use catalogue::{Answer, Answers, Authentication, ClientAuthentication, Import, ImportError, Pkce, Proposal};
use url::Url;

const OPENID: &str = include_str!("documents/asks-base_url-openid-discovery.json");
const RFC8414: &str = include_str!("documents/asks-base_url-rfc8414.json");
const RESOURCE: &str = include_str!("documents/asks-authorization_server-rfc9728.json");
const MEETINGS: &str = include_str!("documents/asks-authorization_server-openid.yaml");

fn from(
    document: &str,
    fetched_from: Option<&str>,
    server: Option<(&str, &str)>,
    base: Option<&str>,
) -> Result<Proposal, ImportError> {
    let fetched_from = fetched_from.map(|url| Url::parse(url).unwrap());
    let server = server.map(|(text, url)| (text, Url::parse(url).unwrap()));
    let answers: Answers = base.map(|base| (Answer::BaseUrl, base.to_owned())).into_iter().collect();
    Import {
        document,
        fetched_from: fetched_from.as_ref(),
        authorization_server: server.as_ref().map(|(text, url)| (*text, Some(url))),
        answers: &answers,
    }
    .propose()
}

#[test]
fn openid_discovery_asks_for_the_base_and_nothing_else() {
    let proposal = from(OPENID, None, None, None).unwrap();
    assert_eq!(proposal.format, "OpenID Connect discovery");
    assert_eq!(proposal.questions.first().unwrap().suggestion.as_deref(), Some("https://id.acme-mail.com"));
    let url = "https://id.acme-mail.com/.well-known/openid-configuration";
    let service = from(OPENID, Some(url), None, Some("https://api.acme-mail.com")).unwrap().service.unwrap();
    assert_eq!(service.name, "Acme-mail");
    let Authentication::Oauth2Code(oauth) = service.authentication else { panic!() };
    assert_eq!(oauth.pkce, Pkce::S256);
    assert_eq!(oauth.token_request.client_authentication, ClientAuthentication::Body);
    assert_eq!(oauth.revocation.unwrap().url.as_str(), "https://id.acme-mail.com/revoke");
    assert_eq!(oauth.required_scopes, ["offline_access"]);
    assert_eq!(
        (oauth.issuer.as_deref(), oauth.issuer_in_callback),
        (Some("https://id.acme-mail.com"), false)
    );
    let with = OPENID.replacen('{', "{\"authorization_response_iss_parameter_supported\":true,", 1);
    let service = from(&with, Some(url), None, Some("https://api.acme-mail.com")).unwrap().service.unwrap();
    let Authentication::Oauth2Code(oauth) = service.authentication else { panic!() };
    assert!(oauth.issuer_in_callback);
}

#[test]
fn metadata_speaks_for_its_own_issuer_only() {
    let base = Some("https://api.acme-tasks.com");
    for place in [
        "https://acme-tasks.com/.well-known/oauth-authorization-server/tenants/1",
        "https://acme-tasks.com/tenants/1/.well-known/openid-configuration",
        "https://acme-tasks.com/.well-known/openid-configuration/tenants/1",
    ] {
        assert!(from(RFC8414, Some(place), None, base).unwrap().service.is_some(), "{place}");
    }
    for place in [
        "https://acme-tasks.com/.well-known/oauth-authorization-server",
        "https://acme-tasks.com/.well-known/oauth-authorization-server/tenants/2",
        "https://evil.com/.well-known/oauth-authorization-server/tenants/1",
        "https://acme-tasks.com/metadata.json",
    ] {
        let refused = from(RFC8414, Some(place), None, base);
        assert!(matches!(refused, Err(ImportError::OtherIssuer { .. })), "{place}");
    }
}

#[test]
fn a_protected_resource_leads_to_its_authorization_server() {
    let question = from(RESOURCE, None, None, None).unwrap().questions.remove(0);
    let documents: Vec<&str> = question.documents.iter().map(Url::as_str).collect();
    assert_eq!(
        documents,
        [
            "https://id.acme-plans.com/.well-known/oauth-authorization-server",
            "https://id.acme-plans.com/.well-known/openid-configuration"
        ]
    );
    let metadata = r#"{"issuer":"https://id.acme-plans.com","authorization_endpoint":"https://id.acme-plans.com/a","token_endpoint":"https://id.acme-plans.com/t"}"#;
    let place = "https://mcp.acme-plans.com/.well-known/oauth-protected-resource/v1";
    let service = from(RESOURCE, Some(place), Some((metadata, documents[0])), None).unwrap().service.unwrap();
    assert_eq!(service.name, "Acme Plans");
    assert_eq!(service.api.base.as_str(), "https://mcp.acme-plans.com/v1");
    let Authentication::Oauth2Code(oauth) = service.authentication else { panic!() };
    assert_eq!(oauth.default_scopes, ["plans"]);
    // Neither from elsewhere nor for a server that the resource does not name.
    let elsewhere = "https://evil.com/.well-known/oauth-protected-resource/v1";
    assert!(matches!(from(RESOURCE, Some(elsewhere), None, None), Err(ImportError::OtherIssuer { .. })));
    let evil = metadata.replace("id.acme-plans.com", "evil.com");
    let well_known = "https://evil.com/.well-known/oauth-authorization-server";
    assert!(from(RESOURCE, Some(place), Some((&evil, well_known)), None).is_err());
}

#[test]
fn an_openapi_document_may_lead_to_discovery() {
    let metadata = OPENID.replace("id.acme-mail.com", "id.acme-meetings.com");
    let place = "https://id.acme-meetings.com/.well-known/openid-configuration";
    let question = from(MEETINGS, None, None, None).unwrap().questions.remove(0);
    assert_eq!(question.documents.first().map(Url::as_str), Some(place));
    let service = from(MEETINGS, None, Some((&metadata, place)), None).unwrap().service.unwrap();
    let Authentication::Oauth2Code(oauth) = service.authentication else { panic!() };
    assert_eq!(oauth.token_url.as_str(), "https://id.acme-meetings.com/token");
    assert_eq!(oauth.default_scopes, ["meetings"]);
}

#[test]
fn addresses_in_metadata_are_public_ones() {
    for (member, url) in [
        ("token_endpoint", "https://10.1.2.3/token"),
        ("token_endpoint", "http://id.acme-mail.com/token"),
        ("authorization_endpoint", "https://intranet/a"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("revocation_endpoint", "https://id.acme-mail.com@10.0.0.1/revoke"),
        ("issuer", "https://[::1]"),
    ] {
        let mut metadata: serde_json::Value = serde_json::from_str(OPENID).unwrap();
        metadata[member] = url.into();
        let refused = from(&metadata.to_string(), None, None, Some("https://api.acme-mail.com"));
        assert!(matches!(refused, Err(ImportError::Address { .. })), "{member} {url}: {refused:?}");
    }
}
