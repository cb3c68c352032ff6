//! Names that the resolver hung on lately.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nobody asks for them again.
const REMEMBERED: Duration = Duration::from_secs(30);

/// Names that the resolver hung on lately: whoever asks for one again takes no place. There are never many, as each had
/// a place for as long as a name may take.
#[derive(Default)]
pub(crate) struct HungNames(Mutex<HashMap<String, Instant>>);

impl HungNames {
    pub(crate) fn remember(&self, name: &str, now: Instant) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, since| is_lately(*since, now));
        names.insert(name.to_owned(), now);
    }

    pub(crate) fn has(&self, name: &str, now: Instant) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).is_some_and(|since| is_lately(*since, now))
    }
}

fn is_lately(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_remembered_for_half_a_minute() {
        let names = HungNames::default();
        let start = Instant::now();
        names.remember("a.example.com", start);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(names.has("a.example.com", start));
        assert!(names.has("a.example.com", after(29)));
        assert!(!names.has("a.example.com", after(30)));
        assert!(!names.has("example.com", start));
        names.remember("b.example.com", after(31));
        assert_eq!(names.0.lock().unwrap().len(), 1, "those of before are forgotten");
    }
}
