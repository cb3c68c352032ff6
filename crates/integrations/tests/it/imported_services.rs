//! Services of organizations' own.

use std::sync::Arc;
use std::time::Duration;

use access_control::{ListServices, ManageAccounts, ManageServices};
use catalogue::{Answer, Answers, ImportError, ServiceKey};
use integrations::{
    AccountState, DocumentSource, GivenDocument, ImportedServiceError, ImportedServices, Proposed,
    ReconnectCause, Services, Store,
};
use outbound::AddressPolicy;
use service_client::{CallError, ClientNetwork, NotSent, ServiceClient};
use test_support::{ServedAnswer, ServiceServer, TestDatabase};

use crate::account_office::AccountOffice;
use crate::account_requests::{given, occasion};

const DOCUMENT: &str = r##"{"openapi":"3.0.0","info":{"title":"Acme Files"},"servers":[{"url":"https://api.acme-files.com/v1"}],
    "components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"X-Key"}}},"security":[{"key":[]}],
    "paths":{"/files":{"get":{"operationId":"listFiles"}},"/files/{id}":{"delete":{"operationId":"deleteFile"}}}}"##;

/// Imports into the office's store; documents are fetched from this server, at addresses that are permitted.
fn importer(office: &AccountOffice, server: Option<&ServiceServer>, networks: &[&str]) -> ImportedServices {
    let client = ServiceClient::new(ClientNetwork {
        addresses: Arc::new(AddressPolicy::new(networks.iter().map(|one| one.parse().unwrap()).collect())),
        roots: server.map(ServiceServer::root).into_iter().collect(),
        resolve: server.map(ServiceServer::hosts).unwrap_or_default(),
        patience: Duration::from_secs(10),
    })
    .unwrap();
    ImportedServices::new(Store::new(office.journal.clone()), client)
}

fn text(document: &str) -> GivenDocument {
    answered(document, &[])
}

fn answered(document: &str, answers: &[(Answer, &str)]) -> GivenDocument {
    let answers: Answers = answers.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
    GivenDocument {
        document: DocumentSource::Text(document.to_owned()),
        authorization_server: None,
        answers,
        expected_entry: None,
    }
}

fn at(url: &str) -> GivenDocument {
    GivenDocument { document: DocumentSource::Url(url.parse().unwrap()), ..text("") }
}

test_support::on_both_stores! {
    async fn a_service_is_imported_found_imported_again_and_deleted(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let own = importer(&office, None, &[]);
        let (manage, list) = (office.within::<ManageServices>(office.admin), office.within::<ListServices>(office.member));
        let made = own.create(&manage, text(DOCUMENT), occasion()).await.unwrap();
        assert_eq!((made.service.id.as_str(), made.version), ("imported-acme-files", 1));
        assert_eq!(own.find(&list, made.id).await.unwrap(), made);
        assert_eq!(own.list(&list, None, 10).await.unwrap(), std::slice::from_ref(&made));
        // Accounts are connected at it as at any other.
        let services = Services::new(Store::new(office.journal.clone()), []);
        let known = services.find(office.organization, &made.service.id).await.unwrap().unwrap();
        assert_eq!(known.imported.as_deref(), Some(made.digest.as_str()));
        let second = own.create(&manage, text(DOCUMENT), occasion()).await;
        assert!(matches!(second, Err(ImportedServiceError::NameTaken)), "{second:?}");

        // Another name for people and another action: nothing goes elsewhere.
        let friendly = DOCUMENT.replace("Acme Files", "Acme Boxes").replace("/files/{id}", "/boxes/{id}");
        let proposed = own.propose(&manage, text(&friendly), Some(made.id)).await.unwrap();
        assert!(proposed.changes.iter().any(|change| change.is_breaking && change.text.contains("delete-file")));
        assert_eq!(proposed.proposal.service.unwrap().id, made.service.id);
        let done = own.update(&manage, made.id, text(&friendly), Some(1), occasion()).await.unwrap();
        assert_eq!((done.imported.service.id.as_str(), done.imported.version), ("imported-acme-files", 2));
        assert_eq!((done.imported.digest.as_str(), done.accounts_to_reconnect), (made.digest.as_str(), 0));
        let stale = own.update(&manage, made.id, text(DOCUMENT), Some(1), occasion()).await;
        assert!(matches!(stale, Err(ImportedServiceError::Changed)));

        own.delete(&manage, made.id, occasion()).await.unwrap();
        assert!(matches!(own.find(&list, made.id).await, Err(ImportedServiceError::NotFound)));
        assert_eq!(office.count("imported_services").await, 0);
        let events = office.events("services.manage").await;
        assert_eq!(events.len(), 3);
        assert_eq!(events[0]["after"]["base"], "https://api.acme-files.com/v1");
        assert_eq!(events[1]["breaking"].as_array().unwrap().len(), 1);
        assert!(events[2]["after"].is_null());
    }

    async fn accounts_do_not_follow_a_document_to_another_place(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let own = importer(&office, None, &[]);
        let manage = office.within::<ManageServices>(office.admin);
        let made = own.create(&manage, text(DOCUMENT), occasion()).await.unwrap();
        let permit = office.within::<ManageAccounts>(office.editor);
        let mut account = given("imported-acme-files", "Ours", &[("api_key", "invented")]);
        account.tested = false;
        let (account, _) = office.accounts.connect(&permit, account, occasion()).await.unwrap();
        let used = own.delete(&manage, made.id, occasion()).await;
        assert!(matches!(used, Err(ImportedServiceError::InUse { accounts: 1 })), "{used:?}");

        let elsewhere = DOCUMENT.replace("api.acme-files.com", "api.evil.com");
        let proposed = own.propose(&manage, text(&elsewhere), Some(made.id)).await.unwrap();
        assert!(proposed.changes.first().unwrap().is_breaking);
        assert_eq!(proposed.accounts_to_reconnect, 1);
        let same = own.propose(&manage, text(DOCUMENT), Some(made.id)).await.unwrap();
        assert_eq!((same.changes.len(), same.accounts_to_reconnect), (0, 0));
        // Nobody imports what they did not look at.
        let looked = |document: &str, at: &Proposed| GivenDocument {
            expected_entry: at.entry.as_ref().map(|entry| entry.digest.clone()),
            ..text(document)
        };
        let unseen = own.update(&manage, made.id, looked(&elsewhere, &same), None, occasion()).await;
        assert!(matches!(unseen, Err(ImportedServiceError::DocumentChanged)), "{unseen:?}");
        let unseen = own.create(&manage, looked(&elsewhere, &same), occasion()).await;
        assert!(matches!(unseen, Err(ImportedServiceError::DocumentChanged)), "{unseen:?}");
        let seen = own.update(&manage, made.id, looked(DOCUMENT, &same), None, occasion()).await.unwrap();
        assert_eq!((seen.changes.len(), seen.accounts_to_reconnect), (0, 0));
        let done = own.update(&manage, made.id, text(&elsewhere), None, occasion()).await.unwrap();
        assert_ne!(done.imported.digest, made.digest);
        assert_eq!(done.accounts_to_reconnect, 1);
        let state = office.text(&format!("SELECT state || ' ' || cause FROM accounts WHERE id = '{}'", account.id)).await;
        assert_eq!(state, "needs_reconnect service_changed");
        assert_eq!(AccountState::NeedsReconnect(ReconnectCause::ServiceChanged).as_str(), "needs_reconnect");
    }

    async fn nobody_chooses_the_host_that_gets_the_secret_of_the_client(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let own = importer(&office, None, &[]);
        let manage = office.within::<ManageServices>(office.admin);
        let document = |url: &str| {
            let more = url.replace("/token", "/refresh");
            format!(
                r##"{{"openapi":"3.0.3","info":{{"title":"Acme Shops","version":"1"}},"servers":[{{"url":"https://api.acme-shops.com"}}],
                "security":[{{"oauth":[]}}],"components":{{"securitySchemes":{{"oauth":{{"type":"oauth2","flows":{{"authorizationCode":
                {{"authorizationUrl":"https://{{shop}}.acme-shops.com/authorize","tokenUrl":"{url}","refreshUrl":"{more}","scopes":{{}}}}}}}}}}}},
                "paths":{{"/orders":{{"get":{{"operationId":"listOrders"}}}}}}}}"##
            )
        };
        let open = text(&document("https://{tenant}.acme-shops.com/token"));
        let refused = own.propose(&manage, open.clone(), None).await;
        assert!(matches!(refused, Err(ImportedServiceError::OpenHost { .. })), "{refused:?}");
        let refused = own.create(&manage, open, occasion()).await;
        assert!(matches!(&refused, Err(ImportedServiceError::OpenHost { url, .. }) if url.contains("{tenant}")), "{refused:?}");
        let refresh = document("https://api.acme-shops.com/token").replace("api.acme-shops.com/refresh", "{tenant}.acme-shops.com/refresh");
        let refused = own.create(&manage, text(&refresh), occasion()).await;
        assert!(matches!(refused, Err(ImportedServiceError::OpenHost { .. })), "{refused:?}");
        assert_eq!(office.count("imported_services").await, 0);
        // In the path, or where people consent, everybody may have a value of their own.
        own.create(&manage, text(&document("https://api.acme-shops.com/{tenant}/token")), occasion()).await.unwrap();
    }

    async fn another_organization_has_no_such_service(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let own = importer(&office, None, &[]);
        let made = own.create(&office.within(office.admin), text(DOCUMENT), occasion()).await.unwrap();
        let outside = office.within::<ManageServices>(office.outsider);
        let list = office.within::<ListServices>(office.outsider);
        assert!(matches!(own.find(&list, made.id).await, Err(ImportedServiceError::NotFound)));
        assert!(own.list(&list, None, 10).await.unwrap().is_empty());
        let foreign = own.update(&outside, made.id, text(DOCUMENT), None, occasion()).await;
        assert!(matches!(foreign, Err(ImportedServiceError::NotFound)));
        let foreign = own.propose(&outside, text(DOCUMENT), Some(made.id)).await;
        assert!(matches!(foreign, Err(ImportedServiceError::NotFound)));
        assert!(matches!(own.delete(&outside, made.id, occasion()).await, Err(ImportedServiceError::NotFound)));
        let services = Services::new(Store::new(office.journal.clone()), []);
        assert!(services.find(office.elsewhere, &made.service.id).await.unwrap().is_none());
        // It may have one of the same name.
        own.create(&outside, text(DOCUMENT), occasion()).await.unwrap();
    }

    async fn what_is_left_open_is_asked_and_what_is_private_refused(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let own = importer(&office, None, &[]);
        let manage = office.within::<ManageServices>(office.admin);
        let open = DOCUMENT.replace("https://api.acme-files.com/v1", "/v1");
        let proposed = own.propose(&manage, text(&open), None).await.unwrap();
        assert_eq!(proposed.proposal.questions.first().unwrap().key, Answer::BaseUrl);
        let refused = own.create(&manage, text(&open), occasion()).await;
        assert!(matches!(&refused, Err(ImportedServiceError::Open(questions)) if questions.len() == 1), "{refused:?}");
        let answers = [(Answer::BaseUrl, "https://files.acme.com/v1"), (Answer::Key, "our-files")];
        let made = own.create(&manage, answered(&open, &answers), occasion()).await.unwrap();
        assert_eq!(made.service.id, "imported-our-files".parse::<ServiceKey>().unwrap());
        for server in ["http://api.acme-files.com", "https://10.0.0.1", "https://metadata.internal"] {
            let document = DOCUMENT.replace("https://api.acme-files.com/v1", server);
            let refused = own.create(&manage, text(&document), occasion()).await;
            assert!(matches!(refused, Err(ImportedServiceError::Import(ImportError::Address { .. }))), "{server}");
        }
        let private = own.propose(&manage, at("https://127.0.0.1/openapi.json"), None).await;
        let refused = matches!(private, Err(ImportedServiceError::NotFetched(CallError::NotSent(NotSent::Address(_)))));
        assert!(refused, "{private:?}");
        assert_eq!(office.count("imported_services").await, 1);
    }

    async fn documents_are_fetched_with_the_metadata_that_they_lead_to(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let server = ServiceServer::start(&["docs.acme-files.com", "id.acme-files.com"]).await;
        server.answers(|call| match call.target.as_str() {
            "/openapi.json" => ServedAnswer::bytes(
                200,
                "application/json",
                DOCUMENT.replace(
                    r#""type":"apiKey","in":"header","name":"X-Key""#,
                    r#""type":"openIdConnect","openIdConnectUrl":"https://id.acme-files.com/.well-known/openid-configuration""#,
                ),
            ),
            "/.well-known/openid-configuration" => ServedAnswer::json(200, &serde_json::json!({
                "issuer": "https://id.acme-files.com",
                "authorization_endpoint": "https://id.acme-files.com/authorize",
                "token_endpoint": "https://id.acme-files.com/token",
                "code_challenge_methods_supported": ["S256"],
            })),
            _ => ServedAnswer::bytes(404, "text/plain", "none"),
        });
        let own = importer(&office, Some(&server), &["127.0.0.0/8"]);
        let manage = office.within::<ManageServices>(office.admin);
        let made = own.create(&manage, at("https://docs.acme-files.com/openapi.json"), occasion()).await.unwrap();
        assert_eq!(made.source, "https://docs.acme-files.com/openapi.json");
        assert_eq!(made.service.authentication.as_str(), "oauth2_code");
        assert_eq!(made.service.api.hosts.len(), 1);
        // Nothing that proves anybody goes along.
        let arrived = server.take_arrived();
        assert_eq!(arrived.len(), 2);
        assert!(arrived.iter().all(|call| call.header("authorization").is_none() && call.header("cookie").is_none()));
        let missing = own.propose(&manage, at("https://docs.acme-files.com/none.json"), None).await;
        assert!(matches!(missing, Err(ImportedServiceError::NotFetched(CallError::Status(404)))), "{missing:?}");
        // The same names, at addresses that are not permitted.
        let closed = importer(&office, Some(&server), &[]);
        let refused = closed.propose(&manage, at("https://docs.acme-files.com/openapi.json"), None).await;
        assert!(matches!(refused, Err(ImportedServiceError::NotFetched(CallError::NotSent(NotSent::Address(_))))));
    }
}
