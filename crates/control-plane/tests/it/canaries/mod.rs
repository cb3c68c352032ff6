//! Canaries: secrets that are planted, used on every way through the product, and looked for afterwards
//! everywhere: in the store's files, backups and logs, in the platform's log, in every answer, and in the
//! memory of the process.
//!
//! `VYBE_CANARY_ROUNDS` says how often all ways are gone (`cargo xtask soak canaries`).

mod databases;
mod everywhere;
mod forms;
mod heard;
mod injected;
mod marks;
mod named;
mod panicking;
mod paths;
mod places;
mod planted;
mod services;
mod tokens;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::RawConnection;
use test_support::leaks::{Finding, Memory};

use self::marks::Marks;
use self::paths::PATHS;
use self::places::{Looked, OpenStore, look_everywhere};
use self::world::World;
use crate::installation::{Installation, ORIGIN};

/// The memory of a process that forbids it can only be read as root.
const SECTIONS: &str = "[server]\ncore_dumps = true\n[audit]\nheads_file = \"audit-heads.jsonl\"\nheads_every = \"1s\"\n\
     [database_connections]\nallowed_networks = [\"127.0.0.0/8\"]\n";
/// How long memory is looked at again and again until what should be gone is gone.
const PATIENCE: Duration = Duration::from_secs(25);
/// The name of values that were sent on connections which are still open.
const HELD: &str = "sent on a connection that is held open";
/// How long nothing happens before memory is looked at again.
const IDLE: Duration = Duration::from_secs(3);

#[test]
fn k01_k02_k08_l05_planted_secrets_are_nowhere_but_in_the_vault_on_sqlite() {
    test_support::run(async { plant_and_look(OpenStore::sqlite().await).await });
}

#[test]
fn k01_k02_k08_l05_planted_secrets_are_nowhere_but_in_the_vault_on_postgres() {
    test_support::run(async { plant_and_look(OpenStore::postgres().await).await });
}

async fn plant_and_look(store: OpenStore) {
    let mut installation = Installation::start_with(&store.database, SECTIONS).await;
    let world = World::new(&installation).await;
    let control = Marks::default();
    leave_control(&world, &control.make("control")).await;
    for round in 0..rounds() {
        for (name, path) in PATHS {
            let began = Instant::now();
            path(&world).await;
            println!("canaries: round {round}: {name}: {:?}", began.elapsed());
        }
    }
    in_memory(&world).await;

    // Stopped in order, then killed in the middle of what it was doing.
    let World { marks, heard, .. } = world;
    let control = control.search();
    nothing_is(&look_everywhere(&store, &installation, &heard, &marks.search(), &control).await, "running");
    installation.restart_after("-TERM").await;
    nothing_is(&look_everywhere(&store, &installation, &heard, &marks.search(), &control).await, "restarted");
    let olga = installation.signed_in("olga").await;
    let cookies = olga.client.cookie_header(ORIGIN).unwrap();
    for what in ["killed early", "killed late"] {
        let mark = marks.make(what);
        let mut connection = olga.client.connect(ORIGIN).await;
        let body = json!({ "slug": what.replace(' ', "-"), "name": what, "value": mark }).to_string();
        let head = format!(
            "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\norigin: {ORIGIN}\r\ncookie: {cookies}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let sent = if what == "killed early" { &body[..body.len() - 2] } else { &body };
        connection.send(format!("{head}{sent}")).await.unwrap();
    }
    installation.restart_after("-KILL").await;
    let search = marks.search();
    let looked = look_everywhere(&store, &installation, &heard, &search, &control).await;
    nothing_is(&looked, "killed");
    println!(
        "canaries: ended: {} values, {} answers, {} places: nothing found",
        search.values(),
        heard.count(),
        looked.len()
    );
}

/// How often all ways are gone.
fn rounds() -> usize {
    std::env::var("VYBE_CANARY_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

/// A value that is no secret: the name of an app, and a part of an address. It shows that each place is looked at.
async fn leave_control(world: &World<'_>, control: &str) {
    let app = format!("/api/v1/apps/{}", world.organizations[0].apps[0]);
    let named = world.call(&world.olga, "PATCH", &app, Some(&json!({ "name": control }))).await;
    assert_eq!(named.status, 200, "{}", named.text());
    world.call(&world.olga, "GET", &format!("/api/v1/apps/{control}"), None).await;
}

fn nothing_is(looked: &[Looked], when: &str) {
    for Looked { place, planted, control } in looked {
        assert!(planted.is_empty(), "{when}: in {place}: {}", summary(planted));
        assert!(control, "{when}: {place} was not looked at, or in vain");
    }
}

/// What is in the memory of the process after everything that was used.
async fn in_memory(world: &World<'_>) {
    // What is still being used is there: so the memory is really read.
    let mark = world.marks.make("a body of which half has come");
    let mut connection = world.connection().await;
    let head = world.head("POST", &world.organizations[0].path("/apps"));
    let begun =
        format!("{head}content-type: application/json\r\ncontent-length: 999\r\n\r\n{{\"name\": \"{mark}\"");
    connection.send(begun).await.unwrap();
    let only = Marks::default();
    only.know("half a body", mark.as_bytes());
    let only = only.search();
    let process = world.installation.process();
    let began = Instant::now();
    while only.memory(&Memory::of(process)).is_empty() {
        assert!(began.elapsed() < PATIENCE, "a body that is being read is not in the memory");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(connection);
    let held = held_connections(world).await;
    forgotten(world, "with connections held open", &[paths::PASSED_ON, HELD]).await;
    tokio::time::sleep(IDLE).await;
    forgotten(world, "after idling", &[paths::PASSED_ON, HELD]).await;
    for _ in 0..50 {
        world.call(&world.olga, "GET", "/api/v1/organizations", None).await;
    }
    drop(held_connections(world).await);
    forgotten(world, "after more traffic", &[paths::PASSED_ON, HELD]).await;
    drop(held);
    forgotten(world, "after all connections were closed", &[paths::PASSED_ON]).await;
}

/// Connections that stay open after a secret was kept, refused and too large on them.
async fn held_connections(world: &World<'_>) -> Vec<RawConnection> {
    let path = world.organizations[0].path("/own-secrets");
    let mut held = Vec::new();
    for (kind, expected) in [("api_key", 201), ("api_key", 201), ("connection_string", 422), ("no_kind", 422)]
    {
        let mark = world.marks.make(HELD);
        let name = format!("HELD_{}", world.heard.count());
        let body = json!({ "kind": kind, "name": name, "value": mark }).to_string();
        let head = world.head("POST", &path);
        let sent =
            format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut connection = world.connection().await;
        let answer = connection.exchange(sent).await.unwrap();
        assert_eq!(answer.status, expected, "{kind}: {}", answer.text());
        world.heard.response(&path, &answer);
        held.push(connection);
    }
    held
}

/// Waits until nothing that was planted is in memory, but for values with these names: connections that are kept
/// for their next request keep the last one, from people and to apps.
async fn forgotten(world: &World<'_>, when: &str, but: &[&str]) {
    let search = world.marks.search();
    let began = Instant::now();
    loop {
        let memory = Memory::of(world.installation.process());
        let (expected, found): (Vec<_>, Vec<_>) =
            search.memory(&memory).into_iter().partition(|finding| but.contains(&finding.value.as_str()));
        println!(
            "canaries: {when}: memory of {} MB, {:?} after use: {} findings, {} more in connections",
            memory.size() >> 20,
            began.elapsed(),
            found.len(),
            expected.len()
        );
        if found.is_empty() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{when}: in memory: {}", summary(&found));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn summary(found: &[Finding]) -> String {
    let mut each = BTreeMap::<_, Vec<_>>::new();
    for finding in found {
        each.entry((&finding.value, &finding.place, finding.form)).or_default().push(finding);
    }
    let lines = each.values().take(40).map(|found| format!("\n{} × {}", found.len(), found[0]));
    format!("{} findings{}", found.len(), lines.collect::<String>())
}
