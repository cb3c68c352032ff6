//! Ownership: handing it over, and that it is never lost.

use std::future::Future;
use std::pin::Pin;

use access_control::{
    ChangeRole, CreateInvitation, LeaveOrganization, ManageGroups, Refusal, RemoveMember, Role,
    TransferOwnership,
};
use futures_util::TryFutureExt as _;
use futures_util::future::join_all;
use ids::{OrganizationId, UserId};
use organizations::OrganizationError;
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::house::{House, Somebody, request};

impl House {
    /// Ends a membership, whatever it takes.
    pub async fn remove(&self, by: &Somebody, from: OrganizationId, whom: &Somebody) {
        let permit = self.permit::<RemoveMember>(by, from).await.unwrap();
        self.members.remove(&permit, request(), whom.id).await.unwrap();
    }
}

type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), OrganizationError>> + 'a>>;

/// Fifty attempts at once, of every kind there is, by `owners` Owners; how often any of them is done.
async fn attempt(house: &House, acme: OrganizationId, owners: &[Somebody], heir: UserId) -> usize {
    let mut leave = Vec::new();
    let mut remove = Vec::new();
    let mut change = Vec::new();
    let mut transfer = Vec::new();
    for owner in owners {
        leave.push(house.permit::<LeaveOrganization>(owner, acme).await.unwrap());
        remove.push(house.permit::<RemoveMember>(owner, acme).await.unwrap());
        change.push(house.permit::<ChangeRole>(owner, acme).await.unwrap());
        transfer.push(house.permit::<TransferOwnership>(owner, acme).await.unwrap());
    }
    let attempts = (0..50).map(|number| -> Attempt<'_> {
        let own = number % owners.len();
        let other = owners[(own + 1) % owners.len()].id;
        match number % 7 {
            0 => Box::pin(house.members.leave(&leave[own], request())),
            1 => Box::pin(house.members.remove(&remove[own], request(), other).map_ok(drop)),
            2 => Box::pin(house.members.remove(&remove[own], request(), owners[own].id).map_ok(drop)),
            3 => Box::pin(house.members.change_role(&change[own], request(), other, Role::Member)),
            4 => Box::pin(house.members.change_role(&change[own], request(), owners[own].id, Role::Admin)),
            5 => Box::pin(house.members.transfer_ownership(&transfer[own], request(), heir)),
            _ => Box::pin(house.members.transfer_ownership(&transfer[own], request(), other)),
        }
    });
    let outcomes = join_all(attempts.collect::<Vec<_>>()).await;
    for outcome in &outcomes {
        assert!(
            matches!(
                outcome,
                Ok(())
                    | Err(OrganizationError::LastOwner
                        | OrganizationError::AlreadyOwner
                        | OrganizationError::NotFound
                        | OrganizationError::Refused(Refusal::Forbidden | Refusal::NotFound))
            ),
            "{outcome:?}"
        );
    }
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

on_both_stores! {
    async fn z04_of_fifty_mixed_attempts_at_once_none_takes_the_last_owner(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let names = ["adam", "berta", "carl", "dora", "emil"];
        for number in 1..=names.len() {
            let acme = house.organization(&ada, &format!("acme{number}")).await.id;
            let mut owners = vec![ada.clone()];
            for name in &names[1..number] {
                owners.push(house.member(acme, &format!("{name}{number}"), Role::Owner).await);
            }
            let heir = house.member(acme, &format!("heir{number}"), Role::Member).await;
            let done = attempt(&house, acme, &owners, heir.id).await;
            assert!(house.owners(acme).await >= 1, "{number} Owners at first");
            let mut recorded = 0;
            for action in ["leave", "remove", "change_role", "transfer_ownership"] {
                recorded += house.events(acme, &format!("members.{action}")).await;
            }
            assert!(done >= 1, "{number}: nothing happened");
            assert!(recorded <= i64::try_from(done).unwrap(), "{number}: {recorded} events, {done} done");
        }
    }

    async fn z04_the_only_owner_stays_against_fifty_attempts_at_once(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let leave = house.permit::<LeaveOrganization>(&ada, acme).await.unwrap();
        let remove = house.permit::<RemoveMember>(&ada, acme).await.unwrap();
        let change = house.permit::<ChangeRole>(&ada, acme).await.unwrap();
        let attempts = (0..50).map(|number| -> Attempt<'_> {
            match number % 5 {
                0 => Box::pin(house.members.leave(&leave, request())),
                1 => Box::pin(house.members.remove(&remove, request(), ada.id).map_ok(drop)),
                2 => Box::pin(house.members.change_role(&change, request(), ada.id, Role::Admin)),
                3 => Box::pin(house.members.change_role(&change, request(), ada.id, Role::Editor)),
                _ => Box::pin(house.members.change_role(&change, request(), ada.id, Role::Member)),
            }
        });
        for outcome in join_all(attempts.collect::<Vec<_>>()).await {
            assert!(matches!(outcome, Err(OrganizationError::LastOwner)), "{outcome:?}");
        }
        assert_eq!(house.role(&ada, acme).await, Some(Role::Owner));
    }

    async fn ownership_is_handed_over_in_one_change(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Member).await;
        let transfer = house.permit::<TransferOwnership>(&ada, acme).await.unwrap();
        let own = house.members.transfer_ownership(&transfer, request(), ada.id).await;
        assert!(matches!(own, Err(OrganizationError::AlreadyOwner)), "{own:?}");
        house.members.transfer_ownership(&transfer, request(), bob.id).await.unwrap();
        assert_eq!(house.role(&bob, acme).await, Some(Role::Owner));
        assert_eq!(house.role(&ada, acme).await, Some(Role::Admin));
        assert_eq!(house.events(acme, "members.transfer_ownership").await, 1);
        // The permit is worth nothing any more.
        let again = house.members.transfer_ownership(&transfer, request(), bob.id).await;
        assert!(matches!(again, Err(OrganizationError::Refused(Refusal::Forbidden))), "{again:?}");
    }

    async fn z04_ownership_handed_over_by_two_to_each_other_stays(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Admin).await;
        let transfer = house.permit::<TransferOwnership>(&ada, acme).await.unwrap();
        let attempts = (0..50).map(|_| house.members.transfer_ownership(&transfer, request(), bob.id));
        let outcomes = join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert_eq!(house.owners(acme).await, 1);
        assert_eq!(house.events(acme, "members.transfer_ownership").await, 1);
    }

    async fn z02_ownership_goes_to_members_only(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        house.organization(&bob, "other").await;
        let transfer = house.permit::<TransferOwnership>(&ada, acme).await.unwrap();
        for target in [bob.id, UserId::generate()] {
            let outcome = house.members.transfer_ownership(&transfer, request(), target).await;
            assert!(matches!(outcome, Err(OrganizationError::NotFound)), "{outcome:?}");
        }
        assert_eq!(house.role(&ada, acme).await, Some(Role::Owner));
    }

    async fn z05_nobody_below_owner_comes_to_ownership_by_any_way(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let admin = house.member(acme, "admin", Role::Admin).await;
        let friend = house.person("friend").await;
        for role in [Role::Admin, Role::Editor, Role::Member] {
            let person = house.member(acme, &format!("a-{role}"), role).await;
            let refused = house.permit::<TransferOwnership>(&person, acme).await.err();
            assert_eq!(refused, Some(Refusal::Forbidden), "{role}");
            let refused = house.permit::<access_control::DeleteOrganization>(&person, acme).await.err();
            assert_eq!(refused, Some(Refusal::Forbidden), "{role}");
        }
        // By an invitation, one's own address or another.
        let invite = house.permit::<CreateInvitation>(&admin, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        for email in [&friend.email, &admin.email] {
            let outcome =
                house.invitations.create(&invite, request(), email.clone(), Role::Owner, now).await;
            assert!(matches!(outcome.err(), Some(OrganizationError::Refused(Refusal::Forbidden))));
        }
        // A group gives no role, whatever it is called.
        let manage = house.permit::<ManageGroups>(&admin, acme).await.unwrap();
        let group = house.groups.create(&manage, request(), "owner".parse().unwrap()).await.unwrap();
        house.groups.add_member(&manage, request(), group.id, admin.id).await.unwrap();
        assert_eq!(house.role(&admin, acme).await, Some(Role::Admin));
        let refused = house.permit::<TransferOwnership>(&admin, acme).await.err();
        assert_eq!(refused, Some(Refusal::Forbidden));
        // With a permit from when one was an Owner.
        let stale = house.permit::<TransferOwnership>(&ada, acme).await.unwrap();
        house.members.transfer_ownership(&stale, request(), admin.id).await.unwrap();
        let back = house.members.transfer_ownership(&stale, request(), ada.id).await;
        assert!(matches!(back, Err(OrganizationError::Refused(Refusal::Forbidden))), "{back:?}");
        assert_eq!(house.owners(acme).await, 1);
    }
}
