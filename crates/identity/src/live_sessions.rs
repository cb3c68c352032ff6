//! The sessions in memory: bounded, sharded, and never older than the last revocation.
//!
//! Invariants:
//! - a session is in here at most once, and a session that somebody still holds is not evicted: so
//!   ending it reaches every holder;
//! - a row that was read before a session ended is not put in after it ended ([`Epoch`]).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use ids::{SessionId, UserId};

use crate::{LiveSession, Person};

const SHARDS: usize = 64;
/// How many entries an insert looks at to find one to evict.
const EVICTION_TRIES: usize = 16;

/// How many endings a shard had seen when a row began to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

pub(crate) struct LiveSessions {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
    capacity_of_shard: usize,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<SessionId, Entry>,
    /// Every key once, in the order in which it will be considered for eviction.
    order: VecDeque<SessionId>,
    endings: u64,
}

struct Entry {
    user: UserId,
    session: Arc<LiveSession>,
    touched: AtomicBool,
}

impl LiveSessions {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            capacity_of_shard: capacity.div_ceil(SHARDS).max(1),
        }
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        let shard = self.shard(id).read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entries.get(&id)?;
        if !entry.touched.load(Ordering::Relaxed) {
            entry.touched.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.session))
    }

    /// To be asked before the row is read.
    pub(crate) fn epoch(&self, id: SessionId) -> Epoch {
        Epoch(self.shard(id).read().unwrap_or_else(PoisonError::into_inner).endings)
    }

    /// Puts a session in, unless one ended since `epoch`. If it is in already, that one counts.
    pub(crate) fn insert(
        &self,
        id: SessionId,
        epoch: Epoch,
        session: LiveSession,
    ) -> Option<Arc<LiveSession>> {
        let mut shard = self.write(id);
        if shard.endings != epoch.0 {
            return None;
        }
        if let Some(entry) = shard.entries.get(&id) {
            return Some(Arc::clone(&entry.session));
        }
        if shard.entries.len() >= self.capacity_of_shard {
            shard.evict_one();
        }
        let session = Arc::new(session);
        let entry = Entry {
            user: session.signed_in().user,
            session: Arc::clone(&session),
            touched: AtomicBool::new(false),
        };
        shard.entries.insert(id, entry);
        shard.order.push_back(id);
        Some(session)
    }

    /// Ends one session, for every holder and for rows that are being read.
    pub(crate) fn end(&self, id: SessionId) {
        let mut shard = self.write(id);
        shard.endings += 1;
        if let Some(entry) = shard.entries.remove(&id) {
            entry.session.end();
            // The key's place in the order is dropped when eviction comes to it, or here if many piled up.
            if shard.order.len() > 2 * shard.entries.len() + EVICTION_TRIES {
                let Shard { entries, order, .. } = &mut *shard;
                order.retain(|key| entries.contains_key(key));
            }
        }
    }

    /// Ends every session of a person.
    pub(crate) fn end_all(&self, user: UserId) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.endings += 1;
            let Shard { entries, order, .. } = &mut *shard;
            let before = entries.len();
            entries.retain(|_, entry| {
                if entry.user == user {
                    entry.session.end();
                }
                entry.user != user
            });
            if entries.len() != before {
                order.retain(|key| entries.contains_key(key));
            }
        }
    }

    /// Describes a person anew in every session of theirs. A row that is being read is read again.
    pub(crate) fn describe(&self, person: &Person) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.endings += 1;
            for entry in shard.entries.values().filter(|entry| entry.user == person.id) {
                entry.session.describe(person.clone());
            }
        }
    }

    /// Which sessions are in.
    pub(crate) fn ids(&self) -> Vec<SessionId> {
        let ids = |shard: &RwLock<Shard>| -> Vec<SessionId> {
            shard.read().unwrap_or_else(PoisonError::into_inner).entries.keys().copied().collect()
        };
        self.shards.iter().flat_map(ids).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).entries.len())
            .sum()
    }

    fn shard(&self, id: SessionId) -> &RwLock<Shard> {
        // A remainder is below the divisor, so the index is in range.
        let index = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).unwrap_or_default();
        &self.shards[index]
    }

    fn write(&self, id: SessionId) -> RwLockWriteGuard<'_, Shard> {
        self.shard(id).write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Second chance: one that was used since, or is held by somebody, goes to the end of the queue.
    fn evict_one(&mut self) {
        for _ in 0..EVICTION_TRIES {
            let Some(id) = self.order.pop_front() else { return };
            let Some(entry) = self.entries.get(&id) else { continue };
            let used = entry.touched.swap(false, Ordering::Relaxed);
            if used || Arc::strong_count(&entry.session) > 1 {
                self.order.push_back(id);
            } else {
                self.entries.remove(&id);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use access_control::SignedIn;
    use time::OffsetDateTime;

    use super::*;
    use crate::session::SessionParts;

    fn session(user: UserId) -> (SessionId, LiveSession) {
        let (id, now) = (SessionId::generate(), OffsetDateTime::UNIX_EPOCH);
        let parts = SessionParts {
            signed_in: SignedIn {
                user,
                session: id,
                hosted_domain: None,
                authenticated_at: now,
                means: access_control::Means::Browser,
            },
            person: Person {
                id: user,
                email: "ada@example.com".parse().unwrap(),
                name: String::new(),
                picture: None,
            },
            token_hash: [0; 32],
            user_agent: String::new(),
            created_at: now,
            last_seen_at: now,
            ends_at: now,
        };
        (id, LiveSession::new(parts))
    }

    fn put(sessions: &LiveSessions, user: UserId) -> (SessionId, Arc<LiveSession>) {
        let (id, session) = session(user);
        let session = sessions.insert(id, sessions.epoch(id), session).unwrap();
        (id, session)
    }

    #[test]
    fn memory_is_bounded_and_a_held_session_stays() {
        let sessions = LiveSessions::new(640);
        let user = UserId::generate();
        let (held_id, held) = put(&sessions, user);
        for _ in 0..20_000 {
            put(&sessions, user);
        }
        assert!(sessions.len() <= 640 + 1, "{}", sessions.len());
        let found = sessions.get(held_id).unwrap();
        assert!(Arc::ptr_eq(&found, &held), "a second copy would not be told of the end");
        sessions.end(held_id);
        assert!(held.ended().is_cancelled());
    }

    #[test]
    fn a_row_that_was_read_before_an_ending_is_not_put_in_after_it() {
        let sessions = LiveSessions::new(100);
        let user = UserId::generate();
        for end in [LiveSessions::end_one, LiveSessions::end_everybody] {
            let (id, session) = session(user);
            let epoch = sessions.epoch(id);
            end(&sessions, id, user);
            assert!(sessions.insert(id, epoch, session).is_none());
            assert!(sessions.get(id).is_none());
        }
    }

    #[test]
    fn ending_all_sessions_of_one_person_leaves_the_others() {
        let sessions = LiveSessions::new(1000);
        let (ada, eve) = (UserId::generate(), UserId::generate());
        let of_ada: Vec<_> = (0..100).map(|_| put(&sessions, ada)).collect();
        let of_eve: Vec<_> = (0..100).map(|_| put(&sessions, eve)).collect();
        sessions.end_all(ada);
        assert!(
            of_ada.iter().all(|(id, session)| session.ended().is_cancelled() && sessions.get(*id).is_none())
        );
        assert!(
            of_eve.iter().all(|(id, session)| !session.ended().is_cancelled() && sessions.get(*id).is_some())
        );
    }

    impl LiveSessions {
        fn end_one(&self, id: SessionId, _: UserId) {
            self.end(id);
        }

        fn end_everybody(&self, _: SessionId, user: UserId) {
            self.end_all(user);
        }
    }
}
