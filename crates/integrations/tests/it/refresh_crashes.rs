//! `kill -9` at every step of a refresh, for every reuse policy, with two replicas.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ids::AccountId;
use integrations::{ReconnectCause, RefreshStep};
use test_support::TestDatabase;
use test_support::token_server::{Fault, Reuse};

use crate::refresh_house::{RefreshHouse, Seeded};
use crate::refresh_replica::{Orders, Replica, Said};

/// How often each process is killed at each step under each policy; `cargo xtask soak refresh` sets more.
const RUNS: &str = "VYBE_REFRESH_KILLS";
const USUAL_RUNS: usize = 5;
/// How many situations are tried at the same time.
const AT_ONCE: usize = 8;
const LEASE: Duration = Duration::from_millis(1_500);
const HOUR: Duration = Duration::from_secs(3600);

const POLICIES: [(&str, Reuse); 4] = [
    ("static", Reuse::Static),
    ("grace", Reuse::Grace(Duration::from_secs(60))),
    ("until_successor_used", Reuse::UntilSuccessorUsed),
    ("single_use", Reuse::SingleUse),
];

/// What came of the runs of one policy and step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcomes {
    runs: usize,
    /// The account works, with new tokens, and was refreshed once more.
    renewed: usize,
    /// A person has to connect it again, because the answer was lost.
    needs_reconnect: usize,
    /// Anything else.
    broken: usize,
    /// Refresh tokens that the server got again although it may not.
    double_spends: u64,
}

struct Pair {
    orders: Orders,
    replicas: [Replica; 2],
}

impl Pair {
    fn start(orders: Orders) -> Self {
        let replicas = [Replica::start(&orders), Replica::start(&orders)];
        Self { orders, replicas }
    }

    async fn next(&mut self) -> (usize, Said) {
        let [one, other] = &mut self.replicas;
        tokio::select! {
            Some(said) = one.said.recv() => (0, said),
            Some(said) = other.said.recv() => (1, said),
            else => panic!("both replicas ended"),
        }
    }

    /// Kills one, and starts another in its place.
    fn kill(&mut self, number: usize) {
        self.replicas[number].kill();
        self.replicas[number] = Replica::start(&self.orders);
    }
}

/// Lets the refresh of a new account come to this step, kills whoever is at it, and lets the others go on.
async fn run(house: &RefreshHouse, pair: &mut Pair, point: RefreshStep, outcomes: &mut Outcomes) {
    if point == RefreshStep::Sent {
        // The service has spent the token, and has not answered.
        house.server.fail_once(Fault::Held);
    }
    let mut held = house.server.held();
    held.mark_unchanged();
    let account = house.account(Duration::ZERO, HOUR).await;
    let mut sender = None;
    loop {
        tokio::select! {
            (number, said) = pair.next() => {
                let Said::Step(step, id) = said else { panic!("{said:?}") };
                if id == account.id && step == point && point != RefreshStep::Sent {
                    pair.kill(number);
                    break;
                }
                if id == account.id && step == RefreshStep::Sent {
                    sender = Some(number);
                }
                pair.replicas[number].let_on(id);
            }
            _ = held.changed() => {
                pair.kill(sender.expect("whoever sends said so"));
                break;
            }
        }
    }
    let state = settled(house, pair, account.id, 1).await;
    outcomes.runs += 1;
    if is_alive(house, pair, account, &state).await {
        outcomes.renewed += 1;
    } else if state.1.as_deref() == Some(ReconnectCause::LostResponse.as_str())
        && house
            .count(&format!(
                "audit_events WHERE action = 'accounts.needs_reconnect' AND target_id = '{}'",
                account.id
            ))
            .await
            == 1
    {
        outcomes.needs_reconnect += 1;
    } else {
        outcomes.broken += 1;
    }
    outcomes.double_spends += house.server.history(account.grant).double_spends;
    house.server.release();
}

/// Lets everything go on until the account's tokens of this generation were replaced or lost.
async fn settled(
    house: &RefreshHouse,
    pair: &mut Pair,
    id: AccountId,
    generation: i64,
) -> (String, Option<String>, i64) {
    let begun = Instant::now();
    loop {
        let state = house.state(id).await;
        if state.0 != "active" || state.2 > generation {
            return state;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the account stays {state:?}");
        if let Ok((number, Said::Step(_, id))) =
            tokio::time::timeout(Duration::from_millis(20), pair.next()).await
        {
            pair.replicas[number].let_on(id);
        }
    }
}

/// Whether the connection lives: it is refreshed once more.
async fn is_alive(
    house: &RefreshHouse,
    pair: &mut Pair,
    account: Seeded,
    state: &(String, Option<String>, i64),
) -> bool {
    if state.0 != "active" {
        return false;
    }
    house.make_due(account.id).await;
    let again = settled(house, pair, account.id, state.2).await;
    again.0 == "active" && !house.server.history(account.grant).revoked
}

/// What has to come of it: with a token that is spent once, an intent without an end is the end.
fn expected(policy: &str, point: RefreshStep, runs: usize) -> Outcomes {
    let lost = policy == "single_use" && !matches!(point, RefreshStep::Claimed | RefreshStep::Stored);
    let (renewed, needs_reconnect) = if lost { (0, runs) } else { (runs, 0) };
    Outcomes { runs, renewed, needs_reconnect, broken: 0, double_spends: 0 }
}

async fn kill_everywhere(database: impl AsyncFn() -> TestDatabase, store: &str, runs: usize) {
    let mut situations: Vec<(&'static str, Reuse, RefreshStep)> = POLICIES
        .iter()
        .flat_map(|(policy, reuse)| RefreshStep::ALL.into_iter().map(|point| (*policy, *reuse, point)))
        .collect();
    let begun = Instant::now();
    let mut table = BTreeMap::new();
    while !situations.is_empty() {
        let some = situations.split_off(situations.len().saturating_sub(AT_ONCE));
        let mut working = Vec::new();
        for (policy, reuse, point) in some {
            let database = database().await;
            working.push(async move {
                let house = RefreshHouse::new(database, reuse, HOUR).await;
                let orders = Orders { setting: house.setting.clone(), asks: true, lease: LEASE, uses: None };
                let mut pair = Pair::start(orders);
                let mut outcomes = Outcomes::default();
                for _ in 0..runs {
                    run(&house, &mut pair, point, &mut outcomes).await;
                }
                ((policy, point), outcomes)
            });
        }
        for (situation, outcomes) in futures_util::future::join_all(working).await {
            table.insert((situation.0, situation.1.as_str()), (situation.1, outcomes));
        }
    }
    println!("\nrefresh: killed on {store}");
    println!("| reuse policy | killed when | runs | renewed | needs_reconnect | lost | double spends |");
    println!("|---|---|---|---|---|---|---|");
    let mut wrong = 0;
    for (policy, _) in POLICIES {
        for point in RefreshStep::ALL {
            let (_, outcomes) = table[&(policy, point.as_str())];
            let Outcomes { runs, renewed, needs_reconnect, broken, double_spends } = outcomes;
            println!(
                "| `{policy}` | {} | {runs} | {renewed} | {needs_reconnect} | {broken} | {double_spends} |",
                point.as_str()
            );
            wrong += usize::from(outcomes != expected(policy, point, runs));
        }
    }
    println!(
        "refresh: ended after {} s, {wrong} situations otherwise than expected",
        begun.elapsed().as_secs()
    );
    assert_eq!(wrong, 0);
}

fn runs() -> usize {
    std::env::var(RUNS).ok().and_then(|runs| runs.parse().ok()).unwrap_or(USUAL_RUNS)
}

#[test]
fn i02_a_process_killed_at_any_step_loses_no_account_that_can_be_kept_on_postgres() {
    test_support::run(kill_everywhere(TestDatabase::postgres, "PostgreSQL", runs()));
}

#[test]
fn i02_a_process_killed_at_any_step_loses_no_account_that_can_be_kept_on_sqlite() {
    test_support::run(kill_everywhere(TestDatabase::sqlite, "SQLite", 1));
}
