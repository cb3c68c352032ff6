//! Invitations: bound, single use, exact, revocable, never more than the inviter may give.

use access_control::{
    AcceptInvitation, ChangeRole, CreateInvitation, ListInvitations, Refusal, RemoveMember, RevokeInvitation,
    Role, UpdateOrganization,
};
use futures_util::future::join_all;
use ids::{InvitationId, OrganizationId};
use organizations::{Accepted, INVITATION_LIFETIME, NewInvitation, OrganizationChanges, OrganizationError};
use sea_orm::{ConnectionTrait, Statement};
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Somebody, request};

impl House {
    pub async fn invite(
        &self,
        by: &Somebody,
        to: OrganizationId,
        whom: &Somebody,
        role: Role,
    ) -> NewInvitation {
        let permit = self.permit::<CreateInvitation>(by, to).await.unwrap();
        let now = OffsetDateTime::now_utc();
        self.invitations.create(&permit, request(), whom.email.clone(), role, now).await.unwrap()
    }

    pub async fn accept(&self, who: &Somebody, token: &str) -> Result<Accepted, OrganizationError> {
        self.accept_at(who, token, OffsetDateTime::now_utc()).await
    }

    pub async fn accept_at(
        &self,
        who: &Somebody,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Accepted, OrganizationError> {
        let permit = who.on_own_account::<AcceptInvitation>();
        self.invitations.accept(&permit, request(), token, &who.email, now).await
    }
}

pub fn invalid(outcome: Result<Accepted, OrganizationError>) {
    assert!(matches!(outcome, Err(OrganizationError::InvitationInvalid)), "{outcome:?}");
}

on_both_stores! {
    async fn z09_an_invitation_makes_a_member_once(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Editor).await;
        let token = made.token.reveal();
        let accepted = house.accept(&bob, &token).await.unwrap();
        assert_eq!(accepted, Accepted { organization: acme, role: Role::Editor, joined: true });
        assert_eq!(house.role(&bob, acme).await, Some(Role::Editor));
        invalid(house.accept(&bob, &token).await);
        assert_eq!(house.events(acme, "invitations.accept").await, 1);
        let list = house.permit::<ListInvitations>(&ada, acme).await.unwrap();
        assert!(house.invitations.list(&list, None, 100, OffsetDateTime::now_utc()).await.unwrap().is_empty());
    }

    async fn z09_only_the_address_it_names_accepts_it(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let eve = house.person("eve").await;
        let made = house.invite(&ada, acme, &bob, Role::Member).await;
        let token = made.token.reveal();
        let outcome = house.accept(&eve, &token).await;
        assert!(matches!(outcome, Err(OrganizationError::OtherEmail)), "{outcome:?}");
        assert_eq!(house.role(&eve, acme).await, None);
        house.accept(&bob, &token).await.unwrap();
    }

    async fn z09_it_holds_for_exactly_fourteen_days(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let permit = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let list = house.permit::<ListInvitations>(&ada, acme).await.unwrap();
        let made_at = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let ends = made_at + Duration::days(14);
        assert_eq!(INVITATION_LIFETIME, Duration::days(14));
        for (name, at, holds) in [
            ("early", made_at, true),
            ("minute", ends - Duration::MINUTE, true),
            ("second", ends - Duration::SECOND, true),
            ("instant", ends - Duration::MICROSECOND, true),
            ("end", ends, false),
            ("late", ends + Duration::DAY, false),
        ] {
            let person = house.person(name).await;
            let made = house
                .invitations
                .create(&permit, request(), person.email.clone(), Role::Member, made_at)
                .await
                .unwrap();
            let listed = house.invitations.list(&list, None, 100, at).await.unwrap();
            assert_eq!(listed.iter().any(|open| open.id == made.invitation.id), holds, "{name}");
            let outcome = house.accept_at(&person, &made.token.reveal(), at).await;
            assert_eq!(outcome.is_ok(), holds, "{name}: {outcome:?}");
            assert_eq!(house.role(&person, acme).await.is_some(), holds, "{name}");
        }
    }

    async fn z09_two_parallel_accepts_make_one_membership(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        for (times, name) in [(2, "two"), (20, "twenty")] {
            let person = house.person(name).await;
            let made = house.invite(&ada, acme, &person, Role::Member).await;
            let token = made.token.reveal();
            let outcomes = join_all((0..times).map(|_| house.accept(&person, &token))).await;
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            outcomes.into_iter().filter(Result::is_err).for_each(invalid);
        }
        assert_eq!(house.events(acme, "invitations.accept").await, 2);
    }

    async fn z09_a_revoked_or_replaced_invitation_is_dead(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let first = house.invite(&ada, acme, &bob, Role::Admin).await;
        let second = house.invite(&ada, acme, &bob, Role::Member).await;
        invalid(house.accept(&bob, &first.token.reveal()).await);
        let revoke = house.permit::<RevokeInvitation>(&ada, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        house.invitations.revoke(&revoke, request(), second.invitation.id, now).await.unwrap();
        invalid(house.accept(&bob, &second.token.reveal()).await);
        let again = house.invitations.revoke(&revoke, request(), second.invitation.id, now).await;
        assert!(matches!(again, Err(OrganizationError::NotFound)), "{again:?}");
        assert_eq!(house.role(&bob, acme).await, None);
    }

    async fn z09_it_never_gives_more_than_the_inviter_may_give(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let admin = house.member(acme, "admin", Role::Admin).await;
        let bob = house.person("bob").await;
        let permit = house.permit::<CreateInvitation>(&admin, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let owner = house.invitations.create(&permit, request(), bob.email.clone(), Role::Owner, now).await;
        assert!(matches!(owner.err(), Some(OrganizationError::Refused(Refusal::Forbidden))));
        for role in [Role::Editor, Role::Member] {
            let person = house.member(acme, role.as_str(), role).await;
            let refused = house.permit::<CreateInvitation>(&person, acme).await.err();
            assert_eq!(refused, Some(Refusal::Forbidden));
        }

        // Nor after the inviter lost the right to give it.
        let made = house.invite(&admin, acme, &bob, Role::Admin).await;
        let change = house.permit::<ChangeRole>(&ada, acme).await.unwrap();
        house.members.change_role(&change, request(), admin.id, Role::Editor).await.unwrap();
        invalid(house.accept(&bob, &made.token.reveal()).await);
        house.members.change_role(&change, request(), admin.id, Role::Admin).await.unwrap();
        house.accept(&bob, &made.token.reveal()).await.unwrap();
    }

    async fn z09_an_invitation_from_before_a_removal_does_not_undo_it(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Member).await;
        // Bob comes in by another way, and the first invitation stays open.
        house.enter(acme, &bob, Role::Member).await;
        let remove = house.permit::<RemoveMember>(&ada, acme).await.unwrap();
        house.members.remove(&remove, request(), bob.id).await.unwrap();
        invalid(house.accept(&bob, &made.token.reveal()).await);
        assert_eq!(house.role(&bob, acme).await, None);
    }

    async fn z05_an_invitation_does_not_raise_a_member(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Admin).await;
        house.enter(acme, &bob, Role::Member).await;
        let accepted = house.accept(&bob, &made.token.reveal()).await.unwrap();
        assert_eq!(accepted, Accepted { organization: acme, role: Role::Member, joined: false });
        assert_eq!(house.role(&bob, acme).await, Some(Role::Member));
        invalid(house.accept(&bob, &made.token.reveal()).await);
        let permit = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let again = house.invitations.create(&permit, request(), bob.email.clone(), Role::Admin, now).await;
        assert!(matches!(again.err(), Some(OrganizationError::AlreadyMember)));
    }

    async fn z02_an_invitation_of_another_organization_is_not_found(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let other = house.organization(&bob, "other").await.id;
        let carol = house.person("carol").await;
        let made = house.invite(&bob, other, &carol, Role::Member).await;
        let revoke = house.permit::<RevokeInvitation>(&ada, acme).await.unwrap();
        for id in [made.invitation.id, InvitationId::generate()] {
            let outcome = house.invitations.revoke(&revoke, request(), id, OffsetDateTime::now_utc()).await;
            assert!(matches!(outcome, Err(OrganizationError::NotFound)), "{outcome:?}");
        }
        house.accept(&carol, &made.token.reveal()).await.unwrap();
    }

    async fn z08_an_identifier_is_no_invitation(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Member).await;
        let other = cryptography::Token::generate().unwrap();
        for token in ["", &made.invitation.id.to_string(), &acme.to_string(), "acme", &other.reveal()] {
            invalid(house.accept(&bob, token).await);
        }
    }

    async fn the_secret_of_an_invitation_is_not_kept(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Member).await;
        let connection = house.database.connection();
        let all = |sql: &str| Statement::from_string(house.database.backend(), sql);
        let row = connection.query_one_raw(all("SELECT token_hash FROM invitations")).await.unwrap().unwrap();
        let kept: Vec<u8> = row.try_get("", "token_hash").unwrap();
        assert_eq!(kept, made.token.hash());
        assert_ne!(kept, made.token.as_bytes());
        for row in connection.query_all_raw(all("SELECT detail FROM audit_events")).await.unwrap() {
            let detail: String = row.try_get("", "detail").unwrap();
            assert!(!detail.contains(made.token.reveal().as_str()), "{detail}");
        }
    }

    async fn a_hosted_domain_is_asked_for_on_the_way_in(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await.signed_in_at("example.com");
        let acme = house.organization(&ada, "acme").await.id;
        let update = house.permit::<UpdateOrganization>(&ada, acme).await.unwrap();
        let changes = OrganizationChanges {
            hosted_domain: Some(Some("example.com".parse().unwrap())),
            ..Default::default()
        };
        house.organizations.update(&update, request(), changes).await.unwrap();
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Member).await;
        let token = made.token.reveal();
        let outcome = house.accept(&bob, &token).await;
        assert!(matches!(outcome, Err(OrganizationError::OtherHostedDomain)), "{outcome:?}");
        house.accept(&bob.signed_in_at("example.com"), &token).await.unwrap();
    }
}
