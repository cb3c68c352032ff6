//! The streams that are open in this process, and those that were cut a moment ago.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ids::{AppId, OrganizationId, SessionId, UserId};
use tokio_util::sync::CancellationToken;

use crate::Revoked;

const SHARDS: u64 = 16;

/// How long a cut is remembered: longer than anybody waits for a receipt.
const REMEMBERED: Duration = Duration::from_secs(10);

/// How many cuts are remembered, whatever happens.
const MOST_CUTS: usize = 65_536;

/// How often open streams are looked at while they are waited for.
const LOOK: Duration = Duration::from_millis(5);

/// Whose stream it is.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// The person.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// To which app.
    pub app: AppId,
    /// Whose app that is.
    pub organization: OrganizationId,
}

/// The streams of one process: WebSockets, events, and other answers that last. A clone is the same.
#[derive(Clone, Default)]
pub struct OpenStreams {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Arc<Stream>>>; SHARDS as usize],
    cuts: Mutex<VecDeque<(Instant, Holder)>>,
}

struct Stream {
    holder: Holder,
    /// Cancelled when the session ends.
    ended: CancellationToken,
    /// The policy version by which it was last allowed.
    allowed_by: AtomicU64,
}

/// A stream that is open until this is dropped.
pub struct OpenStream {
    streams: OpenStreams,
    number: u64,
    stream: Arc<Stream>,
}

impl fmt::Debug for OpenStreams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenStreams").finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenStream").field("holder", &self.stream.holder).finish_non_exhaustive()
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.shard(self.number).remove(&self.number);
    }
}

impl OpenStream {
    /// It was decided again, by this policy version, and goes on.
    pub fn allowed_by(&self, version: u64) {
        self.stream.allowed_by.store(version, Ordering::Release);
    }

    /// It is being cut, because it is not allowed any more.
    pub fn cut(&self) {
        let now = Instant::now();
        let mut cuts = self.streams.cuts();
        while cuts.len() >= MOST_CUTS || cuts.front().is_some_and(|(at, _)| now - *at > REMEMBERED) {
            cuts.pop_front();
        }
        cuts.push_back((now, self.stream.holder));
    }
}

impl OpenStreams {
    /// Notes a stream that was not decided again yet, in a session that says when it ends.
    #[must_use]
    pub fn open(&self, holder: Holder, ended: CancellationToken) -> OpenStream {
        let number = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let stream = Arc::new(Stream { holder, ended, allowed_by: AtomicU64::new(0) });
        self.shard(number).insert(number, Arc::clone(&stream));
        OpenStream { streams: self.clone(), number, stream }
    }

    /// Waits until every stream that `revoked` concerns was cut, or allowed by this policy version or a later one, and
    /// says how many were not in that time.
    pub(crate) async fn settled(&self, revoked: &Revoked, version: u64, patience: Duration) -> u64 {
        let deadline = Instant::now() + patience;
        loop {
            let unsettled = self.unsettled(revoked, version);
            if unsettled == 0 || deadline <= Instant::now() {
                return unsettled;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How many of these streams were cut since then.
    pub(crate) fn cut_since(&self, revoked: &Revoked, since: Instant) -> u64 {
        let recent = |(at, holder): &&(Instant, Holder)| *at >= since && holder.rests_on(revoked);
        self.cuts().iter().filter(recent).count() as u64
    }

    fn unsettled(&self, revoked: &Revoked, version: u64) -> u64 {
        let unsettled = |stream: &&Arc<Stream>| {
            let behind = stream.allowed_by.load(Ordering::Acquire) < version;
            stream.holder.rests_on(revoked) && (behind || stream.ended.is_cancelled())
        };
        (0..SHARDS).map(|shard| self.shard(shard).values().filter(unsettled).count() as u64).sum()
    }

    fn shard(&self, number: u64) -> MutexGuard<'_, HashMap<u64, Arc<Stream>>> {
        // A remainder is below the divisor, so the index is in range.
        let index = usize::try_from(number % SHARDS).unwrap_or_default();
        self.inner.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cuts(&self) -> MutexGuard<'_, VecDeque<(Instant, Holder)>> {
        self.inner.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    fn rests_on(&self, revoked: &Revoked) -> bool {
        revoked.concerns(self.user, self.session, self.app, |organization| organization == self.organization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(40);

    fn holder() -> Holder {
        Holder {
            user: UserId::generate(),
            session: SessionId::generate(),
            app: AppId::generate(),
            organization: OrganizationId::generate(),
        }
    }

    #[test]
    fn streams_are_counted_where_their_right_was_revoked_and_nowhere_else() {
        test_support::run(async {
            let (streams, since) = (OpenStreams::default(), Instant::now());
            let (ada, eve) = (holder(), holder());
            let open = |holder| {
                let stream = streams.open(holder, CancellationToken::new());
                stream.allowed_by(7);
                stream
            };
            let (of_ada, of_eve) = (open(ada), open(eve));
            let elsewhere =
                Holder { app: AppId::generate(), organization: OrganizationId::generate(), ..ada };
            let elsewhere = open(elsewhere);
            let member = Revoked::Member(ada.organization, ada.user);
            assert_eq!(streams.settled(&member, 7, PATIENCE).await, 0, "it was allowed by this version");
            assert_eq!(
                streams.settled(&member, 8, PATIENCE).await,
                1,
                "the stream elsewhere is not waited for"
            );
            for revoked in [
                Revoked::Session(ada.session),
                Revoked::SessionsOf(ada.user),
                member,
                Revoked::Grant(ada.app, ada.user),
            ] {
                assert_eq!(streams.cut_since(&revoked, since), 0, "{revoked:?}");
            }
            of_ada.cut();
            drop(of_ada);
            of_eve.cut();
            elsewhere.allowed_by(8);
            let counted = |revoked| streams.cut_since(&revoked, since);
            assert_eq!(counted(Revoked::Session(ada.session)), 1);
            assert_eq!(counted(Revoked::SessionsOf(ada.user)), 1);
            assert_eq!(counted(member), 1);
            assert_eq!(counted(Revoked::Grant(ada.app, ada.user)), 1);
            assert_eq!(counted(Revoked::Grant(eve.app, ada.user)), 0);
            assert_eq!(streams.cut_since(&member, Instant::now()), 0, "an earlier cut has another cause");
            assert_eq!(streams.settled(&Revoked::SessionsOf(ada.user), 8, PATIENCE).await, 0);
        });
    }

    #[test]
    fn a_stream_of_an_ended_session_is_waited_for_until_it_is_gone() {
        test_support::run(async {
            let (streams, ada, ended) = (OpenStreams::default(), holder(), CancellationToken::new());
            let stream = streams.open(ada, ended.clone());
            stream.allowed_by(9);
            let revoked = Revoked::Session(ada.session);
            ended.cancel();
            assert_eq!(streams.settled(&revoked, 9, PATIENCE).await, 1, "whatever version allowed it");
            let (waiting, ()) = tokio::join!(streams.settled(&revoked, 9, Duration::from_secs(5)), async {
                tokio::task::yield_now().await;
                drop(stream);
            });
            assert_eq!(waiting, 0);
        });
    }

    #[test]
    fn cuts_are_forgotten_before_they_are_too_many() {
        let (streams, ada) = (OpenStreams::default(), holder());
        let stream = streams.open(ada, CancellationToken::new());
        (0..MOST_CUTS + 10).for_each(|_| stream.cut());
        assert_eq!(streams.cuts().len(), MOST_CUTS);
    }
}
