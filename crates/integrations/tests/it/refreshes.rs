//! Refreshes in one process and in several, and what is done about each way in which they can go wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ids::AccountId;
use integrations::{ReconnectCause, RefreshBounds, RefreshObserver, RefreshStep, UseError};
use test_support::token_server::{Conduct, Fault, GrantHistory, Reuse};
use test_support::{PostgresServer, TestDatabase};
use tokio::sync::{Semaphore, mpsc};

use crate::refresh_house::{RefreshHouse, access, quick};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const NOW: Duration = Duration::ZERO;

/// Holds a refresh at one step until it is let on.
pub struct Gate {
    step: RefreshStep,
    reached: mpsc::UnboundedSender<AccountId>,
    open: Semaphore,
}

impl Gate {
    fn at(step: RefreshStep) -> (Arc<Self>, mpsc::UnboundedReceiver<AccountId>) {
        let (reached, arrivals) = mpsc::unbounded_channel();
        (Arc::new(Self { step, reached, open: Semaphore::new(0) }), arrivals)
    }

    fn let_on(&self) {
        self.open.add_permits(1);
    }
}

#[async_trait]
impl RefreshObserver for Gate {
    async fn reached(&self, step: RefreshStep, account: AccountId) {
        if step == self.step {
            self.reached.send(account).unwrap();
            self.open.acquire().await.unwrap().forget();
        }
    }
}

fn is_lost(state: &(String, Option<String>, i64), cause: ReconnectCause) -> bool {
    state.0 == "needs_reconnect" && state.1.as_deref() == Some(cause.as_str())
}

const fn renewed(times: u64) -> GrantHistory {
    GrantHistory { refreshes: times, double_spends: 0, revoked: false }
}

test_support::on_both_stores! {
    async fn tokens_are_replaced_before_they_end_each_once(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        // Spread over the next seconds.
        let spread = |number: usize| (Duration::from_millis(number as u64 * 20), 60 * SECOND);
        let accounts = house.accounts(100, spread).await;
        let engines = [house.engine(quick()), house.engine(quick())];
        let working = engines.each_ref().map(|engine| engine.start());
        for account in &accounts {
            house.until(account.id, |state| state.2 == 2).await;
        }
        for working in working {
            working.end().await;
        }
        assert_eq!(house.server.histories(), vec![renewed(1); 100]);
        assert_eq!(house.count("audit_events WHERE action = 'accounts.refresh'").await, 100);
        assert_eq!(house.count("refresh_intents").await, 0);
        assert_eq!(house.count("accounts WHERE lease_until IS NOT NULL OR lease_holder IS NOT NULL").await, 0);
        let stored: u64 = engines.iter().map(|engine| engine.counters.count(RefreshStep::Stored)).sum();
        assert_eq!(stored, 100);
    }

    async fn i01_a_hundred_callers_in_each_of_two_processes_make_one_refresh(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        house.server.conduct(Conduct { delay: Duration::from_millis(300), ..Conduct::default() });
        let account = house.account(HOUR, NOW).await;
        let engines = [house.engine(quick()), house.engine(quick())];
        let found = house.find(account.id).await;
        let callers: Vec<_> = (0..200)
            .map(|number| {
                let (tokens, found) = (engines[number % 2].tokens.clone(), found.clone());
                tokio::spawn(async move { tokens.of(&found).await.map(|unlocked| access(&unlocked.credentials)) })
            })
            .collect();
        for caller in callers {
            let token = caller.await.unwrap().unwrap();
            assert!(house.server.is_good(&token));
        }
        assert_eq!(house.server.take_load().refreshes, 1);
        assert_eq!(house.server.history(account.grant), renewed(1));
    }

    async fn two_hundred_uses_at_the_second_in_which_a_token_ends(database: TestDatabase) {
        // Nothing replaces it before.
        let house = RefreshHouse::with_margin(database, Reuse::SingleUse, HOUR, 0).await;
        house.server.set(Reuse::SingleUse, 3 * SECOND);
        let account = house.account(HOUR, 3 * SECOND).await;
        house.server.set(Reuse::SingleUse, HOUR);
        let engine = house.engine(quick());
        let found = house.find(account.id).await;
        // Over two seconds around the end.
        let callers: Vec<_> = (0..200_u64)
            .map(|number| {
                let (tokens, found) = (engine.tokens.clone(), found.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1_700 + number * 10)).await;
                    tokens.of(&found).await.map(|unlocked| access(&unlocked.credentials))
                })
            })
            .collect();
        let mut answers = 0;
        for caller in callers {
            answers += usize::from(house.server.is_good(&caller.await.unwrap().unwrap()));
        }
        let load = house.server.take_load();
        assert_eq!((answers, load.refreshes, load.calls_after_the_end), (200, 1, 0));
    }

    async fn tokens_that_have_ended_when_they_come_are_not_asked_for_again_and_again(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, SECOND).await;
        let used = house.account(HOUR, NOW).await;
        let bounds = RefreshBounds { least_apart: 3 * SECOND, ..quick() };
        let engine = house.engine(bounds);
        let found = house.find(used.id).await;
        let refused = engine.tokens.of(&found).await.map(|_| ());
        assert!(matches!(refused, Err(UseError::Unavailable { retry_after }) if retry_after == bounds.least_apart), "{refused:?}");
        assert_eq!(house.server.take_load().refreshes, 4);
        // Nobody asks; the background task does.
        let working = engine.start();
        let idle = house.account(NOW, NOW).await;
        tokio::time::sleep(5 * SECOND).await;
        working.end().await;
        let GrantHistory { refreshes, .. } = house.server.history(idle.grant);
        assert!((1..=2).contains(&refreshes), "{refreshes}");
    }

    async fn an_organization_with_much_to_refresh_leaves_room_for_others(database: TestDatabase) {
        let mut house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        house.server.conduct(Conduct { delay: SECOND, ..Conduct::default() });
        // All of these are more urgent.
        house.accounts(12, |_| (NOW, SECOND)).await;
        house.move_on().await;
        let other = house.account(NOW, HOUR).await;
        let working = house.engine(RefreshBounds { at_once_of_an_organization: 2, ..quick() }).start();
        house.until(other.id, |state| state.2 == 2).await;
        let waiting = house.count("accounts WHERE generation = 1").await;
        working.end().await;
        assert!(waiting >= 6, "{waiting}");
    }

    async fn i03_a_refused_grant_is_not_sent_again_and_somebody_is_told(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let account = house.account(NOW, HOUR).await;
        house.server.revoke(account.grant);
        let engine = house.engine(quick());
        let working = engine.start();
        house.until(account.id, |state| is_lost(state, ReconnectCause::Refused)).await;
        while engine.told.all().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(SECOND).await;
        working.end().await;
        assert_eq!(house.server.take_load().refreshes, 1);
        let told = engine.told.all();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].account, told[0].to, told[0].cause), (account.id, house.user, ReconnectCause::Refused));
        assert_eq!(house.count("audit_events WHERE action = 'accounts.needs_reconnect'").await, 1);
    }

    async fn i03_a_refusal_of_a_token_that_was_replaced_meanwhile_means_nothing(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let account = house.account(NOW, HOUR).await;
        let (gate, mut arrivals) = Gate::at(RefreshStep::Sent);
        let engine = house.setting.engine(house.database.connection(), quick(), Some(Arc::clone(&gate) as _));
        let working = engine.start();
        arrivals.recv().await.unwrap();
        // The person connects it again, which ends the old grant.
        house.server.revoke(account.grant);
        let sql = "UPDATE accounts SET lease_fence = lease_fence + 1, lease_holder = NULL, lease_until = NULL, refresh_at = NULL WHERE id = $1";
        house.execute(sql, [account.id.to_string().into()]).await;
        gate.let_on();
        working.end().await;
        assert_eq!(house.server.take_load().refreshes, 1);
        let (state, cause, _) = house.state(account.id).await;
        assert_eq!((state.as_str(), cause), ("active", None));
    }

    async fn i04_a_service_that_fails_is_asked_again_later_and_the_old_token_serves(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let faults = [
            Fault::Status(500, None),
            Fault::Status(429, Some(2)),
            Fault::Status(503, None),
            Fault::Refused("temporarily_unavailable"),
        ];
        for fault in faults {
            let account = house.account(NOW, 60 * SECOND).await;
            house.server.fail_once(fault.clone());
            let engine = house.engine(quick());
            let before = tokio::time::Instant::now();
            let working = engine.start();
            while house.server.take_load().refreshes == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // Meanwhile it is used.
            let unlocked = engine.tokens.of(&house.find(account.id).await).await.unwrap();
            assert_eq!(unlocked.generation, 1);
            assert!(house.server.is_good(&access(&unlocked.credentials)));
            house.until(account.id, |state| state.2 == 2).await;
            working.end().await;
            let least = if matches!(fault, Fault::Status(_, Some(_))) { 2 * SECOND } else { SECOND };
            assert!(before.elapsed() >= least, "{fault:?} was tried again at once");
            assert_eq!(house.server.history(account.grant), renewed(1), "{fault:?}");
            let (state, ..) = house.state(account.id).await;
            assert_eq!(state, "active");
        }
    }

    async fn i04_a_token_that_has_ended_is_not_used_while_the_service_fails(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        house.server.conduct(Conduct { always: Some(Fault::Status(500, Some(30))), ..Conduct::default() });
        let account = house.account(HOUR, NOW).await;
        let engine = house.engine(quick());
        for _ in 0..5 {
            match engine.tokens.of(&house.find(account.id).await).await {
                Err(UseError::Unavailable { retry_after }) => assert!(retry_after > 20 * SECOND),
                other => panic!("{:?}", other.map(|unlocked| unlocked.generation)),
            }
        }
        // Whoever asks while it waits asks nobody.
        assert_eq!(house.server.take_load().refreshes, 1);
    }

    async fn a_client_that_the_service_refuses_is_said_and_nobody_has_to_connect_again(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let account = house.account(NOW, 60 * SECOND).await;
        house.server.fail_once(Fault::Refused("invalid_client"));
        let engine = house.engine(quick());
        let working = engine.start();
        while house.find(account.id).await.failure.as_deref() != Some("refused: invalid_client") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(house.state(account.id).await, ("active".to_owned(), None, 1));
        // The client is put right.
        house.until(account.id, |state| state.2 == 2).await;
        working.end().await;
        assert_eq!(house.find(account.id).await.failure, None);
    }

    async fn a_row_that_somebody_spoilt_holds_up_no_others(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let spoilt = house.account(NOW, SECOND).await;
        let sql = "UPDATE accounts SET service = '%', notice_due = TRUE WHERE id = $1";
        house.execute(sql, [spoilt.id.to_string().into()]).await;
        let account = house.account(NOW, HOUR).await;
        let lost = house.account(HOUR, HOUR).await;
        let sql = "UPDATE accounts SET state = 'needs_reconnect', cause = 'idle', notice_due = TRUE, refresh_at = NULL WHERE id = $1";
        house.execute(sql, [lost.id.to_string().into()]).await;
        let engine = house.engine(quick());
        let working = engine.start();
        house.until(account.id, |state| state.2 == 2).await;
        while engine.told.all().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        working.end().await;
        assert_eq!(engine.told.all().iter().map(|notice| notice.account).collect::<Vec<_>>(), [lost.id]);
        assert_eq!(house.count("accounts WHERE notice_due AND lease_until IS NOT NULL").await, 0);
    }

    async fn a_lost_answer_is_asked_for_again_where_the_service_permits_it(database: TestDatabase) {
        let grace = Reuse::Grace(60 * SECOND);
        let mut house = RefreshHouse::new(database, Reuse::Static, HOUR).await;
        for reuse in [Reuse::Static, grace, Reuse::UntilSuccessorUsed] {
            house.says(reuse, HOUR);
            for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfAnswer, Fault::Garbage] {
                let account = house.account(NOW, HOUR).await;
                house.server.fail_once(fault.clone());
                let engine = house.engine(quick());
                let working = engine.start();
                house.until(account.id, |state| state.2 == 2).await;
                let unlocked = engine.tokens.of(&house.find(account.id).await).await.unwrap();
                assert!(house.server.is_good(&access(&unlocked.credentials)));
                working.end().await;
                let spent = if fault == Fault::CutBefore { 1 } else { 2 };
                assert_eq!(house.server.history(account.grant), renewed(spent), "{reuse:?} {fault:?}");
            }
        }
    }

    async fn a_lost_answer_is_never_asked_for_again_where_that_is_taken_for_theft(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfAnswer, Fault::Garbage] {
            let account = house.account(NOW, HOUR).await;
            house.server.fail_once(fault.clone());
            let engine = house.engine(quick());
            let working = engine.start();
            house.until(account.id, |state| is_lost(state, ReconnectCause::LostResponse)).await;
            // The access token that there is lives on.
            let unlocked = engine.tokens.of(&house.find(account.id).await).await.unwrap();
            assert!(house.server.is_good(&access(&unlocked.credentials)));
            working.end().await;
            let history = house.server.history(account.grant);
            assert_eq!((history.double_spends, history.revoked), (0, false), "{fault:?}");
        }
    }

    async fn a_time_of_grace_that_is_over_is_over(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::Grace(4 * SECOND), HOUR).await;
        let account = house.account(NOW, HOUR).await;
        house.server.conduct(Conduct { always: Some(Fault::CutAfter), ..Conduct::default() });
        let engine = house.engine(quick());
        let working = engine.start();
        house.until(account.id, |state| is_lost(state, ReconnectCause::LostResponse)).await;
        working.end().await;
        let history = house.server.history(account.grant);
        assert_eq!((history.double_spends, history.revoked), (0, false));
        assert!(history.refreshes > 1, "it was not tried again within the time");
    }

    async fn an_answer_that_comes_after_it_was_given_up_is_kept(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let account = house.account(NOW, HOUR).await;
        let (gate, mut arrivals) = Gate::at(RefreshStep::Answered);
        let short = RefreshBounds { lease: SECOND / 2, ..quick() };
        let slow = house.setting.engine(house.database.connection(), short, Some(Arc::clone(&gate) as _));
        let slow_working = slow.start();
        arrivals.recv().await.unwrap();
        // Another process finds the lease over and the intent left behind.
        let engine = house.engine(quick());
        let working = engine.start();
        house.until(account.id, |state| is_lost(state, ReconnectCause::LostResponse)).await;
        gate.let_on();
        house.until(account.id, |state| state.0 == "active" && state.2 == 2).await;
        slow_working.end().await;
        // And goes on from there.
        house.make_due(account.id).await;
        house.until(account.id, |state| state.2 == 3).await;
        working.end().await;
        let history = house.server.history(account.grant);
        assert_eq!((history.double_spends, history.revoked), (0, false));
    }

    async fn an_account_that_can_not_be_refreshed_is_told_of_when_it_ends(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let mut granted = house.server.grant();
        granted.refresh = String::new();
        let account = house.seed(&[granted], |_| (NOW, SECOND)).await.remove(0);
        let engine = house.engine(quick());
        let working = engine.start();
        house.until(account.id, |state| is_lost(state, ReconnectCause::NoRefreshToken)).await;
        match engine.tokens.of(&house.find(account.id).await).await {
            Err(UseError::NeedsReconnect(ReconnectCause::NoRefreshToken)) => {}
            other => panic!("{:?}", other.map(|unlocked| unlocked.generation)),
        }
        working.end().await;
        assert_eq!(house.server.take_load().refreshes, 0);
    }

    async fn a_token_that_the_service_refuses_is_replaced_once(database: TestDatabase) {
        let house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let account = house.account(HOUR, HOUR).await;
        let engine = house.engine(quick());
        let found = house.find(account.id).await;
        // So young a token was not refused for its age.
        assert!(matches!(engine.tokens.another(&found, 1).await, Err(UseError::Unavailable { .. })));
        assert_eq!(house.server.take_load().refreshes, 0);
        let sql = "UPDATE accounts SET refreshed_at = refreshed_at - 3600000 WHERE id = $1";
        house.execute(sql, [account.id.to_string().into()]).await;
        for _ in 0..2 {
            let unlocked = engine.tokens.another(&found, 1).await.unwrap();
            assert_eq!(unlocked.generation, 2);
            assert!(house.server.is_good(&access(&unlocked.credentials)));
        }
        assert_eq!(house.server.take_load().refreshes, 1);
    }
}

#[test]
fn new_tokens_are_held_until_the_store_takes_them() {
    let mut server = PostgresServer::start();
    test_support::run(async {
        let house = RefreshHouse::new(TestDatabase::on(&server).await, Reuse::SingleUse, HOUR).await;
        let account = house.account(NOW, HOUR).await;
        let (gate, mut arrivals) = Gate::at(RefreshStep::Answered);
        let engine = house.setting.engine(house.database.connection(), quick(), Some(Arc::clone(&gate) as _));
        let working = engine.start();
        arrivals.recv().await.unwrap();
        server.stop();
        gate.let_on();
        tokio::time::sleep(SECOND).await;
        server.resume();
        while house.database.connection().ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        house.until(account.id, |state| state.0 == "active" && state.2 == 2).await;
        let unlocked = engine.tokens.of(&house.find(account.id).await).await.unwrap();
        assert!(house.server.is_good(&access(&unlocked.credentials)));
        working.end().await;
        assert_eq!(house.server.history(account.grant), renewed(1));
    });
}
