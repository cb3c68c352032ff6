//! How fast a service is asked to revoke.

use std::sync::{Mutex, PoisonError};
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
    waits: u64,
}

impl RevocationPace {
    /// At most so many requests a minute.
    pub fn allow(&self, most_per_minute: u32) {
        self.state().distance = Duration::from_secs(60) / most_per_minute.max(1);
    }

    /// Waits until a request may be sent.
    pub async fn turn(&self) {
        loop {
            let at = {
                let mut state = self.state();
                let now = Instant::now();
                let at = state.next.map_or(now, |next| next.max(now));
                if at <= now {
                    state.next = Some(at + state.distance);
                    return;
                }
                at
            };
            // Looked at again afterwards: the service may have asked to wait meanwhile.
            tokio::time::sleep_until(at).await;
        }
    }

    /// The service wants to be asked again so much later. Its requests are sent at twice the distance from then on.
    pub fn wait(&self, wait: Duration) {
        let mut state = self.state();
        let until = Instant::now() + wait;
        // Requests that were under way together are refused together: that is one wait.
        if state.next.is_none_or(|next| next + state.distance < until) {
            state.waits += 1;
            state.distance = (state.distance * 2).clamp(Duration::from_millis(1), SLOWEST);
            state.next = Some(until);
        }
    }

    /// How often it asked to wait since somebody took this number.
    pub fn take_waits(&self) -> u64 {
        std::mem::take(&mut self.state().waits)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_sent_at_equal_distances_and_not_before_the_service_wants_them() {
        let pace = RevocationPace::default();
        pace.allow(600);
        let began = Instant::now();
        for _ in 0..11 {
            pace.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        // Several at once are one wait, and halve the pace once.
        for _ in 0..5 {
            pace.wait(Duration::from_secs(30));
        }
        for _ in 0..11 {
            pace.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(33));
        assert_eq!((pace.take_waits(), pace.take_waits()), (1, 0));
    }
}
