//! How fast a service is asked to revoke.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The slowest pace that a service can bring about by asking to wait.
const SLOWEST: Duration = Duration::from_secs(60);

/// How fast a service is asked to revoke: at equal distances, and not before it wants to be asked again.
#[derive(Debug, Default)]
pub(crate) struct RevocationPace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    distance: Duration,
    /// When the next request may be sent.
    next: Option<Instant>,
    /// When the service asked to wait last.
    asked_at: Option<Instant>,
    waits: u64,
}

impl RevocationPace {
    /// At most so many requests a minute.
    pub(crate) fn allow(&self, most_per_minute: u32) {
        self.state().distance = Duration::from_secs(60) / most_per_minute.max(1);
    }

    /// Waits until a request may be sent. Answers when that is.
    pub(crate) async fn turn(&self) -> Instant {
        loop {
            let now = Instant::now();
            let taken = self.state().take(now);
            match taken {
                Ok(()) => return now,
                // Looked at again afterwards: the service may have asked to wait meanwhile.
                Err(later) => tokio::time::sleep_until(later).await,
            }
        }
    }

    /// To a request that was sent at this instant the service said that it wants to be asked again so much later. Requests are
    /// sent at twice the distance from then on.
    pub(crate) fn wait(&self, sent_at: Instant, wait: Duration) {
        self.state().wait(sent_at, wait, Instant::now());
    }

    /// How often it asked to wait since somebody took this number.
    pub(crate) fn take_waits(&self) -> u64 {
        std::mem::take(&mut self.state().waits)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the turn of now, or says when the next one is.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        match self.next {
            Some(next) if next > now => Err(next),
            _ => {
                self.next = Some(now + self.distance);
                Ok(())
            }
        }
    }

    fn wait(&mut self, sent_at: Instant, wait: Duration, now: Instant) {
        self.next = self.next.max(Some(now + wait));
        // Requests that were under way together are refused together: that is one wait.
        if self.asked_at.is_none_or(|asked_at| sent_at > asked_at) {
            self.asked_at = Some(now);
            self.waits += 1;
            self.distance = (self.distance * 2).clamp(Duration::from_millis(1), SLOWEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_sent_at_equal_distances_and_not_before_the_service_wants_them() {
        let pace = RevocationPace::default();
        pace.allow(600);
        let began = Instant::now();
        let at = |milliseconds| began + Duration::from_millis(milliseconds);
        let mut state = pace.state();
        for number in 0..10 {
            assert_eq!(state.take(at(number * 100)), Ok(()));
            assert_eq!(state.take(at(number * 100 + 50)), Err(at(number * 100 + 100)));
        }
        // Requests that were under way together are one wait, and halve the pace once.
        for number in 0..10 {
            state.wait(at(number * 100), Duration::from_secs(30), at(1_000 + number));
        }
        assert_eq!(state.take(at(31_000)), Err(at(31_009)));
        assert_eq!(state.take(at(31_009)), Ok(()));
        assert_eq!(state.take(at(31_109)), Err(at(31_209)));
        state.wait(at(31_009), Duration::from_secs(1), at(31_110));
        assert_eq!(state.take(at(31_209)), Err(at(32_110)));
        assert_eq!(state.waits, 2);
    }
}
