//! Letters, sending again, and what becomes of old links.

use std::sync::atomic::Ordering;

use access_control::{CreateInvitation, ListInvitations, Refusal, Role};
use ids::InvitationId;
use organizations::{Delivery, INVITATION_LIFETIME, OrganizationError};
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, ORIGIN, Somebody, request};
use crate::invitations::invalid;

on_both_stores! {
    async fn a_letter_goes_to_the_address_and_holds_the_link(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Editor).await;
        assert_eq!((made.delivery, made.invitation.last_delivery), (Delivery::Sent, Some(Delivery::Sent)));
        let (to, link) = house.letters.sent.lock().unwrap()[0].clone();
        assert_eq!((to, &link), (bob.email.clone(), &made.link));
        let token = link.strip_prefix(&format!("{ORIGIN}/invitations/accept?token=")).unwrap();
        house.accept(&bob, token).await.unwrap();
        assert_eq!(house.events(acme, "invitations.deliver").await, 1);
    }

    async fn a_letter_that_was_not_taken_is_seen_in_the_list_and_sent_again(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let listed = async || {
            let list = house.permit::<ListInvitations>(&ada, acme).await.unwrap();
            house.invitations.list(&list, None, 10, OffsetDateTime::now_utc()).await.unwrap()
        };
        house.letters.fails.store(true, Ordering::Relaxed);
        let made = house.invite(&ada, acme, &bob, Role::Editor).await;
        assert_eq!(made.delivery, Delivery::Failed);
        assert_eq!(listed().await[0].last_delivery, Some(Delivery::Failed));

        house.letters.fails.store(false, Ordering::Relaxed);
        let create = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let again = house.invitations.renew(&create, request(), made.invitation.id, now).await.unwrap();
        assert_eq!((again.delivery, again.invitation.id), (Delivery::Sent, made.invitation.id));
        let open = listed().await;
        assert_eq!((open.len(), open[0].last_delivery), (1, Some(Delivery::Sent)));
        assert_eq!(house.events(acme, "invitations.create").await, 2);
        assert_eq!(house.events(acme, "invitations.deliver").await, 2);
        // The old link is dead although it was never used.
        invalid(house.accept(&bob, &made.token.reveal()).await);
        house.accept(&bob, &again.token.reveal()).await.unwrap();
        assert_eq!(house.role(&bob, acme).await, Some(Role::Editor));
    }

    async fn z09_sending_again_begins_the_fourteen_days_anew(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let create = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let first = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let made = house
            .invitations
            .create(&create, request(), bob.email.clone(), Role::Member, first)
            .await
            .unwrap();
        let id = made.invitation.id;
        let second = first + INVITATION_LIFETIME - Duration::SECOND;
        let again = house.invitations.renew(&create, request(), id, second).await.unwrap();
        assert_eq!(again.invitation.expires_at, second + INVITATION_LIFETIME);
        assert_eq!(again.invitation.created_at, first);
        let end = second + INVITATION_LIFETIME;
        // Ended is ended: it is invited anew, not sent again.
        let late = house.invitations.renew(&create, request(), id, end).await;
        assert!(matches!(late.err(), Some(OrganizationError::NotFound)));
        invalid(house.accept_at(&bob, &again.token.reveal(), end).await);
        house.accept_at(&bob, &again.token.reveal(), end - Duration::SECOND).await.unwrap();
        let used = house.invitations.renew(&create, request(), id, second).await;
        assert!(matches!(used.err(), Some(OrganizationError::NotFound)));
    }

    async fn z05_an_admin_does_not_send_the_invitation_of_an_owner_again(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let admin = house.member(acme, "admin", Role::Admin).await;
        let bob = house.person("bob").await;
        let made = house.invite(&ada, acme, &bob, Role::Owner).await;
        let create = house.permit::<CreateInvitation>(&admin, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let outcome = house.invitations.renew(&create, request(), made.invitation.id, now).await;
        assert!(matches!(outcome.err(), Some(OrganizationError::Refused(Refusal::Forbidden))));
        // Nothing changed: the link of the Owner holds.
        house.accept(&bob, &made.token.reveal()).await.unwrap();
        assert_eq!(house.role(&bob, acme).await, Some(Role::Owner));
    }

    async fn z09_an_invitation_is_of_whoever_sent_it_last(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let gone = house.member(acme, "gone", Role::Admin).await;
        let people: Vec<Somebody> = vec![house.person("bob").await, house.person("carol").await];
        let mut made = Vec::new();
        for person in &people {
            made.push(house.invite(&gone, acme, person, Role::Member).await);
        }
        house.remove(&ada, acme, &gone).await;
        // Whoever invited may not invite any more, so what they sent is worth nothing …
        invalid(house.accept(&people[0], &made[0].token.reveal()).await);
        // … until somebody who may answers for it.
        let create = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let again = house.invitations.renew(&create, request(), made[1].invitation.id, now).await.unwrap();
        assert_eq!(again.invitation.invited_by, ada.id);
        house.accept(&people[1], &again.token.reveal()).await.unwrap();
    }

    async fn z02_an_invitation_of_another_organization_is_not_sent_again(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let other = house.organization(&bob, "other").await.id;
        let carol = house.person("carol").await;
        let made = house.invite(&bob, other, &carol, Role::Member).await;
        let create = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        for id in [made.invitation.id, InvitationId::generate()] {
            let outcome = house.invitations.renew(&create, request(), id, OffsetDateTime::now_utc()).await;
            assert!(matches!(outcome.err(), Some(OrganizationError::NotFound)));
        }
        house.accept(&carol, &made.token.reveal()).await.unwrap();
    }

    async fn open_invitations_come_in_pieces(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let create = house.permit::<CreateInvitation>(&ada, acme).await.unwrap();
        let list = house.permit::<ListInvitations>(&ada, acme).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let mut expected = Vec::new();
        for number in 0..9_i64 {
            let email = format!("p{number}@example.com").parse().unwrap();
            // Every third has ended already.
            let at = if number % 3 == 0 { now - INVITATION_LIFETIME } else { now };
            let made = house.invitations.create(&create, request(), email, Role::Member, at).await.unwrap();
            if number % 3 != 0 {
                expected.insert(0, made.invitation.id);
            }
        }
        let mut seen = Vec::new();
        loop {
            let piece = house.invitations.list(&list, seen.last().copied(), 4, now).await.unwrap();
            let ids: Vec<_> = piece.iter().map(|invitation| invitation.id).collect();
            seen.extend(&ids);
            if ids.len() < 4 {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}
