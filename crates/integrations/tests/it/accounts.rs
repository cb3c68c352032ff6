//! Accounts that are proved by what people give: connected, tried, described, disconnected, refused.

use access_control::{ListAccounts, ListOwnAccounts, ManageAccounts, ManageOwnAccounts, UsableBy};
use integrations::{
    Account, AccountDescription, AccountError, AccountHolder, AccountState, Disconnected, OpenedFor,
    ReconnectCause, Trial,
};
use test_support::TestDatabase;
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET};

use crate::account_office::{AccountOffice, CLIENT, CODE, KEY};
use crate::account_requests::{description, given, occasion};

/// The field that is refused.
fn field<T: std::fmt::Debug>(result: Result<T, AccountError>) -> String {
    match result {
        Err(AccountError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

test_support::on_both_stores! {
    async fn an_account_is_connected_listed_described_and_disconnected(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let (list, manage) = (office.within::<ListAccounts>(office.editor), office.within::<ManageAccounts>(office.editor));
        let key = office.server.grant().access;
        let (made, trial) =
            office.accounts.connect(&manage, given(KEY, " Orders ", &[("api_key", &key)]), occasion()).await.unwrap();
        assert_eq!(trial, Trial::Works);
        assert_eq!((made.name.as_str(), made.version, made.generation), ("Orders", 1, 1));
        assert_eq!((made.holder, made.state), (AccountHolder::Shared, AccountState::Active));
        // What was not given is what the entry says.
        assert_eq!(made.values["region"], "eu");
        let now = occasion().now;
        assert_eq!(office.accounts.find(&list, made.id, now).await.unwrap(), made);
        let second = office.connect("Second").await;
        let listed = office.accounts.list(&list, None, None, 10, now).await.unwrap();
        assert_eq!(listed, [made.clone(), second.clone()]);
        assert_eq!(office.accounts.list(&list, None, Some(made.id), 10, now).await.unwrap(), [second]);
        assert!(office.accounts.list(&list, Some(&CODE.parse().unwrap()), None, 10, now).await.unwrap().is_empty());
        assert_eq!(office.accounts.test(&manage, made.id).await.unwrap(), Trial::Works);

        let described = AccountDescription {
            usable_by: UsableBy::Apps([office.app].into()),
            from_pages: true,
            ..description("Orders 2")
        };
        let changed = office.accounts.describe(&manage, made.id, described, Some(1), occasion()).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.version, changed.from_pages), ("Orders 2", 2, true));
        assert_eq!(office.accounts.find(&list, made.id, now).await.unwrap(), changed);
        // It is still proved, and by the same.
        assert_eq!(office.accounts.test(&manage, made.id).await.unwrap(), Trial::Works);
        let stale = office.accounts.describe(&manage, made.id, description("Orders 3"), Some(1), occasion()).await;
        assert!(matches!(stale, Err(AccountError::Changed)));

        let gone = office.accounts.disconnect(&manage, made.id, false, occasion()).await.unwrap();
        assert_eq!(gone, Disconnected::NotRevocable);
        assert!(matches!(office.accounts.find(&list, made.id, now).await, Err(AccountError::NotFound)));
        assert_eq!((office.count("accounts").await, office.count("sealed_values").await), (1, 1));

        let events = office.events("accounts.manage").await;
        assert_eq!(events.len(), 4);
        assert_eq!(events[0]["before"], serde_json::Value::Null);
        assert_eq!(events[2]["after"]["usableBy"]["apps"], serde_json::json!([office.app]));
        assert_eq!(events[3]["revocation"]["outcome"], "not_revocable");
        assert!(!office.trail().await.join("\n").contains(&key));
    }

    async fn what_the_service_does_not_take_is_not_kept(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let wrong = given(KEY, "Orders", &[("api_key", "wrong")]);
        let refused = office.accounts.connect(&manage, wrong.clone(), occasion()).await;
        assert!(matches!(refused, Err(AccountError::NotTaken(401))));
        assert_eq!((office.count("accounts").await, office.count("sealed_values").await), (0, 0));
        let untested = integrations::GivenAccount { tested: false, ..wrong };
        let (made, trial) = office.accounts.connect(&manage, untested, occasion()).await.unwrap();
        assert_eq!(trial, Trial::Untried);
        assert_eq!(office.accounts.test(&manage, made.id).await.unwrap(), Trial::Answered(401));
        // Given again, it is the same account.
        let key = office.server.grant().access;
        let secrets = given(KEY, "Orders", &[("api_key", &key)]).secrets;
        let again = office.accounts.prove_again(&manage, made.id, Default::default(), secrets.clone(), true, occasion());
        let (again, trial) = again.await.unwrap();
        assert_eq!((again.id, again.generation, again.version, trial), (made.id, 2, 2, Trial::Works));
        let elsewhere = [("region".to_owned(), "us".to_owned())].into();
        let moved = office.accounts.prove_again(&manage, made.id, elsewhere, secrets, true, occasion()).await;
        assert_eq!(field(moved), "values.region");
    }

    async fn what_is_given_is_checked(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let connect = async |given| office.accounts.connect(&manage, given, occasion()).await;
        assert!(matches!(connect(given("nowhere", "A", &[])).await, Err(AccountError::UnknownService)));
        assert!(matches!(connect(given(CODE, "A", &[])).await, Err(AccountError::BrowserNeeded)));
        assert_eq!(field(connect(given(KEY, "A", &[])).await), "secrets");
        assert_eq!(field(connect(given(KEY, "A", &[("api_key", "a\nb")])).await), "secrets");
        assert_eq!(field(connect(given(KEY, "A", &[("api_key", "a"), ("other", "b")])).await), "secrets");
        let with = |name: &str, value: &str| {
            let mut given = office.given("A");
            given.values.insert(name.to_owned(), value.to_owned());
            given
        };
        for value in ["e", "eur", "..", "e/", "EU", "eu\n"] {
            assert_eq!(field(connect(with("region", value)).await), "values.region", "{value}");
        }
        assert_eq!(field(connect(with("token", "a")).await), "values");
        assert_eq!(connect(with("region", "us")).await.unwrap().0.values["region"], "us");
    }

    async fn a_client_that_proves_itself_is_asked_for_a_token_first(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let with = |secret: &str| given(CLIENT, "A", &[("client_id", CLIENT_ID), ("client_secret", secret)]);
        let refused = office.accounts.connect(&manage, with("wrong"), occasion()).await;
        assert!(matches!(refused, Err(AccountError::Token(_))), "{refused:?}");
        assert_eq!(office.count("accounts").await, 0);
        let (made, trial) = office.accounts.connect(&manage, with(CLIENT_SECRET), occasion()).await.unwrap();
        assert_eq!(trial, Trial::Works);
        assert!(made.expires_at.is_some());
        assert!(!office.trail().await.join("\n").contains(CLIENT_SECRET));
    }

    async fn private_addresses_are_refused_when_an_account_is_connected(database: TestDatabase) {
        let office = AccountOffice::permitting(database, &[]).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let refused = office.accounts.connect(&manage, office.given("A"), occasion()).await;
        assert!(matches!(refused, Err(AccountError::Address)), "{refused:?}");
        let client = given(CLIENT, "A", &[("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)]);
        let refused = office.accounts.connect(&manage, client, occasion()).await;
        assert!(matches!(refused, Err(AccountError::Token(_))), "{refused:?}");
        assert_eq!((office.count("accounts").await, office.count("sealed_values").await), (0, 0));
        assert_eq!(office.server.take_load().calls, 0);
    }

    async fn i07_an_account_of_another_person_or_organization_does_not_exist(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let now = occasion().now;
        let own = office.within::<ManageOwnAccounts>(office.member);
        let (personal, _) = office.accounts.connect(&own, office.given("Mine"), occasion()).await.unwrap();
        assert_eq!(personal.holder, AccountHolder::Personal(office.member));
        let shared = office.connect("Ours").await;
        // Each is there for those whose it is.
        let mine = office.within::<ListOwnAccounts>(office.member);
        assert_eq!(office.accounts.find(&mine, personal.id, now).await.unwrap(), personal);
        assert_eq!(office.accounts.list(&mine, None, None, 10, now).await.unwrap(), std::slice::from_ref(&personal));
        let ours = office.within::<ListAccounts>(office.admin);
        assert_eq!(office.accounts.list(&ours, None, None, 10, now).await.unwrap(), std::slice::from_ref(&shared));
        // And for nobody else, whatever they may do: not the Admin, not the other person, not the other organization.
        assert!(matches!(office.accounts.find(&ours, personal.id, now).await, Err(AccountError::NotFound)));
        for user in [office.admin, office.editor, office.outsider] {
            let theirs = office.within::<ListOwnAccounts>(user);
            assert!(office.accounts.list(&theirs, None, None, 10, now).await.unwrap().is_empty());
            for id in [personal.id, shared.id] {
                assert!(matches!(office.accounts.find(&theirs, id, now).await, Err(AccountError::NotFound)));
            }
            let change = office.within::<ManageOwnAccounts>(user);
            refused(&office, &personal, &change).await;
            refused(&office, &shared, &change).await;
        }
        refused(&office, &personal, &office.within::<ManageAccounts>(office.admin)).await;
        refused(&office, &personal, &office.within::<ManageAccounts>(office.outsider)).await;
        refused(&office, &shared, &office.within::<ManageAccounts>(office.outsider)).await;
        assert_eq!(office.accounts.find(&mine, personal.id, now).await.unwrap(), personal);
    }

    async fn a_personal_account_goes_with_the_membership(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let own = office.within::<ManageOwnAccounts>(office.member);
        office.accounts.connect(&own, office.given("Mine"), occasion()).await.unwrap();
        office.connect("Ours").await;
        let leave = "DELETE FROM members WHERE user_id = $1";
        office.execute(leave, [office.member.to_string().into()]).await;
        assert_eq!((office.count("accounts").await, office.count("sealed_values").await), (1, 1));
    }

    async fn nobody_learns_of_apps_or_lets_them_use_more(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let now = occasion().now;
        let manage = office.within::<ManageAccounts>(office.editor);
        let only = |apps: &[ids::AppId], from_pages: bool| AccountDescription {
            usable_by: UsableBy::Apps(apps.iter().copied().collect()),
            from_pages,
            ..description("Orders")
        };
        for app in [office.foreign_app, ids::AppId::generate()] {
            let mut foreign = office.given("Orders");
            foreign.description = only(&[app], false);
            assert!(matches!(office.accounts.connect(&manage, foreign, occasion()).await, Err(AccountError::UnknownApp)));
        }
        let mut both = office.given("Orders");
        both.description = only(&[office.app, office.hidden], false);
        let (made, _) = office.accounts.connect(&manage, both, occasion()).await.unwrap();
        // The Admin sees one of the two apps, and takes the other neither away nor along.
        let admin = office.within::<ManageAccounts>(office.admin);
        let seen = office.accounts.find(&office.within::<ListAccounts>(office.admin), made.id, now).await.unwrap();
        assert_eq!(seen.usable_by, UsableBy::Apps([office.app].into()));
        for more in [only(&[office.app, office.other_app], false), only(&[office.app], true), description("Orders")] {
            let more = office.accounts.describe(&admin, made.id, more, None, occasion()).await;
            assert!(matches!(more, Err(AccountError::HiddenApps)), "{more:?}");
        }
        let hidden = office.accounts.describe(&admin, made.id, only(&[office.hidden], false), None, occasion()).await;
        assert!(matches!(hidden, Err(AccountError::UnknownApp)));
        office.accounts.describe(&admin, made.id, only(&[], false), None, occasion()).await.unwrap();
        let seen = office.accounts.find(&office.within::<ListAccounts>(office.editor), made.id, now).await.unwrap();
        assert_eq!(seen.usable_by, UsableBy::Apps([office.hidden].into()));
        // Whoever sees all of them may.
        office.accounts.describe(&manage, made.id, only(&[office.hidden, office.app], true), None, occasion()).await.unwrap();
    }

    async fn a_row_that_is_not_what_was_sealed_proves_nothing(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let edits = [
            ("service", "UPDATE accounts SET service = 'client-server'"),
            ("values", "UPDATE accounts SET variables = '{\"region\":\"us\"}'"),
            ("values", "UPDATE accounts SET variables = '{}'"),
            ("apps", "UPDATE accounts SET every_app = TRUE"),
            ("apps", "UPDATE account_apps SET app_id = (SELECT id FROM apps WHERE id NOT IN (SELECT app_id FROM account_apps) ORDER BY id LIMIT 1)"),
            ("fromPages", "UPDATE accounts SET from_pages = TRUE"),
            ("generation", "UPDATE accounts SET generation = 7"),
        ];
        for (number, (differs, edit)) in edits.into_iter().enumerate() {
            let mut whole = office.given("Orders");
            whole.description.usable_by = UsableBy::Apps([office.app].into());
            let (made, _) = office.accounts.connect(&manage, whole, occasion()).await.unwrap();
            assert_eq!(office.execute(edit, []).await, 1, "{edit}");
            let _ = office.server.take_load();
            let tried = office.accounts.test(&manage, made.id).await;
            assert!(matches!(tried, Err(AccountError::Tampered(id)) if id == made.id), "{edit}: {tried:?}");
            let tried = office.restarted().test(&manage, made.id).await;
            assert!(matches!(tried, Err(AccountError::Tampered(_))), "{edit}");
            // Nor does saying something else of it, or proving it again, have it sealed.
            let described = office.accounts.describe(&manage, made.id, description("Other"), None, occasion()).await;
            assert!(matches!(described, Err(AccountError::Tampered(_))), "{edit}: {described:?}");
            let calls = office.server.take_load();
            assert_eq!((calls.calls, calls.calls_after_the_end), (0, 0), "{edit}");
            let alarms = office.wait_for("accounts.tampering_detected", number * 2 + 2).await;
            assert_eq!(alarms[number * 2]["differs"], serde_json::json!([differs]), "{edit}");
            // It is not revoked at the service, and forgotten if somebody says so.
            let kept = office.accounts.disconnect(&manage, made.id, false, occasion()).await;
            assert!(matches!(kept, Err(AccountError::Tampered(_))), "{edit}");
            let gone = office.accounts.disconnect(&manage, made.id, true, occasion()).await.unwrap();
            assert!(matches!(gone, Disconnected::Forgotten(_)), "{edit}");
        }
    }

    async fn credentials_of_another_account_are_no_credentials(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        let own = office.within::<ManageOwnAccounts>(office.member);
        let (first, second) = (office.connect("First").await, office.connect("Second").await);
        let (personal, _) = office.accounts.connect(&own, office.given("Mine"), occasion()).await.unwrap();
        let swap = "UPDATE accounts SET credentials = $1 WHERE id = $2";
        for other in [&second, &personal] {
            let holder = AccountOffice::connect(&office, "Spare").await;
            let values = |account: &Account, credentials: ids::SecretId| {
                [credentials.to_string().into(), account.id.to_string().into()]
            };
            office.execute("DELETE FROM accounts WHERE id = $1", [holder.id.to_string().into()]).await;
            office.execute(swap, values(other, holder.credentials)).await;
            office.execute(swap, values(&first, other.credentials)).await;
            let tried = office.accounts.test(&manage, first.id).await;
            assert!(matches!(tried, Err(AccountError::Tampered(_))), "{tried:?}");
            office.execute(swap, values(&first, first.credentials)).await;
            assert_eq!(office.accounts.test(&manage, first.id).await.unwrap(), Trial::Works);
        }
        // Made another person's, it opens for nobody.
        let give = "UPDATE accounts SET user_id = $1 WHERE id = $2";
        office.execute(give, [office.member.to_string().into(), first.id.to_string().into()]).await;
        let tried = office.accounts.test(&own, first.id).await;
        assert!(matches!(tried, Err(AccountError::Tampered(_))), "{tried:?}");
    }

    async fn credentials_do_not_follow_a_service_to_another_place(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        office.import("own-server", "/api").await;
        let key = office.server.grant().access;
        let whole = given("own-server", "Orders", &[("api_key", &key)]);
        let (made, trial) = office.accounts.connect(&manage, whole.clone(), occasion()).await.unwrap();
        assert_eq!(trial, Trial::Works);
        // Other facts of the entry are no reason.
        office.execute("UPDATE imported_services SET definition = REPLACE(definition, 'testing', 'orders')", []).await;
        assert_eq!(office.accounts.test(&manage, made.id).await.unwrap(), Trial::Works);
        let elsewhere = "UPDATE imported_services SET definition = REPLACE(definition, '/api', '/api/elsewhere')";
        assert_eq!(office.execute(elsewhere, []).await, 1);
        let _ = office.server.take_load();
        let tried = office.accounts.test(&manage, made.id).await;
        assert!(matches!(tried, Err(AccountError::NeedsReconnect(ReconnectCause::ServiceChanged))), "{tried:?}");
        assert_eq!(office.server.take_load().calls, 0);
        let alarms = office.wait_for("accounts.tampering_detected", 1).await;
        assert_eq!(alarms[0]["differs"], serde_json::json!(["service"]));
        // Given again, they are for the new place.
        let proved = office.accounts.prove_again(&manage, made.id, Default::default(), whole.secrets, true, occasion()).await;
        assert_eq!(proved.unwrap().1, Trial::Works);
        assert_eq!(office.accounts.test(&manage, made.id).await.unwrap(), Trial::Works);
        // An entry of the catalogue that gets the same name does not inherit them either.
        office.execute("DELETE FROM imported_services", []).await;
        let tried = office.accounts.test(&manage, made.id).await;
        assert!(matches!(tried, Err(AccountError::UnknownService)), "{tried:?}");
    }

    async fn changes_at_the_same_time_take_turns(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let manage = office.within::<ManageAccounts>(office.editor);
        for _ in 0..5 {
            let made = office.connect("Orders").await;
            let describe = async |name: &str| {
                office.accounts.describe(&manage, made.id, description(name), None, occasion()).await.map(|_| ())
            };
            let disconnect =
                async || office.accounts.disconnect(&manage, made.id, false, occasion()).await.map(|_| ());
            let secrets = office.given("Orders").secrets;
            let prove = async || {
                let secrets = secrets.clone();
                let proved = office.accounts.prove_again(&manage, made.id, Default::default(), secrets, true, occasion());
                proved.await.map(|_| ())
            };
            let (one, two, three, four, five) =
                tokio::join!(describe("One"), prove(), disconnect(), describe("Two"), disconnect());
            for done in [one, two, three, four, five] {
                // Whoever comes too late finds nothing, or another state; nobody waits for somebody who waits for them.
                let fine = matches!(
                    done,
                    Ok(()) | Err(AccountError::NotFound | AccountError::Changed | AccountError::Busy)
                );
                assert!(fine, "{done:?}");
            }
        }
        assert_eq!((office.count("accounts").await, office.count("sealed_values").await), (0, 0));
    }

    async fn what_is_opened_is_what_was_given(database: TestDatabase) {
        let office = AccountOffice::new(database).await;
        let account = office.connect("Orders").await;
        let opened = office.credentials.unlock(&account, OpenedFor::Calls).await.unwrap();
        assert_eq!((opened.generation, opened.values["region"].as_str()), (1, "eu"));
        assert!(opened.client.is_none());
        assert!(!format!("{:?}", opened.credentials).contains(&office.server.grant().access));
    }
}

/// Nothing that changes, opens or calls finds the account.
async fn refused<A: integrations::ManagesAccounts>(
    office: &AccountOffice,
    account: &Account,
    permit: &access_control::Permit<A>,
) {
    let accounts = &office.accounts;
    let gone = |result: Result<(), AccountError>| {
        assert!(matches!(result, Err(AccountError::NotFound)), "{result:?}")
    };
    gone(accounts.test(permit, account.id).await.map(|_| ()));
    gone(accounts.describe(permit, account.id, description("Taken"), None, occasion()).await.map(|_| ()));
    gone(accounts.disconnect(permit, account.id, true, occasion()).await.map(|_| ()));
    let secrets = office.given("Taken").secrets;
    let proved =
        accounts.prove_again(permit, account.id, Default::default(), secrets, true, occasion()).await;
    gone(proved.map(|_| ()));
    let again =
        office.attempts.begin_again(permit, account.id, Default::default(), None, None, occasion()).await;
    gone(again.map(|_| ()));
}
