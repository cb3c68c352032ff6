//! Tokens of services: got, used, refreshed, refused, lost and revoked, with a platform in a process of its own that logs all
//! it can. None is in an answer, on a page, in the log, the audit trail or the store.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalogue::Service;
use control_plane::demo::{self, ReachableServices};
use development::Folder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET, Conduct, Fault, Reuse, TokenServer};
use test_support::{Client, Response, Trust};

use super::heard::Heard;
use super::marks::Marks;
use super::nothing_is;
use super::places::{Looked, OpenStore, of_bytes};
use super::world::text;
use crate::platform::Browser;

/// Where the platform's process finds its orders.
const ORDERS: &str = "VYBE_TEST_PLATFORM_WITH_TOKENS";
/// How long tokens live: several are replaced in a test.
const LIFE: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Orders {
    store: String,
    folder: String,
    entry: String,
    host: (String, std::net::SocketAddr),
    root: Vec<u8>,
}

/// The platform's process.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn a_platform() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let filter = tracing_subscriber::EnvFilter::new("trace");
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    test_support::run(async {
        let database = migrations::connect(&orders.store).await.unwrap();
        let folder = Folder::open(orders.folder.as_ref()).unwrap();
        let reachable = ReachableServices {
            services: vec![Arc::new(Service::parse(&orders.entry).unwrap())],
            hosts: vec![orders.host],
            authorities: vec![orders.root.into()],
        };
        let _demo = demo::start_reaching(&folder, 0, database, reachable).await.unwrap();
        std::future::pending::<()>().await;
    });
}

struct Running {
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    description: Value,
    trust: Trust,
}

impl Running {
    async fn start(orders: &Orders) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "canaries::tokens::a_platform", "--ignored", "--nocapture"])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let (mut errors, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            let mut piece = [0; 64 * 1024];
            while let Ok(read @ 1..) = errors.read(&mut piece) {
                kept.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        let folder = std::path::Path::new(&orders.folder);
        let began = Instant::now();
        let description = loop {
            let text = std::fs::read(folder.join("dev.json")).unwrap_or_default();
            if let Ok(description) = serde_json::from_slice::<Value>(&text) {
                break description;
            }
            assert!(began.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&log.lock().unwrap()));
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let authority = std::fs::read_to_string(folder.join("authority.pem")).unwrap();
        Self { child, log, description, trust: Trust::in_pem(&authority) }
    }

    fn address(&self) -> std::net::SocketAddr {
        format!("127.0.0.1:{}", self.description["port"]).parse().unwrap()
    }

    async fn signed_in(&self, subject: &str) -> Browser {
        let address = self.address();
        let origin = text(&self.description, "platform");
        let origin = origin.trim_end_matches('/');
        let browser = Browser::new(Client::new(address, &self.trust), origin.to_owned());
        let began = Instant::now();
        // The description is written a moment before the platform serves.
        while std::net::TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let page = browser.sign_in(&format!("{origin}/apps"), subject).await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn entry(origin: &str) -> String {
    format!(
        r#"
schema = 1
id = "canary-service"
name = "Canary service"
categories = ["testing"]
tier = "fixture"
documentation = "https://token-server.test/docs"

[authentication]
kind = "oauth2_code"
authorize_url = "{origin}/authorize"
token_url = "{origin}/token"

[authentication.lifetime]
margin_seconds = 2
reuse = "static"

[authentication.revocation]
url = "{origin}/revoke"

[api]
base = "{origin}/api"
hosts = ["token-server.test"]
credential = [{{ place = "header", name = "Authorization", format = "Bearer {{token}}" }}]
test = {{ path = "/me" }}
"#
    )
}

/// The platform, who uses it, and everything that was said.
struct Scene<'a> {
    running: &'a Running,
    server: &'a TokenServer,
    owner: Browser,
    marks: Marks,
    heard: Heard,
    organization: String,
}

impl Scene<'_> {
    async fn call(&self, method: &str, rest: &str, body: Option<&Value>) -> Response {
        let path = format!("/api/v1/organizations/{}{rest}", self.organization);
        let answer = self.owner.call(method, &path, body).await;
        self.heard.response(&format!("{method} {path}"), &answer);
        answer
    }

    async fn page(&self, path: &str) -> Response {
        let url = format!("{}{path}", text(&self.running.description, "platform").trim_end_matches('/'));
        let page = self.owner.open_once(&url).await;
        self.heard.response(path, &page);
        page
    }

    /// Connects an account as people do; its identifier.
    async fn connected(&self, segment: &str, name: &str) -> String {
        let body = json!({ "service": "canary-service", "name": name });
        let begun = self.call("POST", &format!("/{segment}/connect-attempts"), Some(&body)).await;
        assert_eq!(begun.status, 201, "{}", begun.text());
        let back = self.server.authorize(&text(&begun.json(), "url"));
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        self.marks.know("an authorization code", code.as_bytes());
        let page = self.page(&format!("{}?{}", back.path(), back.query().unwrap())).await;
        assert_eq!(page.status, 200, "{}", page.text());
        // Used up.
        let again = self.page(&format!("{}?{}", back.path(), back.query().unwrap())).await;
        assert!(again.status >= 400, "{}", again.text());
        let all = self.call("GET", &format!("/{segment}"), None).await.json();
        let accounts = all["accounts"].as_array().unwrap();
        text(accounts.iter().find(|account| account["name"] == name).unwrap(), "id")
    }

    /// Calls the service as the app's server.
    async fn execute(&self, account: &str, path: &str) -> Response {
        let url = format!(
            "{}/api/integrations/accounts/{account}/execute",
            text(&self.running.description, "platform").trim_end_matches('/')
        );
        let secret = self.running.description["apps"]["hello"]["serverSecret"].as_str().unwrap();
        let body = json!({ "actionId": "request", "input": { "method": "GET", "path": path } });
        // Without anybody's cookies.
        let client = Client::new(self.running.address(), &self.running.trust);
        let request = client.request("POST", &url).header("VYBE_SERVER_SECRET", secret);
        let answer = request.json(&body).send().await;
        self.heard.response(path, &answer);
        answer
    }

    async fn state(&self, account: &str) -> Value {
        self.call("GET", &format!("/accounts/{account}"), None).await.json()
    }

    async fn until(&self, account: &str, what: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        while !what(&self.state(account).await) {
            assert!(began.elapsed() < PATIENCE, "{}", self.state(account).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[test]
fn i06_tokens_of_services_are_nowhere_but_in_the_vault_on_sqlite() {
    test_support::run(async { use_tokens_and_look(OpenStore::sqlite().await).await });
}

#[test]
fn i06_tokens_of_services_are_nowhere_but_in_the_vault_on_postgres() {
    test_support::run(async { use_tokens_and_look(OpenStore::postgres().await).await });
}

async fn use_tokens_and_look(store: OpenStore) {
    let server = TokenServer::start(Reuse::Static, LIFE).await;
    let folder = tempfile::tempdir().unwrap();
    let orders = Orders {
        store: store.database.url().to_owned(),
        folder: folder.path().to_str().unwrap().to_owned(),
        entry: entry(&server.origin()),
        host: server.host(),
        root: server.root().to_vec(),
    };
    let running = Running::start(&orders).await;
    let owner = running.signed_in("owner").await;
    let organization = running.description["organization"]["id"].as_str().unwrap().to_owned();
    let scene = Scene {
        running: &running,
        server: &server,
        owner,
        marks: Marks::default(),
        heard: Heard::default(),
        organization,
    };
    let control = Marks::default();
    let name = control.make("control");
    let answer = scene.owner.call("GET", &format!("/api/v1/apps/{name}"), None).await;
    scene.heard.response("an app that nobody has", &answer);
    scene.marks.know("the secret of an OAuth client", CLIENT_SECRET.as_bytes());
    let client = json!({ "service": "canary-service", "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET });
    let made = scene.call("POST", "/oauth-clients", Some(&client)).await;
    assert_eq!(made.status, 201, "{}", made.text());

    let account = scene.connected("accounts", &name).await;
    let own = scene.connected("own-accounts", "mine").await;
    for path in ["/me", "/notes?limit=1", "/%2e%2e/escape", "//evil.test/", "/echo"] {
        scene.execute(&account, path).await;
    }
    assert_eq!(scene.execute(&account, "/me").await.status, 200);
    assert_eq!(scene.execute(&own, "/me").await.status, 404);
    for rest in ["/accounts", "/own-accounts", "/services/canary-service", "/oauth-clients"] {
        assert_eq!(scene.call("GET", rest, None).await.status, 200, "{rest}");
        assert_eq!(
            scene.page(&format!("/organizations/{}{rest}", scene.organization)).await.status / 100,
            if rest == "/oauth-clients" { 4 } else { 2 }
        );
    }
    scene.page(&format!("/organizations/{}/accounts/{account}", scene.organization)).await;
    assert_eq!(scene.call("POST", &format!("/accounts/{account}/test"), None).await.status, 200);

    // Refreshed again and again, with everything that can go wrong in between.
    let began = Instant::now();
    while server.histories().iter().map(|grant| grant.refreshes).sum::<u64>() < 4 {
        assert!(began.elapsed() < PATIENCE, "{:?}", server.histories());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for fault in [
        Fault::CutAfter,
        Fault::HalfAnswer,
        Fault::Garbage,
        Fault::Status(500, None),
        Fault::Status(429, Some(1)),
    ] {
        server.fail_once(fault);
        tokio::time::sleep(LIFE / 2).await;
        scene.execute(&account, "/me").await;
    }
    server.conduct(Conduct { always: Some(Fault::Refused("invalid_grant")), ..Conduct::default() });
    scene.until(&account, |state| state["state"] == "needs_reconnect").await;
    scene.execute(&account, "/me").await;
    server.conduct(Conduct::default());

    // Revoked: one by one, and all of the service.
    let gone = scene.connected("accounts", "disconnected").await;
    assert_eq!(scene.call("DELETE", &format!("/accounts/{gone}"), None).await.status, 200);
    scene.connected("accounts", "revoked").await;
    let begun = scene.call("POST", "/services/canary-service/revocations", None).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let one = format!("/service-revocations/{}", text(&begun.json(), "id"));
    let began = Instant::now();
    let report = loop {
        let read = scene.call("GET", &one, None).await.json();
        if !read["signed"].is_null() {
            break read;
        }
        assert!(began.elapsed() < PATIENCE * 2, "{read}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(report["revoked"].as_u64().unwrap() >= 2, "{report}");
    scene.page(&format!("/organizations/{}{one}", scene.organization)).await;
    for rest in ["/audit-events?limit=200", "/audit-events/export", "/service-calls", "/service-revocations"]
    {
        assert_eq!(scene.call("GET", rest, None).await.status, 200, "{rest}");
    }

    for token in server.tokens() {
        scene.marks.know("a token", token.as_bytes());
    }
    let (search, control) = (scene.marks.search(), control.search());
    assert!(search.values() > 10, "{}", search.values());
    let mut looked = store.looked(&search, &control).await;
    looked.push(of_bytes("the log at level trace", &running.log.lock().unwrap(), &search, &control));
    looked.push(Looked {
        place: "answers, pages, exports",
        planted: scene.heard.findings(&search),
        control: !scene.heard.findings(&control).is_empty(),
    });
    nothing_is(&looked, "after everything");
    println!(
        "canaries: tokens: {} values, {} answers, {} places: nothing found",
        search.values(),
        scene.heard.count(),
        looked.len()
    );
}
