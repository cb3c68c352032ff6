//! What apps saw, each request once.

use std::collections::BTreeSet;

use access_control::{Decision, RequestPath};
use decisions::Traffic;
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

use crate::house::{House, ask, ask_for};
use crate::random::{Random, World};

test_support::on_both_stores! {
    async fn each_request_of_people_inside_is_seen_once(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(9));
        let worlds: Vec<World> = (0..4).map(|_| World::random(&mut random, now)).collect();
        let queue = house.recorder.queue();
        let mut inside = 0;
        for number in 0..8_000 {
            let world = random.of(&worlds);
            let asked = ask(&queue, &world, &mut random, now);
            inside += usize::from(match asked.decision {
                Decision::Allow(_) => true,
                Decision::Refuse(reason) => reason.app_is_visible(),
            });
            if number % 2_000 == 1_999 {
                house.kept(number + 1).await;
            }
        }
        house.stop().await;
        let traffic = Traffic::new(house.store.clone());
        let mut seen = 0;
        for world in &worlds {
            let found = traffic.seen(world.organization.id, now, 10_000).await.unwrap();
            assert!(!found.capped);
            let mut different = BTreeSet::new();
            for request in &found.requests {
                assert_eq!(request.app, world.app.id);
                let paths: Vec<&str> = request.paths.iter().map(RequestPath::judged).collect();
                let paths = paths.join(" ");
                assert!(different.insert((request.method.as_str(), paths, request.under_every_rule)));
            }
            seen += found.requests.len();
            assert_eq!(traffic.seen(world.organization.id, now + Duration::days(1), 10).await.unwrap().requests, []);
            if found.requests.len() > 1 {
                let few = traffic.seen(world.organization.id, now, 1).await.unwrap();
                assert!(few.capped && few.requests.len() == 1);
            }
        }
        println!("{inside} requests of people inside were {seen} different ones");
        assert!(seen > 100 && seen < inside * 3 / 4);
    }

    async fn a_list_has_an_end(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(10));
        let world = World::open(&mut random, now);
        let queue = house.recorder.queue();
        for number in 0..4_000 {
            let path = format!("/page/{number}");
            ask_for(&queue, &world, world.auditor.clone(), &[&path], &mut random, now);
        }
        house.stop().await;
        // A hundred with each batch; the others are listed when they are seen again. How many batches there
        // are depends on when the writer wakes: eight at least.
        let listed = house.count("seen_paths").await;
        assert!((700..3_900).contains(&listed), "{listed}");
        let traffic = Traffic::new(house.store.clone());
        assert!(!traffic.seen(world.organization.id, now, 100_000).await.unwrap().capped);
    }
}
