//! How many letters the platform sends to one address, and for one person. Anybody who signs in can make an
//! organization and invite addresses of strangers, whose mailboxes and whose opinion of our mail server are
//! not theirs to spend.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ids::EmailAddress;

/// Within which time letters are counted.
const WINDOW: Duration = Duration::from_hours(1);
/// How many letters go to one address.
const TO_ONE_ADDRESS: u32 = 20;
/// How many letters go out for one person.
const FOR_ONE_PERSON: u32 = 500;
/// How many addresses and people are counted at a time. Whoever has the letters of so many to send begins
/// anew, and nobody else is held up.
const COUNTED: usize = 20_000;

/// Counts letters.
#[derive(Default)]
pub(crate) struct LetterLimits {
    sent: Mutex<HashMap<Counted, Window>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Counted {
    To(EmailAddress),
    For(EmailAddress),
}

struct Window {
    began: Instant,
    letters: u32,
}

impl LetterLimits {
    /// Counts a letter; whether it may be sent.
    pub(crate) fn admits(&self, to: &EmailAddress, inviter: &EmailAddress, now: Instant) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= COUNTED {
            sent.retain(|_, window| !window.is_over(now));
            if sent.len() >= COUNTED {
                sent.clear();
            }
        }
        let limits =
            [(Counted::For(inviter.clone()), FOR_ONE_PERSON), (Counted::To(to.clone()), TO_ONE_ADDRESS)];
        // What is not sent for a person does not count for the address.
        limits.into_iter().all(|(counted, most)| {
            let window = sent.entry(counted).or_insert(Window { began: now, letters: 0 });
            if window.is_over(now) {
                *window = Window { began: now, letters: 0 };
            }
            window.letters = window.letters.saturating_add(1);
            window.letters <= most
        })
    }
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z09_nobody_floods_a_mailbox_with_invitations() {
        let address = |number: u32| format!("a{number}@example.com").parse::<EmailAddress>().unwrap();
        let (limits, now) = (LetterLimits::default(), Instant::now());
        // Whoever invites: another account does not help.
        let sent = (0..1000).filter(|number| limits.admits(&address(0), &address(number + 1), now)).count();
        assert_eq!(sent, 20);
        let sent =
            (0..1000).filter(|number| limits.admits(&address(number + 1), &address(9999), now)).count();
        assert_eq!(sent, 500);
        assert!(limits.admits(&address(3), &address(4), now), "others are not held up");
        assert!(!limits.admits(&address(0), &address(4), now + WINDOW - Duration::from_secs(1)));
        assert!(limits.admits(&address(0), &address(9999), now + WINDOW));
    }

    #[test]
    fn what_is_counted_is_bounded_and_stops_nobody() {
        let (limits, now) = (LetterLimits::default(), Instant::now());
        for number in 0..COUNTED {
            let address = format!("a{number}@example.com").parse::<EmailAddress>().unwrap();
            assert!(limits.admits(&address, &address, now));
        }
        assert!(limits.sent.lock().unwrap().len() <= COUNTED + 2);
    }
}
