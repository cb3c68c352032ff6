//! Deleting an organization, and its slug afterwards.

use std::sync::atomic::Ordering;

use access_control::{
    CreateInvitation, CreateOrganization, DeleteOrganization, ListOwnOrganizations, ManageGroups, Refusal,
    Role,
};
use futures_util::future::join_all;
use organizations::{OrganizationError, SLUG_REST};
use sea_orm::{ConnectionTrait, Statement};
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, request};
use crate::invitations::invalid;

impl House {
    async fn rows(&self, table: &str) -> i64 {
        let statement =
            Statement::from_string(self.database.backend(), format!("SELECT count(*) AS n FROM {table}"));
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// What a record of the audit trail says.
    async fn detail(&self, record: &str) -> serde_json::Value {
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "SELECT detail FROM audit_events WHERE id = $1",
            [record.into()],
        );
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        serde_json::from_str(&row.try_get::<String>("", "detail").unwrap()).unwrap()
    }
}

on_both_stores! {
    async fn an_organization_goes_with_everything_but_its_trail(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let other = house.organization(&ada, "other").await.id;
        let bob = house.member(acme, "bob", Role::Admin).await;
        let carol = house.person("carol").await;
        let invited = house.invite(&ada, acme, &carol, Role::Member).await;
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let group = house.groups.create(&manage, request(), "Finance".parse().unwrap()).await.unwrap();
        house.groups.add_member(&manage, request(), group.id, bob.id).await.unwrap();
        let before = house.rows("audit_events").await;
        let delete = house.permit::<DeleteOrganization>(&ada, acme).await.unwrap();

        let slip = house.organizations.delete(&delete, request(), &"other".parse().unwrap()).await;
        assert!(matches!(slip, Err(OrganizationError::OtherSlug)), "{slip:?}");
        let slug = "acme".parse().unwrap();
        house.departures.fails.store(true, Ordering::Relaxed);
        let outcome = house.organizations.delete(&delete, request(), &slug).await;
        assert!(matches!(outcome, Err(OrganizationError::Neighbour(_))), "{outcome:?}");
        assert_eq!(house.role(&bob, acme).await, Some(Role::Admin), "nothing was changed");

        house.departures.fails.store(false, Ordering::Relaxed);
        let receipt = house.organizations.delete(&delete, request(), &slug).await.unwrap();
        assert!(receipt.is_signed_by(&house.public_key));
        let said = &receipt.receipt;
        assert_eq!((said.organization, said.slug.as_str()), (acme, "acme"));
        assert_eq!((said.apps, said.values, said.members), (3, 7, 2));
        let detail = house.detail(&said.record.to_string()).await;
        assert_eq!(detail["before"]["members"], 2);
        assert_eq!(
            detail["destroyed"],
            serde_json::json!({ "dataKeys": said.data_keys, "values": said.values }),
            "the audit trail says the same"
        );
        for (table, left) in
            [("organizations", 1), ("members", 1), ("invitations", 0), ("groups", 0), ("group_members", 0)]
        {
            assert_eq!(house.rows(table).await, left, "{table}");
        }
        assert_eq!(house.rows("audit_events").await, before + 1);
        assert_eq!(house.events(acme, "organization.delete").await, 1);
        invalid(house.accept(&carol, &invited.token.reveal()).await);
        let own = house.organizations.list_own(&ada.on_own_account::<ListOwnOrganizations>()).await.unwrap();
        assert_eq!(own.iter().map(|own| own.organization.id).collect::<Vec<_>>(), [other]);
        let again = house.organizations.delete(&delete, request(), &slug).await;
        assert!(matches!(again, Err(OrganizationError::NotFound)), "{again:?}");
    }

    async fn v06_the_slug_of_a_deleted_organization_rests(database: TestDatabase) {
        let house = House::on(database);
        let (ada, eve) = (house.person("ada").await, house.person("eve").await);
        let acme = house.organization(&ada, "acme").await.id;
        let delete = house.permit::<DeleteOrganization>(&ada, acme).await.unwrap();
        house.organizations.delete(&delete, request(), &"acme".parse().unwrap()).await.unwrap();
        let take = async |who: &crate::house::Somebody| {
            let permit = who.on_own_account::<CreateOrganization>();
            let name = "Acme".parse().unwrap();
            house.organizations.create(&permit, request(), "acme".parse().unwrap(), name).await
        };
        for who in [&eve, &ada] {
            let outcome = take(who).await;
            assert!(matches!(outcome, Err(OrganizationError::SlugTaken)), "{outcome:?}");
        }
        let retire = async |at: OffsetDateTime| {
            let statement = Statement::from_sql_and_values(
                house.database.backend(),
                "UPDATE retired_slugs SET retired_at = $1",
                [at.into()],
            );
            house.database.connection().execute_raw(statement).await.unwrap();
        };
        retire(OffsetDateTime::now_utc() - SLUG_REST + Duration::MINUTE).await;
        assert!(matches!(take(&eve).await, Err(OrganizationError::SlugTaken)));
        retire(OffsetDateTime::now_utc() - SLUG_REST).await;
        take(&eve).await.unwrap();
        assert_eq!(house.rows("retired_slugs").await, 0);
    }

    async fn z03_whoever_is_no_owner_any_more_deletes_nothing(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Owner).await;
        let delete = house.permit::<DeleteOrganization>(&bob, acme).await.unwrap();
        house.remove(&ada, acme, &bob).await;
        let outcome = house.organizations.delete(&delete, request(), &"acme".parse().unwrap()).await;
        assert!(matches!(outcome, Err(OrganizationError::Refused(Refusal::NotFound))), "{outcome:?}");
        assert_eq!(house.owners(acme).await, 1);
    }

    async fn what_happens_to_an_organization_while_it_is_deleted_leaves_nothing(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let delete = house.permit::<DeleteOrganization>(&ada, acme).await.unwrap();
        let invite = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let mut accepting = Vec::new();
        for number in 0..5 {
            let person = house.person(&format!("p{number}")).await;
            let token = house.invite(&ada, acme, &person, Role::Member).await.token;
            accepting.push((person, token));
        }
        let slug = "acme".parse().unwrap();
        let deleting = house.organizations.delete(&delete, request(), &slug);
        let accepts =
            join_all(accepting.iter().map(async |(person, token)| house.accept(person, &token.reveal()).await));
        let creates = join_all((0..5).map(|number| {
            let email = format!("q{number}@example.com").parse().unwrap();
            house.invitations.create(&invite, request(), email, Role::Member, OffsetDateTime::now_utc())
        }));
        let groups = join_all(
            (0..5).map(|number| house.groups.create(&manage, request(), format!("g{number}").parse().unwrap())),
        );
        let (deleted, accepted, created, grouped) = tokio::join!(deleting, accepts, creates, groups);
        deleted.unwrap();
        for outcome in accepted.into_iter().filter(Result::is_err) {
            invalid(outcome);
        }
        for error in created.into_iter().filter_map(Result::err).chain(grouped.into_iter().filter_map(Result::err))
        {
            assert!(matches!(error, OrganizationError::NotFound), "{error:?}");
        }
        for table in ["organizations", "members", "invitations", "groups", "group_members"] {
            assert_eq!(house.rows(table).await, 0, "{table}");
        }
    }
}
