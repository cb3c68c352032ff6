//! The user tokens that this process has signed and whose time has not passed.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ids::{AppId, SessionId, UserId};
use time::Duration;

const SHARDS: usize = 16;

/// How many tokens a shard holds before those that have ended are looked for.
const FEW: usize = 64;

/// Which sessions have user tokens at which apps. A clone is the same.
#[derive(Clone)]
pub struct OutstandingTokens {
    inner: Arc<Inner>,
}

struct Inner {
    life: Duration,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    /// Of each session and app, whose it is and when the last one ends.
    tokens: HashMap<(SessionId, AppId), (UserId, i64)>,
    /// How many there were when those that have ended were last looked for.
    left: usize,
}

impl fmt::Debug for OutstandingTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OutstandingTokens").finish_non_exhaustive()
    }
}

impl OutstandingTokens {
    /// Of tokens that live so long.
    #[must_use]
    pub fn living_for(life: Duration) -> Self {
        let inner = Inner { life, hasher: RandomState::new(), shards: Default::default() };
        Self { inner: Arc::new(inner) }
    }

    /// How long a token lives.
    pub(crate) fn life(&self) -> Duration {
        self.inner.life
    }

    /// Notes a token that is signed now, in seconds since 1970.
    pub fn signed(&self, session: SessionId, user: UserId, app: AppId, now: i64) {
        let until = now + self.inner.life.whole_seconds();
        let mut shard = self.shard(session);
        let entry = shard.tokens.entry((session, app)).or_insert((user, until));
        entry.1 = entry.1.max(until);
        // Each time they have doubled: what is held is twice what counts, at most.
        if shard.tokens.len() > FEW.max(2 * shard.left) {
            shard.tokens.retain(|_, (_, until)| *until > now);
            shard.left = shard.tokens.len();
        }
    }

    /// The apps and the ends of those tokens that are somebody's.
    pub(crate) fn of(
        &self,
        now: i64,
        is_wanted: impl Fn(UserId, SessionId, AppId) -> bool,
    ) -> Vec<(AppId, i64)> {
        let mut found = Vec::new();
        for shard in &self.inner.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = shard
                .tokens
                .iter()
                .filter(|((session, app), (user, until))| *until > now && is_wanted(*user, *session, *app));
            found.extend(wanted.map(|((_, app), (_, until))| (*app, *until)));
        }
        found
    }

    fn shard(&self, session: SessionId) -> MutexGuard<'_, Shard> {
        // A remainder is below the divisor, so the index is in range.
        let index = usize::try_from(self.inner.hasher.hash_one(session) % SHARDS as u64).unwrap_or_default();
        self.inner.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_token_of_a_session_and_an_app_counts_until_it_ends() {
        let tokens = OutstandingTokens::living_for(Duration::seconds(780));
        let (session, user, app) = (SessionId::generate(), UserId::generate(), AppId::generate());
        tokens.signed(session, user, app, 100);
        tokens.signed(session, user, app, 130);
        tokens.signed(session, user, app, 129);
        tokens.signed(SessionId::generate(), UserId::generate(), app, 100);
        let of_user = |now| tokens.of(now, |of, _, _| of == user);
        assert_eq!(of_user(909), [(app, 910)]);
        assert_eq!(of_user(910), []);
    }

    #[test]
    fn what_has_ended_does_not_pile_up() {
        let tokens = OutstandingTokens::living_for(Duration::seconds(780));
        let (user, app) = (UserId::generate(), AppId::generate());
        for second in 0..100_000 {
            tokens.signed(SessionId::generate(), user, app, second);
        }
        let held: usize =
            (0..SHARDS).map(|shard| tokens.inner.shards[shard].lock().unwrap().tokens.len()).sum();
        assert!(held < SHARDS * FEW + 2 * 780 + SHARDS, "{held}");
        assert_eq!(tokens.of(99_999, |_, _, _| true).len(), 780);
    }
}
