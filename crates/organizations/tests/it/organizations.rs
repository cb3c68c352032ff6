//! Creating, reading and changing organizations.

use access_control::{
    CreateOrganization, ListOwnOrganizations, ReadOrganization, Refusal, Role, UpdateOrganization,
};
use futures_util::future::join_all;
use organizations::{OrganizationChanges, OrganizationError, PersonName};
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, request};

on_both_stores! {
    async fn whoever_creates_an_organization_owns_it(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await;
        assert_eq!(house.role(&ada, acme.id).await, Some(Role::Owner));
        assert_eq!(house.events(acme.id, "organizations.create").await, 1);
        let own = house.organizations.list_own(&ada.on_own_account::<ListOwnOrganizations>()).await.unwrap();
        assert_eq!(own.len(), 1);
        assert_eq!((own[0].organization.id, own[0].role), (acme.id, Role::Owner));
        let read = house.permit::<ReadOrganization>(&ada, acme.id).await.unwrap();
        assert_eq!(house.organizations.read(&read).await.unwrap().name.as_str(), "acme");
    }

    async fn a_slug_belongs_to_one_organization(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        house.organization(&ada, "acme").await;
        let bob = house.person("bob").await;
        let permit = bob.on_own_account::<CreateOrganization>();
        let second = house
            .organizations
            .create(&permit, request(), "acme".parse().unwrap(), "Acme".parse().unwrap())
            .await;
        assert!(matches!(second, Err(OrganizationError::SlugTaken)), "{second:?}");
        let own = house.organizations.list_own(&bob.on_own_account::<ListOwnOrganizations>()).await.unwrap();
        assert!(own.is_empty());
    }

    async fn of_twenty_who_want_one_slug_at_once_one_gets_it(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let permit = ada.on_own_account::<CreateOrganization>();
        let attempts = (0..20).map(|_| {
            house.organizations.create(&permit, request(), "acme".parse().unwrap(), "Acme".parse().unwrap())
        });
        let outcomes = join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let taken = |outcome: &&Result<_, _>| matches!(outcome, Err(OrganizationError::SlugTaken));
        assert_eq!(outcomes.iter().filter(taken).count(), 19);
    }

    async fn everybody_begins_with_an_organization_of_their_own_once(database: TestDatabase) {
        let house = House::on(database);
        let other = house.person("other").await;
        house.organization(&other, "ada").await;
        let ada = house.person("ada").await;
        let permit = ada.on_own_account::<CreateOrganization>();
        let name = PersonName { email: ada.email.clone(), name: "Ada".to_owned(), picture: None };
        let first = house.organizations.create_personal(&permit, request(), &name).await.unwrap().unwrap();
        assert_eq!((first.slug.as_str(), first.name.as_str()), ("ada-2", "Ada"));
        assert_eq!(house.organizations.create_personal(&permit, request(), &name).await.unwrap(), None);
    }

    async fn ten_tabs_of_a_newcomer_make_one_organization(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let permit = ada.on_own_account::<CreateOrganization>();
        let name = PersonName { email: ada.email.clone(), name: "Ada".to_owned(), picture: None };
        let tabs = (0..10).map(|_| house.organizations.create_personal(&permit, request(), &name));
        let outcomes = join_all(tabs).await;
        assert_eq!(outcomes.into_iter().filter_map(Result::unwrap).count(), 1);
        let own = house.organizations.list_own(&ada.on_own_account::<ListOwnOrganizations>()).await.unwrap();
        assert_eq!(own.len(), 1);
    }

    async fn an_update_changes_what_it_names(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await.signed_in_at("example.com");
        let acme = house.organization(&ada, "acme").await;
        let permit = house.permit::<UpdateOrganization>(&ada, acme.id).await.unwrap();
        let changes = OrganizationChanges {
            name: Some("Acme Ltd".parse().unwrap()),
            hosted_domain: Some(Some("example.com".parse().unwrap())),
            personal_accounts_in_apps: Some(false),
        };
        assert!(acme.personal_accounts_in_apps);
        house.organizations.update(&permit, request(), changes).await.unwrap();
        let nothing = OrganizationChanges::default();
        let after = house.organizations.update(&permit, request(), nothing).await.unwrap();
        assert_eq!(after.name.as_str(), "Acme Ltd");
        assert_eq!(after.hosted_domain.unwrap().as_str(), "example.com");
        assert!(!after.personal_accounts_in_apps);
        assert_eq!(after.slug, acme.slug);
        assert_eq!(house.events(acme.id, "organization.update").await, 1);
    }

    async fn nobody_locks_themselves_out_with_a_hosted_domain(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await;
        let permit = house.permit::<UpdateOrganization>(&ada, acme.id).await.unwrap();
        let changes = || OrganizationChanges {
            hosted_domain: Some(Some("example.com".parse().unwrap())),
            ..Default::default()
        };
        let refused = house.organizations.update(&permit, request(), changes()).await;
        assert!(matches!(refused, Err(OrganizationError::WouldLockOut)), "{refused:?}");
        let inside = ada.signed_in_at("example.com");
        let permit = house.permit::<UpdateOrganization>(&inside, acme.id).await.unwrap();
        house.organizations.update(&permit, request(), changes()).await.unwrap();
        // From another domain the organization is not there at all.
        assert_eq!(house.permit::<ReadOrganization>(&ada, acme.id).await.err(), Some(Refusal::NotFound));
        let own = ada.on_own_account::<ListOwnOrganizations>();
        assert!(house.organizations.list_own(&own).await.unwrap().is_empty());
    }

    async fn z05_an_admin_shuts_no_owner_out_with_a_hosted_domain(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await;
        let bob = house.member(acme.id, "bob", Role::Admin).await.signed_in_at("bobs.example");
        let permit = house.permit::<UpdateOrganization>(&bob, acme.id).await.unwrap();
        let of = |domain: Option<&str>| OrganizationChanges {
            name: Some("By Bob".parse().unwrap()),
            hosted_domain: Some(domain.map(|domain| domain.parse().unwrap())),
            ..Default::default()
        };
        let refused = house.organizations.update(&permit, request(), of(Some("bobs.example"))).await;
        assert!(matches!(refused, Err(OrganizationError::Refused(Refusal::Forbidden))), "{refused:?}");
        let read = house.permit::<ReadOrganization>(&ada, acme.id).await.unwrap();
        let unchanged = house.organizations.read(&read).await.unwrap();
        assert_eq!((unchanged.name, unchanged.hosted_domain), (acme.name, None));
        // The name is an Admin's to change, and the domain as it is can be said along with it.
        assert_eq!(house.organizations.update(&permit, request(), of(None)).await.unwrap().name.as_str(), "By Bob");
    }
}
