//! What the vault costs through a store, on SQLite: opening a value, putting one in the place of another, sealing all
//! values of an organization with a new key, and listing masked secrets.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops if it cannot be set up"
)]

use std::time::Instant;

use access_control::{Environment, ListSecrets, ManageSecrets};
use audit::{Actor, Event, Target};
use cryptography::SecretBytes;
use ids::SecretId;
use secrets_vault::{KeyRotations, Kind, NewValue, Owner, RotationLimits, Subject};
use test_support::TestDatabase;
use time::OffsetDateTime;

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/house.rs"]
mod house;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/office.rs"]
mod office;

const VALUES: usize = 10_000;
const SIZE: usize = 1 << 10;
const RUNS: usize = 2_000;

#[tokio::main]
async fn main() {
    let house = house::House::new(TestDatabase::sqlite().await).await;
    let value = SecretBytes::copy_of(&[7; SIZE]);
    let new = || NewValue { id: SecretId::generate(), owner: Owner::Platform, kind: Kind::ApiKey };
    let event = || Event::done(Actor::System, "bench", Target::Platform);
    let values: Vec<_> = (0..VALUES).map(|_| new()).collect();
    let began = Instant::now();
    for some in values.chunks(100) {
        let change = house.journal.begin().await.unwrap();
        for new in some {
            house.vault.seal(&change, *new, &value, OffsetDateTime::now_utc()).await.unwrap();
        }
        change.commit(event()).await.unwrap();
    }
    println!("| {SIZE} bytes each, SQLite | |\n|---|---|");
    println!("| seal, 100 values a change | {:.0} values/s |", per_second(VALUES, began));

    let mut opens = Vec::new();
    let mut replaces = Vec::new();
    for new in values.iter().step_by(VALUES / RUNS) {
        let began = Instant::now();
        let opened = house.vault.open(new.id, new.owner, new.kind).await.unwrap();
        opens.push(began.elapsed());
        assert_eq!(opened.reveal().len(), SIZE);
    }
    for new in values.iter().step_by(VALUES / RUNS) {
        let began = Instant::now();
        let change = house.journal.begin().await.unwrap();
        house.vault.replace(&change, *new, &value, OffsetDateTime::now_utc()).await.unwrap();
        change.commit(event()).await.unwrap();
        replaces.push(began.elapsed());
    }
    for (what, mut times) in [("open, through the store", opens), ("replace, a change each", replaces)] {
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
        println!("| {what} | median {:.0} µs, p99 {:.0} µs |", at(50), at(99));
    }

    let rotations = KeyRotations::new(house.vault.clone(), RotationLimits::default());
    let subject = Subject::KeyOf(Owner::Platform.holder());
    let began = Instant::now();
    let rotation = rotations.begin(subject, OffsetDateTime::now_utc()).await.unwrap();
    let rotation = rotations.work(rotation.id).await.unwrap().unwrap();
    println!("| rotate a key, closing scan included | {:.0} values/s |", per_second(VALUES, began));
    println!("| | {:?} |", rotation.state);

    list().await;
}

/// As many as an organization may have, as the API answers them and at once.
async fn list() {
    let office = office::Office::new(TestDatabase::sqlite().await).await;
    let manage = office.within::<ManageSecrets>(office.owner);
    for number in 0..VALUES {
        let (name, value) =
            (format!("service {number}"), format!("a key that is long enough for a mask {number:05}"));
        // One environment takes no more than 512 KiB.
        let environment = Environment::ALL[number % 2];
        let new = office::new(Kind::ApiKey, &name, Some(environment), office::text(&value));
        office.secrets.create(&manage, new, office::occasion()).await.unwrap();
    }
    let permit = office.within::<ListSecrets>(office.owner);
    for page in [100, VALUES] {
        let mut times = Vec::new();
        for _ in 0..9 {
            let (mut after, mut listed) = (None, 0);
            let began = Instant::now();
            while listed < VALUES {
                let secrets = office.secrets.list(&permit, after, page).await.unwrap();
                assert!(secrets.iter().all(|secret| secret.mask().len() > 4));
                (after, listed) = (secrets.last().map(|secret| secret.id), listed + secrets.len());
            }
            times.push(began.elapsed());
        }
        times.sort_unstable();
        println!(
            "| list {VALUES} masked secrets, {page} at a time | median {:.0} ms |",
            times[4].as_secs_f64() * 1e3
        );
    }
}

fn per_second(values: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(values).unwrap()) / began.elapsed().as_secs_f64()
}
