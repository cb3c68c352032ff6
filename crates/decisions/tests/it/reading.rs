//! Who may open and list what.

use access_control::{Decision, ReadAudit, ReadDecisions, SignedIn};
use decisions::{DecisionError, Search};
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
        let listed = house.decisions.list(&of_app, &Search::default(), None, 100).await.unwrap();
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
        loop {
            let piece =
                house.decisions.list(&permit, &Search::default(), seen.last().copied(), 7).await.unwrap();
            if piece.is_empty() {
                break;
            }
            seen.extend(piece.iter().map(|record| record.id));
        }
        let mut all: Vec<DecisionId> = asked.iter().map(|(_, _, asked)| asked.id).collect();
        all.reverse();
        assert_eq!(seen, all);

        let ids = |search: Search| {
            let (decisions, permit) = (house.decisions.clone(), permit.clone());
            async move {
                let found = decisions.list(&permit, &search, None, 100).await.unwrap();
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
