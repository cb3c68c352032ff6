//! Very many tokens that end in the same minute, with two replicas; and replicas whose clocks are wrong.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ids::AccountId;
use sea_orm::{ConnectionTrait as _, Statement};
use test_support::TestDatabase;
use test_support::token_server::{Conduct, GrantHistory, Reuse};

use crate::refresh_house::RefreshHouse;
use crate::refresh_replica::{Orders, Replica, Said};

/// How many accounts; `cargo xtask soak refresh-storm` sets more.
const ACCOUNTS: &str = "VYBE_REFRESH_STORM";
const USUAL_ACCOUNTS: usize = 500;
const HOUR: Duration = Duration::from_secs(3600);
/// Of how many organizations.
const ORGANIZATIONS: &str = "VYBE_REFRESH_STORM_ORGANIZATIONS";
const USUAL_ORGANIZATIONS: usize = 10;
/// All of the tokens end within this time.
const MINUTE: u64 = 60_000;
/// How long before its end a token is due.
const MARGIN: u64 = 30_000;
/// How long the service takes for an answer.
const ANSWER: Duration = Duration::from_millis(50);

#[test]
fn i02_tokens_that_end_in_one_minute_are_all_replaced_before_each_once() {
    let number = std::env::var(ACCOUNTS).ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL_ACCOUNTS);
    // A few of them in less time.
    let within = if number == USUAL_ACCOUNTS { MINUTE / 10 } else { MINUTE };
    test_support::run(storm(number, within));
}

fn organizations() -> usize {
    std::env::var(ORGANIZATIONS).ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL_ORGANIZATIONS)
}

async fn storm(number: usize, within: u64) {
    let mut house = RefreshHouse::new(TestDatabase::postgres().await, Reuse::SingleUse, HOUR).await;
    house.server.conduct(Conduct { delay: ANSWER, ..Conduct::default() });
    let organizations = organizations();
    for _ in 0..organizations {
        house.accounts(number / organizations, |_| (HOUR, HOUR)).await;
        house.move_on().await;
    }
    let sql = format!(
        "UPDATE accounts SET expires_at = {clock} + {MARGIN} + lot * {within} / 1000, refresh_at = {clock} + lot * {within} / 1000 \
         FROM (SELECT id AS which, CAST(RANDOM() * 1000 AS BIGINT) AS lot FROM accounts) lots WHERE id = which",
        clock = "CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)"
    );
    house.execute(&sql, []).await;
    let ends = times(&house, "expires_at").await;
    let orders =
        Orders { setting: house.setting.clone(), asks: false, lease: Duration::from_secs(30), uses: None };
    let begun = Instant::now();
    let replicas = [Replica::start(&orders), Replica::start(&orders)];
    while house.count("accounts WHERE generation = 1 AND state = 'active'").await > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(begun.elapsed() < Duration::from_secs(600), "not all are replaced");
    }
    let took = begun.elapsed();
    drop(replicas);
    let replaced = times(&house, "refreshed_at").await;
    let late = ends.iter().filter(|(id, end)| replaced[*id] >= **end).count();
    let least = ends.iter().map(|(id, end)| end - replaced[id]).min().unwrap();
    let load = house.server.take_load();
    println!(
        "refresh-storm: {number} accounts of {organizations} organizations whose tokens end within {} s, two replicas: all replaced after {:.1} s, {late} too \
         late, the nearest {:.1} s before its end; the service got {} requests, at most {} in a second and {} at once",
        within / 1000,
        took.as_secs_f64(),
        least as f64 / 1000.0,
        load.refreshes,
        load.most_in_a_second,
        load.most_at_once,
    );
    assert_eq!(late, 0);
    let once = GrantHistory { refreshes: 1, double_spends: 0, revoked: false };
    assert_eq!(house.server.histories(), vec![once; number]);
    assert_eq!(house.count("accounts WHERE state = 'active' AND generation = 2").await, number as i64);
}

async fn times(house: &RefreshHouse, column: &str) -> HashMap<AccountId, i64> {
    let sql = format!("SELECT id, {column} AS at FROM accounts");
    let statement = Statement::from_string(house.database.backend(), sql);
    let rows = house.database.connection().query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("", "id").unwrap();
            (id.parse().unwrap(), row.try_get("", "at").unwrap())
        })
        .collect()
}

/// Replicas whose clocks are a minute and a half too early and too late, and tokens that end again and again.
#[test]
fn i24_clocks_that_are_wrong_do_not_matter() {
    test_support::run(async {
        const LIFE: Duration = Duration::from_secs(4);
        let house = RefreshHouse::new(TestDatabase::postgres().await, Reuse::SingleUse, LIFE).await;
        let accounts = house.accounts(20, |_| (LIFE / 2, LIFE)).await;
        let orders = Orders {
            setting: house.setting.clone(),
            asks: false,
            lease: Duration::from_secs(10),
            uses: Some((house.organization, accounts.iter().map(|account| account.id).collect())),
        };
        let mut replicas = [Replica::start_with_clock(&orders, 90), Replica::start_with_clock(&orders, -90)];
        let begun = Instant::now();
        let (mut uses, mut ended) = ([0_u64; 2], 0_u64);
        while begun.elapsed() < LIFE * 5 {
            let [early, late] = &mut replicas;
            let (number, said) = tokio::select! {
                Some(said) = early.said.recv() => (0, said),
                Some(said) = late.said.recv() => (1, said),
                else => panic!("both replicas ended"),
            };
            match said {
                Said::Use(token) => {
                    uses[number] += 1;
                    ended += u64::from(!house.server.is_good(&token));
                }
                said => panic!("{said:?}"),
            }
        }
        drop(replicas);
        let histories = house.server.histories();
        let refreshes: u64 = histories.iter().map(|history| history.refreshes).sum();
        println!("refresh-clocks: uses {uses:?}, with a token that had ended {ended}, refreshes {refreshes}");
        assert!(histories.iter().all(|history| history.double_spends == 0 && !history.revoked));
        assert!(histories.iter().all(|history| history.refreshes >= 3), "{histories:?}");
        assert!(uses.iter().all(|uses| *uses > 100), "{uses:?}");
        assert!(ended * 100 <= uses.iter().sum::<u64>(), "{ended} of {uses:?}");
        assert_eq!(house.count("accounts WHERE state <> 'active'").await, 0);
    });
}

/// How many grants live through faults, and for how many seconds; `cargo xtask soak refresh-faults` sets more.
const FAULTS: &str = "VYBE_REFRESH_FAULTS";
const USUAL_FAULTS: (usize, u64) = (200, 20);
/// How often a process is killed.
const KILL_EVERY: Duration = Duration::from_secs(5);
/// One answer of so many is cut.
const CUT: u64 = 100;

/// Every refresh token is spent once, a token that comes twice ends the grant, some answers are cut, and processes are killed.
/// An account is lost only where nobody but a dead process, or nobody at all, ever had the newest token; and it says so.
#[test]
fn i02_with_cut_answers_and_killed_processes_only_what_nobody_has_is_lost() {
    let given = std::env::var(FAULTS).ok();
    let given = given.as_deref().and_then(|text| text.split_once('x'));
    let given = given.map(|(number, seconds)| (number.parse().unwrap(), seconds.parse().unwrap()));
    let (number, seconds) = given.unwrap_or(USUAL_FAULTS);
    test_support::run(faults(number, seconds));
}

async fn faults(number: usize, seconds: u64) {
    // Each is refreshed about four times.
    let life = Duration::from_secs(seconds / 3);
    let house =
        RefreshHouse::with_margin(TestDatabase::postgres().await, Reuse::SingleUse, life, life.as_secs() / 2)
            .await;
    let accounts = house.accounts(number, |lot| {
        let ends = life + life.mul_f64(lot as f64 / number as f64);
        (ends / 2, ends)
    });
    let accounts = accounts.await;
    house.server.conduct(Conduct { cut_one_in: Some(CUT), ..Conduct::default() });
    let orders =
        Orders { setting: house.setting.clone(), asks: false, lease: Duration::from_secs(12), uses: None };
    let mut replicas = [Replica::start(&orders), Replica::start(&orders)];
    let begun = Instant::now();
    let mut kills = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(KILL_EVERY).await;
        replicas[kills % 2].kill();
        replicas[kills % 2] = Replica::start(&orders);
        kills += 1;
    }
    let load = house.server.take_load();
    house.server.conduct(Conduct::default());
    // What is left works: it is refreshed once more, and nobody is refused.
    tokio::time::sleep(orders.lease).await;
    let generations = times(&house, "generation").await;
    let clock = "CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)";
    house
        .execute(
            &format!("UPDATE accounts SET refresh_at = {clock}, failures = 0 WHERE state = 'active'"),
            [],
        )
        .await;
    let deadline = Instant::now() + Duration::from_secs(300);
    let (mut lost, mut alive) = (0, 0);
    for account in &accounts {
        loop {
            let (state, cause, generation) = house.state(account.id).await;
            if state == "active" && generation > generations[&account.id] {
                alive += 1;
                break;
            }
            if state != "active" {
                assert_eq!(cause.as_deref(), Some("lost_response"));
                lost += 1;
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{} is neither refreshed nor lost after {alive} alive and {lost} lost: {:?}, at first {}",
                account.id,
                house.state(account.id).await,
                generations[&account.id]
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    drop(replicas);
    let double_spends: u64 = house.server.histories().iter().map(|history| history.double_spends).sum();
    let cut = load.refreshes / CUT;
    println!(
        "refresh-faults: {number} grants for {seconds} s, {} refreshes, {cut} answers cut, {kills} kills: {alive} alive, {lost} \
         say that they have to be connected again, {double_spends} double spends",
        load.refreshes,
    );
    assert_eq!(double_spends, 0);
    // A process has at most so many under way when it is killed.
    assert!(lost as u64 <= cut + 1 + kills as u64 * 16, "{lost} lost, {cut} cut, {kills} kills");
    assert!(alive > number / 2, "{alive} of {number}");
}
