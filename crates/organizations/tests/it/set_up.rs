//! The first organization.

use access_control::{CompleteSetUp, CreateOrganization, Role};
use futures_util::future::join_all;
use organizations::OrganizationError;
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::house::{House, request};

on_both_stores! {
    async fn whoever_has_the_code_owns_the_first_organization(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let permit = ada.on_own_account::<CompleteSetUp>();
        let code = house.set_up.issue_code(OffsetDateTime::now_utc()).await.unwrap().unwrap();
        assert!(house.set_up.is_pending().await.unwrap());
        let create = ada.on_own_account::<CreateOrganization>();
        let early = house
            .organizations
            .create(&create, request(), "early".parse().unwrap(), "Early".parse().unwrap())
            .await;
        assert!(matches!(early, Err(OrganizationError::SetUpPending)), "{early:?}");

        let first = |code: String| {
            let permit = &permit;
            let house = &house;
            async move {
                let (slug, name) = ("acme".parse().unwrap(), "Acme".parse().unwrap());
                house.set_up.create_first(permit, request(), &code, slug, name).await
            }
        };
        let wrong = cryptography::Token::generate().unwrap().reveal().to_string();
        for wrong in [String::new(), "0000".to_owned(), wrong] {
            let outcome = first(wrong).await;
            assert!(matches!(outcome, Err(OrganizationError::SetUpCodeInvalid)), "{outcome:?}");
        }
        let outcomes = join_all((0..10).map(|_| first(code.reveal().to_string()))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let acme = outcomes.into_iter().find_map(Result::ok).unwrap().id;
        assert_eq!(house.role(&ada, acme).await, Some(Role::Owner));
        assert_eq!(house.events(acme, "set_up.complete").await, 1);

        let again = first(code.reveal().to_string()).await;
        assert!(matches!(again, Err(OrganizationError::SetUpCodeInvalid)), "{again:?}");
        assert!(house.set_up.issue_code(OffsetDateTime::now_utc()).await.unwrap().is_none());
        assert!(!house.set_up.is_pending().await.unwrap());
        house.organization(&ada, "second").await;
    }

    async fn a_newer_code_replaces_the_older(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let permit = ada.on_own_account::<CompleteSetUp>();
        let now = OffsetDateTime::now_utc();
        let older = house.set_up.issue_code(now).await.unwrap().unwrap();
        let newer = house.set_up.issue_code(now).await.unwrap().unwrap();
        let (slug, name) = ("acme".parse().unwrap(), "Acme".parse().unwrap());
        let refused = house.set_up.create_first(&permit, request(), &older.reveal(), slug, name).await;
        assert!(matches!(refused, Err(OrganizationError::SetUpCodeInvalid)), "{refused:?}");
        let (slug, name) = ("acme".parse().unwrap(), "Acme".parse().unwrap());
        house.set_up.create_first(&permit, request(), &newer.reveal(), slug, name).await.unwrap();
    }
}
