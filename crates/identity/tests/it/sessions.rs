//! Sessions: cookies, lifetimes, lists, endings, races.

use std::sync::Arc;

use access_control::{EndOwnSession, ListOwnSessions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{CookieHost, IdentityError, Lifetimes, SessionError};
use ids::{RequestId, SessionId};
use sea_orm::ConnectionTrait as _;
use test_support::{TestDatabase, on_both_stores};
use time::Duration;

use crate::house::{House, now, own};

on_both_stores! {
    async fn c01_any_changed_bit_signs_out(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, _) = house.session().await;
        let bytes = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode(changed);
            let opened = house.sessions.open(&changed, CookieHost::Platform, now()).await;
            assert_eq!(opened.err(), Some(SessionError::Invalid), "bit {bit}");
        }
        for text in ["", "x", &cookie[1..], &format!("{cookie}A"), &cookie.to_uppercase()] {
            let opened = house.sessions.open(text, CookieHost::Platform, now()).await;
            assert_eq!(opened.err(), Some(SessionError::Invalid), "{text:?}");
        }
    }

    async fn a_cookie_is_good_for_one_host(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, _) = house.session().await;
        for host in [CookieHost::App("hello-acme"), CookieHost::App("platform"), CookieHost::App("")] {
            assert!(house.sessions.open(&cookie, host, now()).await.is_err(), "{host:?}");
        }
    }

    async fn an_ended_session_is_dead_for_everybody_at_once(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, session) = house.session().await;
        assert!(house.sessions.cached(&cookie, CookieHost::Platform, now()).unwrap().is_ok());
        let ended = session.ended().clone();
        let waiting = tokio::spawn(async move { ended.cancelled().await });
        let permit = own::<EndOwnSession>(&session);
        house.sessions.end(&permit, session.signed_in().session, RequestId::generate()).await.unwrap();
        assert!(house.sessions.cached(&cookie, CookieHost::Platform, now()).is_none_or(|opened| opened.is_err()));
        assert!(house.sessions.open(&cookie, CookieHost::Platform, now()).await.is_err());
        tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await.unwrap().unwrap();
    }

    async fn c09_idle_and_absolute_lifetimes_hold_with_the_clock_moved(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, session) = house.session().await;
        let began = session.created_at();
        let open = |after: Duration| house.sessions.open(&cookie, CookieHost::Platform, began + after);
        // Used every six days, it lives on past the idle limit, and not past the absolute one.
        for days in [6, 12, 18, 24, 29] {
            open(Duration::days(days)).await.unwrap();
        }
        assert!(open(Duration::days(30)).await.is_err());
        // Not used for seven days.
        let (cookie, session) = house.session().await;
        let at = session.last_seen_at();
        assert!(house.sessions.open(&cookie, CookieHost::Platform, at + Duration::days(7)).await.is_err());
        let just = at + Duration::days(7) - Duration::seconds(2);
        house.sessions.open(&cookie, CookieHost::Platform, just).await.unwrap();
    }

    async fn c09_lifetimes_hold_in_a_process_that_has_nothing_in_memory(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, _) = house.session().await;
        let short = Lifetimes { idle: Duration::hours(1), absolute: Duration::hours(8) };
        let other = house.other_process(short);
        assert!(other.cached(&cookie, CookieHost::Platform, now()).is_none());
        other.open(&cookie, CookieHost::Platform, now()).await.unwrap();
        let later = now() + Duration::hours(1) + Duration::seconds(5);
        assert!(house.other_process(short).open(&cookie, CookieHost::Platform, later).await.is_err());
    }

    async fn the_time_of_last_use_is_written_every_five_minutes(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, session) = house.session().await;
        let later = session.created_at() + Duration::days(6);
        house.sessions.open(&cookie, CookieHost::Platform, later).await.unwrap();
        // Written behind the request's back; then another process knows it.
        let other = Lifetimes::default();
        for _ in 0..100 {
            let fresh = house.other_process(other);
            if fresh.open(&cookie, CookieHost::Platform, later + Duration::days(6)).await.is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the last use was not written");
    }

    async fn c10_one_sees_and_ends_ones_own_sessions(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, first) = house.session().await;
        let (_, second) = house.session().await;
        let list = house.sessions.list(&own::<ListOwnSessions>(&first), now()).await.unwrap();
        assert_eq!(list.len(), 2);
        let current: Vec<SessionId> = list.iter().filter(|line| line.current).map(|line| line.id).collect();
        assert_eq!(current, [first.signed_in().session]);
        assert!(list.iter().all(|line| line.user_agent == "test browser"));
        let end = own::<EndOwnSession>(&first);
        house.sessions.end(&end, second.signed_in().session, RequestId::generate()).await.unwrap();
        assert!(second.ended().is_cancelled() && !first.ended().is_cancelled());
        let list = house.sessions.list(&own::<ListOwnSessions>(&first), now()).await.unwrap();
        assert_eq!(list.len(), 1);
        house.session().await;
        house.sessions.end_all(&end, RequestId::generate()).await.unwrap();
        assert!(first.ended().is_cancelled());
        assert!(house.sessions.list(&own::<ListOwnSessions>(&first), now()).await.unwrap().is_empty());
    }

    async fn nobody_ends_somebody_elses_session(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, ada) = house.session().await;
        house.issuer.conduct(test_support::hostile_issuer::Conduct {
            claims: vec![("sub", Some("eve".into())), ("email", Some("eve@example.com".into()))],
            ..Default::default()
        });
        let (_, eve) = house.session().await;
        let permit = own::<EndOwnSession>(&eve);
        for id in [ada.signed_in().session, SessionId::generate()] {
            let refused = house.sessions.end(&permit, id, RequestId::generate()).await;
            assert!(matches!(refused, Err(IdentityError::NotFound)));
        }
        assert!(!ada.ended().is_cancelled());
    }

    async fn a_session_that_is_read_while_it_ends_does_not_come_back(database: TestDatabase) {
        let house = House::on(database).await;
        for _ in 0..20 {
            let (cookie, session) = house.session().await;
            // A process with an empty memory: every open reads the row.
            let sessions = house.other_process(Lifetimes::default());
            let permit = own::<EndOwnSession>(&session);
            let id = session.signed_in().session;
            let readers: Vec<_> = (0..8)
                .map(|_| {
                    let (sessions, cookie) = (Arc::clone(&sessions), cookie.clone());
                    tokio::spawn(async move {
                        let opened = sessions.open(&cookie, CookieHost::Platform, now()).await;
                        opened.ok()
                    })
                })
                .collect();
            sessions.end(&permit, id, RequestId::generate()).await.unwrap();
            let opened = futures_util::future::join_all(readers).await;
            assert!(sessions.open(&cookie, CookieHost::Platform, now()).await.is_err());
            for session in opened.into_iter().filter_map(Result::unwrap) {
                assert!(session.ended().is_cancelled(), "a holder was not told");
            }
        }
    }

    async fn a_session_that_ended_in_another_process_is_dead_when_its_next_use_is_written(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, session) = house.session().await;
        house.database.connection().execute_unprepared("DELETE FROM sessions").await.unwrap();
        let later = session.created_at() + Duration::minutes(6);
        house.sessions.open(&cookie, CookieHost::Platform, later).await.unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(5), session.ended().cancelled()).await.unwrap();
        assert!(house.sessions.open(&cookie, CookieHost::Platform, later).await.is_err());
    }

    async fn a_cookie_with_another_secret_than_its_session_is_refused(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, _) = house.session().await;
        // As after an identifier came to stand for another session.
        let other = cryptography::Token::generate().unwrap().hash();
        let hex: String = other.iter().map(|byte| format!("{byte:02x}")).collect();
        let connection = house.database.connection();
        let bytes = match connection.get_database_backend() {
            sea_orm::DatabaseBackend::Sqlite => format!("x'{hex}'"),
            _ => format!("decode('{hex}', 'hex')"),
        };
        let changed = format!("UPDATE sessions SET token_hash = {bytes}");
        connection.execute_unprepared(&changed).await.unwrap();
        let elsewhere = house.other_process(Lifetimes::default());
        let opened = elsewhere.open(&cookie, CookieHost::Platform, now()).await;
        assert_eq!(opened.err(), Some(SessionError::Invalid));
    }

    async fn the_sweep_deletes_what_has_lapsed_and_nothing_else(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, session) = house.session().await;
        house.session().await;
        assert_eq!(house.sessions.sweep(now()).await.unwrap(), 0);
        let later = session.created_at() + Duration::days(6);
        house.sessions.open(&cookie, CookieHost::Platform, later).await.unwrap();
        let swept = house.sessions.sweep(later + Duration::days(2)).await.unwrap();
        assert_eq!(swept, 1, "the used one stays");
        house.sessions.open(&cookie, CookieHost::Platform, later + Duration::days(2)).await.unwrap();
    }
}
