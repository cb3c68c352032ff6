//! A disk that is full under a SQLite store: changes are refused in words, reads go on, and nothing is spoilt.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::installation::{Installation, ORIGIN};
use crate::platform::Browser;

/// How large the disk is.
const MEGABYTES: usize = 24;
/// More changes than fit on it.
const MOST: usize = 20_000;
/// How many changes are made when there is room again: more than the store has connections.
const AFTERWARDS: usize = 24;
/// How long changes may be refused after there is room again.
const BACK: Duration = Duration::from_secs(10);

/// A small file system in memory, mounted for a while. Only root may.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={MEGABYTES}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room there is, but for this many bytes.
    fn fill(&self, but: usize) -> PathBuf {
        let ballast = self.path().join("ballast");
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(self.path()).output().unwrap();
        let free: usize =
            String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap();
        std::fs::write(&ballast, vec![0; free.saturating_sub(but)]).unwrap();
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Makes a group; the status, and the problem's code where there is one.
async fn change(owner: &Browser, groups: &str, name: &str) -> (u16, Value) {
    let answer = owner.call("POST", groups, Some(&json!({ "name": name }))).await;
    let said = if answer.status == 201 { answer.json()["id"].clone() } else { answer.json()["code"].clone() };
    if answer.status != 201 {
        assert!(
            answer.header("content-type").unwrap().starts_with("application/problem+json"),
            "{}",
            answer.text()
        );
        assert!(answer.header("retry-after").is_some(), "{}", answer.text());
        for word in ["sqlite", "sqlx", "disk", "/tmp"] {
            assert!(!answer.text().to_lowercase().contains(word), "{}", answer.text());
        }
    }
    (answer.status, said)
}

#[test]
#[ignore = "a step of its own in `cargo xtask test`, with the machine to itself"]
fn g08_a_full_disk_refuses_changes_and_spoils_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        println!("full disk: left out, since nobody but root mounts a small one");
        return;
    };
    test_support::run(async {
        let url = format!("sqlite:{}", disk.path().join("vybe.db").display());
        let mut installation = Installation::start_at(&url, "").await;
        let owner = installation.set_up().await;
        let groups = format!("{}/groups", installation.organization(&owner).await);
        let app = installation.app_url("hello", "/");
        assert_eq!(owner.open(&app).await.status, 200);

        let ballast = disk.fill(256 * 1024);
        let mut kept = Vec::new();
        let mut refused = 0;
        for number in 0..MOST {
            match change(&owner, &groups, &format!("group {number}")).await {
                (201, id) => kept.push(id.as_str().unwrap().to_owned()),
                (503 | 507, _) => refused += 1,
                (status, said) => panic!("{status} {said}"),
            }
            // Reads go on: from the store, and from memory.
            if refused > 0 {
                assert_eq!(owner.call("GET", &groups, None).await.status, 200);
                assert_eq!(owner.open(&app).await.status, 200);
            }
            if refused == 20 {
                break;
            }
        }
        assert_eq!(refused, 20, "the disk was never full");
        let until_full = kept.len();
        std::fs::remove_file(ballast).unwrap();
        let (room, mut again) = (Instant::now(), 0);
        loop {
            again += 1;
            let (status, said) = change(&owner, &groups, &format!("again {again}")).await;
            if status == 201 {
                kept.push(said.as_str().unwrap().to_owned());
                break;
            }
            assert!(room.elapsed() < BACK, "{status} {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let back = room.elapsed();
        // What was acknowledged is in the file, and not in a transaction that ends with the process.
        for number in 0..AFTERWARDS {
            let (status, said) = change(&owner, &groups, &format!("afterwards {number}")).await;
            assert_eq!(status, 201, "{said}");
            kept.push(said.as_str().unwrap().to_owned());
        }
        installation.restart_after("-KILL").await;
        let owner = Browser::new(owner.client.at(installation.address), ORIGIN.to_owned());

        let there = owner.call("GET", &groups, None).await.text();
        let lost = kept.iter().filter(|id| !there.contains(id.as_str())).count();
        let store = migrations::connect(&url).await.unwrap();
        let check = Statement::from_string(store.get_database_backend(), "PRAGMA integrity_check");
        let rows = store.query_all_raw(check).await.unwrap();
        let integrity: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        let trail = verified_trail(&installation, &groups).await;
        println!(
            "full disk: {until_full} changes acknowledged until it was full, {refused} refused with 503, {lost} lost; a change \
             {back:.1?} after there was room again; integrity_check: {integrity:?}; {trail}"
        );
        assert_eq!((lost, integrity), (0, vec!["ok".to_owned()]));
    });
}

async fn verified_trail(installation: &Installation, groups: &str) -> String {
    let organization = groups.trim_end_matches("/groups").rsplit('/').next().unwrap();
    let out = installation.folder().join("export.jsonl");
    let out = out.to_str().unwrap();
    let (exported, said) =
        installation.command(&["audit", "export", "--organization", organization, "--out", out]).await;
    assert!(exported, "{}", String::from_utf8_lossy(&said));
    let (_, key) = installation.command(&["audit", "public-key"]).await;
    let key = String::from_utf8(key).unwrap();
    let verify = ["audit", "verify", "--export", out, "--public-key", key.trim()];
    let verified = std::process::Command::new(env!("CARGO_BIN_EXE_vybe")).args(verify).output().unwrap();
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success(), "{said}{}", String::from_utf8_lossy(&verified.stderr));
    said.lines().next().unwrap_or_default().to_owned()
}
