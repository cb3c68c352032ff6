//! From the request's path to the writer: a queue for each worker thread.
//!
//! Each queue has a lock of its own, which its worker takes to add one element and the writer takes to carry
//! all of them away, both without doing anything else meanwhile. Nobody is woken for a single decision.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use access_control::{AppFacts, Decision, Method, OrganizationFacts, SignedIn};
use ids::{DecisionId, RequestId};
use smallvec::SmallVec;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::{Store, Writer};

/// How many allowed requests of one worker wait to be written.
const MOST_ALLOWED: usize = 8192;

/// How many refused requests of one worker wait to be written.
const MOST_REFUSED: usize = 4096;

/// How many make the writer come before its time.
const HURRY: usize = 512;

/// Which decisions are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// All of them.
    #[default]
    All,
    /// Those that refused.
    Refused,
}

/// A decision as the request's path hands it in: what was at hand, not yet read or written.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its identifier.
    pub id: DecisionId,
    /// The instant for which it was decided.
    pub at: OffsetDateTime,
    /// The version of the facts.
    pub policy_version: u64,
    /// The organization.
    pub organization: Arc<OrganizationFacts>,
    /// The app.
    pub app: Arc<AppFacts>,
    /// The person.
    pub viewer: SignedIn,
    /// The request.
    pub request: RequestId,
    /// The method as it was judged.
    pub method: Method,
    /// The judged paths, percent-encoded.
    pub paths: SmallVec<[Box<str>; 1]>,
    /// Whether the request needed access under every rule.
    pub under_every_rule: bool,
    /// Something that lasts was decided again.
    pub again: bool,
    /// What was decided.
    pub decision: Decision,
    /// Allowed, and refused because the page of another origin sent it.
    pub foreign_origin: bool,
}

impl Decided {
    pub(crate) fn is_refused(&self) -> bool {
        self.foreign_origin || matches!(self.decision, Decision::Refuse(_))
    }
}

/// Where worker threads get their queues.
#[derive(Clone, Debug)]
pub struct Recorder {
    desk: Arc<Desk>,
}

/// The queue of one worker thread.
#[derive(Clone, Debug)]
pub struct Queue {
    waiting: Arc<Mutex<Waiting>>,
    desk: Arc<Desk>,
}

/// What could not be kept, since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Allowed requests.
    pub allowed: u64,
    /// Refused requests.
    pub refused: u64,
}

/// What all queues and the writer have in common.
#[derive(Debug)]
pub(crate) struct Desk {
    recording: Recording,
    queues: Mutex<Vec<Arc<Mutex<Waiting>>>>,
    pub(crate) hurry: Notify,
    lost_allowed: AtomicU64,
    lost_refused: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct Waiting {
    allowed: Vec<Decided>,
    refused: Vec<Decided>,
}

impl Recorder {
    /// A recorder, and who writes what is handed in.
    #[must_use]
    pub fn new(store: Store, recording: Recording) -> (Self, Writer) {
        let desk = Arc::new(Desk {
            recording,
            queues: Mutex::default(),
            hurry: Notify::new(),
            lost_allowed: AtomicU64::new(0),
            lost_refused: AtomicU64::new(0),
        });
        (Self { desk: Arc::clone(&desk) }, Writer::new(store, desk))
    }

    /// A queue for one worker thread.
    #[must_use]
    pub fn queue(&self) -> Queue {
        let waiting = Arc::<Mutex<Waiting>>::default();
        locked(&self.desk.queues).push(Arc::clone(&waiting));
        Queue { waiting, desk: Arc::clone(&self.desk) }
    }

    /// What could not be kept so far.
    #[must_use]
    pub fn unrecorded(&self) -> Unrecorded {
        self.desk.unrecorded()
    }
}

impl Queue {
    /// Numbers a decision, and hands it in if decisions like it are kept. Never waits.
    pub fn record(&self, refused: bool, decided: impl FnOnce(DecisionId) -> Decided) -> DecisionId {
        let id = DecisionId::generate();
        if refused || self.desk.recording == Recording::All {
            self.put(refused, decided(id));
        }
        id
    }

    fn put(&self, refused: bool, decided: Decided) {
        let mut waiting = locked(&self.waiting);
        let (list, most) =
            if refused { (&mut waiting.refused, MOST_REFUSED) } else { (&mut waiting.allowed, MOST_ALLOWED) };
        if list.len() >= most {
            drop(waiting);
            self.desk.lose(refused, 1);
            return;
        }
        list.push(decided);
        let crowded = list.len() == HURRY;
        drop(waiting);
        if crowded {
            self.desk.hurry.notify_one();
        }
    }
}

impl Desk {
    /// Carries away the refused of all queues.
    pub(crate) fn take_refused(&self) -> Vec<Decided> {
        self.take(|waiting| std::mem::take(&mut waiting.refused))
    }

    /// Carries away the allowed of all queues.
    pub(crate) fn take_allowed(&self) -> Vec<Decided> {
        self.take(|waiting| std::mem::take(&mut waiting.allowed))
    }

    fn take(&self, which: impl Fn(&mut Waiting) -> Vec<Decided>) -> Vec<Decided> {
        let queues = locked(&self.queues);
        queues.iter().flat_map(|queue| which(&mut locked(queue))).collect()
    }

    /// Counts what is not kept.
    pub(crate) fn lose(&self, refused: bool, number: u64) {
        let counter = if refused { &self.lost_refused } else { &self.lost_allowed };
        counter.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn unrecorded(&self) -> Unrecorded {
        Unrecorded {
            allowed: self.lost_allowed.load(Ordering::Relaxed),
            refused: self.lost_refused.load(Ordering::Relaxed),
        }
    }
}

/// Nothing that holds one of these locks can panic half-way.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
