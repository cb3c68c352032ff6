//! What a simulation says of known wrong edits in an organization of 1,000 people and 200 apps.

use std::time::Instant;

use access_control::SimulatePolicy;
use policy::{Draft, Effect, Simulation, Totals};
use test_support::{TestDatabase, on_both_stores};
use time::Duration;

use crate::house::House;
use crate::large::{APPS, Large, PEOPLE, Roles, Shifts, wrong_edits};

fn found(simulation: &Simulation) -> (Roles, Shifts) {
    let (mut roles, mut shifts) = (Roles::new(), Shifts::new());
    for effect in &simulation.effects {
        let Effect { app, user, before, after, gains, loses } = effect;
        if before != after {
            roles.insert((*app, *user), (*before, *after));
        }
        let (gained, lost) = (gains.first.iter(), loses.first.iter());
        for (shift, gained) in gained.map(|one| (one, true)).chain(lost.map(|one| (one, false))) {
            let probe = &simulation.probes[app][shift.probe];
            let (method, path) = (probe.method.as_str().to_owned(), probe.path().to_owned());
            assert!(shifts.insert((*app, *user, method, path, gained)), "said twice");
        }
    }
    (roles, shifts)
}

on_both_stores! {
    /// Must hold 7.
    async fn a_simulation_names_exactly_the_people_and_paths_of_a_wrong_edit(database: TestDatabase) {
        let large = Large::new();
        large.fill(&database).await;
        let house = House::on(database).await;
        let permit = house.permit::<SimulatePolicy>(large.owner(), large.id).unwrap();
        for (name, changes, after) in wrong_edits(&large) {
            let draft = Draft { changes, seen_within: Duration::days(30), kept: usize::MAX };
            let capped = Draft { kept: 1, ..draft.clone() };
            let start = Instant::now();
            let simulation = house.simulations.of_organization(&permit, draft, house.now()).await.unwrap();
            let took = start.elapsed();
            assert_eq!((simulation.people, simulation.apps), (PEOPLE, APPS));
            let (roles, shifts) = found(&simulation);
            let (wanted_roles, wanted_shifts) = large.naive_difference(&after);
            println!("{name}: {} roles, {} requests of people, {took:?}", roles.len(), shifts.len());
            assert!(!wanted_shifts.is_empty(), "{name}: the edit is not wrong");
            assert_eq!(roles, wanted_roles, "{name}");
            // The answer keeps few of them, and counts the same.
            let capped = house.simulations.of_organization(&permit, capped, house.now()).await.unwrap();
            assert_eq!(Totals::of(&capped.effects), Totals::of(&simulation.effects), "{name}");
            let sides = capped.effects.iter().flat_map(|effect| [&effect.gains, &effect.loses]);
            assert!(sides.into_iter().all(|side| side.first.len() == side.total.min(1)), "{name}");
            assert!(shifts == wanted_shifts, "{name}: {} instead of {}", shifts.len(), wanted_shifts.len());
        }
    }
}
