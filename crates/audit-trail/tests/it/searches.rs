//! Looking through a trail.

use audit::{Actor, Chain, Event, Filter, Found, Outcome, Target, Trail};
use ids::{AppId, DecisionId, OrganizationId, RequestId, UserId};
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::House;

/// Every number that a search finds, piece by piece.
async fn all(trail: &Trail, organization: OrganizationId, filter: &Filter, limit: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut before = None;
    loop {
        let found: Found =
            trail.search(Chain::Organization(organization), filter, before, limit).await.unwrap();
        assert!(found.records.len() <= limit);
        numbers.extend(found.records.iter().map(|linked| linked.record.sequence));
        before = found.before;
        if before.is_none() {
            return numbers;
        }
    }
}

on_both_stores! {
    async fn every_filter_finds_exactly_what_it_says_newest_first(database: TestDatabase) {
        let house = House::new(database);
        let (organization, other) = (OrganizationId::generate(), OrganizationId::generate());
        let (olga, milo) = (UserId::generate(), UserId::generate());
        let app = AppId::generate();
        let (request, decision) = (RequestId::generate(), DecisionId::generate());
        let noon = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
        let at = |minutes| noon + Duration::minutes(minutes);
        let person = |user| Actor::Person(user);
        let events = [
            Event { at: at(0), ..Event::done(person(olga), "members.remove", Target::Member(milo)).in_request(request) },
            Event { at: at(60), ..Event::done(person(milo), "members.leave", Target::Member(milo)) },
            Event { at: at(120), ..Event::refused(person(milo), "app.update", Target::App(app)).decided(decision) },
            Event { at: at(180), ..Event::done(person(olga), "app.update", Target::App(app)) },
            Event { at: at(180) + Duration::milliseconds(500), ..Event::done(Actor::System, "membership.check", Target::Platform) },
            Event { at: at(240), ..Event::done(Actor::App(app), "members.remove", Target::Member(olga)) },
        ];
        for event in events {
            house.journal.record(&event.of(organization)).await.unwrap();
        }
        house.write(other, 3).await;
        let trail = house.trail();
        let any = Filter::default;
        let expect = async |what: &str, filter: Filter, expected: &[i64]| {
            for limit in [1, 2, 200] {
                assert_eq!(all(&trail, organization, &filter, limit).await, expected, "{what}, {limit} at a time");
            }
        };
        expect("no filter", any(), &[6, 5, 4, 3, 2, 1]).await;
        expect("actor", Filter { actor: Some(olga.to_string()), ..any() }, &[4, 1]).await;
        expect("kind of actor", Filter { actor_kind: Some("system".into()), ..any() }, &[5]).await;
        expect("action", Filter { action: Some("members.remove".into()), ..any() }, &[6, 1]).await;
        expect("group of actions", Filter { action: Some("members.*".into()), ..any() }, &[6, 2, 1]).await;
        expect("every action", Filter { action: Some("*".into()), ..any() }, &[6, 5, 4, 3, 2, 1]).await;
        expect("a star is only at the end", Filter { action: Some("*.remove".into()), ..any() }, &[]).await;
        expect("no pattern language", Filter { action: Some("members%".into()), ..any() }, &[]).await;
        expect("target", Filter { target: Some(app.to_string()), ..any() }, &[4, 3]).await;
        expect("kind of target", Filter { target_kind: Some("member".into()), ..any() }, &[6, 2, 1]).await;
        expect("outcome", Filter { outcome: Some(Outcome::Refused), ..any() }, &[3]).await;
        expect("request", Filter { request: Some(request.to_string()), ..any() }, &[1]).await;
        expect("decision", Filter { decision: Some(decision.to_string()), ..any() }, &[3]).await;
        expect("since", Filter { since: Some(at(120)), ..any() }, &[6, 5, 4, 3]).await;
        expect("until", Filter { until: Some(at(120)), ..any() }, &[2, 1]).await;
        let second = Filter { since: Some(at(180)), until: Some(at(180) + Duration::milliseconds(500)), ..any() };
        expect("half a second", second, &[4]).await;
        let both = Filter { actor: Some(milo.to_string()), action: Some("members.*".into()), ..any() };
        expect("two filters", both, &[2]).await;
        expect("nobody", Filter { actor: Some(UserId::generate().to_string()), ..any() }, &[]).await;
        expect("hostile text", Filter { action: Some("' OR 1=1 --".into()), ..any() }, &[]).await;
        assert_eq!(all(&trail, other, &any(), 200).await, [3, 2, 1]);
    }

    async fn a_record_is_found_in_its_own_chain_only(database: TestDatabase) {
        let house = House::new(database);
        let (organization, other) = (OrganizationId::generate(), OrganizationId::generate());
        house.write(organization, 2).await;
        let trail = house.trail();
        let found = trail.search(Chain::Organization(organization), &Filter::default(), None, 1).await.unwrap();
        let id = &found.records[0].record.id;
        let here = trail.record(Chain::Organization(organization), id).await.unwrap().unwrap();
        assert_eq!((here.record.sequence, here.hash), (2, found.records[0].hash));
        assert!(trail.record(Chain::Organization(other), id).await.unwrap().is_none());
        assert!(trail.record(Chain::Platform, id).await.unwrap().is_none());
        assert_eq!(trail.chains().await.unwrap(), [Chain::Organization(organization)]);
    }
}
