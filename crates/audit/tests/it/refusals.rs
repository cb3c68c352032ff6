//! Refusals on their way into the trail: bounded in rows and memory, and none forgotten.

use std::time::{Duration, Instant};

use audit::{
    Actor, Chain, Event, Filter, Linked, NOT_WRITTEN, Outcome, Refusals, Target, Trail, WAITING_OF_A_PERSON,
    WAITING_OF_PROGRAMS, WRITTEN_IN_FULL, WRITTEN_OF_EACH,
};
use ids::{AgentTokenId, AppId, OrganizationId, UserId};
use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};

use crate::house::House;

const FLOOD: u64 = 10_000;

fn refusal(organization: OrganizationId, number: u64) -> Event {
    refusal_to(Actor::Person(UserId::generate()), "app.update", organization, number)
}

fn refusal_to(actor: Actor, action: &'static str, organization: OrganizationId, number: u64) -> Event {
    Event::refused(actor, action, Target::Organization(organization))
        .of(organization)
        .with(json!({ "number": number }))
}

async fn written(house: &House, chain: Chain) -> Vec<Linked> {
    let trail = Trail::new(house.database.connection().clone());
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let found = trail.search(chain, &Filter::default(), before, 200).await.unwrap();
        all.extend(found.records);
        before = found.before;
        if before.is_none() {
            return all;
        }
    }
}

fn detail(linked: &Linked) -> Value {
    serde_json::from_str(linked.record.detail.get()).unwrap()
}

on_both_stores! {
    async fn a_flood_of_refusals_costs_few_rows_and_is_counted_to_the_last(database: TestDatabase) {
        let house = House::new(database);
        let (refusals, writer) = Refusals::new();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let writing = tokio::spawn(writer.run(house.journal.clone(), async { drop(stopped.await) }));
        let (flooded, quiet) = (OrganizationId::generate(), OrganizationId::generate());

        let somebody = Actor::Person(UserId::generate());
        let began = Instant::now();
        for number in 0..FLOOD {
            refusals.record(refusal_to(somebody, "app.update", flooded, number));
            if number % 1000 == 0 {
                refusals.record(refusal(quiet, number));
            }
        }
        let taken = began.elapsed();
        drop(stop);
        writing.await.unwrap();

        let rows = written(&house, Chain::Organization(flooded)).await;
        let (summaries, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|linked| linked.record.action == NOT_WRITTEN);
        let [summary] = &*summaries else { panic!("one summary: {}", summaries.len()) };
        let (sampled, whole): (Vec<_>, Vec<_>) =
            rows.iter().map(detail).partition(|detail| detail.get("sampled").is_some());
        assert_eq!(whole.len() as u64, WRITTEN_IN_FULL);
        assert!((90..=110).contains(&sampled.len()), "{}", sampled.len());
        let not_written = FLOOD - rows.len() as u64;
        assert_eq!(detail(summary)["refusals"], FLOOD);
        assert_eq!(detail(summary)["notWritten"], not_written);
        assert_eq!(summary.record.outcome, "refused");

        let others = written(&house, Chain::Organization(quiet)).await;
        assert_eq!(others.len(), 10, "nobody's flood hides another organization's refusals");
        let counted: Vec<_> = refusals.counters().readings().into_iter().collect();
        let expected = [
            ("written", rows.len() as u64 + 11),
            ("sampled_out", not_written),
            ("lost", 0),
            ("unauthenticated", 0),
        ];
        assert_eq!(counted, expected);
        println!("{FLOOD} refusals handed in within {taken:?}: {} rows", rows.len() + 1);
    }

    async fn a_writer_that_stands_still_costs_no_memory_and_what_it_missed_is_counted(database: TestDatabase) {
        let house = House::new(database);
        let (refusals, writer) = Refusals::new();
        // Far more organizations than have a window of their own, and nobody empties the queue.
        for number in 0..20_000 {
            refusals.record(refusal(OrganizationId::generate(), number));
        }
        let not_written: u64 = refusals.counters().readings()[1..3].iter().map(|(_, number)| number).sum();
        assert!(not_written > 15_000, "what waits in memory is bounded: {not_written}");

        writer.run(house.journal.clone(), std::future::ready(())).await;
        let readings = refusals.counters().readings();
        let (written_to_chains, sampled_out, lost) = (readings[0].1, readings[1].1, readings[2].1);
        // Those that share the platform's window are counted there.
        let filter = Filter { action: Some(NOT_WRITTEN.to_owned()), ..Filter::default() };
        let trail = Trail::new(house.database.connection().clone());
        let summary = trail.search(Chain::Platform, &filter, None, 10).await.unwrap().records;
        assert_eq!(summary.len(), 1);
        assert_eq!(summary[0].record.outcome, Outcome::Refused.as_str());
        assert_eq!(detail(&summary[0])["notWritten"], sampled_out + lost);
        assert_eq!(written_to_chains + sampled_out + lost, 20_001, "every refusal, and the summary");
        // Nobody takes from it any more: what comes now is counted as lost, not kept.
        refusals.record(refusal(OrganizationId::generate(), 0));
        assert_eq!(refusals.counters().readings()[2].1, lost + 1);
    }

    async fn l02_somebody_with_many_organizations_and_apps_leaves_room_in_the_queue(database: TestDatabase) {
        let house = House::new(database);
        let (refusals, writer) = Refusals::new();
        let loud = Actor::Person(UserId::generate());
        // Nobody empties the queue. In each organization the first fifty are to be written.
        for _ in 0..90 {
            let organization = OrganizationId::generate();
            for number in 0..WRITTEN_IN_FULL {
                refusals.record(refusal_to(loud, "app.update", organization, number));
            }
            for number in 0..WRITTEN_IN_FULL {
                let agent = Actor::Agent(AppId::generate(), AgentTokenId::generate());
                refusals.record(refusal_to(agent, "agent.identify", organization, number));
            }
        }
        let (quiet_user, quiet) = (UserId::generate(), OrganizationId::generate());
        refusals.record(refusal_to(Actor::Person(quiet_user), "organization.delete", quiet, 0));
        let lost = refusals.counters().readings()[2].1;
        writer.run(house.journal.clone(), std::future::ready(())).await;

        let rows = written(&house, Chain::Organization(quiet)).await;
        assert_eq!(rows.len(), 1, "it is written whatever others did");
        assert_eq!(rows[0].record.actor.id.as_deref(), Some(quiet_user.to_string().as_str()));
        let waited = u64::try_from(WAITING_OF_A_PERSON + WAITING_OF_PROGRAMS).unwrap();
        assert!(lost > 90 * WRITTEN_IN_FULL - waited, "{lost}");
        let filter = Filter { action: Some(NOT_WRITTEN.to_owned()), ..Filter::default() };
        let trail = Trail::new(house.database.connection().clone());
        let mut not_written = 0;
        for chain in trail.chains().await.unwrap() {
            for summary in trail.search(chain, &filter, None, 10).await.unwrap().records {
                not_written += detail(&summary)["notWritten"].as_u64().unwrap();
            }
        }
        let sampled_out = refusals.counters().readings()[1].1;
        assert_eq!(not_written, lost + sampled_out, "what was lost is counted in the trail");
    }

    async fn a_share_of_the_queue_is_free_again_when_the_writer_has_taken_it(database: TestDatabase) {
        let house = House::new(database);
        let (refusals, writer) = Refusals::new();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let writing = tokio::spawn(writer.run(house.journal.clone(), async { drop(stopped.await) }));
        let somebody = Actor::Person(UserId::generate());
        let mut recorded = 0;
        for _ in 0..30 {
            let organization = OrganizationId::generate();
            for number in 0..WRITTEN_IN_FULL {
                refusals.record(refusal_to(somebody, "app.update", organization, number));
            }
            recorded += WRITTEN_IN_FULL;
            while refusals.counters().readings()[0].1 < recorded {
                assert_eq!(refusals.counters().readings()[2].1, 0, "nothing is lost");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        assert!(recorded > WAITING_OF_A_PERSON as u64);
        drop(stop);
        writing.await.unwrap();
    }

    async fn l02_a_flood_hides_nobody_elses_refusals_nor_another_action_of_the_same_person(database: TestDatabase) {
        let house = House::new(database);
        let (refusals, writer) = Refusals::new();
        let organization = OrganizationId::generate();
        let (loud_user, quiet_user) = (UserId::generate(), UserId::generate());
        let (loud, quiet) = (Actor::Person(loud_user), Actor::Person(quiet_user));
        for number in 0..FLOOD {
            refusals.record(refusal_to(loud, "app.update", organization, number));
            // Whoever can make agents' tokens has as many actors.
            let agent = Actor::Agent(AppId::generate(), AgentTokenId::generate());
            refusals.record(refusal_to(agent, "agent.identify", organization, number));
        }
        for number in 0..10 {
            refusals.record(refusal_to(quiet, "organization.delete", organization, number));
        }
        refusals.record(refusal_to(loud, "organization.delete", organization, 0));
        writer.run(house.journal.clone(), std::future::ready(())).await;

        let rows = written(&house, Chain::Organization(organization)).await;
        let whole = |user: UserId, action: &str| {
            let of = rows.iter().filter(|linked| {
                linked.record.actor.id.as_deref() == Some(user.to_string().as_str())
                    && linked.record.action == action
                    && detail(linked).get("sampled").is_none()
            });
            of.count()
        };
        assert_eq!(whole(quiet_user, "organization.delete"), usize::from(WRITTEN_OF_EACH));
        assert_eq!(whole(loud_user, "organization.delete"), 1);
        assert!(rows.len() < 1000, "and a flood is still bounded: {}", rows.len());
    }
}
