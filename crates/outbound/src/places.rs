//! Who may ask the system's resolver now. It cannot be interrupted: names that it hangs on must not use up the threads
//! that everything else blocks on, nor the places of everybody else's names.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many names are resolved at once.
const PLACES: usize = 64;
/// How many of them are anybody's. The others are for domains that have no place yet.
const ANYBODYS: usize = 32;
/// How many places one domain has at most.
const OF_ONE_DOMAIN: usize = 8;

/// The places at the resolver. Names count by their last two labels: whoever has a domain can make up names below it.
#[derive(Default)]
pub(crate) struct Places(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    taken: usize,
    domains: HashMap<String, Domain>,
    came: u64,
}

#[derive(Default)]
struct Domain {
    taken: usize,
    /// With when they came.
    waiting: VecDeque<(u64, oneshot::Sender<Place>)>,
}

/// A place, until it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    domain: String,
}

impl Places {
    /// A place for this name, as soon as it is its turn. Whoever drops the receiver waits no more.
    pub(crate) fn take(self: &Arc<Self>, name: &str) -> oneshot::Receiver<Place> {
        let (give, place) = oneshot::channel();
        let mut turns = self.turns();
        let came = turns.came;
        turns.came += 1;
        let waiting = &mut turns.domains.entry(domain(name).to_owned()).or_default().waiting;
        // Who came first gives up first, mostly.
        while waiting.front().is_some_and(|(_, give)| give.is_closed()) {
            waiting.pop_front();
        }
        waiting.push_back((came, give));
        drop(turns);
        self.give();
        place
    }

    /// Gives places as long as there are places and turns.
    fn give(self: &Arc<Self>) {
        loop {
            // The guard ends with the statement: a place that nobody takes is dropped, and comes back here.
            let next = self.turns().next();
            let Some((domain, give)) = next else { return };
            let _ = give.send(Place { places: Arc::clone(self), domain });
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Whose turn it is, with a place counted: of the domains that may have another one the one with the fewest, and
    /// whoever came first.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Place>)> {
        let all_taken = self.taken;
        self.domains.retain(|_, domain| {
            while domain.waiting.front().is_some_and(|(_, give)| give.is_closed()) {
                domain.waiting.pop_front();
            }
            domain.taken > 0 || !domain.waiting.is_empty()
        });
        let (name, domain) = self
            .domains
            .iter_mut()
            .filter(|(_, domain)| may_have_another(all_taken, domain.taken))
            .filter_map(|(name, domain)| {
                let (came, _) = domain.waiting.front()?;
                Some(((domain.taken, *came), name, domain))
            })
            .min_by_key(|(turn, ..)| *turn)
            .map(|(_, name, domain)| (name, domain))?;
        let (_, give) = domain.waiting.pop_front()?;
        domain.taken += 1;
        self.taken += 1;
        Some((name.clone(), give))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut turns = self.places.turns();
        turns.taken -= 1;
        if let Some(domain) = turns.domains.get_mut(&self.domain) {
            domain.taken -= 1;
        }
        drop(turns);
        self.places.give();
    }
}

/// Whether a domain that has so many of all the places that are taken may have another one.
fn may_have_another(taken: usize, of_domain: usize) -> bool {
    match of_domain {
        0 => taken < PLACES,
        _ => taken < ANYBODYS && of_domain < OF_ONE_DOMAIN,
    }
}

/// The last two labels of a name.
fn domain(name: &str) -> &str {
    name.rmatch_indices('.').nth(1).map_or(name, |(dot, _)| &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    type Asked = oneshot::Receiver<Place>;

    fn ask(places: &Arc<Places>, domain: &str, how_often: usize) -> Vec<Asked> {
        (0..how_often).map(|number| places.take(&format!("n{number}.{domain}"))).collect()
    }

    /// Those that have a place now. The others go on waiting.
    fn given(asked: &mut Vec<Asked>) -> Vec<Place> {
        let mut places = Vec::new();
        asked.retain_mut(|asked| match asked.try_recv() {
            Ok(place) => {
                places.push(place);
                false
            }
            Err(_) => true,
        });
        places
    }

    #[test]
    fn a_domain_is_the_last_two_labels() {
        for (name, expected) in [
            ("localhost", "localhost"),
            ("example.com", "example.com"),
            ("a.example.com", "example.com"),
            ("a.b.c.example.com", "example.com"),
        ] {
            assert_eq!(domain(name), expected);
        }
    }

    #[test]
    fn a_domain_that_hangs_leaves_the_others_their_places() {
        let places = Arc::new(Places::default());
        let mut hanging = ask(&places, "one.example", 1_000);
        let mut held = given(&mut hanging);
        assert_eq!(held.len(), 8);
        assert_eq!(given(&mut ask(&places, "other.example", 3)).len(), 3);
        // One comes back: the next of the same domain goes.
        held.pop();
        assert_eq!(given(&mut hanging).len(), 1);
    }

    #[test]
    fn who_has_no_place_gets_one_when_few_domains_hold_all_they_may() {
        let places = Arc::new(Places::default());
        let mut held = Vec::new();
        let mut waiting = Vec::new();
        for number in 0..20 {
            let mut asked = ask(&places, &format!("d{number}.example"), 20);
            held.extend(given(&mut asked));
            waiting.push(asked);
        }
        assert_eq!(held.len(), 4 * 8 + 16, "four domains have eight, the others one each");
        let mut other = ask(&places, "other.example", 2);
        assert_eq!(given(&mut other).len(), 1);
        drop((held, waiting));
        assert_eq!(given(&mut other).len(), 1, "nothing is lost");
    }

    #[test]
    fn there_are_never_more_than_all_places_and_the_first_to_come_is_next() {
        let places = Arc::new(Places::default());
        let mut asked: Vec<Asked> =
            (0..100).map(|number| places.take(&format!("a.d{number}.example"))).collect();
        let mut held = given(&mut asked);
        assert_eq!((held.len(), asked.len()), (64, 36));
        held.pop();
        let next = given(&mut asked);
        assert_eq!(next.iter().map(|place| place.domain.as_str()).collect::<Vec<_>>(), ["d64.example"]);
    }

    #[test]
    fn who_waits_no_more_takes_no_place() {
        let places = Arc::new(Places::default());
        let mut asked = ask(&places, "one.example", 8);
        let mut held = given(&mut asked);
        drop(ask(&places, "one.example", 1_000));
        let mut late = ask(&places, "one.example", 2);
        assert!(places.turns().domains["one.example"].waiting.len() <= 2);
        held.pop();
        assert_eq!(given(&mut late).len(), 1);
        // A place that was given, and not taken in time.
        let unread = places.take("a.two.example");
        drop((unread, held, late));
        assert_eq!(places.turns().taken, 0);
        drop(places.take("a.three.example"));
        assert_eq!(places.turns().next().map(|(domain, _)| domain), None);
        assert!(places.turns().domains.is_empty());
    }
}
