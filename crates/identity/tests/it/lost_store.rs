//! The store goes away and comes back.

use access_control::SignIn;
use identity::{CookieHost, Lifetimes, SessionError, SignInError};
use test_support::{PostgresServer, TestDatabase};

use crate::house::{House, PROVIDER, now, public};

#[test]
fn what_is_in_memory_serves_and_the_rest_is_unavailable_until_the_store_is_back() {
    test_support::run(async {
        let mut server = PostgresServer::start();
        let database = TestDatabase::on(&server).await;
        let house = House::on(database).await;
        let (cookie, _) = house.session().await;
        let cold = house.other_process(Lifetimes::default());
        server.stop();
        house.sessions.open(&cookie, CookieHost::Platform, now()).await.unwrap();
        let unavailable = cold.open(&cookie, CookieHost::Platform, now()).await;
        assert_eq!(unavailable.err(), Some(SessionError::Unavailable));
        let begun = house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await;
        assert!(matches!(begun, Err(SignInError::Failed(_))));
        server.resume();
        cold.open(&cookie, CookieHost::Platform, now()).await.unwrap();
    });
}
