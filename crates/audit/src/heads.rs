//! Signing heads. What was signed once is compared with the store before anything is signed again: a
//! chain that is shorter, or another one, than a head says gets no more signatures until somebody looked
//! and the process is started again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryptography::{PublicKey, SigningKey};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::heads_file::{HeadsFile, Outside};
use crate::store::events::{self, Place};
use crate::{AuditError, Chain, Head, Journal, SignedHead, head, record, store};

/// Records read at a time.
const PAGE: u64 = 500;

/// Signs heads, one chain at a time.
pub struct Heads {
    journal: Journal,
    key: SigningKey,
    file: Option<HeadsFile>,
    state: Mutex<State>,
    broken: AtomicUsize,
}

struct State {
    /// Where each chain was when it was signed last.
    signed: BTreeMap<Chain, Place>,
    /// Chains that have grown since, as far as is known, and where this process left them.
    grown: BTreeMap<Chain, Place>,
    /// Chains that are not what was signed.
    broken: BTreeSet<Chain>,
    /// A line of the heads file that nobody of ours wrote: nothing is signed until somebody looked.
    damaged: Option<u64>,
}

/// In what way a chain is not what was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    HeadsFile { line: u64 },
    StoredHead { sequence: i64 },
    Shorter { signed: i64 },
    Rewritten { signed: i64 },
    Unlinked { sequence: i64 },
    Replaced { written: i64 },
}

impl fmt::Display for Break {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadsFile { line } => write!(formatter, "line {line} of the heads file was changed"),
            Self::StoredHead { sequence } => {
                write!(formatter, "the stored head of record {sequence} is not the one that was signed")
            }
            Self::Shorter { signed } => write!(formatter, "record {signed}, which a head names, is gone"),
            Self::Rewritten { signed } => {
                write!(formatter, "record {signed} or one before it is not what its head says")
            }
            Self::Replaced { written } => {
                write!(formatter, "record {written} is not the one that this process wrote")
            }
            Self::Unlinked { sequence } => {
                write!(formatter, "record {sequence} does not follow from the record before it")
            }
        }
    }
}

impl fmt::Debug for Heads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Heads").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Heads {
    /// Reads what was signed before, from the file outside of the database (if there is one) and from
    /// the database.
    ///
    /// # Errors
    /// The store or the file is not available.
    pub async fn open(journal: Journal, key: SigningKey, file: Option<PathBuf>) -> Result<Self, AuditError> {
        let (file, public_key) = (file.map(HeadsFile::new), key.public_key());
        let mut outside = match file.clone() {
            Some(file) => {
                let path = file.path().to_owned();
                let read = on_disk(path, move || file.read(&public_key)).await?;
                if let Some(line) = read.damaged {
                    tracing::error!(line, "the audit heads file was changed; no chain is signed any more");
                }
                read
            }
            None => Outside::default(),
        };
        let mut broken = BTreeSet::new();
        let ours = head::key_id(&public_key);
        for stored in store::heads::last_of_all(journal.database()).await.map_err(AuditError::Store)? {
            let chain = stored.head.chain;
            let forged = stored.head.key == ours && !stored.is_signed_by(&public_key);
            if forged || !outside.accepts(&stored) {
                report(chain, Break::StoredHead { sequence: stored.head.sequence });
                broken.insert(chain);
            }
        }
        let grown = events::grown_since_heads(journal.database()).await.map_err(AuditError::Store)?;
        let place = |signed: SignedHead| Place { sequence: signed.head.sequence, hash: signed.head.hash };
        let state = State {
            signed: outside.last.into_iter().map(|(chain, signed)| (chain, place(signed))).collect(),
            grown: grown.into_iter().map(|chain| (chain, Place::START)).collect(),
            broken,
            damaged: outside.damaged,
        };
        let heads = Self { journal, key, file, broken: AtomicUsize::new(0), state: Mutex::new(state) };
        heads.count_broken(&*heads.state.lock().await);
        Ok(heads)
    }

    /// What checks the signatures.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// How many chains are known not to be what was signed; at least one when the heads file was changed.
    #[must_use]
    pub fn broken(&self) -> usize {
        self.broken.load(Ordering::Relaxed)
    }

    /// Compares every chain with its last head.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn compare_all(&self) -> Result<(), AuditError> {
        let mut state = self.state.lock().await;
        for (chain, signed) in state.signed.clone() {
            if let Err(broken) = self.compare(chain, signed).await? {
                self.condemn(&mut state, chain, broken);
            }
        }
        Ok(())
    }

    /// Signs the end of every chain that has grown. Says how many heads that were.
    ///
    /// # Errors
    /// The store or the heads file is not available: what was not signed is signed the next time.
    pub async fn sign_grown(&self) -> Result<usize, AuditError> {
        let mut state = self.state.lock().await;
        let state = &mut *state;
        self.take_grown(state);
        let mut signed = 0;
        for chain in state.grown.keys().copied().collect::<Vec<_>>() {
            let before = state.signed.get(&chain).copied();
            let after = self.sign(state, chain).await?;
            signed += usize::from(after.is_some() && after != before);
        }
        Ok(signed)
    }

    /// Signs the end of one chain, unless the chain is broken, and says where it is.
    pub(crate) async fn sign_one(&self, chain: Chain) -> Result<Option<Place>, AuditError> {
        let mut state = self.state.lock().await;
        self.take_grown(&mut state);
        self.sign(&mut state, chain).await
    }

    fn take_grown(&self, state: &mut State) {
        for (chain, end) in self.journal.take_grown() {
            let known = state.grown.entry(chain).or_insert(end);
            *known = known.later(end);
        }
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    async fn sign(&self, state: &mut State, chain: Chain) -> Result<Option<Place>, AuditError> {
        if state.broken.contains(&chain) {
            state.grown.remove(&chain);
            return Ok(None);
        }
        let written = state.grown.get(&chain).copied().unwrap_or(Place::START);
        let signed = state.signed.get(&chain).copied().unwrap_or(Place::START);
        let walked = match state.damaged {
            Some(line) => Err(Break::HeadsFile { line }),
            None => match self.compare(chain, signed).await? {
                Ok(()) => self.walk(chain, signed, written).await?,
                Err(broken) => Err(broken),
            },
        };
        let end = match walked {
            Ok(end) => end,
            Err(broken) => {
                self.condemn(state, chain, broken);
                state.grown.remove(&chain);
                return Ok(None);
            }
        };
        if end.sequence > signed.sequence {
            self.write(chain, end).await?;
            state.signed.insert(chain, end);
        }
        state.grown.remove(&chain);
        Ok(Some(end))
    }

    /// Whether the chain still has what was signed.
    async fn compare(&self, chain: Chain, signed: Place) -> Result<Result<(), Break>, AuditError> {
        if signed == Place::START {
            return Ok(Ok(()));
        }
        let found = events::hash_at(self.journal.database(), chain, signed.sequence);
        Ok(match found.await.map_err(AuditError::Store)? {
            Some(hash) if hash == signed.hash => Ok(()),
            Some(_) => Err(Break::Rewritten { signed: signed.sequence }),
            None => Err(Break::Shorter { signed: signed.sequence }),
        })
    }

    /// Follows the chain from what was signed to its end, past what this process wrote.
    async fn walk(
        &self,
        chain: Chain,
        signed: Place,
        written: Place,
    ) -> Result<Result<Place, Break>, AuditError> {
        let database = self.journal.database();
        let end = events::end(database, chain).await.map_err(AuditError::Store)?;
        if end.sequence < written.sequence {
            return Ok(Err(Break::Replaced { written: written.sequence }));
        }
        let mut place = signed;
        while place.sequence < end.sequence {
            let page = events::page(database, chain, place.sequence + 1, end.sequence, PAGE);
            let page = page.await.map_err(AuditError::Store)?;
            if page.is_empty() {
                return Ok(Err(Break::Unlinked { sequence: place.sequence + 1 }));
            }
            for linked in page {
                let next = Place {
                    sequence: place.sequence + 1,
                    hash: place.hash.next(linked.record.text().as_bytes()),
                };
                if linked.record.sequence != next.sequence || linked.hash != next.hash {
                    return Ok(Err(Break::Unlinked { sequence: next.sequence }));
                }
                if next.sequence == written.sequence && next.hash != written.hash {
                    return Ok(Err(Break::Replaced { written: written.sequence }));
                }
                place = next;
            }
        }
        Ok(Ok(place))
    }

    /// Outside first: a head that only the database has protects nothing.
    async fn write(&self, chain: Chain, place: Place) -> Result<(), AuditError> {
        let now = record::stored_precision(clock::now());
        let signed = self.head(chain, place, now).sign(&self.key);
        if let Some(file) = self.file.clone() {
            let (path, signed) = (file.path().to_owned(), signed.clone());
            on_disk(path, move || file.append(&signed)).await?;
        }
        store::heads::insert(self.journal.database(), &signed, now).await.map_err(AuditError::Store)
    }

    pub(crate) fn head(&self, chain: Chain, place: Place, at: OffsetDateTime) -> Head {
        Head {
            chain,
            sequence: place.sequence,
            hash: place.hash,
            at: record::timestamp(at),
            key: head::key_id(&self.key.public_key()),
            content: None,
        }
    }

    /// Remembers what was found, and tells the operator once.
    fn condemn(&self, state: &mut State, chain: Chain, broken: Break) {
        if state.broken.insert(chain) {
            report(chain, broken);
        }
        self.count_broken(state);
    }

    fn count_broken(&self, state: &State) {
        let at_least = usize::from(state.damaged.is_some());
        self.broken.store(state.broken.len().max(at_least), Ordering::Relaxed);
    }
}

fn report(chain: Chain, broken: Break) {
    tracing::error!(%chain, "the audit trail is not what was signed: {broken}; no more heads are signed for it");
}

async fn on_disk<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, AuditError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(AuditError::Interrupted)?;
    done.map_err(|source| AuditError::HeadsFile { path, source })
}
