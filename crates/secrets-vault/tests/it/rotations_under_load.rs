//! Keys are replaced while others write and read: nobody fails, and what was acknowledged last is what opens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use secrets_vault::{KeyRotations, RotationLimits, RotationState, Subject, Vault};
use test_support::TestDatabase;
use time::OffsetDateTime;

use crate::house::vault;
use crate::many_values::{ManyValues, first, rotations};

const VALUES: usize = 240;
const WRITERS: usize = 3;
const READERS: usize = 3;

/// The values that a writer wrote last.
type Written = Vec<(usize, Vec<u8>)>;

/// People who write and read all the time.
struct Load {
    stop: Arc<AtomicBool>,
    writes: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
    writers: Vec<tokio::task::JoinHandle<Written>>,
    readers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(many: &Arc<ManyValues>, vault: &Vault) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            writes: Arc::default(),
            reads: Arc::default(),
            writers: Vec::new(),
            readers: Vec::new(),
        };
        for writer in 0..WRITERS {
            let (many, vault) = (Arc::clone(many), vault.clone());
            let (stop, writes) = (Arc::clone(&load.stop), Arc::clone(&load.writes));
            load.writers.push(tokio::spawn(async move {
                // Each has values of its own, and knows what it was told last.
                let mut known: Vec<_> =
                    (writer..VALUES).step_by(WRITERS).map(|number| (number, first(number))).collect();
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let place = round * 7 % known.len();
                    let (number, value) = &mut known[place];
                    let next = format!("value {number}, round {round}").into_bytes();
                    many.replace(&vault, *number, &next).await.unwrap();
                    *value = next;
                    writes.fetch_add(1, Ordering::Relaxed);
                }
                known
            }));
        }
        for reader in 0..READERS {
            let (many, vault) = (Arc::clone(many), vault.clone());
            let (stop, reads) = (Arc::clone(&load.stop), Arc::clone(&load.reads));
            load.readers.push(tokio::spawn(async move {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let number = (reader + round * 11) % VALUES;
                    let value = many.open(&vault, number).await.unwrap();
                    assert!(value.reveal().starts_with(format!("value {number}").as_bytes()));
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        load
    }

    /// Both have done more since.
    async fn goes_on(&self) {
        let before = (self.writes.load(Ordering::Relaxed), self.reads.load(Ordering::Relaxed));
        while self.writes.load(Ordering::Relaxed) == before.0
            || self.reads.load(Ordering::Relaxed) == before.1
        {
            assert!(self.writers.iter().all(|writer| !writer.is_finished()), "a writer failed");
            assert!(self.readers.iter().all(|reader| !reader.is_finished()), "a reader failed");
            tokio::task::yield_now().await;
        }
    }

    /// Nobody failed. What each value was when its writer was told last.
    async fn end(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        for reader in self.readers {
            reader.await.unwrap();
        }
        let mut known = Vec::new();
        for writer in self.writers {
            known.extend(writer.await.unwrap());
        }
        known
    }
}

async fn rotate(rotations: &KeyRotations, subject: Subject) {
    let begun = rotations.begin(subject, OffsetDateTime::now_utc()).await.unwrap();
    let ended = rotations.work(begun.id).await.unwrap().unwrap();
    assert!(matches!(ended.state, RotationState::Finished(_)), "{:?}", ended.state);
}

test_support::on_both_stores! {
    async fn k05_nobody_fails_while_keys_are_replaced(database: TestDatabase) {
        let many = Arc::new(ManyValues::new(database, VALUES).await);
        let (one, other) = (many.house.master_key.clone(), cryptography::MasterKey::generate().unwrap().to_string());
        // The server that people use knows both master keys, as has to be before the first rotation to the new one.
        let server = vault(&many.house.journal, &[&one, &other]);
        let load = Load::start(&many, &server);
        load.goes_on().await;
        let limits = RotationLimits { batch: 20, ..RotationLimits::default() };
        // In other processes.
        let by_one = rotations(&vault(&many.house.journal, &[&one, &other]), limits);
        let by_other = rotations(&vault(&many.house.journal, &[&other, &one]), limits);
        for rotations in [&by_other, &by_one, &by_other] {
            rotate(rotations, many.subject()).await;
            load.goes_on().await;
            rotate(rotations, Subject::MasterKey).await;
            load.goes_on().await;
        }
        let known = load.end().await;
        assert_eq!(known.len(), VALUES);
        let restarted = vault(&many.house.journal, &[&other]);
        for (number, value) in known {
            assert_eq!(many.open(&restarted, number).await.unwrap().reveal(), value);
        }
        let keys = many.keys().await;
        assert_eq!(keys.len(), 1);
        assert!(many.rows().await.values().all(|row| row.key == keys[0]));
    }
}
