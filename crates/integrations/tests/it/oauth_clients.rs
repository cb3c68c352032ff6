//! What organizations are registered as at services.

use access_control::{ListOauthClients, ManageOauthClients};
use integrations::{AccountError, GivenSecret};
use test_support::TestDatabase;
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET};

use crate::account_office::{AccountOffice, CODE, KEY};
use crate::account_requests::{attempt, client, occasion};

test_support::on_both_stores! {
    async fn a_client_is_registered_changed_and_deleted(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let (list, manage) = (office.within::<ListOauthClients>(office.editor), office.within::<ManageOauthClients>(office.admin));
        let made = office.register().await;
        assert_eq!((made.client_id.as_str(), made.version), (CLIENT_ID, 1));
        assert_eq!(office.clients.find(&list, made.id).await.unwrap(), made);
        assert_eq!(office.clients.list(&list, None, 10).await.unwrap(), std::slice::from_ref(&made));
        let service = CODE.parse().unwrap();
        let second = office.clients.create(&manage, &service, client("b", GivenSecret::None), occasion()).await;
        assert!(matches!(second, Err(AccountError::ClientTaken)), "{second:?}");
        // The secret stays if only the scopes change.
        let mut scopes = client(CLIENT_ID, GivenSecret::Kept);
        scopes.scopes = ["calendar".to_owned()].into();
        let changed = office.clients.update(&manage, made.id, scopes, Some(1), occasion()).await.unwrap();
        assert_eq!((changed.version, changed.scopes.len()), (2, 1));
        let account = office.consent::<access_control::ManageAccounts>(office.editor, attempt("Orders")).await.unwrap().account;
        assert_eq!(account.asked_scopes, ["calendar", "offline"].map(str::to_owned).into());
        let stale = office.clients.update(&manage, made.id, client("b", GivenSecret::None), Some(1), occasion()).await;
        assert!(matches!(stale, Err(AccountError::Changed)));
        // Whoever is elsewhere has no such client.
        let outside = office.within::<ManageOauthClients>(office.outsider);
        let foreign = office.clients.update(&outside, made.id, client("b", GivenSecret::None), None, occasion()).await;
        assert!(matches!(foreign, Err(AccountError::NotFound)));
        assert!(matches!(office.clients.delete(&outside, made.id, occasion()).await, Err(AccountError::NotFound)));
        let foreign = office.clients.find(&office.within::<ListOauthClients>(office.outsider), made.id).await;
        assert!(matches!(foreign, Err(AccountError::NotFound)));

        office.clients.delete(&manage, made.id, occasion()).await.unwrap();
        assert!(matches!(office.clients.find(&list, made.id).await, Err(AccountError::NotFound)));
        assert_eq!((office.count("oauth_clients").await, office.count("sealed_values").await), (0, 1));
        assert_eq!(office.events("oauth_clients.manage").await.len(), 3);
        assert!(!office.trail().await.join("\n").contains(CLIENT_SECRET));
    }

    async fn what_is_given_for_a_client_is_checked(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageOauthClients>(office.admin);
        let create = async |service: &str, given| {
            office.clients.create(&manage, &service.parse().unwrap(), given, occasion()).await
        };
        let text = |text: &str| GivenSecret::Text(text.into());
        assert!(matches!(create("nowhere", client("a", text("b"))).await, Err(AccountError::UnknownService)));
        for (service, given) in [
            (KEY, client("a", text("b"))),
            (CODE, client("", text("b"))),
            (CODE, client("a\nb", text("b"))),
            (CODE, client("a", text(""))),
            (CODE, client("a", text("b\r\nc"))),
            (CODE, client("a", GivenSecret::Kept)),
        ] {
            let refused = create(service, given).await;
            assert!(matches!(refused, Err(AccountError::Invalid { .. })), "{refused:?}");
        }
        assert_eq!((office.count("oauth_clients").await, office.count("sealed_values").await), (0, 0));
        create(CODE, client(" a ", GivenSecret::None)).await.unwrap();
    }

    async fn a_client_that_is_not_what_was_sealed_is_not_used(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let made = office.register().await;
        let manage = office.within::<ManageOauthClients>(office.admin);
        let permit = office.within::<access_control::ManageAccounts>(office.editor);
        office.execute("UPDATE oauth_clients SET client_id = 'evil'", []).await;
        let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await;
        assert!(matches!(begun, Err(AccountError::ClientTampered)), "{begun:?}");
        let alarms = office.wait_for("oauth_clients.tampering_detected", 1).await;
        assert_eq!(alarms[0]["differs"], serde_json::json!(["clientId"]));
        // Nor is the secret sealed for what the table says.
        let kept = office.clients.update(&manage, made.id, client("evil", GivenSecret::Kept), None, occasion()).await;
        assert!(matches!(kept, Err(AccountError::ClientTampered)), "{kept:?}");
        let given = client(CLIENT_ID, GivenSecret::Text(CLIENT_SECRET.into()));
        office.clients.update(&manage, made.id, given, None, occasion()).await.unwrap();
        office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap();
        // At another service it is not one either.
        office.execute("UPDATE oauth_clients SET service = 'key-server'", []).await;
        let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await;
        assert!(matches!(begun, Err(AccountError::NoClient)), "{begun:?}");
    }
}
