//! The examination names the lock that is left out: on PostgreSQL, as the closest server there is.

use std::sync::Arc;

use cryptography::SecretBytes;
use outbound::AddressPolicy;

use super::Redshift;
use crate::postgresql::locks_left_out::{PASSWORD, database, watch};
use crate::read_only::listed_attempts::{all_but, missing, turn};
use crate::read_only::{Lock, ReadOnlyLocks};
use crate::{Credentials, Database as _, Engine, Target};

fn open(target: &Target, locks: ReadOnlyLocks) -> Redshift {
    let policy = Arc::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]));
    let credentials = Credentials { password: SecretBytes::copy_of(PASSWORD.as_bytes()) };
    Redshift::new(target, credentials, policy, locks)
}

#[tokio::test]
async fn the_examination_names_the_lock_that_is_left_out() {
    let _turn = turn().await;
    let target =
        Target { engine: Engine::Redshift, user: "reader".to_owned(), ..database("redshift_left_out") };
    let mut watcher = watch(&target).await;
    let before = watcher.fingerprint().await;
    let whole = open(&target, ReadOnlyLocks::ALL).examine_read_only().await.unwrap();
    assert_eq!(missing(&whole), [], "{whole:#?}");
    for lock in Lock::OURS {
        let examination = open(&target, all_but(lock)).examine_read_only().await.unwrap();
        assert_eq!(missing(&examination), [lock], "{examination:#?}");
    }
    let writer = Target { user: "writer".to_owned(), ..target };
    for lock in [Lock::Transaction, Lock::Session] {
        let examination = open(&writer, all_but(lock)).examine_read_only().await.unwrap();
        assert_eq!(missing(&examination), [lock, Lock::Role], "{examination:#?}");
    }
    assert_eq!(watcher.fingerprint().await, before);
}
