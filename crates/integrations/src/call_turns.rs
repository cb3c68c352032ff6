//! How many calls are under way at once: with one account, from one app, of one organization.
//!
//! Whoever finds no room waits in the order of arrival. An app never takes all the room of an account, so that another
//! one does not have to wait for its slow calls to end.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ids::{AppId, OrganizationId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::service_call::CalledWith;

/// How many calls are let in.
#[derive(Clone, Copy, Debug)]
pub struct CallTurnBounds {
    /// With one account or custom API at once.
    pub of_an_account: usize,
    /// Those of them that are of one app.
    pub of_an_account_and_app: usize,
    /// Calls of one organization that wait or are under way: what each of them holds in memory is bounded, and so is the
    /// sum.
    pub of_an_organization: usize,
    /// Those of them that are of one app.
    pub of_an_app: usize,
    /// Bytes that calls of one organization hold in memory: what they ask, what they send, and answers that are held back.
    pub bytes_of_an_organization: usize,
}

impl Default for CallTurnBounds {
    fn default() -> Self {
        Self {
            of_an_account: 64,
            of_an_account_and_app: 48,
            of_an_organization: 512,
            of_an_app: 256,
            bytes_of_an_organization: 256 << 20,
        }
    }
}

/// There are too many calls, or none of them ended in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many calls at once")]
pub struct TooManyCalls;

/// Who asks for a turn, and with what.
#[derive(Clone, Copy, Debug)]
pub struct CallTurnFor {
    /// The organization.
    pub organization: OrganizationId,
    /// The app.
    pub app: AppId,
    /// The account or custom API.
    pub with: CalledWith,
    /// How many bytes the call holds in memory at first.
    pub bytes: usize,
}

/// The turns of all calls.
#[derive(Clone, Default)]
pub struct CallTurns {
    bounds: CallTurnBounds,
    state: Arc<Mutex<State>>,
}

/// Leave to make one call, and the bytes that it holds.
pub struct CallTurn {
    /// Leave to make the call.
    pub leave: CallLeave,
    /// What it holds in memory. Answers may be held for longer than calls are made.
    pub held: HeldBytes,
}

/// Leave to make one call, until it is dropped.
pub struct CallLeave {
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    _counted: Counted,
}

/// Bytes that are held in memory for an organization, counted until this is dropped.
pub struct HeldBytes {
    state: Arc<Mutex<State>>,
    organization: OrganizationId,
    bytes: usize,
    most: usize,
}

/// Bytes, and that they are counted.
struct Kept {
    bytes: Bytes,
    _held: HeldBytes,
}

#[derive(Default)]
struct State {
    organizations: HashMap<OrganizationId, Load>,
    apps: HashMap<AppId, usize>,
    accounts: HashMap<CalledWith, Rooms>,
}

#[derive(Clone, Copy, Default)]
struct Load {
    calls: usize,
    bytes: usize,
}

/// The room of one account, as long as somebody is in it or waits for it.
struct Rooms {
    calls: usize,
    room: Arc<Semaphore>,
    of_apps: HashMap<AppId, (usize, Arc<Semaphore>)>,
}

/// A call that waits or is under way, counted until it is dropped.
struct Counted {
    state: Arc<Mutex<State>>,
    at: CallTurnFor,
}

impl CallTurns {
    /// Turns within these bounds.
    #[must_use]
    pub fn new(bounds: CallTurnBounds) -> Self {
        Self { bounds, state: Arc::default() }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// The organization or the app has too many calls under way, or none ended within `patience`.
    pub async fn take(&self, at: CallTurnFor, patience: Duration) -> Result<CallTurn, TooManyCalls> {
        let (counted, held, room, room_of_app) = self.count(at)?;
        // First among the app's own calls: those that wait there take nobody else's place.
        let both =
            async { Some((room_of_app.acquire_owned().await.ok()?, room.acquire_owned().await.ok()?)) };
        let both = tokio::time::timeout(patience, both).await.map_err(|_| TooManyCalls)?;
        let leave = CallLeave { _room: both.ok_or(TooManyCalls)?, _counted: counted };
        Ok(CallTurn { leave, held })
    }

    fn count(
        &self,
        at: CallTurnFor,
    ) -> Result<(Counted, HeldBytes, Arc<Semaphore>, Arc<Semaphore>), TooManyCalls> {
        let bounds = self.bounds;
        let mut state = locked(&self.state);
        let load = state.organizations.get(&at.organization).copied().unwrap_or_default();
        let of_the_app = state.apps.get(&at.app).copied().unwrap_or_default();
        if load.calls >= bounds.of_an_organization
            || of_the_app >= bounds.of_an_app
            || load.bytes.saturating_add(at.bytes) > bounds.bytes_of_an_organization
        {
            return Err(TooManyCalls);
        }
        let load = Load { calls: load.calls + 1, bytes: load.bytes + at.bytes };
        state.organizations.insert(at.organization, load);
        *state.apps.entry(at.app).or_default() += 1;
        let semaphore = |most: usize| Arc::new(Semaphore::new(most));
        let rooms = state.accounts.entry(at.with).or_insert_with(|| Rooms {
            calls: 0,
            room: semaphore(bounds.of_an_account),
            of_apps: HashMap::new(),
        });
        rooms.calls += 1;
        let of_app =
            rooms.of_apps.entry(at.app).or_insert_with(|| (0, semaphore(bounds.of_an_account_and_app)));
        of_app.0 += 1;
        let (room, room_of_app) = (Arc::clone(&rooms.room), Arc::clone(&of_app.1));
        drop(state);
        let held = HeldBytes {
            state: Arc::clone(&self.state),
            organization: at.organization,
            bytes: at.bytes,
            most: bounds.bytes_of_an_organization,
        };
        Ok((Counted { state: Arc::clone(&self.state), at }, held, room, room_of_app))
    }

    /// Calls that wait or are under way with one account.
    #[must_use]
    pub fn load(&self, with: CalledWith) -> usize {
        locked(&self.state).accounts.get(&with).map_or(0, |rooms| rooms.calls)
    }
}

impl HeldBytes {
    /// Counts more.
    ///
    /// # Errors
    /// The organization's calls hold too much already. Nothing more is counted then.
    pub fn grow(&mut self, more: usize) -> Result<(), TooManyCalls> {
        let mut state = locked(&self.state);
        let load = state.organizations.get(&self.organization).copied().unwrap_or_default();
        let bytes = load.bytes.saturating_add(more);
        if bytes > self.most {
            return Err(TooManyCalls);
        }
        state.organizations.insert(self.organization, Load { bytes, ..load });
        self.bytes += more;
        Ok(())
    }

    /// Counts only so many from now on, if it has been more.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        locked(&self.state).leave(self.organization, Load { calls: 0, bytes: less });
    }

    /// These bytes, which stay counted, and nothing else does, as long as somebody has them.
    #[must_use]
    pub fn keep(mut self, bytes: Bytes) -> Bytes {
        self.shrink_to(bytes.len());
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

impl State {
    /// Counts less of an organization, and forgets it at nought.
    fn leave(&mut self, organization: OrganizationId, less: Load) {
        if let Some(load) = self.organizations.get_mut(&organization) {
            load.calls = load.calls.saturating_sub(less.calls);
            load.bytes = load.bytes.saturating_sub(less.bytes);
            if load.calls == 0 && load.bytes == 0 {
                self.organizations.remove(&organization);
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        let CallTurnFor { organization, app, with, .. } = self.at;
        state.leave(organization, Load { calls: 1, bytes: 0 });
        one_less(&mut state.apps, app, |calls| calls);
        if let Some(rooms) = state.accounts.get_mut(&with) {
            rooms.calls = rooms.calls.saturating_sub(1);
            one_less(&mut rooms.of_apps, app, |(calls, _)| calls);
            if rooms.calls == 0 {
                state.accounts.remove(&with);
            }
        }
    }
}

/// Counts one down, and forgets it at nought.
fn one_less<K: Eq + Hash, V>(counts: &mut HashMap<K, V>, key: K, count: impl Fn(&mut V) -> &mut usize) {
    if let Some(value) = counts.get_mut(&key) {
        let count = count(value);
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ids::AccountId;

    use super::*;

    const NONE: Duration = Duration::from_millis(1);

    fn turns() -> CallTurns {
        CallTurns::new(CallTurnBounds {
            of_an_account: 4,
            of_an_account_and_app: 3,
            of_an_organization: 8,
            of_an_app: 6,
            bytes_of_an_organization: 100,
        })
    }

    fn at(organization: OrganizationId, app: AppId, account: AccountId, bytes: usize) -> CallTurnFor {
        CallTurnFor { organization, app, with: CalledWith::Account(account), bytes }
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn an_app_never_takes_all_the_room_of_an_account() {
        run(async {
            let (turns, organization, account) = (turns(), OrganizationId::generate(), AccountId::generate());
            let [app, other] = [AppId::generate(), AppId::generate()];
            let take = async |app| turns.take(at(organization, app, account, 1), NONE).await;
            let mut held = Vec::new();
            for _ in 0..3 {
                held.push(take(app).await.unwrap());
            }
            assert!(take(app).await.is_err());
            held.push(take(other).await.unwrap());
            assert!(take(other).await.is_err());
            // At another account there is room.
            let elsewhere = at(organization, other, AccountId::generate(), 1);
            drop(turns.take(elsewhere, NONE).await.unwrap());
            drop(held.remove(0));
            drop(take(other).await.unwrap());
            drop(held);
            assert_eq!(turns.load(CalledWith::Account(account)), 0);
            let state = locked(&turns.state);
            assert!(state.accounts.is_empty() && state.apps.is_empty() && state.organizations.is_empty());
        });
    }

    #[test]
    fn whoever_waits_is_let_in_when_somebody_leaves() {
        run(async {
            let (turns, organization, account) = (turns(), OrganizationId::generate(), AccountId::generate());
            let app = AppId::generate();
            let ask = at(organization, app, account, 1);
            let mut held = Vec::new();
            for _ in 0..3 {
                held.push(turns.take(ask, NONE).await.unwrap());
            }
            let mut waiting = std::pin::pin!(turns.take(ask, Duration::from_secs(60)));
            assert!(tokio::time::timeout(NONE, &mut waiting).await.is_err());
            assert_eq!(turns.load(CalledWith::Account(account)), 4);
            held.pop();
            waiting.await.unwrap();
        });
    }

    #[test]
    fn calls_and_bytes_of_apps_and_organizations_are_bounded() {
        run(async {
            let (turns, organization) = (turns(), OrganizationId::generate());
            let [app, other] = [AppId::generate(), AppId::generate()];
            let take = async |app, bytes| {
                turns.take(at(organization, app, AccountId::generate(), bytes), NONE).await
            };
            assert!(take(app, 101).await.is_err());
            let large = take(app, 60).await.unwrap();
            assert!(take(app, 60).await.is_err());
            drop(large);
            let mut held = Vec::new();
            for _ in 0..6 {
                held.push(take(app, 1).await.unwrap());
            }
            assert!(take(app, 1).await.is_err());
            held.push(take(other, 1).await.unwrap());
            held.push(take(other, 1).await.unwrap());
            assert!(take(other, 1).await.is_err());
            // Another organization has room.
            let elsewhere = at(OrganizationId::generate(), AppId::generate(), AccountId::generate(), 1);
            assert!(turns.take(elsewhere, NONE).await.is_ok());
        });
    }

    #[test]
    fn what_calls_hold_is_counted_until_the_answer_has_left() {
        run(async {
            let (turns, organization) = (turns(), OrganizationId::generate());
            let take = async |bytes| {
                let at = at(organization, AppId::generate(), AccountId::generate(), bytes);
                turns.take(at, NONE).await
            };
            let mut first = take(80).await.unwrap();
            assert!(take(21).await.is_err());
            // What was asked has been read.
            first.held.shrink_to(10);
            let second = take(60).await.unwrap();
            // The answer is held as far as there is room.
            assert!(first.held.grow(30).is_ok() && first.held.grow(1).is_err());
            drop(second);
            first.held.grow(50).unwrap();
            let CallTurn { leave, held } = first;
            let answer = held.keep(Bytes::from(vec![1; 40]));
            drop(leave);
            assert!(answer == vec![1; 40] && take(61).await.is_err());
            let half = answer.slice(..20);
            drop(answer);
            assert!(take(61).await.is_err());
            drop(half);
            drop(take(100).await.unwrap());
            assert!(locked(&turns.state).organizations.is_empty());
        });
    }
}
