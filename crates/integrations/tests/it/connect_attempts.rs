//! Accounts that people connect at the service.

use std::time::Duration;

use access_control::{
    ListAccounts, ListOwnAccounts, ManageAccounts, ManageOauthClients, ManageOwnAccounts, Means, Role,
    SignedIn, UsableBy,
};
use audit::Occasion;
use ids::SessionId;
use integrations::{
    AccountError, AccountHolder, AccountState, Disconnected, GivenAttempt, GivenSecret, OpenedFor,
    ReconnectCause, Services, Store, Trial,
};
use test_support::TestDatabase;
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET, Reuse, TokenServer};
use url::Url;

use crate::account_office::{AccountOffice, CODE};
use crate::account_requests::{attempt, client, occasion, query};

test_support::on_both_stores! {
    async fn an_account_is_connected_at_the_service_and_disconnected_there(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let given = GivenAttempt { return_to: Some("/organizations".to_owned()), ..attempt("Orders") };
        let connected = office.consent::<ManageAccounts>(office.editor, given).await.unwrap();
        let account = connected.account;
        assert_eq!((account.holder, account.state, account.generation), (AccountHolder::Shared, AccountState::Active, 1));
        assert_eq!(connected.return_to.as_deref(), Some("/organizations"));
        // A service that says nothing of scopes granted what it was asked for (RFC 6749, 5.1).
        assert_eq!(account.asked_scopes, ["offline", "read", "write"].map(str::to_owned).into());
        assert_eq!(account.scopes, account.asked_scopes);
        assert!(connected.missing_scopes.is_empty());
        assert_eq!(office.accounts.test(&manage, account.id).await.unwrap(), Trial::Works);
        // By the store's clock, of which this process has none.
        let ends = account.expires_at.unwrap() - account.consented_at.unix_timestamp() * 1000;
        assert!((3_500_000..=3_605_000).contains(&ends), "{ends}");
        assert_eq!(office.count("connect_attempts").await, 0);

        let gone = office.accounts.disconnect(&manage, account.id, false, occasion()).await.unwrap();
        assert_eq!(gone, Disconnected::Revoked);
        assert!(office.server.history(0).revoked);
        assert_eq!(office.count("accounts").await, 0);
        let events = office.events("accounts.manage").await;
        assert_eq!((events.len(), &events[1]["revocation"]["outcome"]), (2, &"revoked".into()));
    }

    async fn several_accounts_of_one_service_and_of_each_person(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let mut ids = std::collections::BTreeSet::new();
        for name in ["First", "Second"] {
            let shared = office.consent::<ManageAccounts>(office.editor, attempt(name)).await.unwrap();
            let own = office.consent::<ManageOwnAccounts>(office.member, attempt(name)).await.unwrap();
            assert_eq!(own.account.holder, AccountHolder::Personal(office.member));
            ids.extend([shared.account.id, own.account.id]);
        }
        assert_eq!(ids.len(), 4);
        let list = office.within::<ListAccounts>(office.admin);
        assert_eq!(office.accounts.list(&list, None, None, 10, occasion().now).await.unwrap().len(), 2);
        let list = office.within::<ListOwnAccounts>(office.member);
        assert_eq!(office.accounts.list(&list, None, None, 10, occasion().now).await.unwrap().len(), 2);
    }

    async fn i05_a_callback_works_once_and_in_the_session_that_began(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let begin = async || {
            let permit = office.within::<ManageAccounts>(office.editor);
            office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap()
        };
        let unknown = |result: Result<integrations::Connected, AccountError>| {
            assert!(matches!(result, Err(AccountError::UnknownAttempt)), "{result:?}");
        };
        let me = office.person(office.editor);
        let others: [SignedIn; 3] = [
            // Another person of the organization, one of another organization, and the same person in another session.
            office.person(office.admin),
            office.person(office.outsider),
            SignedIn { session: SessionId::generate(), ..me.clone() },
        ];
        for other in others {
            let back = office.server.authorize(begin().await.url.as_str());
            unknown(office.attempts.complete(&office.back_as(other), None, &query(&back), occasion()).await);
            // It is used up, for whoever began it, too: somebody else has seen the state.
            unknown(office.come_back(office.editor, &back).await);
        }
        // A second time.
        let back = office.server.authorize(begin().await.url.as_str());
        office.come_back(office.editor, &back).await.unwrap();
        unknown(office.come_back(office.editor, &back).await);
        // No state, no such state, and another's code with one's own state.
        for state in ["", "state", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let callback = [("state".to_owned(), state.to_owned()), ("code".to_owned(), "code".to_owned())].into();
            unknown(office.attempts.complete(&office.back(office.editor), None, &callback, occasion()).await);
        }
        unknown(office.attempts.complete(&office.back(office.editor), None, &Default::default(), occasion()).await);
        // A code that was given to another attempt has another proof key (RFC 7636).
        let (first, second) = (begin().await, begin().await);
        let stolen = office.server.authorize(first.url.as_str());
        let mut callback = query(&office.server.authorize(second.url.as_str()));
        callback.insert("code".to_owned(), query(&stolen)["code"].clone());
        let injected = office.attempts.complete(&office.back(office.editor), None, &callback, occasion()).await;
        assert!(matches!(injected, Err(AccountError::Token(_))), "{injected:?}");
        assert_eq!(office.count("accounts").await, 1);
    }

    async fn i05_a_service_gets_no_code_of_another_service(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        // An Admin's own, whose page leads on to the honest service with the honest client's name.
        let evil = TokenServer::named("evil-server.test", Reuse::SingleUse, Duration::from_secs(3600)).await;
        let parts = office.beside(&evil);
        office.import_consented("imported-evil", &evil.origin(), None).await;
        let permit = office.within::<ManageOauthClients>(office.admin);
        let registered = client(CLIENT_ID, GivenSecret::Text(CLIENT_SECRET.into()));
        parts.clients.create(&permit, &"imported-evil".parse().unwrap(), registered, occasion()).await.unwrap();
        let begin = async |user, service: &str| {
            let permit = office.within::<ManageAccounts>(user);
            let given = GivenAttempt { service: service.parse().unwrap(), ..attempt("Orders") };
            parts.attempts.begin(&permit, given, occasion()).await.unwrap().url
        };
        let back = office.back(office.editor);
        let place = |url: &Url| url.path().strip_prefix("/integrations/imported-callback/").map(str::to_owned);
        let unknown = |result: Result<integrations::Connected, AccountError>| {
            assert!(matches!(result, Err(AccountError::UnknownAttempt)), "{result:?}");
        };
        for is_sent_home in [true, false] {
            let mine = begin(office.admin, CODE).await;
            let theirs = begin(office.editor, "imported-evil").await;
            let state = query(&theirs)["state"].clone();
            let led_on = mine.query_pairs().map(|(name, value)| match &*name {
                "state" => (name, state.clone().into()),
                // The redirect of the honest service; of the other one, it knows nothing.
                "redirect_uri" if !is_sent_home => (name, query(&theirs)["redirect_uri"].clone().into()),
                _ => (name, value),
            });
            let mut address = mine.clone();
            let led_on: Vec<_> = led_on.collect();
            address.query_pairs_mut().clear().extend_pairs(led_on);
            let came = office.server.authorize(address.as_str());
            assert_eq!(place(&came).is_none(), is_sent_home);
            if is_sent_home {
                unknown(parts.attempts.complete(&back, None, &query(&came), occasion()).await);
                // And not at any other place either.
                let theirs = begin(office.editor, "imported-evil").await;
                let elsewhere = Some("00000000000000000000000000000000");
                unknown(parts.attempts.complete(&back, elsewhere, &query(&theirs), occasion()).await);
                let honest = begin(office.editor, CODE).await;
                unknown(parts.attempts.complete(&back, elsewhere, &query(&honest), occasion()).await);
            } else {
                // A service that takes any redirect gives a code which is worth nothing at the one of the Admin's attempt.
                let stolen = query(&came)["code"].clone();
                let mut callback = query(&mine);
                callback.insert("code".to_owned(), stolen);
                let refused = parts.attempts.complete(&office.back(office.admin), None, &callback, occasion()).await;
                assert!(matches!(refused, Err(AccountError::Token(_))), "{refused:?}");
            }
        }
        assert!(evil.histories().is_empty() && office.server.histories().is_empty());
        // Whoever consents there comes back to its own place.
        let came = evil.authorize(begin(office.editor, "imported-evil").await.as_str());
        let at = place(&came).unwrap();
        let connected = parts.attempts.complete(&back, Some(&at), &query(&came), occasion()).await.unwrap();
        assert_eq!(connected.account.service.as_str(), "imported-evil");
        // After another import of it, at another one.
        office.execute("UPDATE imported_services SET definition = REPLACE(definition, '/authorize', '/consent')", []).await;
        let services = Services::new(Store::new(office.journal.clone()), []);
        let known = services.find(office.organization, &"imported-evil".parse().unwrap()).await.unwrap().unwrap();
        assert_ne!(place(&parts.attempts.redirect(office.organization, &known)).unwrap(), at);
    }

    async fn i05_an_answer_of_another_server_is_refused(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let issuer = "https://issuer.test/tenant";
        office.import_consented("imported-own", &office.server.origin(), Some(issuer)).await;
        let permit = office.within::<ManageOauthClients>(office.admin);
        let registered = client(CLIENT_ID, GivenSecret::Text(CLIENT_SECRET.into()));
        office.clients.create(&permit, &"imported-own".parse().unwrap(), registered, occasion()).await.unwrap();
        let permit = office.within::<ManageAccounts>(office.editor);
        for said in [None, Some("https://issuer.test/tenant/"), Some("https://evil.test"), Some(issuer)] {
            let given = GivenAttempt { service: "imported-own".parse().unwrap(), ..attempt("Orders") };
            let begun = office.attempts.begin(&permit, given, occasion()).await.unwrap();
            let came = office.server.authorize(begun.url.as_str());
            let mut callback = query(&came);
            callback.extend(said.map(|said| ("iss".to_owned(), said.to_owned())));
            let place = came.path().rsplit('/').next();
            let back = office.back(office.editor);
            let connected = office.attempts.complete(&back, place, &callback, occasion()).await;
            match connected {
                Ok(_) => assert_eq!(said, Some(issuer)),
                Err(AccountError::OtherIssuer) => assert_ne!(said, Some(issuer)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((office.server.histories().len(), office.count("accounts").await), (1, 1));
    }

    async fn i05_a_row_of_an_attempt_that_was_changed_is_none(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let shared = office.connect("Ours").await;
        let edits = [
            ("organization_id", office.elsewhere.to_string()),
            ("account_id", shared.id.to_string()),
            ("user_id", office.admin.to_string()),
            ("session_id", office.person(office.admin).session.to_string()),
        ];
        for (column, value) in edits {
            let permit = office.within::<ManageAccounts>(office.editor);
            let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap();
            let back = office.server.authorize(begun.url.as_str());
            let edit = format!("UPDATE connect_attempts SET {column} = $1");
            assert_eq!(office.execute(&edit, [value.into()]).await, 1);
            let mut person = office.person(office.editor);
            match column {
                "user_id" => person.user = office.admin,
                "session_id" => person.session = office.person(office.admin).session,
                _ => {}
            }
            let refused = office.attempts.complete(&office.back_as(person), None, &query(&back), occasion()).await;
            assert!(matches!(refused, Err(AccountError::UnknownAttempt)), "{column}: {refused:?}");
        }
        assert_eq!(office.count("accounts").await, 1);
        assert!(office.server.histories().iter().all(|history| history.refreshes == 0));
    }

    async fn i05_who_lost_the_leave_connects_nothing(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        for role in [Some(Role::Member), None] {
            office.change_role(office.editor, Some(Role::Editor));
            let permit = office.within::<ManageAccounts>(office.editor);
            let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap();
            let back = office.server.authorize(begun.url.as_str());
            office.change_role(office.editor, role);
            let refused = office.come_back(office.editor, &back).await;
            assert!(matches!(refused, Err(AccountError::Forbidden(_))), "{refused:?}");
        }
        // The code was sent to nobody.
        assert_eq!((office.count("accounts").await, office.server.histories().len()), (0, 0));
    }

    async fn i05_an_attempt_ends_after_ten_minutes(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let permit = office.within::<ManageAccounts>(office.editor);
        let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap();
        let back = office.server.authorize(begun.url.as_str());
        let mut late = occasion();
        late.now += time::Duration::minutes(10);
        office.attempts.begin(&permit, attempt("Other"), late).await.unwrap();
        office.attempts.sweep(late.now).await.unwrap();
        assert_eq!(office.count("connect_attempts").await, 1);
        let refused = office.attempts.complete(&office.back(office.editor), None, &query(&back), late).await;
        assert!(matches!(refused, Err(AccountError::UnknownAttempt)), "{refused:?}");
        let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap();
        let back = query(&office.server.authorize(begun.url.as_str()));
        let late = Occasion { now: begun.expires_at, ..late };
        let refused = office.attempts.complete(&office.back(office.editor), None, &back, late).await;
        assert!(matches!(refused, Err(AccountError::UnknownAttempt)), "{refused:?}");
        assert_eq!(office.count("accounts").await, 0);
    }

    async fn a_program_begins_nothing(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let permit = office.within::<ManageAccounts>(office.editor);
        // Without a client, nobody does.
        let refused = office.attempts.begin(&permit, attempt("Orders"), occasion()).await;
        assert!(matches!(refused, Err(AccountError::NoClient)), "{refused:?}");
        office.register().await;
        let program = SignedIn { means: Means::ApiToken, ..office.person(office.editor) };
        let permit = office.within_as::<ManageAccounts>(program);
        let refused = office.attempts.begin(&permit, attempt("Orders"), occasion()).await;
        assert!(matches!(refused, Err(AccountError::BrowserNeeded)), "{refused:?}");
        assert_eq!(office.count("connect_attempts").await, 0);
    }

    async fn what_the_service_says_when_it_refuses_is_told(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let permit = office.within::<ManageAccounts>(office.editor);
        let begun = office.attempts.begin(&permit, attempt("Orders"), occasion()).await.unwrap();
        let state = query(&begun.url)["state"].clone();
        let said = [
            ("state", state.as_str()),
            ("error", "access_denied"),
            ("error_description", "<script>alert(1)</script>\u{202e} You said no"),
        ];
        let said = said.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        match office.attempts.complete(&office.back(office.editor), None, &said, occasion()).await {
            Err(AccountError::RefusedAtService { word, sentence }) => {
                // As text: whoever shows it escapes it.
                assert_eq!(word, "access_denied");
                assert_eq!(sentence.unwrap(), "<script>alert(1)</script> You said no");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((office.count("connect_attempts").await, office.count("accounts").await), (0, 0));
    }

    async fn scopes_that_were_not_granted_are_told(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        office.server.grant_scopes("read offline more");
        let given = GivenAttempt { scopes: Some(["read", "admin"].map(str::to_owned).into()), ..attempt("Orders") };
        let connected = office.consent::<ManageAccounts>(office.editor, given).await.unwrap();
        assert_eq!(connected.account.asked_scopes, ["admin", "offline", "read"].map(str::to_owned).into());
        assert_eq!(connected.account.scopes, ["more", "offline", "read"].map(str::to_owned).into());
        assert_eq!(connected.missing_scopes, ["admin".to_owned()].into());
        for scope in ["", "a b", "a\"b", "a\\b", "\u{e9}"] {
            let given = GivenAttempt { scopes: Some([scope.to_owned()].into()), ..attempt("Orders") };
            let refused = office.consent::<ManageAccounts>(office.editor, given).await;
            assert!(matches!(refused, Err(AccountError::Invalid { .. })), "{scope}: {refused:?}");
        }
    }

    async fn an_account_that_is_connected_again_stays_the_same(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let mut given = attempt("Orders");
        given.description.usable_by = UsableBy::Apps([office.app, office.hidden].into());
        let first = office.consent::<ManageAccounts>(office.editor, given).await.unwrap().account;
        let needs = "UPDATE accounts SET state = 'needs_reconnect', cause = 'refused', failures = 3, notice_due = TRUE";
        office.execute(needs, []).await;
        let intent = "INSERT INTO refresh_intents (account_id, generation, fence, token_hash, begun_at) VALUES ($1, 1, 1, $2, 1)";
        office.execute(intent, [first.id.to_string().into(), vec![1_u8].into()]).await;
        let lease = "UPDATE accounts SET lease_holder = 'somebody', lease_fence = 1, lease_until = 9999999999999";
        office.execute(lease, []).await;
        // By somebody who does not even see all of its apps.
        let permit = office.within::<ManageAccounts>(office.admin);
        let begun = office.attempts.begin_again(&permit, first.id, Default::default(), None, None, occasion()).await.unwrap();
        let back = office.server.authorize(begun.url.as_str());
        let again = office.come_back(office.admin, &back).await.unwrap().account;
        assert_eq!((again.id, again.name.as_str(), again.state), (first.id, "Orders", AccountState::Active));
        assert_eq!((again.generation, again.version, again.created_by), (2, 2, office.editor));
        assert_eq!(again.asked_scopes, first.asked_scopes);
        assert_eq!(again.usable_by, UsableBy::Apps([office.app].into()));
        let list = office.within::<ListAccounts>(office.editor);
        let whole = office.accounts.find(&list, first.id, occasion().now).await.unwrap();
        assert_eq!(whole.usable_by, first.usable_by);
        // A refresh that was under way has neither its lease nor its intent.
        assert_eq!((office.count("refresh_intents").await, office.count("accounts WHERE lease_until IS NULL AND lease_fence > 1 AND failures = 0 AND NOT notice_due").await), (0, 1));
        assert_eq!(office.accounts.test(&permit, first.id).await.unwrap(), Trial::Works);
        // The grant before is not revoked: at many services that would end the new one, too.
        assert!(!office.server.history(0).revoked);
        assert_eq!(office.count("accounts").await, 1);
    }

    async fn an_account_that_went_meanwhile_takes_the_grant_with_it(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let first = office.consent::<ManageAccounts>(office.editor, attempt("Orders")).await.unwrap().account;
        let permit = office.within::<ManageAccounts>(office.editor);
        let begun = office.attempts.begin_again(&permit, first.id, Default::default(), None, None, occasion()).await.unwrap();
        let back = office.server.authorize(begun.url.as_str());
        office.accounts.disconnect(&permit, first.id, false, occasion()).await.unwrap();
        let refused = office.come_back(office.editor, &back).await;
        assert!(matches!(refused, Err(AccountError::UnknownAttempt)), "{refused:?}");
        // An app that went meanwhile: the code is spent by then, and the grant ends at the service.
        let mut given = attempt("Other");
        given.description.usable_by = UsableBy::Apps([office.app].into());
        let begun = office.attempts.begin(&permit, given, occasion()).await.unwrap();
        let back = office.server.authorize(begun.url.as_str());
        office.execute("DELETE FROM apps WHERE id = $1", [office.app.to_string().into()]).await;
        let refused = office.come_back(office.editor, &back).await;
        assert!(matches!(refused, Err(AccountError::NotFound)), "{refused:?}");
        assert_eq!(office.count("accounts").await, 0);
        assert!(office.server.histories().iter().all(|history| history.revoked));
    }

    async fn an_account_is_not_disconnected_while_it_is_refreshed(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let account = office.consent::<ManageAccounts>(office.editor, attempt("Orders")).await.unwrap().account;
        let permit = office.within::<ManageAccounts>(office.editor);
        let lease = "UPDATE accounts SET lease_holder = 'somebody', lease_fence = 1, lease_until = 9999999999999";
        office.execute(lease, []).await;
        let busy = office.accounts.disconnect(&permit, account.id, true, occasion()).await;
        assert!(matches!(busy, Err(AccountError::Busy)), "{busy:?}");
        // A lease that is over is nobody's.
        office.execute("UPDATE accounts SET lease_until = 1", []).await;
        assert_eq!(office.accounts.disconnect(&permit, account.id, false, occasion()).await.unwrap(), Disconnected::Revoked);
    }

    async fn what_the_service_does_not_revoke_stays_unless_somebody_says_so(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let registered = office.register().await;
        let account = office.consent::<ManageAccounts>(office.editor, attempt("Orders")).await.unwrap().account;
        let permit = office.within::<ManageAccounts>(office.editor);
        // The service knows the client by another secret by now.
        let manage = office.within::<access_control::ManageOauthClients>(office.admin);
        let other = client(&registered.client_id, GivenSecret::Text("another".into()));
        office.clients.update(&manage, registered.id, other, None, occasion()).await.unwrap();
        let kept = office.accounts.disconnect(&permit, account.id, false, occasion()).await;
        assert!(matches!(kept, Err(AccountError::NotRevoked(_))), "{kept:?}");
        assert_eq!(office.count("accounts WHERE lease_until IS NULL").await, 1);
        assert_eq!(office.accounts.test(&permit, account.id).await.unwrap(), Trial::Works);
        let gone = office.accounts.disconnect(&permit, account.id, true, occasion()).await.unwrap();
        assert!(matches!(gone, Disconnected::Forgotten(_)));
        assert!(!office.server.history(0).revoked);
        assert_eq!(office.count("accounts").await, 0);
    }

    async fn what_the_service_has_ended_is_forgotten_without_further_words(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let registered = office.register().await;
        let account = office.consent::<ManageAccounts>(office.editor, attempt("Orders")).await.unwrap().account;
        let permit = office.within::<ManageAccounts>(office.editor);
        let manage = office.within::<access_control::ManageOauthClients>(office.admin);
        let other = client(&registered.client_id, GivenSecret::Text("another".into()));
        office.clients.update(&manage, registered.id, other, None, occasion()).await.unwrap();
        // What a drill was to revoke has not ended because of that.
        office.execute("UPDATE accounts SET state = 'needs_reconnect', cause = 'revoked'", []).await;
        let kept = office.accounts.disconnect(&permit, account.id, false, occasion()).await;
        assert!(matches!(kept, Err(AccountError::NotRevoked(_))), "{kept:?}");
        office.execute("UPDATE accounts SET cause = 'refused'", []).await;
        let gone = office.accounts.disconnect(&permit, account.id, false, occasion()).await.unwrap();
        assert!(matches!(gone, Disconnected::Forgotten(_)));
        assert_eq!(office.count("accounts").await, 0);
    }

    async fn tokens_are_for_the_client_that_they_were_given_to(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let registered = office.register().await;
        let account = office.consent::<ManageAccounts>(office.editor, attempt("Orders")).await.unwrap().account;
        let manage = office.within::<access_control::ManageOauthClients>(office.admin);
        let kept = client("another-client", GivenSecret::Kept);
        let refused = office.clients.update(&manage, registered.id, kept, None, occasion()).await;
        assert!(matches!(refused, Err(AccountError::SecretNeeded)), "{refused:?}");
        // An attempt that began before comes back to another client.
        let permit = office.within::<ManageAccounts>(office.editor);
        let begun = office.attempts.begin(&permit, attempt("Other"), occasion()).await.unwrap();
        let back = office.server.authorize(begun.url.as_str());
        let other = client("another-client", GivenSecret::Text("another".into()));
        let changed = office.clients.update(&manage, registered.id, other, Some(1), occasion()).await.unwrap();
        assert_eq!((changed.client_id.as_str(), changed.version), ("another-client", 2));
        let refused = office.come_back(office.editor, &back).await;
        assert!(matches!(refused, Err(AccountError::ClientChanged)), "{refused:?}");
        let list = office.within::<ListAccounts>(office.editor);
        let found = office.accounts.find(&list, account.id, occasion().now).await.unwrap();
        assert_eq!(found.state, AccountState::NeedsReconnect(ReconnectCause::ClientChanged));
        assert_eq!(office.events("oauth_clients.manage").await[1]["accountsToReconnect"], 1);
        let opened = office.credentials.unlock(&found, OpenedFor::Tokens).await;
        assert!(matches!(opened, Err(AccountError::ClientChanged)));
        // Deleted, there is none.
        office.clients.delete(&manage, registered.id, occasion()).await.unwrap();
        let begun = office.attempts.begin_again(&permit, account.id, Default::default(), None, None, occasion()).await;
        assert!(matches!(begun, Err(AccountError::NoClient)));
        office.register().await;
        let begun = office.attempts.begin_again(&permit, account.id, Default::default(), None, None, occasion()).await.unwrap();
        let back = office.server.authorize(begun.url.as_str());
        assert_eq!(office.come_back(office.editor, &back).await.unwrap().account.state, AccountState::Active);
    }

    async fn nobody_is_sent_elsewhere_afterwards(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        office.register().await;
        let permit = office.within::<ManageAccounts>(office.editor);
        for place in ["https://evil.test/", "//evil.test", "/\\evil.test", "evil"] {
            let given = GivenAttempt { return_to: Some(place.to_owned()), ..attempt("Orders") };
            let refused = office.attempts.begin(&permit, given, occasion()).await;
            assert!(matches!(refused, Err(AccountError::Invalid { .. })), "{place}");
        }
    }
}
