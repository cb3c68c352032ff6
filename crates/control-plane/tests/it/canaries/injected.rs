//! Secrets that are opened for deployments: `vybe dev` deploys its demo apps, with a log at level trace.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use test_support::leaks::{Finding, Memory, Search};
use test_support::{Client, Trust};

use super::heard::Heard;
use super::marks::Marks;
use super::planted::{Planted, Scope};
use super::world::text;
use super::{PATIENCE, summary};
use crate::platform::Browser;

/// What the process says, its log among it.
const SAID: &str = "said";
/// The name of the one that is deployed.
const SERVER_SECRET: &str = "a server secret for production";
const ENVIRONMENTS: [&str; 2] = ["production", "preview"];

#[test]
fn k08_what_deployments_get_is_in_their_memory_and_nowhere_else() {
    test_support::run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut dev = Dev::start(folder.path()).await;
        let heard = Heard::default();
        // What the demo apps have now, and what nobody deploys or nobody deploys any more.
        let (deployed, not_deployed, control) = (Marks::default(), Marks::default(), Marks::default());
        let owner = dev.signed_in("owner").await;
        let apps = dev.told["apps"].clone();
        let hello = text(&apps["hello"], "id");
        let name = control.make("control");
        let named =
            owner.call("PATCH", &format!("/api/v1/apps/{hello}"), Some(&json!({ "name": name }))).await;
        assert_eq!(named.status, 200, "{}", named.text());
        heard.response("the app", &named);
        owner.call("GET", &format!("/api/v1/apps/{name}"), None).await;

        let acme = format!("/api/v1/organizations/{}", text(&dev.told["organization"], "id"));
        let umbra = owner
            .call("POST", "/api/v1/organizations", Some(&json!({ "slug": "umbra", "name": "Umbra" })))
            .await;
        let umbra = format!("/api/v1/organizations/{}", text(&umbra.json(), "id"));
        for planted in Planted::all() {
            let is_injected = planted.environment == Some("production") && planted.number % 3 != 0;
            let organization =
                if planted.environment.is_some() && planted.number % 3 == 0 { &umbra } else { &acme };
            let all = match planted.scope {
                Scope::App => format!("/api/v1/apps/{hello}/secrets"),
                Scope::Organization => format!("{organization}/secrets"),
                Scope::Personal => format!("{organization}/own-secrets"),
            };
            let is_injected =
                is_injected || planted.scope == Scope::App && planted.environment == Some("production");
            // Replaced each, and some deleted: with both the apps are deployed anew.
            let first = planted.body(planted.value(&not_deployed, "replaced"));
            let made = owner.call("POST", &all, Some(&first)).await;
            heard.response(&all, &made);
            assert_eq!(made.status, 201, "{}", made.text());
            let one = format!("{all}/{}", text(&made.json(), "id"));
            let is_deleted = planted.number.is_multiple_of(5);
            let marks = if is_injected && !is_deleted { &deployed } else { &not_deployed };
            let value = planted.value(marks, "kept");
            let replaced = owner.call("PUT", &one, Some(&json!({ "value": value }))).await;
            heard.response(&one, &replaced);
            assert_eq!(replaced.status, 200, "{}", replaced.text());
            if is_deleted {
                heard.response(&one, &owner.call("DELETE", &one, None).await);
            } else if planted.scope != Scope::Personal {
                heard.response(&one, &owner.call("GET", &format!("{one}/uses"), None).await);
            }
        }
        for environment in ENVIRONMENTS {
            let rotated = json!({ "environment": environment, "graceSeconds": 0 });
            let path = format!("/api/v1/apps/{hello}/server-secrets/rotate");
            let rotated = owner.call("POST", &path, Some(&rotated)).await;
            assert_eq!(rotated.status, 201, "{}", rotated.text());
            let value = text(&rotated.json(), "value");
            let marks = if environment == "production" { &deployed } else { &not_deployed };
            let name =
                if environment == "production" { SERVER_SECRET } else { "a server secret for preview" };
            marks.know(name, &value.as_bytes()[value.len() - 43..]);
            heard.response_but(&path, &rotated, &value);
        }

        // The apps' own pages, and what is written about it.
        let origin = text(&apps["hello"], "url");
        for path in ["", "/environment", "/echo"] {
            let page = owner.open(&format!("{}{path}", origin.trim_end_matches('/'))).await;
            assert_eq!(page.status, 200, "{path}");
            assert_eq!(
                path == "/environment",
                page.text().contains("<th>CUSTOM_API_CANARY_"),
                "{path}: {}",
                page.text()
            );
            heard.response(path, &page);
        }
        for environment in ENVIRONMENTS {
            let path = format!("/api/v1/apps/{hello}/environment?environment={environment}");
            heard.response(&path, &owner.call("GET", &path, None).await);
        }
        let events = owner.call("GET", &format!("{acme}/audit-events?limit=100"), None).await;
        assert!(events.text().contains("environment.assemble"), "{}", events.text());
        heard.response("audit events", &events);
        heard.response(
            "the audit trail",
            &owner.call("GET", &format!("{acme}/audit-events/export"), None).await,
        );
        for path in
            [format!("/apps/{hello}/secrets"), format!("/apps/{hello}/server-secrets"), "/apps".to_owned()]
        {
            heard.response(&path, &owner.open(&dev.url(&path)).await);
        }

        let (deployed, not_deployed, control) = (deployed.search(), not_deployed.search(), control.search());
        let nowhere = |place: &str, look: &dyn Fn(&Search) -> Vec<_>| {
            for search in [&deployed, &not_deployed] {
                let mut found: Vec<Finding> = look(search);
                // By design it tells scripts the production secret of each demo app.
                found.retain(|one| !one.place.ends_with("dev.json") || one.value != SERVER_SECRET);
                assert!(found.is_empty(), "in {place}: {}", summary(&found));
            }
            assert!(!look(&control).is_empty(), "{place} was not looked at, or in vain");
        };
        nowhere("the answers", &|search| heard.findings(search));
        nowhere("the log at level trace", &|search| search.file(&dev.folder.join(SAID)));
        nowhere("the folder", &|search| search.folder(&dev.folder).0);
        let backup = tempfile::tempdir().unwrap();
        let copy = backup.path().join("backup.sqlite");
        let url = format!("sqlite:{}", dev.folder.join("vybe.db").display());
        let database = migrations::connect(&url).await.unwrap();
        database.execute_unprepared(&format!("VACUUM INTO '{}'", copy.display())).await.unwrap();
        drop(database);
        nowhere("a backup", &|search| search.file(&copy));
        dev.memory_holds(&deployed, &not_deployed);
        println!(
            "canaries: injected: {} deployed, {} not: as it should be",
            deployed.values(),
            not_deployed.values()
        );
        // Stopped in order.
        let stopped = Command::new("kill").arg(dev.child.id().to_string()).status().unwrap();
        assert!(stopped.success() && dev.child.wait().unwrap().success());
        nowhere("the log at level trace", &|search| search.file(&dev.folder.join(SAID)));
        nowhere("the folder", &|search| search.folder(&dev.folder).0);
    });
}

/// A running `vybe dev`. Ends when dropped.
struct Dev {
    child: Child,
    folder: PathBuf,
    told: Value,
    client: Client,
}

impl Dev {
    async fn start(folder: &Path) -> Self {
        let said = std::fs::File::create(folder.join(SAID)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_vybe"))
            .args(["dev", "--port", "0", "--log", "trace", "--data"])
            .arg(folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            // What to open, printed once it serves.
            .stdout(std::fs::File::create(folder.join("printed")).unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        let began = Instant::now();
        while std::fs::read(folder.join("printed")).unwrap().is_empty() {
            assert!(
                began.elapsed() < 4 * PATIENCE && child.try_wait().unwrap().is_none(),
                "it does not serve"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let told: Value = serde_json::from_str(&read("dev.json")).unwrap();
        let port = told["port"].as_u64().unwrap().try_into().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = Client::new(address, &Trust::in_pem(&read("authority.pem")));
        Self { child, folder: folder.to_owned(), told, client }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.told["platform"].as_str().unwrap())
    }

    async fn signed_in(&self, subject: &str) -> Browser {
        let browser = Browser::new(self.client.copy(), self.url(""));
        assert_eq!(browser.sign_in(&self.url("/apps"), subject).await.status, 200);
        browser
    }

    /// The demo apps are in this process: it holds what they were deployed with last, and nothing else.
    fn memory_holds(&self, deployed: &Search, not_deployed: &Search) {
        let process = self.child.id();
        // It forbids that its memory is read, to everybody but root.
        if let Err(error) = std::fs::File::open(format!("/proc/{process}/mem")) {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            println!("canaries: injected: the memory was not looked at: {error}");
            return;
        }
        let began = Instant::now();
        loop {
            let memory = Memory::of(process);
            assert!(!deployed.memory(&memory).is_empty(), "what is deployed is not in memory");
            let found = not_deployed.memory(&memory);
            println!("canaries: injected: {:?} after use: {} findings", began.elapsed(), found.len());
            if found.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "in memory: {}", summary(&found));
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
