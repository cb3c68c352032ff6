//! How long simulations of wrong edits take in an organization of 1,000 people and 200 apps, from the call of
//! the use case to its answer, on a real store.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops if it cannot be set up"
)]

use std::time::Instant;

use access_control::{Means, Principal, SignedIn, SimulatePolicy, authorize};
use decisions::Traffic;
use directory::Directory;
use ids::SessionId;
use organizations::Groups;
use policy::{Draft, Simulations, Totals};
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/large.rs"]
mod large;

const RUNS: usize = 9;

#[tokio::main]
async fn main() {
    let database = TestDatabase::sqlite().await;
    let large = large::Large::new();
    large.fill(&database).await;
    let connection = database.connection();
    let directory = Directory::load(&audit::Journal::new(connection.clone())).await.unwrap();
    let journal = audit::Journal::new(connection.clone());
    let groups = Groups::new(organizations::Store::new(journal, connection.clone()));
    let traffic = Traffic::new(decisions::Store::new(connection.clone()));
    let simulations = Simulations::new(directory.clone(), groups, traffic);
    let now = OffsetDateTime::now_utc();
    let owner = SignedIn {
        user: large.owner(),
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: now,
        means: Means::Browser,
    };
    let permit =
        authorize::<SimulatePolicy>(Some(&Principal::User(owner)), large.id, &directory, now).unwrap();
    println!("{} people, {} apps, {RUNS} runs each; milliseconds", large::PEOPLE, large::APPS);
    println!(
        "{:<32} {:>8} {:>8} {:>8}  requests of people that change",
        "wrong edit", "least", "median", "most"
    );
    let mut edits = large::wrong_edits(&large);
    let (changes, after) = large::without_a_rule(&large, 1);
    edits.push(("every app loses a rule", changes, after));
    for (name, changes, _) in edits {
        let mut times = Vec::new();
        let mut totals = Totals::default();
        for _ in 0..RUNS {
            let draft = Draft { changes: changes.clone(), seen_within: Duration::days(30), kept: 20 };
            let start = Instant::now();
            let simulation = simulations.of_organization(&permit, draft, now).await.unwrap();
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
            totals = Totals::of(&simulation.effects);
        }
        times.sort_by(f64::total_cmp);
        let changed = totals.requests_gained + totals.requests_lost;
        println!("{name:<32} {:>8.1} {:>8.1} {:>8.1}  {changed}", times[0], times[RUNS / 2], times[RUNS - 1]);
    }
}
