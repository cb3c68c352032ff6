//! Turns at a connection: nobody starves, nothing leaks, and what is too much is refused.

use std::time::Duration;

use data_gateway::{Busy, Turn, TurnBounds, TurnFor, Turns};
use ids::{AppId, ConnectionId, OrganizationId};
use tokio::task::JoinHandle;

/// As long as a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    turns: Turns,
    connection: ConnectionId,
    organization: OrganizationId,
    sessions: u16,
}

impl House {
    fn new(sessions: u16, bounds: TurnBounds) -> Self {
        Self {
            turns: Turns::new(bounds),
            connection: ConnectionId::generate(),
            organization: OrganizationId::generate(),
            sessions,
        }
    }

    fn of(&self, app: AppId) -> TurnFor {
        TurnFor {
            connection: self.connection,
            organization: self.organization,
            app,
            most_sessions: self.sessions,
            values: 0,
        }
    }

    async fn take(&self, app: AppId) -> Result<Turn, Busy> {
        self.turns.take(self.of(app), PATIENCE).await
    }

    /// Somebody in the line of an app, once they stand there.
    async fn stand(&self, app: AppId) -> JoinHandle<Result<Turn, Busy>> {
        let (turns, at, before) = (self.turns.clone(), self.of(app), self.load().1);
        let standing = tokio::spawn(async move { turns.take(at, PATIENCE).await });
        while self.load().1 == before {
            tokio::task::yield_now().await;
        }
        standing
    }

    /// Calls that run, and calls that wait.
    fn load(&self) -> (usize, usize) {
        self.turns.load(self.connection)
    }
}

#[tokio::test]
async fn d52_one_app_never_takes_the_last_session() {
    let house = House::new(3, TurnBounds::default());
    let (greedy, other) = (AppId::generate(), AppId::generate());
    let mut held = vec![house.take(greedy).await.unwrap(), house.take(greedy).await.unwrap()];
    let waiting = house.stand(greedy).await;
    assert_eq!(house.load(), (2, 1));
    held.push(house.take(other).await.unwrap());
    assert_eq!(house.load(), (3, 1));
    // The other app's session is not for the greedy one, which has its share.
    drop(held.pop());
    assert_eq!(house.load(), (2, 1));
    drop(held.pop());
    let third = waiting.await.unwrap().unwrap();
    assert_eq!(house.load(), (2, 0));
    drop((held, third));
    assert_eq!(house.load(), (0, 0));
}

#[tokio::test]
async fn a_session_that_becomes_free_goes_to_whoever_has_the_fewest() {
    let house = House::new(4, TurnBounds::default());
    let apps: Vec<AppId> = (0..3).map(|_| AppId::generate()).collect();
    let mut held = Vec::new();
    for app in [apps[0], apps[0], apps[0], apps[1]] {
        held.push(house.take(app).await.unwrap());
    }
    // They come in this order, and have three, one and no session.
    let first = house.stand(apps[1]).await;
    let second = house.stand(apps[2]).await;
    drop(held.remove(0));
    let second = second.await.unwrap().unwrap();
    assert!(!first.is_finished());
    drop(held.remove(0));
    let first = first.await.unwrap().unwrap();
    drop((first, second, held));
    assert_eq!(house.load(), (0, 0));
}

#[tokio::test]
async fn turns_go_round_between_apps_and_in_order_within_one() {
    let house = House::new(1, TurnBounds::default());
    let apps: Vec<AppId> = (0..3).map(|_| AppId::generate()).collect();
    let mut turn = house.take(apps[0]).await.unwrap();
    let mut lines = Vec::new();
    // All of the first app come before the others.
    for app in [0, 0, 0, 1, 1, 2] {
        lines.push((app, house.stand(apps[app]).await));
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        drop(turn);
        turn = loop {
            if let Some(position) = lines.iter().position(|(_, line)| line.is_finished()) {
                let (app, line) = lines.remove(position);
                order.push(app);
                break line.await.unwrap().unwrap();
            }
            tokio::task::yield_now().await;
        };
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 0]);
}

#[tokio::test]
async fn d52_the_line_of_an_app_and_the_calls_of_an_organization_have_an_end() {
    let bounds = TurnBounds { waiting_of_an_app: 2, of_an_organization: 5, ..TurnBounds::default() };
    let house = House::new(1, bounds);
    let (one, two) = (AppId::generate(), AppId::generate());
    let held = house.take(one).await.unwrap();
    let _first = house.stand(one).await;
    let second = house.stand(one).await;
    assert_eq!(house.take(one).await.err(), Some(Busy), "the line is full");
    let _third = house.stand(two).await;
    let _fourth = house.stand(two).await;
    let stranger = House { turns: house.turns.clone(), ..House::new(1, bounds) };
    let at = TurnFor { connection: ConnectionId::generate(), ..house.of(AppId::generate()) };
    assert_eq!(house.turns.take(at, PATIENCE).await.err(), Some(Busy), "the organization has too many");
    drop(stranger.take(AppId::generate()).await.expect("another organization is not touched"));
    // Whoever leaves makes room.
    second.abort();
    assert!(second.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(house.load(), (1, 3));
    drop(house.turns.take(at, PATIENCE).await.unwrap());
    drop(held);
}

#[tokio::test]
async fn d52_one_app_leaves_half_of_the_calls_to_the_others() {
    let bounds = TurnBounds::default();
    assert_eq!(bounds.of_an_app * 2, bounds.of_an_organization);
    let turns = Turns::new(TurnBounds { of_an_organization: 8, of_an_app: 4, ..bounds });
    let (greedy, organization) = (AppId::generate(), OrganizationId::generate());
    let at = |app| TurnFor {
        connection: ConnectionId::generate(),
        organization,
        app,
        most_sessions: 2,
        values: 0,
    };
    // Three run, each at a connection of its own, and one waits.
    let first = at(greedy);
    let mut held = vec![turns.take(first, PATIENCE).await.unwrap()];
    let waiting = tokio::spawn({
        let turns = turns.clone();
        async move { turns.take(first, PATIENCE).await }
    });
    while turns.load(first.connection).1 == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        held.push(turns.take(at(greedy), PATIENCE).await.unwrap());
    }
    assert_eq!(turns.take(at(greedy), PATIENCE).await.err(), Some(Busy));
    let others: Vec<Turn> =
        futures_util::future::try_join_all((0..4).map(|_| turns.take(at(AppId::generate()), PATIENCE)))
            .await
            .unwrap();
    assert_eq!(
        turns.take(at(AppId::generate()), PATIENCE).await.err(),
        Some(Busy),
        "the organization has all"
    );
    // Whoever ends or leaves makes room.
    waiting.abort();
    assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
    held.push(turns.take(at(greedy), PATIENCE).await.unwrap());
    drop((held, others));
    let again = futures_util::future::try_join_all((0..4).map(|_| turns.take(at(greedy), PATIENCE))).await;
    assert_eq!(again.unwrap().len(), 4);
}

#[tokio::test]
async fn who_waits_too_long_is_told_so_and_stands_in_nobodys_way() {
    let house = House::new(1, TurnBounds::default());
    let (one, two) = (AppId::generate(), AppId::generate());
    let held = house.take(one).await.unwrap();
    assert_eq!(house.turns.take(house.of(two), Duration::from_millis(20)).await.err(), Some(Busy));
    assert_eq!(house.load(), (1, 0));
    drop(held);
    drop(house.take(two).await.unwrap());
    assert_eq!(house.load(), (0, 0));
}

#[tokio::test]
async fn more_sessions_serve_those_who_wait() {
    let mut house = House::new(1, TurnBounds::default());
    let (one, two) = (AppId::generate(), AppId::generate());
    let held = house.take(one).await.unwrap();
    let waiting = house.stand(two).await;
    house.sessions = 4;
    let another = house.take(AppId::generate()).await.unwrap();
    let served = waiting.await.unwrap().unwrap();
    assert_eq!(house.load(), (3, 0));
    drop((held, another, served));
}

/// Eight apps, one of them with most of the callers, all of whom come, leave and time out at any moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d52_nothing_leaks_and_nobody_starves_among_200_restless_callers() {
    let house = std::sync::Arc::new(House::new(5, TurnBounds::default()));
    let apps: Vec<AppId> = (0..8).map(|_| AppId::generate()).collect();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..200_u64 {
        let (house, position) =
            (std::sync::Arc::clone(&house), if number < 100 { 0 } else { number as usize % 8 });
        let app = apps[position];
        callers.spawn(async move {
            let (mut served, mut seed) = (0, number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            for _ in 0..50 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let patience = Duration::from_micros(seed % 20_000);
                // Some leave while they wait: the future is dropped.
                let taking = house.turns.take(house.of(app), PATIENCE);
                if let Ok(Ok(_turn)) = tokio::time::timeout(patience, taking).await {
                    assert!(house.load().0 <= 5);
                    served += 1;
                    tokio::time::sleep(Duration::from_micros(seed % 700)).await;
                }
            }
            (position, served)
        });
    }
    let mut served = [0; 8];
    while let Some(caller) = callers.join_next().await {
        let (position, turns) = caller.unwrap();
        served[position] += turns;
    }
    assert!(served.iter().all(|turns| *turns > 0), "{served:?}");
    assert_eq!(house.load(), (0, 0));
}

#[tokio::test]
async fn d52_parameters_of_an_organization_have_an_end() {
    let bounds = TurnBounds { values_of_an_organization: 1000, ..TurnBounds::default() };
    let house = House::new(10, bounds);
    let app = AppId::generate();
    let with = |values: usize| TurnFor { values, ..house.of(app) };
    let held = house.turns.take(with(900), PATIENCE).await.unwrap();
    assert_eq!(house.turns.take(with(101), PATIENCE).await.err(), Some(Busy));
    let another = house.turns.take(with(100), PATIENCE).await.unwrap();
    drop(held);
    drop(house.turns.take(with(900), PATIENCE).await.unwrap());
    drop(another);
    assert_eq!(house.load(), (0, 0));
}
