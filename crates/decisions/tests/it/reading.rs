//! Who may open and list what.

use access_control::{Decision, ReadAudit, ReadDecisions, SignedIn};
use decisions::{DecisionError, MOST_LOOKED_AT, Search};
use ids::DecisionId;
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

use crate::house::{Asked, House, Known, ask_for};
use crate::random::{Random, World};

fn stranger(world: &World) -> SignedIn {
    SignedIn { user: world.people[0], ..world.auditor.clone() }
}

test_support::on_both_stores! {
    async fn z02_a_decision_of_another_app_or_organization_is_none(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(5));
        let (ours, theirs) = (World::open(&mut random, now), World::open(&mut random, now));
        let queue = house.recorder.queue();
        let mut ask = |world: &World| ask_for(&queue, world, stranger(world), &["/a"], &mut random, now).id;
        let (our_decision, their_decision) = (ask(&ours), ask(&theirs));
        house.stop().await;
        let known = Known::of(&[ours.clone(), theirs.clone()]);
        let of_app = known.permit::<ReadDecisions>(&ours.auditor, ours.app.id);
        let of_organization = known.permit::<ReadAudit>(&ours.auditor, ours.organization.id);
        assert_eq!(house.decisions.of_app(&of_app, our_decision).await.unwrap().record.id, our_decision);
        assert!(house.decisions.of_organization(&of_organization, our_decision).await.unwrap().agrees);
        for other in [their_decision, DecisionId::generate()] {
            let app = house.decisions.of_app(&of_app, other).await;
            assert!(matches!(app, Err(DecisionError::NotFound)), "{app:?}");
            let organization = house.decisions.of_organization(&of_organization, other).await;
            assert!(matches!(organization, Err(DecisionError::NotFound)), "{organization:?}");
        }
        let listed = house.decisions.list(&of_app, &Search::default(), None, 100).await.unwrap().records;
        assert_eq!(listed.iter().map(|record| record.id).collect::<Vec<_>>(), [our_decision]);
    }

    async fn lists_are_newest_first_in_pieces_and_narrowed(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(6));
        let world = World::open(&mut random, now);
        let queue = house.recorder.queue();
        let paths = ["/admin", "/Admin/Users", "/administrator", "/caf%C3%A9/menu", "/"];
        let mut asked: Vec<(&str, bool, Asked)> = Vec::new();
        for (number, path) in paths.into_iter().cycle().take(40).enumerate() {
            let ours = number % 3 > 0;
            let viewer = if ours { world.auditor.clone() } else { stranger(&world) };
            asked.push((path, ours, ask_for(&queue, &world, viewer, &[path], &mut random, now)));
        }
        house.stop().await;
        let known = Known::of(std::slice::from_ref(&world));
        let permit = known.permit::<ReadDecisions>(&world.auditor, world.app.id);

        let mut seen: Vec<DecisionId> = Vec::new();
        let mut before = None;
        loop {
            let piece = house.decisions.list(&permit, &Search::default(), before, 7).await.unwrap();
            seen.extend(piece.records.iter().map(|record| record.id));
            before = piece.next;
            if before.is_none() {
                break;
            }
        }
        let mut all: Vec<DecisionId> = asked.iter().map(|(_, _, asked)| asked.id).collect();
        all.reverse();
        assert_eq!(seen, all);

        let ids = |search: Search| {
            let (decisions, permit) = (house.decisions.clone(), permit.clone());
            async move {
                let found = decisions.list(&permit, &search, None, 100).await.unwrap().records;
                found.into_iter().map(|record| record.id).rev().collect::<Vec<_>>()
            }
        };
        let those = |wanted: &dyn Fn(&(&str, bool, Asked)) -> bool| {
            asked.iter().filter(|asked| wanted(asked)).map(|(_, _, asked)| asked.id).collect::<Vec<_>>()
        };
        let path = |text: &str| Some(access_control::RequestPath::parse(text).unwrap().into_owned());
        let admin = Search { path: path("/ADMIN/"), ..Search::default() };
        assert_eq!(ids(admin).await, those(&|(path, ..)| *path == "/admin" || *path == "/Admin/Users"));
        let cafe = Search { path: path("/caf%c3%a9"), ..Search::default() };
        assert_eq!(ids(cafe).await, those(&|(path, ..)| path.starts_with("/caf")));
        let every = Search { path: path("/"), ..Search::default() };
        assert_eq!(ids(every).await.len(), asked.len());
        let user = Search { user: Some(world.people[0]), ..Search::default() };
        assert_eq!(ids(user).await, those(&|(_, ours, _)| !ours));
        let allowed = |asked: &Asked| matches!(asked.decision, Decision::Allow(_)) && !asked.foreign_origin;
        let refused = Search { allowed: Some(false), ..Search::default() };
        assert_eq!(ids(refused).await, those(&|(_, _, asked)| !allowed(asked)));
        let none = Search { until: Some(now - Duration::seconds(5)), ..Search::default() };
        assert_eq!(ids(none).await, []);
        let since = Search { since: Some(now - Duration::seconds(5)), ..Search::default() };
        assert_eq!(ids(since).await.len(), asked.len());
    }

    async fn a_search_that_finds_little_looks_at_a_window_and_goes_on_from_there(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(8));
        let world = World::open(&mut random, now);
        let queue = house.recorder.queue();
        let oldest = ask_for(&queue, &world, stranger(&world), &["/rare"], &mut random, now).id;
        let copied = ask_for(&queue, &world, world.auditor.clone(), &["/often"], &mut random, now).id;
        house.stop().await;
        let ids: Vec<DecisionId> = (1..MOST_LOOKED_AT + 5).map(|_| DecisionId::generate()).collect();
        for some in ids.chunks(1000) {
            let values: Vec<String> = some.iter().map(|id| format!("('{id}')")).collect();
            let copies = format!(
                "INSERT INTO decisions SELECT ids.column1, organization_id, app_id, user_id, allowed, path, policy, \
                 REPLACE(record, '{copied}', ids.column1) FROM decisions, (VALUES {}) AS ids WHERE id = '{copied}'",
                values.join(",")
            );
            house.execute(&copies).await;
        }
        let known = Known::of(std::slice::from_ref(&world));
        let permit = known.permit::<ReadDecisions>(&world.auditor, world.app.id);
        let path = |text: &str| Some(access_control::RequestPath::parse(text).unwrap().into_owned());
        let end = ids[ids.len() - MOST_LOOKED_AT];
        for search in [
            Search { user: Some(world.people[0]), ..Search::default() },
            Search { path: path("/rare"), ..Search::default() },
        ] {
            let first = house.decisions.list(&permit, &search, None, 50).await.unwrap();
            assert!(first.records.is_empty());
            assert_eq!(first.next, Some(end), "the last that was looked at");
            let second = house.decisions.list(&permit, &search, first.next, 50).await.unwrap();
            assert_eq!(second.records.iter().map(|record| record.id).collect::<Vec<_>>(), [oldest]);
            assert_eq!(second.next, None);
        }
        // What fills its piece goes on after the last that it gave.
        let often = Search { path: path("/often"), ..Search::default() };
        let first = house.decisions.list(&permit, &often, None, 50).await.unwrap();
        assert_eq!(first.records.len(), 50);
        assert_eq!(first.next, Some(ids[ids.len() - 50]));
    }

    async fn a_record_that_does_not_come_out_again_is_told(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(7));
        let world = World::open(&mut random, now);
        let asked = ask_for(&house.recorder.queue(), &world, stranger(&world), &["/a"], &mut random, now);
        house.stop().await;
        let known = Known::of(std::slice::from_ref(&world));
        let permit = known.permit::<ReadDecisions>(&world.auditor, world.app.id);
        assert!(house.decisions.of_app(&permit, asked.id).await.unwrap().agrees);
        // Somebody who can write to the database makes the stranger a member after the fact.
        house.execute("UPDATE decisions SET record = REPLACE(record, '\"role\":null', '\"role\":\"owner\"')").await;
        let opened = house.decisions.of_app(&permit, asked.id).await.unwrap();
        assert!(!opened.agrees);
        assert!(matches!(opened.explanation.decision, Decision::Allow(_)));
    }
}
