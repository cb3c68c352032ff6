//! What happens when decisions come faster than they are written, or cannot be written at all.

use decisions::{Recording, Unrecorded};
use test_support::TestDatabase;
use time::OffsetDateTime;

use crate::house::{Asked, House, ask, ask_for};
use crate::random::{Random, World};

/// More than one queue holds of either kind.
const FLOOD: usize = 100_000;

async fn flood(house: &House, number: usize) -> (Vec<Asked>, Unrecorded) {
    let now = OffsetDateTime::now_utc();
    let mut random = Random(3);
    let worlds: Vec<World> = (0..20).map(|_| World::random(&mut random, now)).collect();
    let queue = house.recorder.queue();
    let asked = (0..number)
        .map(|_| {
            let world = random.of(&worlds);
            ask(&queue, &world, &mut random, now)
        })
        .collect();
    (asked, house.recorder.unrecorded())
}

fn is_refused(asked: &Asked) -> bool {
    asked.foreign_origin || matches!(asked.decision, access_control::Decision::Refuse(_))
}

test_support::on_both_stores! {
    async fn what_waits_is_bounded_and_what_is_lost_is_counted(database: TestDatabase) {
        // Nobody writes: the queue fills up.
        let store = decisions::Store::new(database.connection().clone());
        let (recorder, writer) = decisions::Recorder::new(store, Recording::All);
        let mut house = House::on(database);
        house.recorder = recorder;
        let (asked, lost) = flood(&house, FLOOD).await;
        let refused = asked.iter().filter(|asked| is_refused(asked)).count() as u64;
        let allowed = FLOOD as u64 - refused;
        println!("{refused} refused, {allowed} allowed, {lost:?}");
        assert!(refused > 4096 && allowed > 8192, "the flood is too small");
        assert_eq!(lost, Unrecorded { allowed: allowed - 8192, refused: refused - 4096 });
        // What waited is written in the end, and nothing twice.
        writer.run(std::future::ready(())).await;
        assert_eq!(house.count("decisions").await, 8192 + 4096);
        assert_eq!(house.recorder.unrecorded(), lost);
    }

    async fn a_flood_of_allowed_requests_drops_no_refusal(database: TestDatabase) {
        let store = decisions::Store::new(database.connection().clone());
        let (recorder, writer) = decisions::Recorder::new(store, Recording::All);
        let mut house = House::on(database);
        house.recorder = recorder;
        let (asked, _) = flood(&house, 4_000).await;
        let queue = house.recorder.queue();
        let now = OffsetDateTime::now_utc();
        let mut random = Random(4);
        let world = World::open(&mut random, now);
        for _ in 0..30_000 {
            ask_for(&queue, &world, world.auditor.clone(), &["/"], &mut random, now);
        }
        assert!(house.recorder.unrecorded().allowed > 10_000);
        writer.run(std::future::ready(())).await;
        let sql = "SELECT COUNT(*) AS number FROM decisions WHERE id = ";
        for asked in asked.iter().filter(|asked| is_refused(asked)).take(500) {
            assert_eq!(house.number(&format!("{sql}'{}'", asked.id)).await, 1, "{}", asked.id);
        }
        assert_eq!(house.recorder.unrecorded().refused, 0);
    }

    async fn a_store_that_is_away_for_a_moment_costs_nothing(database: TestDatabase) {
        let mut house = House::on(database);
        house.execute("ALTER TABLE decisions RENAME TO elsewhere").await;
        let (asked, _) = flood(&house, 3_000).await;
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        house.execute("ALTER TABLE elsewhere RENAME TO decisions").await;
        house.kept(asked.len() as u64).await;
        house.stop().await;
        assert_eq!(house.recorder.unrecorded(), Unrecorded::default());
        // Every record names a policy that is there.
        let orphans = "SELECT COUNT(*) AS number FROM decisions WHERE policy NOT IN \
                       (SELECT digest FROM policy_snapshots)";
        assert_eq!(house.number(orphans).await, 0);
    }

    async fn a_writer_that_is_killed_leaves_whole_batches(database: TestDatabase) {
        let mut house = House::on(database);
        for round in 1..=5 {
            let (asked, _) = flood(&house, 4_000).await;
            tokio::time::sleep(std::time::Duration::from_millis(40 * round)).await;
            house.kill().await;
            let kept = house.count("decisions").await;
            println!("killed with {kept} of {} kept", asked.len() as u64 * round);
            let orphans = "SELECT COUNT(*) AS number FROM decisions WHERE policy NOT IN \
                           (SELECT digest FROM policy_snapshots)";
            assert_eq!(house.number(orphans).await, 0);
        }
        // Whoever comes next goes on.
        let before = house.count("decisions").await;
        let (asked, _) = flood(&house, 1_000).await;
        house.kept(before + asked.len() as u64).await;
    }

    async fn the_queue_is_emptied_at_the_end(database: TestDatabase) {
        let mut house = House::on(database);
        let (asked, _) = flood(&house, 2_500).await;
        house.stop().await;
        assert_eq!(house.count("decisions").await, asked.len() as u64);
    }

    async fn only_refusals_are_kept_when_the_operator_says_so(database: TestDatabase) {
        let mut house = House::recording(database, Recording::Refused);
        let (asked, _) = flood(&house, 2_000).await;
        house.stop().await;
        let refused = asked.iter().filter(|asked| is_refused(asked)).count() as u64;
        assert!(refused > 100 && refused < 1_900);
        assert_eq!(house.count("decisions").await, refused);
        assert_eq!(house.number("SELECT COUNT(*) AS number FROM decisions WHERE allowed").await, 0);
    }

    async fn changes_get_their_turn_beside_a_flood(database: TestDatabase) {
        let house = House::on(database);
        flood(&house, 6_000).await;
        let mut longest = std::time::Duration::ZERO;
        for number in 0..20 {
            let began = std::time::Instant::now();
            house.execute(&format!("INSERT INTO retired_slugs (slug, retired_at) VALUES ('s{number}', '2026-01-01 00:00:00+00:00')")).await;
            longest = longest.max(began.elapsed());
        }
        println!("the longest of 20 changes beside the writer took {longest:?}");
        assert!(longest < std::time::Duration::from_secs(3), "{longest:?}");
    }
}
