//! Old decisions go, and with them what only they named.

use decisions::Retention;
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

use crate::house::{House, ask};
use crate::random::{Random, World};

test_support::on_both_stores! {
    async fn what_is_older_than_kept_is_deleted_in_small_pieces(database: TestDatabase) {
        let mut house = House::on(database);
        let (now, mut random) = (OffsetDateTime::now_utc(), Random(8));
        let world = World::random(&mut random, now);
        let queue = house.recorder.queue();
        for _ in 0..1_800 {
            ask(&queue, &world, &mut random, now);
        }
        house.stop().await;
        let retention = Retention { keep: Duration::days(30) };
        let sweep = |days: i64| {
            let decisions = house.decisions.clone();
            async move { decisions.sweep(retention, now + Duration::days(days)).await.unwrap() }
        };
        let policies = house.count("policy_snapshots").await;
        assert_eq!(sweep(29).await, 0);
        assert_eq!((house.count("decisions").await, policies), (1_800, 1));
        // More than three pieces.
        assert_eq!(sweep(31).await, 1_800);
        assert_eq!(house.count("decisions").await, 0);
        // The policy stays a little longer than the last decision that names it.
        assert_eq!(house.count("policy_snapshots").await, 1);
        assert_eq!(sweep(34).await, 0);
        assert_eq!(house.count("policy_snapshots").await, 0);
        assert_eq!(house.count("seen_paths").await, 0);
    }
}
