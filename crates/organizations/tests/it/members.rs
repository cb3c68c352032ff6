//! Roles, removals and the last Owner.

use std::sync::atomic::Ordering;

use access_control::{
    ChangeRole, LeaveOrganization, ListMembers, ManageGroups, ManageOwners, ReadOrganization, Refusal,
    RemoveMember, Role,
};
use futures_util::future::join_all;
use ids::UserId;
use organizations::OrganizationError;
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, request};

on_both_stores! {
    async fn z04_the_last_owner_cannot_leave_be_removed_or_be_demoted(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        house.member(acme, "admin", Role::Admin).await;
        let leave = house.permit::<LeaveOrganization>(&ada, acme).await.unwrap();
        let remove = house.permit::<RemoveMember>(&ada, acme).await.unwrap();
        let change = house.permit::<ChangeRole>(&ada, acme).await.unwrap();
        let check = |outcome: Result<(), OrganizationError>| {
            assert!(matches!(outcome, Err(OrganizationError::LastOwner)), "{outcome:?}");
        };
        check(house.members.leave(&leave, request()).await);
        check(house.members.remove(&remove, request(), ada.id).await.map(drop));
        for role in [Role::Admin, Role::Editor, Role::Member] {
            check(house.members.change_role(&change, request(), ada.id, role).await);
        }
        assert_eq!(house.role(&ada, acme).await, Some(Role::Owner));

        // With a second Owner, each of the three works.
        let bob = house.member(acme, "bob", Role::Owner).await;
        house.members.change_role(&change, request(), bob.id, Role::Member).await.unwrap();
        house.members.change_role(&change, request(), bob.id, Role::Owner).await.unwrap();
        house.members.remove(&remove, request(), bob.id).await.unwrap();
        house.member(acme, "carol", Role::Owner).await;
        house.members.leave(&leave, request()).await.unwrap();
        assert_eq!(house.role(&ada, acme).await, None);
        assert_eq!(house.owners(acme).await, 1);
    }

    async fn z04_of_fifty_owners_who_leave_at_once_one_stays(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let mut permits = vec![house.permit::<LeaveOrganization>(&ada, acme).await.unwrap()];
        for number in 1..50 {
            let owner = house.member(acme, &format!("owner{number}"), Role::Owner).await;
            permits.push(house.permit::<LeaveOrganization>(&owner, acme).await.unwrap());
        }
        let outcomes = join_all(permits.iter().map(|permit| house.members.leave(permit, request()))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 49, "{outcomes:?}");
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(OrganizationError::LastOwner))));
        assert_eq!(house.owners(acme).await, 1);
        assert_eq!(house.events(acme, "members.leave").await, 49);
    }

    async fn z04_of_two_owners_who_demote_each_other_fifty_times_one_stays(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Owner).await;
        let by_ada = house.permit::<ChangeRole>(&ada, acme).await.unwrap();
        let by_bob = house.permit::<ChangeRole>(&bob, acme).await.unwrap();
        let attempts = (0..50).map(|number| {
            let (permit, target) = if number % 2 == 0 { (&by_ada, bob.id) } else { (&by_bob, ada.id) };
            house.members.change_role(permit, request(), target, Role::Member)
        });
        let outcomes = join_all(attempts).await;
        for outcome in &outcomes {
            // Whoever lost the race has no say any more, whatever the permit was decided on.
            assert!(matches!(
                outcome,
                Ok(()) | Err(OrganizationError::Refused(Refusal::Forbidden))
            ), "{outcome:?}");
        }
        assert!(outcomes.iter().any(Result::is_err));
        assert_eq!(house.owners(acme).await, 1);
        assert_eq!(house.events(acme, "members.change_role").await, 1);
    }

    async fn z05_an_admin_neither_makes_nor_unmakes_owners(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        house.member(acme, "second", Role::Owner).await;
        let admin = house.member(acme, "admin", Role::Admin).await;
        let editor = house.member(acme, "editor", Role::Editor).await;
        let change = house.permit::<ChangeRole>(&admin, acme).await.unwrap();
        let remove = house.permit::<RemoveMember>(&admin, acme).await.unwrap();
        let check = |outcome: Result<(), OrganizationError>| {
            assert!(
                matches!(outcome, Err(OrganizationError::Refused(Refusal::Forbidden))),
                "{outcome:?}"
            );
        };
        check(house.members.change_role(&change, request(), admin.id, Role::Owner).await);
        check(house.members.change_role(&change, request(), editor.id, Role::Owner).await);
        check(house.members.change_role(&change, request(), ada.id, Role::Member).await);
        check(house.members.change_role(&change, request(), ada.id, Role::Owner).await);
        check(house.members.remove(&remove, request(), ada.id).await.map(drop));
        assert_eq!(house.owners(acme).await, 2);
        house.members.change_role(&change, request(), editor.id, Role::Admin).await.unwrap();
        assert_eq!(house.role(&editor, acme).await, Some(Role::Admin));
    }

    async fn z05_editors_and_members_change_nobody(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        for role in [Role::Editor, Role::Member] {
            let person = house.member(acme, role.as_str(), role).await;
            assert_eq!(house.permit::<ChangeRole>(&person, acme).await.err(), Some(Refusal::Forbidden));
            assert_eq!(house.permit::<RemoveMember>(&person, acme).await.err(), Some(Refusal::Forbidden));
            assert_eq!(house.permit::<ManageOwners>(&person, acme).await.err(), Some(Refusal::Forbidden));
            assert_eq!(house.permit::<ManageGroups>(&person, acme).await.err(), Some(Refusal::Forbidden));
        }
    }

    async fn z03_a_permit_from_before_a_demotion_is_worth_nothing(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let admin = house.member(acme, "admin", Role::Admin).await;
        let victim = house.member(acme, "victim", Role::Member).await;
        let stale = house.permit::<RemoveMember>(&admin, acme).await.unwrap();
        let change = house.permit::<ChangeRole>(&ada, acme).await.unwrap();
        house.members.change_role(&change, request(), admin.id, Role::Editor).await.unwrap();
        let outcome = house.members.remove(&stale, request(), victim.id).await;
        assert!(matches!(outcome, Err(OrganizationError::Refused(Refusal::Forbidden))), "{outcome:?}");
        let remove = house.permit::<RemoveMember>(&ada, acme).await.unwrap();
        house.members.remove(&remove, request(), admin.id).await.unwrap();
        let outcome = house.members.remove(&stale, request(), victim.id).await;
        assert!(matches!(outcome, Err(OrganizationError::Refused(Refusal::NotFound))), "{outcome:?}");
        assert_eq!(house.role(&victim, acme).await, Some(Role::Member));
    }

    async fn z02_people_of_another_organization_are_not_found(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let other = house.organization(&bob, "other").await.id;
        let stranger = house.member(other, "stranger", Role::Member).await;
        let change = house.permit::<ChangeRole>(&ada, acme).await.unwrap();
        let remove = house.permit::<RemoveMember>(&ada, acme).await.unwrap();
        for target in [stranger.id, UserId::generate()] {
            let outcome = house.members.change_role(&change, request(), target, Role::Admin).await;
            assert!(matches!(outcome, Err(OrganizationError::NotFound)), "{outcome:?}");
            let outcome = house.members.remove(&remove, request(), target).await;
            assert!(matches!(outcome, Err(OrganizationError::NotFound)), "{outcome:?}");
        }
        assert_eq!(house.role(&stranger, other).await, Some(Role::Member));
        assert_eq!(house.permit::<ReadOrganization>(&ada, other).await.err(), Some(Refusal::NotFound));
    }

    async fn a_removed_member_leaves_nothing_behind(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Editor).await;
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let group = house.groups.create(&manage, request(), "Finance".parse().unwrap()).await.unwrap();
        house.groups.add_member(&manage, request(), group.id, bob.id).await.unwrap();
        let remove = house.permit::<RemoveMember>(&ada, acme).await.unwrap();

        // What cannot be forgotten keeps its member.
        house.departures.fails.store(true, Ordering::Relaxed);
        let outcome = house.members.remove(&remove, request(), bob.id).await;
        assert!(matches!(outcome, Err(OrganizationError::Neighbour(_))), "{outcome:?}");
        assert_eq!(house.role(&bob, acme).await, Some(Role::Editor));

        house.departures.fails.store(false, Ordering::Relaxed);
        house.members.remove(&remove, request(), bob.id).await.unwrap();
        assert_eq!(house.role(&bob, acme).await, None);
        assert_eq!(*house.departures.gone.lock().unwrap(), [(acme, bob.id)]);
        let list = house.permit::<access_control::ListGroups>(&ada, acme).await.unwrap();
        assert!(house.groups.list(&list).await.unwrap()[0].members.is_empty());
        assert_eq!(house.events(acme, "members.remove").await, 1);
        let list = house.permit::<ListMembers>(&ada, acme).await.unwrap();
        assert_eq!(house.members.list(&list).await.unwrap().len(), 1);
    }
}
