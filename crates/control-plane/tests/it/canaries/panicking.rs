//! Handlers that hold opened secrets: one that panics in several ways, and one that ends as it should. They run in a
//! process of their own, so that everything it says and its memory can be looked at.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use access_control::{Environment, ListAppSecrets, Permit, SignedIn};
use control_plane::{Deployments, Listeners, Platform, SERVICE_PATIENCE, ServiceSettings, Settings, demo};
use cryptography::{MasterKey, SecretBytes};
use development::{Folder, certificates, signed_in};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Certificates, Endpoint, Limits, Problem, RateLimits, Sites};
use ids::AppId;
use outbound::AddressPolicy;
use secrets_vault::{LocalMasterKey, MasterKeys};
use serde_json::{Value, json};
use service_client::{CallLimits, ClientNetwork};
use test_support::leaks::Memory;
use test_support::{Client, Trust};
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

use super::marks::Marks;
use super::{PATIENCE, summary};

/// The folder of the process whose handlers panic.
const FOLDER: &str = "VYBE_PANICKING_FOLDER";
/// Where that process writes down its port.
const PORT: &str = "panicking-port";
/// What it says on standard error, its log among it.
const SAID: &str = "said";
/// The name of the secret, which is no secret.
const VARIABLE: &str = "CANARY";
/// Ways to panic, and what is said of the reason.
const WAYS: &[(&str, &str)] = &[
    ("a-reason-in-the-program", "a handler that holds a secret"),
    ("a-text-cut-within-a-character", "left out"),
    ("a-reason-with-the-value", "left out"),
    ("an-index-too-large", "left out"),
    ("an-error-unwrapped", "left out"),
];

#[test]
fn k08_a_handler_that_panics_with_an_opened_secret_says_nothing_of_it() {
    test_support::run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start(folder.path());
        let told = process.told().await;
        let marks = Marks::default();
        let (opened, sent) = (marks.make("opened by the handler"), marks.make("sent to the handler"));
        let origin = told["platform"].as_str().unwrap();
        let app = format!("{origin}/api/v1/apps/{}", told["apps"]["hello"]["id"].as_str().unwrap());
        let trust = std::fs::read_to_string(folder.path().join("authority.pem")).unwrap();
        let client = Client::new(process.address, &Trust::in_pem(&trust));
        let token = format!("Bearer {}", told["apiToken"].as_str().unwrap());
        let post = |url: String| client.request("POST", &url).header("authorization", &token);
        // The first character is two bytes long.
        let kept = json!({
            "kind": "environment_variable", "environment": "production", "name": VARIABLE, "value": format!("ü{opened}"),
        });
        let kept = post(format!("{app}/secrets")).json(&kept).send().await;
        assert_eq!(kept.status, 201, "{}", kept.text());

        let search = marks.search();
        let answers = |what: &str, bytes: &[u8]| {
            let found = search.bytes(what, bytes);
            assert!(found.is_empty(), "{}", summary(&found));
        };
        for (way, reason) in WAYS {
            let before = process.said().len();
            let answer = post(format!("{app}/panics/{way}")).json(&json!({ "value": sent })).send().await;
            assert_eq!(answer.status, 500, "{way}: {}", answer.text());
            answers(way, format!("{:?} {}", answer.headers, answer.text()).as_bytes());
            let said = process.said()[before..].to_owned();
            let of_panic = said.lines().find(|line| line.contains("a thread panicked")).unwrap_or_default();
            assert!(of_panic.contains("panicking.rs:") && of_panic.contains(reason), "{way}: {said}");
        }
        answers("what the process said", process.said().as_bytes());
        process.forgets(&search, "after panics");

        // The same values are in memory while a handler holds them, and no longer.
        let body = json!({ "value": sent }).to_string();
        let mut connection = client.connect(origin).await;
        let path = url::Url::parse(&format!("{app}/panics/none")).unwrap().path().to_owned();
        let authority = origin.trim_start_matches("https://");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.send(head).await.unwrap();
        let only = Marks::default();
        only.know("opened by the handler", opened.as_bytes());
        let only = only.search();
        let began = Instant::now();
        while only.memory(&Memory::of(process.child.id())).is_empty() {
            assert!(began.elapsed() < PATIENCE, "what a handler holds is not in the memory");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        connection.send(body).await.unwrap();
        let answer = connection.response().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        drop(connection);
        process.forgets(&search, "after an injection");
        answers("what the process said", process.said().as_bytes());
    });
}

/// The process whose handlers panic. Ends when dropped.
struct Process {
    child: Child,
    folder: std::path::PathBuf,
    address: SocketAddr,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let said = std::fs::File::create(folder.join(SAID)).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "canaries::panicking::a_process_whose_handlers_panic",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder)
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        Self { child, folder: folder.to_owned(), address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
    }

    /// What there is in it, once it serves.
    async fn told(&mut self) -> Value {
        let began = Instant::now();
        while !self.folder.join(PORT).exists() {
            assert!(began.elapsed() < 4 * PATIENCE, "it does not serve: {}", self.said());
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let told: Value =
            serde_json::from_slice(&std::fs::read(self.folder.join("dev.json")).unwrap()).unwrap();
        self.address.set_port(told["port"].as_u64().unwrap().try_into().unwrap());
        told
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join(SAID)).unwrap()
    }

    /// Waits until nothing is left in its memory.
    fn forgets(&self, search: &test_support::leaks::Search, when: &str) {
        let began = Instant::now();
        loop {
            let found = search.memory(&Memory::of(self.child.id()));
            println!("canaries: {when}, {:?}: {} findings", began.elapsed(), found.len());
            if found.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{when}: in memory: {}", summary(&found));
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the test above starts it, in a process of its own"]
fn a_process_whose_handlers_panic() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    control_plane::leave_values_out_of_panics();
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr).init();
    test_support::run(serve(&Folder::open(Path::new(&folder)).unwrap()));
}

/// The demo's data, served by a platform with more endpoints.
async fn serve(folder: &Folder) {
    let url = format!("sqlite:{}", folder.file("vybe.db").display());
    let database = migrations::connect(&url).await.unwrap();
    let demo = demo::start(folder, 0, database.clone()).await.unwrap();
    let port = demo.running.https.port();
    let holding = Holding {
        deployments: Arc::default(),
        deployer: signed_in(&demo.seeded.people["editor"]),
        app: demo.seeded.apps["hello"].id,
    };
    demo.running.stop().await.unwrap();

    let master_key = MasterKey::parse(&std::fs::read_to_string(folder.file("master.key")).unwrap()).unwrap();
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let platform = Platform::assemble(Settings {
        sites: Sites::new(demo::HOST, demo::HOST, port),
        database,
        master_keys: MasterKeys::new(Arc::new(LocalMasterKey::new(master_key)), Vec::new()),
        providers: Vec::new(),
        lifetimes: identity::Lifetimes::default(),
        user_token_reuse: time::Duration::seconds(30),
        signing_key_age: time::Duration::days(30),
        data_key_age: time::Duration::days(365),
        personal_organizations: false,
        addresses: AddressPolicy::new(Vec::new()),
        database_addresses: AddressPolicy::new(Vec::new()),
        services: ServiceSettings {
            network: ClientNetwork {
                addresses: Arc::new(AddressPolicy::new(Vec::new())),
                roots: Vec::new(),
                resolve: Vec::new(),
                patience: SERVICE_PATIENCE,
            },
            limits: CallLimits::default(),
            catalogue: Vec::new(),
        },
        upstream_tls: tls,
        pool: middleware::PoolLimits::default(),
        patience: middleware::Patience::default(),
        mailer: None,
        recording: decisions::Recording::All,
        retention: decisions::Retention::default(),
        heads_every: Duration::from_secs(60),
        heads_file: None,
        audit_receivers: Vec::new(),
        limits: Limits::default(),
        traces: None,
        security_txt: None,
        rate_limits: RateLimits::unlimited(),
        development: vec![
            Endpoint::post("/api/v1/apps/{app_id}/panics/{way}", "panic")
                .requires::<ListAppSecrets>()
                .takes::<Sent>()
                .gives::<()>(StatusCode::OK)
                .answers(holding.clone(), hold),
        ],
        followers: Vec::new(),
    })
    .await
    .unwrap();
    assert!(holding.deployments.set(platform.deployments.clone()).is_ok());
    let files = certificates(folder, demo::HOST).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let https = (listener, Certificates::from_files(&files.chain, &files.key).unwrap());
    std::fs::write(folder.file(PORT), port.to_string()).unwrap();
    platform.run(Listeners { https, admin: None, redirect: None }, std::future::pending()).await.unwrap();
}

/// What is sent to the handler.
type Sent = BTreeMap<String, String>;

/// What the handler opens secrets with.
#[derive(Clone)]
struct Holding {
    deployments: Arc<OnceLock<Deployments>>,
    deployer: SignedIn,
    app: AppId,
}

/// Opens what a deployment gets, then reads the request, then ends in the way that the path names.
async fn hold(holding: Holding, _: Permit<ListAppSecrets>, mut call: Call) -> Result<Answer, Problem> {
    let deployments = holding.deployments.get().unwrap();
    let opened = deployments.assemble(&holding.deployer, holding.app, Environment::Production).await.unwrap();
    let value = &opened.variables[VARIABLE];
    let sent =
        SecretBytes::new(Zeroizing::new(call.json::<Sent>().await?.remove("value").unwrap().into_bytes()));
    let bytes = sent.reveal();
    match call.path_text("way").unwrap() {
        "none" => {}
        "a-reason-in-the-program" => panic!("a handler that holds a secret"),
        "a-text-cut-within-a-character" => _ = value.reveal_text().unwrap()[1..].len(),
        "a-reason-with-the-value" => panic!("{} {bytes:?}", value.reveal_text().unwrap()),
        "an-index-too-large" => _ = value.reveal()[bytes.len() + value.reveal().len()],
        "an-error-unwrapped" => _ = value.reveal_text().unwrap().parse::<url::Url>().unwrap(),
        other => panic!("no such way: {}", other.len()),
    }
    Ok(Answer::json(&()))
}
