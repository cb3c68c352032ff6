//! Several `vybe serve` on one PostgreSQL database, each with a link to it that breaks on demand, behind nginx.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use development::Upstream;
use serde_json::{Value, json};
use test_support::certified_provider::CertifiedProvider;
use test_support::hostile_issuer::{CLIENT_ID, CLIENT_SECRET};
use test_support::{
    Authority, Client, FaultyLink, HostCertificate, LoadBalancer, PostgresServer, RawConnection,
    TestDatabase, Trust,
};
use tokio::process::{Child, Command};

use super::visitor::Visitor;

/// The platform's address, as people use it.
pub const ORIGIN: &str = "https://vybe.test";
/// How long a replica may take until it serves.
const START: Duration = Duration::from_secs(60);

/// One process.
pub struct Replica {
    /// Where it serves people.
    pub https: SocketAddr,
    /// Its way to the database.
    pub link: FaultyLink,
    admin: SocketAddr,
    folder: PathBuf,
    clock: i64,
    process: Child,
}

impl Replica {
    /// Ends it as a crash does.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts it again at the same address. How long that took until it was ready.
    pub async fn start_again(&mut self) -> Duration {
        let began = Instant::now();
        self.process = run(&self.folder, self.clock);
        self.https = serving(&self.folder, &mut self.process).await.0;
        while !self.is_ready().await {
            assert!(began.elapsed() < START, "it is not ready: {}", log(&self.folder));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }

    /// Whether its process has not ended.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// What it says of itself.
    pub async fn is_ready(&self) -> bool {
        self.asked("/readyz").await.is_some_and(|(status, _)| status == 200)
    }

    /// What its admin listener answers.
    pub async fn asked(&self, path: &str) -> Option<(u16, String)> {
        let mut connection = RawConnection::plain(self.admin).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = connection.exchange(request).await.ok()?;
        Some((answer.status, answer.text()))
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        log(&self.folder)
    }
}

/// What a fleet is made of.
pub struct Plan<'a> {
    /// By how many seconds each replica's clock is wrong. As many replicas as there are numbers.
    pub clocks: &'a [i64],
    /// How many people belong to the organization, besides its Owner.
    pub members: usize,
    /// More of the configuration.
    pub sections: &'a str,
}

/// The replicas, and what they need around them. Ends when dropped.
pub struct Fleet {
    pub replicas: Vec<Replica>,
    /// The server of every app.
    pub upstream: Upstream,
    /// Who set the organization up.
    pub owner: Visitor,
    /// `/api/v1/organizations/{id}`.
    pub organization: String,
    /// Identifiers by login.
    pub people: BTreeMap<String, String>,
    /// Opened without any replica's link.
    pub database: TestDatabase,
    pub postgres: Arc<Mutex<PostgresServer>>,
    pub provider: CertifiedProvider,
    balancer: LoadBalancer,
    trust: Trust,
    folder: tempfile::TempDir,
}

impl Fleet {
    /// Starts one with an organization, its people, and two apps: `hello` for its members, `payroll` for its Owner.
    pub async fn start(plan: &Plan<'_>) -> Self {
        let provider =
            CertifiedProvider::start(&format!("{ORIGIN}/login/company/callback"), json!({}), false).await;
        let postgres = PostgresServer::start_durable();
        let database = TestDatabase::on(&postgres).await;
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.apps.vybe.test"]);
        let mut replicas = Vec::new();
        for (number, &clock) in plan.clocks.iter().enumerate() {
            let link = FaultyLink::to(postgres.socket()).await;
            let home = folder.path().join(number.to_string());
            let config = configuration(&home, link.address(), &provider, &certificate, plan.sections);
            std::fs::write(home.join("vybe.toml"), &config).unwrap();
            let mut process = run(&home, clock);
            let (https, admin) = serving(&home, &mut process).await;
            // Where it is, it stays.
            let fixed = config.replacen("127.0.0.1:0", &https.to_string(), 1);
            std::fs::write(home.join("vybe.toml"), fixed.replacen("127.0.0.1:0", &admin.to_string(), 1))
                .unwrap();
            replicas.push(Replica { https, link, admin, folder: home, clock, process });
        }
        let addresses: Vec<SocketAddr> = replicas.iter().map(|replica| replica.https).collect();
        let balancer = LoadBalancer::start(&addresses, &certificate, &authority.certificate(), "vybe.test");
        let trust =
            Trust::in_pem(&format!("{}{}", authority.certificate(), provider.authority().certificate()));
        let upstream = Upstream::start(ORIGIN).await.unwrap();
        let owner = Visitor::new(Client::new(addresses[0], &trust), "olga");
        let mut fleet = Self {
            replicas,
            upstream,
            owner,
            organization: String::new(),
            people: BTreeMap::new(),
            database,
            postgres: Arc::new(Mutex::new(postgres)),
            provider,
            balancer,
            trust,
            folder,
        };
        fleet.set_up(plan.members).await;
        fleet
    }

    /// A browser that nobody has used yet, before the load balancer.
    pub fn visitor(&self, login: &str) -> Visitor {
        Visitor::new(Client::new(self.balancer.address(), &self.trust), login)
    }

    /// A browser that nobody has used yet, before one replica.
    pub fn visitor_at(&self, replica: usize, login: &str) -> Visitor {
        Visitor::new(Client::new(self.replicas[replica].https, &self.trust), login)
    }

    /// The same browser before the load balancer.
    pub fn balanced(&self, visitor: &Visitor) -> Visitor {
        visitor.at(self.balancer.address())
    }

    /// The same browser before one replica.
    pub fn at(&self, replica: usize, visitor: &Visitor) -> Visitor {
        visitor.at(self.replicas[replica].https)
    }

    /// A browser in which somebody is signed in, at the platform and at an app, before one replica.
    pub async fn signed_in_at(&self, replica: usize, login: &str, slug: &str) -> Visitor {
        let visitor = self.visitor_at(replica, login);
        let page = visitor.sign_in(self, &app_url(slug, "/echo")).await.unwrap();
        assert_eq!(page.status, 200, "{login} at {slug}: {}", page.text());
        visitor
    }

    /// Runs a command with the first replica's configuration: what it printed, and whether it succeeded.
    pub async fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vybe"));
        command.args(arguments).current_dir(&self.replicas[0].folder);
        let output = command.output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    /// The organization's trail, exported by its operator, is whole. What the verification says.
    pub async fn verified_trail(&self) -> String {
        let (_, key) = self.command(&["audit", "public-key"]).await;
        let out = self.folder.path().join("export.jsonl");
        let out = out.to_str().unwrap();
        let _ = std::fs::remove_file(out);
        let organization = self.organization.rsplit('/').next().unwrap();
        let exported = self.command(&["audit", "export", "--organization", organization, "--out", out]).await;
        assert!(exported.0, "{}", exported.1);
        let verified = self.command(&["audit", "verify", "--export", out, "--public-key", key.trim()]).await;
        assert!(verified.0, "{}", verified.1);
        verified.1.trim().to_owned()
    }

    /// Makes an app of the Owner's that leads to the apps' server. Answers `/api/v1/apps/{id}`.
    pub async fn app(&self, slug: &str, level: &str) -> String {
        let apps = format!("{}/apps", self.organization);
        let made = self.owner.done("POST", &apps, &json!({ "slug": slug, "name": slug })).await;
        let app = format!("/api/v1/apps/{}", made["id"].as_str().unwrap());
        let upstream = format!("http://{}", self.upstream.address());
        self.owner.done("PATCH", &app, &json!({ "upstream": upstream, "level": level })).await;
        app
    }

    /// Lets somebody into the organization who is not in it.
    pub async fn let_in(&self, login: &str) {
        let body = json!({ "email": format!("{login}@example.com"), "role": "member" });
        let invited = self.owner.done("POST", &format!("{}/invitations", self.organization), &body).await;
        let token = invited["link"].as_str().unwrap().split_once("token=").unwrap().1.to_owned();
        let guest = self.visitor_at(0, login);
        assert_eq!(guest.sign_in(self, &format!("{ORIGIN}/apps")).await.unwrap().status, 200);
        guest.done("POST", "/api/v1/invitations/accept", &json!({ "token": token })).await;
    }

    async fn set_up(&mut self, members: usize) {
        let page = self.owner.sign_in(self, &format!("{ORIGIN}/set-up")).await.unwrap();
        assert_eq!(page.status, 200, "{}", page.text());
        // Each start prints a new one; the last one counts.
        let code = set_up_code(&self.replicas.last().unwrap().log());
        let fields = [("code", code.as_str()), ("name", "Acme"), ("slug", "acme")];
        let done = self.owner.submit(&format!("{ORIGIN}/set-up"), &fields).await.unwrap();
        assert_eq!(done.status, 303, "{}", done.text());
        let own = self.owner.done("GET", "/api/v1/organizations", &Value::Null).await;
        self.organization = format!("/api/v1/organizations/{}", own[0]["id"].as_str().unwrap());
        for number in 0..members {
            self.let_in(&login(number)).await;
        }
        let members = self.owner.done("GET", &format!("{}/members", self.organization), &Value::Null).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.people = members["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| (text(&member["email"]).replace("@example.com", ""), text(&member["userId"])))
            .collect();
        self.app("hello", "organization").await;
        self.app("payroll", "restricted").await;
    }
}

/// A member's login, by number.
pub fn login(number: usize) -> String {
    format!("person-{number:03}")
}

/// An address on an app's host, by the app's slug.
pub fn app_url(slug: &str, path: &str) -> String {
    format!("https://{slug}-acme.apps.vybe.test{path}")
}

fn configuration(
    home: &Path,
    database: SocketAddr,
    provider: &CertifiedProvider,
    certificate: &HostCertificate,
    sections: &str,
) -> String {
    std::fs::create_dir(home).unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(home.join(name), text).unwrap();
        home.join(name).display().to_string()
    };
    let mut config = format!(
        r#"
[platform]
host = "vybe.test"
base_domain = "apps.vybe.test"
[listen]
https = "127.0.0.1:0"
admin = "127.0.0.1:0"
[certificate]
chain = "{chain}"
key = "{key}"
[database]
url = "postgres://postgres@{database}/of_its_own"
[secrets]
master_key = "{master}"
[organizations]
personal = false
[sign_in]
extra_authorities = "{extra}"
[sign_in.provider.company]
name = "the company"
issuer = "{issuer}"
client_id = "{CLIENT_ID}"
client_secret = {{ file = "{secret}" }}
[upstreams]
allowed_networks = ["127.0.0.0/8"]
[limits]
api_per_minute = 1000000
api_burst = 1000000
"#,
        chain = write("chain.pem", &certificate.certificate),
        key = write("key.pem", &certificate.key),
        master = crate::starting::MASTER_KEY,
        extra = write("company.pem", &provider.authority().certificate()),
        issuer = provider.issuer(),
        secret = write("client-secret", CLIENT_SECRET),
    );
    writeln!(config, "{sections}").unwrap();
    config
}

/// Starts the binary in its folder.
fn run(folder: &Path, clock: i64) -> Child {
    let binary = env!("CARGO_BIN_EXE_vybe");
    let mut command = Command::new(if clock == 0 { binary } else { "faketime" });
    if clock != 0 {
        // Durations are measured by another clock, which nobody sets.
        command.args(["--exclude-monotonic", "-f", &format!("{clock:+}s"), binary]);
    }
    command
        .args(["serve", "--config", "vybe.toml"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("log")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary, or faketime (`cargo xtask test` installs it)")
}

/// Waits until it serves. Where it listens: for people, and for operators.
async fn serving(folder: &Path, process: &mut Child) -> (SocketAddr, SocketAddr) {
    let began = Instant::now();
    loop {
        for line in log(folder).lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            if line["message"] == "serving" {
                let listener = |name: &str| line[name].as_str().unwrap().parse().unwrap();
                return (listener("https"), listener("admin"));
            }
        }
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && began.elapsed() < START, "it does not serve: {}", log(folder));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn set_up_code(log: &str) -> String {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["code"].as_str().map(str::to_owned)).next().expect("a set-up code")
}
