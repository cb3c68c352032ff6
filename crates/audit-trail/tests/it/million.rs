//! What a search costs does not depend on how long the trail is. Takes a minute:
//! `cargo test -p audit-trail --test it million -- --ignored --nocapture`

use std::time::{Duration, Instant};

use audit::{Chain, Filter, Outcome, Trail};
use ids::OrganizationId;
use sea_orm::{ConnectionTrait as _, DatabaseBackend};
use test_support::TestDatabase;
use time::OffsetDateTime;

const SHORT: i64 = 10_000;
const LONG: i64 = 1_000_000;
/// One event a second since then.
const BEGINNING: i64 = 1_700_000_000;

/// Writes events in bulk: 1,000 people, 40 actions, 5,000 apps, one in 500 refused.
async fn fill(database: &TestDatabase, organization: OrganizationId, events: i64) {
    let (numbers, hash, at, text) = match database.backend() {
        DatabaseBackend::Sqlite => (
            format!(
                "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {events}) SELECT n FROM s) s"
            ),
            "zeroblob(32)",
            format!("strftime('%Y-%m-%dT%H:%M:%SZ', {BEGINNING} + n, 'unixepoch')"),
            "printf('%032d', ",
        ),
        _ => (
            format!("generate_series(1, {events}) AS s (n)"),
            "decode(repeat('00', 32), 'hex')",
            format!("to_timestamp({BEGINNING} + n)"),
            "to_char(",
        ),
    };
    let padded = |number: &str| match database.backend() {
        DatabaseBackend::Sqlite => format!("{text}{number})"),
        _ => format!("{text}{number}, 'FM00000000000000000000000000000000')"),
    };
    // The end of it is random.
    let id = &organization.to_string()[16..];
    let sql = format!(
        "INSERT INTO audit_events (chain, sequence, hash, id, at, actor_kind, actor_id, action, outcome, \
         target_kind, target_id, request_id, decision_id, detail) \
         SELECT '{organization}', n, {hash}, 'evt_{id}' || {number}, {at}, 'person', 'usr_' || {actor}, \
         'group' || (n % 8) || '.action' || (n % 40), CASE WHEN n % 500 = 0 THEN 'refused' ELSE 'done' END, \
         'app', 'app_' || {app}, 'req_' || {number}, NULL, '{{}}' FROM {numbers}",
        number = padded("n"),
        actor = padded("n % 1000"),
        app = padded("n % 5000"),
    );
    database.connection().execute_unprepared(&sql).await.unwrap();
}

async fn median(trail: &Trail, organization: OrganizationId, filter: &Filter) -> (Duration, usize) {
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..21 {
        let began = Instant::now();
        let page = trail.search(Chain::Organization(organization), filter, None, 50).await.unwrap();
        times.push(began.elapsed());
        found = page.records.len();
    }
    times.sort_unstable();
    (times[10], found)
}

#[test]
#[ignore = "fills a store with a million events"]
fn on_sqlite() {
    test_support::run(async { searches_stay_flat(TestDatabase::sqlite().await).await });
}

#[test]
#[ignore = "fills a store with a million events"]
fn on_postgres() {
    test_support::run(async { searches_stay_flat(TestDatabase::postgres().await).await });
}

async fn searches_stay_flat(database: TestDatabase) {
    let (short, long) = (OrganizationId::generate(), OrganizationId::generate());
    fill(&database, short, SHORT).await;
    fill(&database, long, LONG).await;
    let statistics = if database.backend() == DatabaseBackend::Sqlite {
        "PRAGMA optimize"
    } else {
        "ANALYZE audit_events"
    };
    database.connection().execute_unprepared(statistics).await.unwrap();
    let trail = Trail::new(database.connection().clone());
    let any = Filter::default;
    let text = |name: &str, number: i64| Some(format!("{name}_{number:032}"));
    let instant =
        |end: i64, share: i64| OffsetDateTime::from_unix_timestamp(BEGINNING + end * share / 100).ok();
    let filters = |end: i64| {
        [
            ("newest", any()),
            ("actor", Filter { actor: text("usr", 7), ..any() }),
            ("nobody", Filter { actor: text("usr", 999_999), ..any() }),
            ("action", Filter { action: Some("group3.action11".into()), ..any() }),
            ("group of actions", Filter { action: Some("group3.*".into()), ..any() }),
            ("target", Filter { target: text("app", 7), ..any() }),
            ("refused", Filter { outcome: Some(Outcome::Refused), ..any() }),
            ("request", Filter { request: text("req", 5_000), ..any() }),
            ("time", Filter { since: instant(end, 40), until: instant(end, 50), ..any() }),
            (
                "actor and action",
                Filter { actor: text("usr", 7), action: Some("group7.action7".into()), ..any() },
            ),
            ("no index", Filter { target_kind: Some("group".into()), ..any() }),
        ]
    };
    println!("{:?}: {SHORT} events, {LONG} events, ratio", database.backend());
    for ((what, of_short), (_, of_long)) in filters(SHORT).into_iter().zip(filters(LONG)) {
        let (few, _) = median(&trail, short, &of_short).await;
        let (many, found) = median(&trail, long, &of_long).await;
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("  {what:<18} {few:>10.2?} {many:>10.2?} {ratio:>6.2}  ({found} found)");
        assert!(ratio < 5.0 || many < Duration::from_millis(25) || what == "no index", "{what} is not flat");
        assert!(many < Duration::from_millis(500), "{what}");
    }
}
