use backup::{BackupError, Header};
use cryptography::KeyBytes;
use test_support::TestDatabase;

use crate::filled::{self, examined, restored, taken, taken_at};

/// A chunk with its tag.
const CHUNK: usize = 64 * 1024 + 16;

/// A backup of several chunks, and where its first one begins.
async fn large(created_at: &str) -> (Vec<u8>, usize) {
    let database = filled::sqlite().await;
    let sql = "WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < 9000) \
               INSERT INTO policy_snapshots SELECT 'digest' || at, 'a policy of some length ' || at, at FROM n";
    sea_orm::ConnectionTrait::execute_unprepared(database.connection(), sql).await.unwrap();
    let (_, file) = taken_at(&database, created_at).await;
    let begin = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert!(file.len() - begin > 4 * CHUNK && (file.len() - begin) % CHUNK != 0);
    (file, begin)
}

#[test]
fn g18_ten_of_ten_damages_are_detected_and_nothing_is_restored() {
    test_support::run(async {
        let (file, begin) = large("2026-01-02T03:04:05Z").await;
        let chunk = |at: usize| begin + at * CHUNK..begin + (at + 1) * CHUNK;
        let flipped = |at: usize| {
            let mut file = file.clone();
            file[at] ^= 1;
            file
        };
        let damages: Vec<(&str, Vec<u8>)> = vec![
            ("cut within a chunk", file[..file.len() - 1].to_vec()),
            ("cut between chunks", file[..chunk(2).end].to_vec()),
            ("cut behind the header", file[..begin].to_vec()),
            ("cut within the header", file[..begin / 2].to_vec()),
            ("nothing in it", Vec::new()),
            ("a bit of the content", flipped(chunk(1).start + 100)),
            ("a bit of a tag", flipped(chunk(1).end - 1)),
            ("a bit of the end", flipped(file.len() - 1)),
            ("a bit of the header's time", flipped(begin - 80)),
            (
                "two chunks changed places",
                [&file[..chunk(0).end], &file[chunk(2)], &file[chunk(1)], &file[chunk(3).start..]].concat(),
            ),
            ("a chunk left out", [&file[..chunk(0).end], &file[chunk(2).start..]].concat()),
            ("a chunk twice", [&file[..chunk(1).end], &file[chunk(1).start..]].concat()),
            ("something behind the end", [&file[..], b"more"].concat()),
            ("a block of zeros", {
                let mut file = file.clone();
                file[chunk(2).start + 512..chunk(2).start + 1024].fill(0);
                file
            }),
            ("the chunks of another backup", {
                // Under the same key, which two files never have: only the header tells them apart.
                let (other, at) = large("2026-01-02T03:04:06Z").await;
                [&file[..begin], &other[at..chunk(0).end], &file[chunk(0).end..]].concat()
            }),
        ];
        assert!(damages.len() >= 10);
        let empty = TestDatabase::sqlite().await;
        let before = backup::state(empty.connection()).await.unwrap();
        for (what, damaged) in &damages {
            assert_ne!(damaged, &file, "{what}");
            let found = examined(damaged).await;
            assert!(
                matches!(found, Err(BackupError::Damaged(_) | BackupError::NotABackup)),
                "{what}: {found:?}"
            );
            assert!(restored(damaged, &empty).await.is_err(), "{what}");
            assert_eq!(backup::state(empty.connection()).await.unwrap(), before, "{what}");
        }
        restored(&file, &empty).await.unwrap();
    });
}

#[test]
fn every_bit_of_a_header_counts() {
    test_support::run(async {
        let (_, file) = taken(&TestDatabase::sqlite().await).await;
        let begin = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for bit in 0..begin * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(examined(&changed).await.is_err(), "bit {bit}");
        }
    });
}

#[test]
fn another_key_opens_nothing() {
    test_support::run(async {
        let (_, file) = taken(&TestDatabase::sqlite().await).await;
        let mut rest = file.as_slice();
        let header = Header::read(&mut rest).unwrap();
        let found = backup::examine(rest, &header, &KeyBytes::generate().unwrap()).await;
        assert!(matches!(found, Err(BackupError::Damaged(_))), "{found:?}");
    });
}
