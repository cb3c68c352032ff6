//! What of an OpenAPI document stands in an entry.

use catalogue::{
    Action, ActionBody, Answer, Answers, Authentication, Import, ImportError, Pkce, Proposal, Service, Values,
};

pub fn proposed_with(document: &str, answers: &[(Answer, &str)]) -> Result<Proposal, ImportError> {
    let answers: Answers = answers.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
    Import { document, fetched_from: None, authorization_server: None, answers: &answers }.propose()
}

pub fn proposed(document: &str) -> Result<Proposal, ImportError> {
    proposed_with(document, &[])
}

fn entry(document: &str) -> Service {
    proposed(document).unwrap().service.unwrap()
}

fn action<'a>(service: &'a Service, id: &str) -> &'a Action {
    service.actions.iter().find(|action| action.id == id).unwrap()
}

#[test]
fn an_openapi_2_document_with_a_key() {
    let proposal = proposed(include_str!("documents/clean-openapi-2-key.yaml")).unwrap();
    let service = proposal.service.unwrap();
    assert_eq!((service.id.as_str(), service.name.as_str()), ("acme-parcels", "Acme Parcels"));
    assert_eq!(service.api.base.as_str(), "https://api.acme-parcels.com/v1");
    assert_eq!(service.authentication, Authentication::ApiKey);
    let placement = service.api.credential.first().unwrap();
    assert_eq!((placement.name.as_str(), placement.format.as_str()), ("X-Parcel-Key", "{api_key}"));
    let create = action(&service, "create-parcel");
    assert_eq!((create.method.as_str(), create.body), ("POST", ActionBody::Json));
    assert_eq!(create.required, ["to", "weight"]);
    assert_eq!(action(&service, "list-parcels").query, ["page"]);
    // Files cannot be sent by an action, and that is said.
    assert_eq!(service.actions.len(), 2);
    assert!(proposal.notes.iter().any(|note| note.contains("files")), "{:?}", proposal.notes);
    assert_eq!(service.api.test.unwrap().path, "/parcels");
}

#[test]
fn a_document_with_oauth_says_where_and_what_is_assumed() {
    let proposal = proposed(include_str!("documents/clean-openapi-2-code.json")).unwrap();
    let Authentication::Oauth2Code(oauth) = proposal.service.unwrap().authentication else { panic!() };
    assert_eq!(oauth.authorize_url.as_str(), "https://acme.io/authorize");
    assert_eq!(oauth.token_url.as_str(), "https://acme.io/token");
    assert_eq!(oauth.default_scopes, ["notes:read"]);
    assert_eq!(oauth.required_scopes, ["offline_access"]);
    assert_eq!(oauth.pkce, Pkce::Off);
    assert!(proposal.notes.iter().any(|note| note.starts_with("Assumed")));
}

#[test]
fn the_server_for_trials_is_not_the_first_choice_and_constant_headers_are_sent() {
    let service = entry(include_str!("documents/clean-openapi-3-bearer.yaml"));
    assert_eq!(service.api.base.as_str(), "https://acme-desk.com/api");
    assert_eq!(service.api.headers["acme-version"], "2026-01-01");
    assert_eq!(service.authentication, Authentication::BearerToken);
    assert_eq!(action(&service, "tickets-read").required, ["id"]);
    assert_eq!(service.api.test.unwrap().path, "/tickets");
}

#[test]
fn a_host_with_a_variable_asks_for_it_when_an_account_is_connected() {
    let service = entry(include_str!("documents/clean-openapi-31-tenant.yaml"));
    assert_eq!(service.api.base.as_str(), "https://{company}.acme-books.com/{version}");
    let values =
        |company: &str| Values::from([("company".into(), company.into()), ("version".into(), "v2".into())]);
    assert_eq!(service.base_url(&values("acme")).unwrap().as_str(), "https://acme.acme-books.com/v2");
    let company = service.variables.iter().find(|variable| variable.key == "company").unwrap();
    assert_eq!(company.label, "The name of your company");
    assert!(!company.pattern.matches("evil.com/"));
    let Authentication::Oauth2ClientCredentials(client) = &service.authentication else { panic!() };
    assert_eq!(client.token_url.as_str(), "https://{company}.acme-books.com/oauth/token");
}

#[test]
fn two_keys_that_go_together_are_two_fields() {
    let service = entry(include_str!("documents/clean-two-keys.yaml"));
    let Authentication::Basic { user_label, password_label } = &service.authentication else { panic!() };
    assert_eq!((user_label.as_str(), password_label.as_deref()), ("ACME-API-KEY", Some("ACME-APP-KEY")));
    let formats: Vec<_> =
        service.api.credential.iter().map(|one| (one.name.as_str(), one.format.as_str())).collect();
    assert_eq!(formats, [("ACME-API-KEY", "{user}"), ("ACME-APP-KEY", "{password}")]);
}

#[test]
fn an_answer_completes_what_was_asked() {
    let document = include_str!("documents/asks-base_url-relative-server.yaml");
    let service = proposed_with(document, &[(Answer::BaseUrl, "https://desk.acme.com/api/v2/")])
        .unwrap()
        .service
        .unwrap();
    assert_eq!(service.api.base.as_str(), "https://desk.acme.com/api/v2");
    assert_eq!(service.api.hosts.first().unwrap().as_str(), "desk.acme.com");
    let document = include_str!("documents/asks-authentication-key-or-person.yaml");
    assert_eq!(proposed(document).unwrap().questions.first().unwrap().choices, ["person", "key"]);
    let service = proposed_with(document, &[(Answer::Authentication, "key")]).unwrap().service.unwrap();
    assert_eq!(service.authentication, Authentication::ApiKey);
    let document = include_str!("documents/asks-authentication-unsaid.json");
    let answer = (Answer::Authentication, "api_key:query:appid");
    let service = proposed_with(document, &[answer]).unwrap().service.unwrap();
    assert_eq!(service.api.credential.first().unwrap().name, "appid");
    // Also where the document is refused as it is.
    let document = include_str!("documents/refused-plain-http.yaml");
    let answers = [(Answer::BaseUrl, "https://api.acme-plain.com"), (Answer::Authentication, "none")];
    assert!(proposed_with(document, &answers).unwrap().service.is_some());
}

#[test]
fn answers_are_held_to_the_same_rules() {
    let document = include_str!("documents/asks-base_url-relative-server.yaml");
    for answer in [
        "http://desk.acme.com",
        "https://localhost",
        "https://127.0.0.1",
        "https://0177.0.0.1",
        "https://desk",
        "https://user@desk.acme.com",
        "https://desk.acme.com?x=1",
        "https://{x}.acme.com",
        "https://example.com",
        "desk.acme.com",
        "",
    ] {
        let refused = proposed_with(document, &[(Answer::BaseUrl, answer)]);
        assert!(
            matches!(refused, Err(ImportError::Answer { key: Answer::BaseUrl, .. })),
            "{answer}: {refused:?}"
        );
    }
    for answer in
        ["nothing", "api_key:header:", "api_key:header:X Y", "api_key:header:X\r\nHost", "api_key:body:x"]
    {
        let refused = proposed_with(document, &[(Answer::Authentication, answer)]);
        assert!(matches!(refused, Err(ImportError::Answer { key: Answer::Authentication, .. })), "{answer}");
    }
    assert!(proposed_with(document, &[(Answer::Key, "Not A Key")]).is_err());
}

#[test]
fn a_document_does_not_say_where_a_request_goes() {
    let with = |scheme: &str, parameter: &str| {
        format!(
            r#"{{"openapi":"3.0.0","info":{{"title":"Acme"}},"servers":[{{"url":"https://api.acme.com"}}],
            "components":{{"securitySchemes":{{"key":{{"type":"apiKey","in":"header","name":"{scheme}"}}}}}},
            "security":[{{"key":[]}}],"paths":{{"/a":{{"get":{{"parameters":[{{"in":"header","required":true,
            "name":"{parameter}","schema":{{"enum":["evil.com"]}}}}]}}}}}}}}"#
        )
    };
    for name in [
        "Host",
        "connection",
        "X-Forwarded-Host",
        "Proxy-Authorization",
        "a b",
        "x-vybe-user-id",
        "Cookie",
        "",
    ] {
        assert!(matches!(proposed(&with(name, "x-a")), Err(ImportError::Unsupported(_))), "{name}");
        let service = entry(&with("X-Key", name));
        assert!(service.api.headers.is_empty(), "{name}: {:?}", service.api.headers);
    }
    assert_eq!(entry(&with("X-Key", "x-a")).api.headers["x-a"], "evil.com");
}

#[test]
fn references_lead_nowhere_but_into_the_document() {
    let document = r##"{"openapi":"3.0.0","info":{"title":"Acme"},"servers":[{"url":"https://api.acme.com"}],
        "components":{"securitySchemes":{"key":{"$ref":"#/components/securitySchemes/key"},"token":{"type":"http","scheme":"bearer"}}},
        "security":[{"key":[]},{"token":[]}],
        "paths":{"/a":{"$ref":"https://evil.com/paths.json#/a"},"/b":{"$ref":"#/paths/~1c"},"/c":{"$ref":"#/paths/~1b"},
        "/d":{"get":{"$ref":"file:///etc/passwd"}},"/e":{"get":{}}}}"##;
    let proposal = proposed(document).unwrap();
    let service = proposal.service.unwrap();
    assert_eq!(service.actions.iter().map(|action| action.path.as_str()).collect::<Vec<_>>(), ["/e"]);
    assert!(proposal.notes.iter().any(|note| note.starts_with("4 operations")), "{:?}", proposal.notes);
}

#[test]
fn paths_that_could_leave_the_base_are_no_actions() {
    let paths = [
        "//evil.com",
        "/../admin",
        "/a/./b",
        "/a\\\\b",
        "/a?b",
        "/a#b",
        "/%2e%2e/x",
        "no-slash",
        "/{a",
        "/{a}}",
        "/{+all}",
        "/a b",
        "/\\u0000",
    ];
    let written: Vec<String> = paths.iter().map(|path| format!(r#""{path}":{{"get":{{}}}}"#)).collect();
    let document = format!(
        r#"{{"openapi":"3.0.0","info":{{"title":"Acme"}},"servers":[{{"url":"https://api.acme.com"}}],
        "components":{{"securitySchemes":{{"token":{{"type":"http","scheme":"bearer"}}}}}},"paths":{{{}}}}}"#,
        written.join(",")
    );
    let service = entry(&document);
    assert!(service.actions.is_empty(), "{:?}", service.actions);
    assert!(service.api.test.is_none());
}

#[test]
fn operations_on_other_servers_or_with_other_credentials_are_left_out() {
    let document = r#"{"openapi":"3.0.0","info":{"title":"Acme"},"servers":[{"url":"https://api.acme.com"}],
        "components":{"securitySchemes":{"token":{"type":"http","scheme":"bearer"},"admin":{"type":"apiKey","in":"header","name":"X-Admin"}}},
        "paths":{"/a":{"get":{"security":[{"token":[]}]},"post":{"security":[{"token":[]}]}},
        "/b":{"get":{"security":[{"admin":[]}]}},
        "/c":{"get":{"security":[{"token":[]}],"servers":[{"url":"https://evil.com"}]}}}}"#;
    let service = entry(document);
    assert_eq!(service.authentication, Authentication::BearerToken);
    assert!(service.actions.iter().all(|action| action.path == "/a"), "{:?}", service.actions);
    assert_eq!(service.api.hosts.len(), 1);
}
