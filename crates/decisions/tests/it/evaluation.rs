//! Must hold: a stored record, evaluated again, gives the answer that was given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use access_control::{Means, ReadAudit};
use decisions::{DecisionRecord, Evaluated, PersonFacts};
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

use crate::house::{Asked, House, Known, ask};
use crate::random::{Random, World};

const WORLDS: usize = 400;
const READERS: usize = 8;

#[test]
fn a_hundred_thousand_random_decisions_come_out_again_on_sqlite() {
    test_support::run(async { come_out_again(TestDatabase::sqlite().await, 100_000).await });
}

#[test]
fn twenty_thousand_random_decisions_come_out_again_on_postgres() {
    test_support::run(async { come_out_again(TestDatabase::postgres().await, 20_000).await });
}

async fn come_out_again(database: TestDatabase, number: usize) {
    let seed = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap();
    let (house, began) = (House::on(database), Instant::now());
    let (worlds, asked) = hand_in(&house, number, seed).await;
    let written = began.elapsed();
    let evaluated = read_all(&house, &worlds, &asked).await;
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut differences = 0;
    for (asked, evaluated) in asked.iter().zip(&evaluated) {
        let Asked { id, decision, foreign_origin } = asked.1;
        let record = &evaluated.record;
        let same = (record.id, record.decision, record.foreign_origin) == (id, decision, foreign_origin);
        if !(same && evaluated.agrees && evaluated.explanation.decision == decision) {
            differences += 1;
        }
        let word = format!("{decision:?}");
        *outcomes.entry(word.split('(').take(2).collect::<Vec<_>>().join(" ")).or_default() += 1;
    }
    println!(
        "{number} decisions on {:?}, seed {seed}: {differences} differences; written in {written:?}, \
         all in {:?}; {} policies; {outcomes:?}",
        house.database.backend(),
        began.elapsed(),
        house.count("policy_snapshots").await
    );
    assert_eq!(differences, 0);
    assert!(outcomes.len() >= 8, "not every outcome was seen: {outcomes:?}");
    every_fact_matters(&evaluated[..5_000]);
}

/// Random decisions in random worlds, all of them kept.
async fn hand_in(house: &House, number: usize, seed: u64) -> (Vec<World>, Vec<(usize, Asked)>) {
    let mut random = Random(seed);
    let now = OffsetDateTime::now_utc();
    let worlds: Vec<World> = (0..WORLDS).map(|_| World::random(&mut random, now)).collect();
    let queues: Vec<_> = (0..8).map(|_| house.recorder.queue()).collect();
    let mut asked = Vec::with_capacity(number);
    while asked.len() < number {
        for _ in 0..(number - asked.len()).min(20_000) {
            let world = random.number(WORLDS);
            let queue = &queues[asked.len() % queues.len()];
            // Grants end and sign-ins age between the decisions.
            let at = random.around(now, 30);
            asked.push((world, ask(queue, &worlds[world], &mut random, at)));
        }
        house.kept(asked.len() as u64).await;
    }
    assert_eq!(house.recorder.unrecorded(), decisions::Unrecorded::default());
    (worlds, asked)
}

/// Opens each, as an auditor of its organization.
async fn read_all(house: &House, worlds: &[World], asked: &[(usize, Asked)]) -> Vec<Evaluated> {
    let known = Arc::new(Known::of(worlds));
    let tasks: Vec<_> = asked
        .chunks(asked.len().div_ceil(READERS))
        .map(|chunk| {
            let (chunk, worlds) = (chunk.to_vec(), worlds.to_vec());
            let (known, decisions) = (Arc::clone(&known), house.decisions.clone());
            tokio::spawn(async move {
                let mut found = Vec::with_capacity(chunk.len());
                for (world, asked) in chunk {
                    let World { auditor, organization, .. } = &worlds[world];
                    let permit = known.permit::<ReadAudit>(auditor, organization.id);
                    found.push(decisions.of_organization(&permit, asked.id).await.unwrap());
                }
                found
            })
        })
        .collect();
    let mut evaluated = Vec::with_capacity(asked.len());
    for task in tasks {
        evaluated.extend(task.await.unwrap());
    }
    evaluated
}

/// Each fact that is kept is needed: without it, or with another, some decisions come out otherwise, and are
/// told as such.
fn every_fact_matters(evaluated: &[Evaluated]) {
    type Spoil = fn(&mut DecisionRecord);
    let spoils: [(&str, Spoil); 11] = [
        ("at", |record| record.at += Duration::minutes(20)),
        ("user", |record| record.user = ids::UserId::generate()),
        ("hosted domain", |record| record.hosted_domain = None),
        ("sign-in", |record| record.authenticated_at -= Duration::hours(1)),
        ("person", |record| record.person = PersonFacts::default()),
        ("role", |record| record.person.role = Some(access_control::Role::Member)),
        ("groups", |record| record.person.groups.clear()),
        ("grant", |record| record.person.grant = None),
        ("method", |record| record.method = "OPTIONS".parse().unwrap()),
        ("paths", |record| record.paths = vec!["/nowhere".into()]),
        ("under every rule", |record| record.under_every_rule = !record.under_every_rule),
    ];
    let differing = |spoil: &dyn Fn(&mut Evaluated)| {
        evaluated
            .iter()
            .filter(|evaluated| {
                let mut spoiled = (*evaluated).clone();
                spoil(&mut spoiled);
                let again = spoiled.record.evaluate(&spoiled.policy).unwrap();
                again.decision != evaluated.record.decision
            })
            .count()
    };
    let mut found: Vec<(&str, usize)> = spoils
        .into_iter()
        .map(|(name, spoil)| (name, differing(&move |evaluated| spoil(&mut evaluated.record))))
        .collect();
    found.push(("level", differing(&|evaluated| evaluated.policy.level = access_control::AppLevel::User)));
    found.push(("creator", differing(&|evaluated| evaluated.policy.creator = ids::UserId::generate())));
    found.push(("rules", differing(&|evaluated| evaluated.policy.rules.clear())));
    found.push((
        "age of rules",
        differing(&|evaluated| {
            evaluated.policy.rules.iter_mut().for_each(|rule| rule.sign_in_within = None);
        }),
    ));
    found.push(("organization's domain", differing(&|evaluated| evaluated.policy.hosted_domain = None)));
    println!("with one fact spoiled, so many come out otherwise: {found:?}");
    assert!(found.iter().all(|(_, differing)| *differing > 0), "{found:?}");
    // How the session was proved is kept, and decides nothing about a request for an app.
    let other = |evaluated: &mut Evaluated| evaluated.record.means = Means::ApiToken;
    assert_eq!(differing(&other), 0);
}
