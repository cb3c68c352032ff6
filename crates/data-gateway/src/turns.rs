//! Whose call may use a session with a database next.
//!
//! A connection gives so many sessions at once. Who finds none free waits in the line of their app, and a session that
//! becomes free goes to the app that has the fewest at work; among several, to the one that has waited longest since its
//! last turn. So an app that asks a lot, or slowly, takes no more than its share as soon as another one asks; and it
//! never takes the last session, so that another one does not have to wait for a slow statement of it to end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ids::{AppId, ConnectionId, OrganizationId};
use tokio::sync::oneshot;

/// How many calls are let in.
#[derive(Clone, Copy, Debug)]
pub struct TurnBounds {
    /// Calls of one app that wait for one connection.
    pub waiting_of_an_app: usize,
    /// Calls of one organization that wait or run: what each of them holds in memory is bounded, and so is the sum.
    pub of_an_organization: usize,
    /// Those of them that are of one app, at whatever connections: the others of its organization keep room.
    pub of_an_app: usize,
    /// Values that these have as parameters, each of which takes far more memory than it has bytes.
    pub values_of_an_organization: usize,
}

impl Default for TurnBounds {
    fn default() -> Self {
        Self {
            waiting_of_an_app: 32,
            of_an_organization: 256,
            of_an_app: 128,
            values_of_an_organization: 2_000_000,
        }
    }
}

/// There are too many calls, or none of them ended in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many calls at once")]
pub struct Busy;

/// Who asks for a turn, and of what.
#[derive(Clone, Copy, Debug)]
pub struct TurnFor {
    /// The connection.
    pub connection: ConnectionId,
    /// The organization that both belong to.
    pub organization: OrganizationId,
    /// The app.
    pub app: AppId,
    /// How many sessions the connection gives at once.
    pub most_sessions: u16,
    /// How many values the call has as parameters.
    pub values: usize,
}

/// The turns at all connections.
#[derive(Clone, Default)]
pub struct Turns {
    bounds: TurnBounds,
    state: Arc<Mutex<State>>,
}

/// Leave to use one session. The next one gets it when this is dropped.
pub struct Turn {
    state: Arc<Mutex<State>>,
    at: TurnFor,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Turn").field("at", &self.at).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    desks: HashMap<ConnectionId, Desk>,
    /// Calls that wait or run.
    calls: HashMap<OrganizationId, Calls>,
    calls_of: HashMap<AppId, usize>,
    /// Counts turns and tickets.
    clock: u64,
}

#[derive(Clone, Copy, Default)]
struct Calls {
    number: usize,
    values: usize,
}

/// One connection.
struct Desk {
    organization: OrganizationId,
    most: usize,
    running: usize,
    running_of: HashMap<AppId, usize>,
    lines: Vec<Line>,
}

/// Calls of one app, in the order in which they came.
struct Line {
    app: AppId,
    last_turn: u64,
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    ticket: u64,
    at: TurnFor,
    give: oneshot::Sender<Turn>,
}

impl Turns {
    /// Turns within these bounds.
    #[must_use]
    pub fn new(bounds: TurnBounds) -> Self {
        Self { bounds, state: Arc::default() }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// The line of the app is full, the organization has too many calls under way, or none ended within `patience`.
    pub async fn take(&self, at: TurnFor, patience: Duration) -> Result<Turn, Busy> {
        let (mut taken, _ticket) = match self.ask(at)? {
            Asked::Now(turn) => return Ok(turn),
            Asked::Later(taken, ticket) => (taken, ticket),
        };
        match tokio::time::timeout(patience, &mut taken).await {
            Ok(turn) => turn.map_err(|_| Busy),
            // It may have been given in this very moment.
            Err(_) => taken.try_recv().map_err(|_| Busy),
        }
    }

    /// Calls that run and calls that wait, at one connection.
    #[must_use]
    pub fn load(&self, connection: ConnectionId) -> (usize, usize) {
        let state = locked(&self.state);
        state
            .desks
            .get(&connection)
            .map_or((0, 0), |desk| (desk.running, desk.lines.iter().map(|line| line.waiters.len()).sum()))
    }

    /// Calls that run, at every connection that has some.
    pub(crate) fn running(&self) -> HashMap<ConnectionId, (OrganizationId, usize)> {
        let state = locked(&self.state);
        state.desks.iter().map(|(id, desk)| (*id, (desk.organization, desk.running))).collect()
    }

    fn ask(&self, at: TurnFor) -> Result<Asked, Busy> {
        let mut given = Vec::new();
        let asked = self.ask_at_desk(at, &mut given);
        give(&self.state, given);
        asked
    }

    fn ask_at_desk(&self, at: TurnFor, given: &mut Vec<Waiter>) -> Result<Asked, Busy> {
        let mut state = locked(&self.state);
        let state = &mut *state;
        let calls = state.calls.get(&at.organization).copied().unwrap_or_default();
        let of_the_app = state.calls_of.get(&at.app).copied().unwrap_or_default();
        if calls.number >= self.bounds.of_an_organization
            || of_the_app >= self.bounds.of_an_app
            || calls.values.saturating_add(at.values) > self.bounds.values_of_an_organization
        {
            return Err(Busy);
        }
        let calls = Calls { number: calls.number + 1, values: calls.values + at.values };
        let desk = state.desks.entry(at.connection).or_insert_with(|| Desk::of(at.organization));
        state.clock += 1;
        let most = usize::from(at.most_sessions).max(1);
        if std::mem::replace(&mut desk.most, most) < most {
            // There are more sessions than before: those who wait come first.
            given.extend(std::iter::from_fn(|| desk.next(state.clock)));
        }
        if desk.has_room_for(at.app) {
            // Whoever waits may have no more than they have: a free session goes to them as soon as it is one.
            desk.begin(at.app);
            state.calls.insert(at.organization, calls);
            state.calls_of.insert(at.app, of_the_app + 1);
            return Ok(Asked::Now(Turn { state: Arc::clone(&self.state), at }));
        }
        let (give, taken) = oneshot::channel();
        let waiter = Waiter { ticket: state.clock, at, give };
        match desk.lines.iter_mut().find(|line| line.app == at.app) {
            Some(line) if line.waiters.len() >= self.bounds.waiting_of_an_app => return Err(Busy),
            Some(line) => line.waiters.push_back(waiter),
            None => desk.lines.push(Line {
                app: at.app,
                last_turn: state.clock,
                waiters: VecDeque::from([waiter]),
            }),
        }
        state.calls.insert(at.organization, calls);
        state.calls_of.insert(at.app, of_the_app + 1);
        let ticket = Ticket { state: Arc::clone(&self.state), at, number: state.clock };
        Ok(Asked::Later(taken, ticket))
    }
}

enum Asked {
    Now(Turn),
    Later(oneshot::Receiver<Turn>, Ticket),
}

/// A place in a line, given up when it is dropped.
struct Ticket {
    state: Arc<Mutex<State>>,
    at: TurnFor,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        let Some(desk) = state.desks.get_mut(&self.at.connection) else { return };
        let Some(line) = desk.lines.iter_mut().find(|line| line.app == self.at.app) else { return };
        let before = line.waiters.len();
        line.waiters.retain(|waiter| waiter.ticket != self.number);
        if line.waiters.len() < before {
            desk.lines.retain(|line| !line.waiters.is_empty());
            state.forget(self.at);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        if let Some(desk) = state.desks.get_mut(&self.at.connection) {
            desk.end(self.at.app);
        }
        state.forget(self.at);
        state.clock += 1;
        let now = state.clock;
        let desk = state.desks.get_mut(&self.at.connection);
        let given = desk.map(|desk| std::iter::from_fn(|| desk.next(now)).collect()).unwrap_or_default();
        drop(state);
        give(&self.state, given);
    }
}

/// Hands turns over, without the lock. Whoever has left meanwhile hands theirs on by dropping it.
fn give(state: &Arc<Mutex<State>>, given: Vec<Waiter>) {
    for Waiter { at, give, .. } in given {
        drop(give.send(Turn { state: Arc::clone(state), at }));
    }
}

impl State {
    /// One call less, and nothing is kept of those who have none.
    fn forget(&mut self, at: TurnFor) {
        if let Some(calls) = self.calls.get_mut(&at.organization) {
            calls.number = calls.number.saturating_sub(1);
            calls.values = calls.values.saturating_sub(at.values);
            if calls.number == 0 {
                self.calls.remove(&at.organization);
            }
        }
        if let Some(calls) = self.calls_of.get_mut(&at.app) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                self.calls_of.remove(&at.app);
            }
        }
        if self.desks.get(&at.connection).is_some_and(|desk| desk.running == 0 && desk.lines.is_empty()) {
            self.desks.remove(&at.connection);
        }
    }
}

impl Desk {
    fn of(organization: OrganizationId) -> Self {
        Self { organization, most: 0, running: 0, running_of: HashMap::new(), lines: Vec::new() }
    }

    fn running_of(&self, app: AppId) -> usize {
        self.running_of.get(&app).copied().unwrap_or_default()
    }

    fn has_room_for(&self, app: AppId) -> bool {
        let most_of_an_app = self.most.saturating_sub(1).max(1);
        self.running < self.most && self.running_of(app) < most_of_an_app
    }

    fn begin(&mut self, app: AppId) {
        self.running += 1;
        *self.running_of.entry(app).or_default() += 1;
    }

    fn end(&mut self, app: AppId) {
        self.running = self.running.saturating_sub(1);
        if let Some(running) = self.running_of.get_mut(&app) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                self.running_of.remove(&app);
            }
        }
    }

    /// Who is next, unless nobody who waits may have a session.
    fn next(&mut self, now: u64) -> Option<Waiter> {
        let (position, app) = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| self.has_room_for(line.app))
            .min_by_key(|(_, line)| (self.running_of(line.app), line.last_turn))
            .map(|(position, line)| (position, line.app))?;
        let line = self.lines.get_mut(position)?;
        line.last_turn = now;
        let waiter = line.waiters.pop_front();
        if line.waiters.is_empty() {
            self.lines.swap_remove(position);
        }
        self.begin(app);
        waiter
    }
}

/// Nothing that holds the lock can panic half-way.
fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
