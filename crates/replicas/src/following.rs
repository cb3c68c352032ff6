//! Reading what other processes announced, and saying when this one knows of everything.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::{Announced, Announcements, Journal, News};
use tokio::task::AbortHandle;

use crate::store::Link;
use crate::{ReplicaError, Replicas};

/// How often the store is asked, whether it called or not: often enough that two answers may be lost before
/// [`audit::TRUSTED_FOR`] has passed.
pub const PERIOD: Duration = Duration::from_millis(300);

/// How long an answer may take before the connection counts as lost.
const ANSWER: Duration = Duration::from_millis(700);

/// How long to wait before a connection is made again.
const RETRY: Duration = Duration::from_millis(100);

/// Announcements that are read at once.
const AT_ONCE: i64 = 500;

/// How often in a row announcements may be found without a call before the caller counts as lost.
const UNCALLED: u32 = 3;

/// Told of each announcement, its own process's too, when it was followed: how long after it was read that was.
pub type Observer = Arc<dyn Fn(&Announced, Duration) + Send + Sync>;

/// One process following the others.
pub struct Following {
    journal: Journal,
    replicas: Replicas,
    observer: Observer,
    /// The number of the last announcement that was followed.
    followed: i64,
    uncalled: u32,
}

impl fmt::Debug for Following {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Following").field("followed", &self.followed).finish_non_exhaustive()
    }
}

/// Ends the following when it is dropped: nothing in memory counts any more soon after.
#[derive(Debug)]
pub struct Followed(AbortHandle);

impl Drop for Followed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Following {
    /// Notes where the announcements stand. What is read into memory after this is followed.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn begin(journal: Journal) -> Result<Self, ReplicaError> {
        let followed = Announcements::new(journal.database().clone()).last().await?;
        let replicas = Replicas::new(journal.clone());
        Ok(Self { journal, replicas, observer: Arc::new(|_, _| ()), followed, uncalled: 0 })
    }

    /// Follows what was announced since, once, and goes on with it. Returns when this process is current.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn start(mut self, observer: Observer) -> Result<Followed, ReplicaError> {
        self.observer = observer;
        let link = self.open().await?;
        self.round(&link).await?;
        Ok(Followed(tokio::spawn(self.run(link)).abort_handle()))
    }

    async fn run(mut self, link: Link) {
        let mut link = Some(link);
        loop {
            let lost = match link.take() {
                Some(link) => self.follow_through(link).await,
                None => match self.open().await {
                    Ok(opened) => {
                        tracing::info!("the store can be asked for changes again");
                        link = Some(opened);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            let Err(error) = lost;
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                current = self.journal.currency().is_current(),
                "the store cannot be asked for what other processes change; what is in memory counts for {} ms \
                 after the last answer",
                audit::TRUSTED_FOR.as_millis()
            );
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn open(&self) -> Result<Link, ReplicaError> {
        in_time(Link::open(self.journal.database())).await
    }

    async fn follow_through(&mut self, mut link: Link) -> Result<Infallible, ReplicaError> {
        loop {
            let found = self.round(&link).await?;
            self.replicas_row(&link).await?;
            let called = link.called(PERIOD).await.map_err(ReplicaError::Listening)?;
            self.uncalled = if called || found == 0 { 0 } else { self.uncalled + 1 };
            if self.uncalled >= UNCALLED {
                self.uncalled = 0;
                return Err(ReplicaError::Uncalled);
            }
        }
    }

    async fn replicas_row(&self, link: &Link) -> Result<(), ReplicaError> {
        in_time(self.replicas.seen(link, self.journal.replica(), self.followed)).await
    }

    /// Follows everything that the store has, and confirms that this process is current. Says how much that was.
    async fn round(&mut self, link: &Link) -> Result<usize, ReplicaError> {
        let mut found = 0;
        loop {
            let asked = Instant::now();
            let announced = link.announcements.after(self.followed, AT_ONCE);
            let announced = in_time(async { Ok(announced.await?) }).await?;
            found += announced.len();
            let more = i64::try_from(announced.len()).unwrap_or(i64::MAX) >= AT_ONCE;
            self.follow(&announced).await;
            if !more {
                self.journal.currency().confirm(asked);
                return Ok(found);
            }
        }
    }

    async fn follow(&mut self, announced: &[Announced]) {
        let Some(last) = announced.last() else { return };
        let read = Instant::now();
        let complete =
            (self.followed + 1..).zip(announced).all(|(next, announced)| announced.sequence == next);
        let others = announced.iter().filter(|announced| announced.replica != Some(self.journal.replica()));
        let changes: Option<Vec<_>> = others.map(|announced| announced.changes.as_deref()).collect();
        match changes.filter(|_| complete) {
            Some(changes) => {
                let changes = changes.concat();
                if !changes.is_empty() {
                    self.journal.announced(News::Changes(&changes)).await;
                }
            }
            None => {
                tracing::warn!(
                    from = self.followed,
                    to = last.sequence,
                    "announcements are missing or from a later version; everything is read again"
                );
                self.journal.announced(News::Anything).await;
            }
        }
        self.followed = last.sequence;
        let took = read.elapsed();
        announced.iter().for_each(|announced| (self.observer)(announced, took));
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, ReplicaError>>) -> Result<T, ReplicaError> {
    tokio::time::timeout(ANSWER, work).await.unwrap_or(Err(ReplicaError::Timeout))
}
