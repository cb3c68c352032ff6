//! Refused requests on their way into the audit trail. Handing one in never waits, and a flood of them
//! costs a bounded number of rows and a bounded amount of memory.
//!
//! Within ten seconds the first [`WRITTEN_IN_FULL`] refusals of a chain (an organization, or the platform)
//! are written, and the first [`WRITTEN_OF_EACH`] of each action of each actor, so that nobody's flood hides
//! what somebody else tries. Of those that follow, one in a hundred is, and ever fewer as they become more: its
//! detail says `"sampled": n`, it stands for `n`. When the ten seconds are over, one more event says how many
//! were not written. So the trail says of every refusal that it happened, if not each time who it was.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ids::OrganizationId;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::waiting::Waiting;
use crate::{Actor, Event, Journal, Target};

/// How many refusals of one chain are written in ten seconds before sampling begins.
pub const WRITTEN_IN_FULL: u64 = 50;

/// How many refusals of one action to one actor are written in ten seconds, whatever others do.
pub const WRITTEN_OF_EACH: u8 = 3;

/// The action under which refusals that were not written are counted in the trail.
pub const NOT_WRITTEN: &str = "refusals.not_written";

/// What "at a time" means for a chain.
const WINDOW: Duration = Duration::from_secs(10);

/// How many refusals wait to be written. More than that are counted, and not written.
const QUEUE: usize = 4096;

/// How many refusals are written in one transaction.
const AT_ONCE: usize = 64;

/// How many chains have a window of their own at a time; those above share the platform's.
const WINDOWS: usize = 4096;

/// How many actions of people are told apart in a window.
const ATTEMPTS_OF_PEOPLE: usize = 512;

/// How many actions of apps and agents. Somebody who makes apps and tokens makes actors, which must not take
/// the places of people.
const ATTEMPTS_OF_PROGRAMS: usize = 128;

/// How often windows that are over are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Where refused requests are handed in.
#[derive(Clone, Debug)]
pub struct Refusals {
    queue: mpsc::Sender<Event>,
    sampling: Arc<Mutex<Sampling>>,
    waiting: Arc<Waiting>,
    counters: Arc<RefusalCounters>,
}

/// Writes refused requests.
#[derive(Debug)]
pub struct RefusalWriter {
    queue: mpsc::Receiver<Event>,
    sampling: Arc<Mutex<Sampling>>,
    waiting: Arc<Waiting>,
    counters: Arc<RefusalCounters>,
}

/// What became of refusals.
#[derive(Debug, Default)]
pub struct RefusalCounters {
    written: AtomicU64,
    sampled_out: AtomicU64,
    lost: AtomicU64,
    unauthenticated: AtomicU64,
}

impl RefusalCounters {
    /// Each number with its name: `written` to the trail; `sampled_out`, counted there; `lost`, because
    /// the queue or the actor's share of it was full or the store did not answer; `unauthenticated`, nobody knows whose.
    #[must_use]
    pub fn readings(&self) -> [(&'static str, u64); 4] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("written", read(&self.written)),
            ("sampled_out", read(&self.sampled_out)),
            ("lost", read(&self.lost)),
            ("unauthenticated", read(&self.unauthenticated)),
        ]
    }
}

impl Refusals {
    /// A queue, and who empties it.
    #[must_use]
    pub fn new() -> (Self, RefusalWriter) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let sampling = Arc::<Mutex<Sampling>>::default();
        let waiting = Arc::<Waiting>::default();
        let counters = Arc::<RefusalCounters>::default();
        let writer = RefusalWriter {
            queue: receiver,
            sampling: Arc::clone(&sampling),
            waiting: Arc::clone(&waiting),
            counters: Arc::clone(&counters),
        };
        (Self { queue: sender, sampling, waiting, counters }, writer)
    }

    /// Hands in a refusal. Nothing is waited for.
    pub fn record(&self, mut event: Event) {
        let chain = event.organization;
        match lock(&self.sampling).next(chain, (event.actor, event.action), Instant::now()) {
            Sample::Whole => {}
            Sample::OneOf(number) => event.detail = sampled(event.detail, number),
            Sample::Counted => {
                add(&self.counters.sampled_out, 1);
                return;
            }
        }
        if !self.enqueue(event) {
            add(&self.counters.lost, 1);
            lock(&self.sampling).missed(chain);
        }
    }

    /// Whether there was room for it.
    fn enqueue(&self, event: Event) -> bool {
        let actor = event.actor;
        if !self.waiting.enter(actor) {
            return false;
        }
        let is_sent = self.queue.try_send(event).is_ok();
        if !is_sent {
            self.waiting.leave(actor);
        }
        is_sent
    }

    /// Counts a request without a valid credential. There is nobody to name, and anybody can send any
    /// number of them, so they have no rows.
    pub fn count_unauthenticated(&self) {
        add(&self.counters.unauthenticated, 1);
    }

    /// What became of refusals so far.
    #[must_use]
    pub fn counters(&self) -> &Arc<RefusalCounters> {
        &self.counters
    }
}

impl RefusalWriter {
    /// Writes until `stopped` completes, and then what is left.
    pub async fn run(mut self, journal: Journal, stopped: impl Future<Output = ()>) {
        let mut stopped = pin!(stopped);
        let mut taken = Vec::with_capacity(AT_ONCE);
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                1.. = self.queue.recv_many(&mut taken, AT_ONCE) => self.write_taken(&journal, &mut taken).await,
                _ = sweep.tick() => self.summarize(&journal, Some(Instant::now())).await,
                () = &mut stopped => break,
            }
        }
        self.queue.close();
        while self.queue.recv_many(&mut taken, AT_ONCE).await > 0 {
            self.write_taken(&journal, &mut taken).await;
        }
        self.summarize(&journal, None).await;
    }

    /// Writes what was taken from the queue, which makes room there.
    async fn write_taken(&self, journal: &Journal, taken: &mut Vec<Event>) {
        for event in &*taken {
            self.waiting.leave(event.actor);
        }
        self.write(journal, taken).await;
    }

    /// Writes what was only counted in windows that are over by `now`, or in all of them.
    async fn summarize(&self, journal: &Journal, now: Option<Instant>) {
        let mut summaries = lock(&self.sampling).take_over(now);
        self.write(journal, &mut summaries).await;
    }

    async fn write(&self, journal: &Journal, events: &mut Vec<Event>) {
        let number = events.len() as u64;
        match journal.record_all(events).await {
            Ok(()) => add(&self.counters.written, number),
            Err(error) => {
                add(&self.counters.lost, number);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    number,
                    "refusals are missing from the audit trail"
                );
            }
        }
        events.clear();
    }
}

/// What happens to one refusal.
#[derive(Debug, PartialEq, Eq)]
enum Sample {
    /// It is written.
    Whole,
    /// It is written, for this many.
    OneOf(u64),
    /// It is counted.
    Counted,
}

/// The windows of the chains that had refusals lately.
#[derive(Debug, Default)]
struct Sampling {
    windows: HashMap<Option<OrganizationId>, Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    at: OffsetDateTime,
    refusals: u64,
    written: u64,
    of_people: HashMap<Attempt, u8>,
    of_programs: HashMap<Attempt, u8>,
}

/// Who tried what.
type Attempt = (Actor, &'static str);

impl Window {
    fn starting(now: Instant) -> Self {
        Self {
            began: now,
            at: clock::now(),
            refusals: 0,
            written: 0,
            of_people: HashMap::new(),
            of_programs: HashMap::new(),
        }
    }

    /// Whether this actor has hardly tried this yet, as far as actors are told apart.
    fn is_among_the_first(&mut self, attempt: Attempt) -> bool {
        let (known, most) = match attempt.0 {
            Actor::Person(_) => (&mut self.of_people, ATTEMPTS_OF_PEOPLE),
            Actor::App(_) | Actor::Agent(..) | Actor::System => (&mut self.of_programs, ATTEMPTS_OF_PROGRAMS),
        };
        if known.len() >= most && !known.contains_key(&attempt) {
            return false;
        }
        let number = known.entry(attempt).or_default();
        *number = number.saturating_add(1);
        *number <= WRITTEN_OF_EACH
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= WINDOW
    }

    fn summary(&self, chain: Option<OrganizationId>) -> Option<Event> {
        let not_written = self.refusals.saturating_sub(self.written);
        let target = chain.map_or(Target::Platform, Target::Organization);
        let event = Event::refused(Actor::System, NOT_WRITTEN, target).with(json!({
            "refusals": self.refusals,
            "notWritten": not_written,
            "since": self.at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default(),
        }));
        (not_written > 0).then_some(Event { organization: chain, ..event })
    }
}

impl Sampling {
    /// A window stays until the writer has taken it, also when it is over: what it counted is not lost.
    fn next(&mut self, chain: Option<OrganizationId>, attempt: Attempt, now: Instant) -> Sample {
        let chain = self.place(chain);
        let window = self.windows.entry(chain).or_insert_with(|| Window::starting(now));
        window.refusals += 1;
        let is_among_the_first = window.is_among_the_first(attempt);
        let sample = if is_among_the_first { Sample::Whole } else { sample(window.refusals) };
        if sample != Sample::Counted {
            window.written += 1;
        }
        sample
    }

    /// One that was to be written could not be.
    fn missed(&mut self, chain: Option<OrganizationId>) {
        let chain = self.place(chain);
        if let Some(window) = self.windows.get_mut(&chain) {
            window.written = window.written.saturating_sub(1);
        }
    }

    fn place(&self, chain: Option<OrganizationId>) -> Option<OrganizationId> {
        let has_room = self.windows.len() < WINDOWS || self.windows.contains_key(&chain);
        if has_room { chain } else { None }
    }

    fn take_over(&mut self, now: Option<Instant>) -> Vec<Event> {
        self.windows
            .extract_if(|_, window| now.is_none_or(|now| window.is_over(now)))
            .filter_map(|(chain, window)| window.summary(chain))
            .collect()
    }
}

/// What happens to the `number`-th refusal of a window: of the first ten thousand one in a hundred is
/// written, then one in a thousand up to a hundred thousand, and so on. Ten times the flood costs 90 rows.
fn sample(number: u64) -> Sample {
    if number <= WRITTEN_IN_FULL {
        return Sample::Whole;
    }
    let every = 10_u64.saturating_pow(number.ilog10().saturating_sub(1)).max(100);
    if number.is_multiple_of(every) { Sample::OneOf(every) } else { Sample::Counted }
}

fn sampled(detail: Value, number: u64) -> Value {
    match detail {
        Value::Object(mut fields) => {
            fields.insert("sampled".to_owned(), json!(number));
            Value::Object(fields)
        }
        other => json!({ "sampled": number, "detail": other }),
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

/// The counts are right at every moment, also where a thread panicked.
fn lock(sampling: &Mutex<Sampling>) -> MutexGuard<'_, Sampling> {
    sampling.lock().unwrap_or_else(PoisonError::into_inner)
}
