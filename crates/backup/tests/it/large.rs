//! `cargo xtask soak restore`: how long a large store takes.

use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait as _;
use test_support::TestDatabase;

use crate::filled::{self, examined, restored, taken};

/// How many rows, unless the environment says another number.
const ROWS: usize = 100_000;

/// What a rebuild may take (G18).
const MOST: Duration = Duration::from_secs(600);

/// People with sessions, and a trail of what they did: three rows for each.
async fn fill(database: &TestDatabase, rows: usize) {
    let numbers = format!(
        "WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < {})",
        rows / 3 + 1
    );
    let instant = "'2026-02-03T04:05:06.123456+00:00'";
    for insert in [
        format!(
            "INSERT INTO users (id, issuer, subject, email, name, created_at) {numbers} \
             SELECT 'usr_' || at, 'https://issuer.example', at, at || '@example.com', 'Somebody ' || at, {instant} FROM n"
        ),
        format!(
            "INSERT INTO sessions (id, user_id, means, token_hash, user_agent, created_at, authenticated_at, last_seen_at, ends_at) \
             {numbers} SELECT 'ses_' || at, 'usr_' || at, 'browser', randomblob(32), 'Mozilla/5.0 (X11; Linux x86_64)', \
             {instant}, {instant}, {instant}, {instant} FROM n"
        ),
        format!(
            "INSERT INTO audit_events (chain, sequence, hash, id, at, actor_kind, action, outcome, target_kind, detail) \
             {numbers} SELECT 'large', at, randomblob(32), 'evt_' || at, {instant}, 'system', 'session.create', 'done', \
             'session', '{{\"provider\":\"company\",\"number\":' || at || '}}' FROM n"
        ),
    ] {
        database.connection().execute_unprepared(&insert).await.unwrap();
    }
}

#[test]
#[ignore = "minutes: cargo xtask soak restore"]
fn g18_a_large_store_is_restored_in_time() {
    test_support::run(async {
        let rows = std::env::var("VYBE_RESTORED_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
        let first = filled::sqlite().await;
        fill(&first, rows).await;
        let (second, third) = (TestDatabase::postgres().await, TestDatabase::sqlite().await);
        for (from, to, names) in
            [(&first, &second, "SQLite to PostgreSQL"), (&second, &third, "PostgreSQL to SQLite")]
        {
            let began = Instant::now();
            let (summary, file) = taken(from).await;
            let took = began.elapsed();
            assert!(summary.rows() >= rows as u64);
            let began = Instant::now();
            assert_eq!(examined(&file).await.unwrap(), summary);
            let verified = began.elapsed();
            let began = Instant::now();
            restored(&file, to).await.unwrap();
            let back = began.elapsed();
            assert_eq!(backup::state(to.connection()).await.unwrap(), summary);
            println!(
                "{names}: {} rows, {:.1} MB; written in {took:.1?}, verified in {verified:.1?}, restored in {back:.1?}; \
                 state hash {}",
                summary.rows(),
                file.len() as f64 / 1e6,
                summary.state_hash
            );
            assert!(back < MOST);
        }
    });
}
