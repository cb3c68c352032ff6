//! Whose refusals wait to be written. One actor gets a share of the queue, not all of it: a person who has
//! many organizations, each with its own window, could otherwise fill it while the store is slow, and
//! what others try would be lost.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ids::UserId;

use crate::Actor;

/// How many refusals of one person wait at a time.
pub const WAITING_OF_A_PERSON: usize = 512;

/// How many of all apps and agents together: whoever makes apps and tokens makes any number of them.
pub const WAITING_OF_PROGRAMS: usize = 1024;

/// Counts what waits. It knows as many people as there are refusals in the queue, at most.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Shares>);

#[derive(Debug, Default)]
struct Shares {
    of_people: HashMap<UserId, usize>,
    of_programs: usize,
}

impl Waiting {
    /// Takes a place, unless the actor's share is used up.
    pub(crate) fn enter(&self, actor: Actor) -> bool {
        let mut shares = self.shares();
        let (taken, share) = match actor {
            Actor::Person(user) => (shares.of_people.entry(user).or_default(), WAITING_OF_A_PERSON),
            Actor::App(_) | Actor::Agent(..) | Actor::System => {
                (&mut shares.of_programs, WAITING_OF_PROGRAMS)
            }
        };
        let has_room = *taken < share;
        *taken += usize::from(has_room);
        has_room
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, actor: Actor) {
        let mut shares = self.shares();
        let Actor::Person(user) = actor else {
            shares.of_programs = shares.of_programs.saturating_sub(1);
            return;
        };
        if let Some(taken) = shares.of_people.get_mut(&user) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                shares.of_people.remove(&user);
            }
        }
    }

    /// The counts are right at every moment, also where a thread panicked.
    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
