//! Identifiers of another organization, at every endpoint that takes one (`vybe prove identifiers`), with a
//! witness who reads the database besides.

use proof::Sweep;
use test_support::TestDatabase;

use crate::access_matrix::{StoreWitness, target};
use crate::platform::Platform;

/// How many times each of the two answers is timed. Times are compared in the soak, on a machine that does
/// nothing else.
const TRIES: usize = 3;

#[test]
fn z02_z11_a_foreign_identifier_is_answered_like_an_unknown_one_on_sqlite() {
    test_support::run(async { sweep(TestDatabase::sqlite().await).await });
}

#[test]
fn z02_z11_a_foreign_identifier_is_answered_like_an_unknown_one_on_postgres() {
    test_support::run(async { sweep(TestDatabase::postgres().await).await });
}

async fn sweep(database: TestDatabase) {
    let platform = Platform::start(&database).await;
    let witness = StoreWitness::of(&database);
    let report = Sweep::run(&target(&platform), TRIES, Some(&witness)).await.unwrap();
    println!("{report}");
    assert!(report.positions > 100, "{report}");
    assert!(report.is_clean(), "{report}");
}
