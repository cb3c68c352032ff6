//! The binary in its production form: `vybe serve` with a configuration file, a certificate, and an OpenID
//! provider that is not ours; its organization is set up through the platform's own endpoints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use development::{MailCatcher, Upstream};
use serde_json::{Value, json};
use test_support::certified_provider::CertifiedProvider;
use test_support::hostile_issuer::{CLIENT_ID, CLIENT_SECRET};
use test_support::{Authority, Client, RawConnection, Response, TestDatabase, Trust};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::platform::Browser;

/// The platform's address, as people use it.
pub const ORIGIN: &str = "https://vybe.test";
/// The one hosted domain that the configuration admits.
const DOMAIN: &str = "acme.test";
/// The name of its configuration file.
const CONFIG: &str = "vybe.toml";

/// A running `vybe serve`, and what it needs around it. Ends when dropped.
pub struct Installation {
    /// Where people prove who they are.
    pub provider: CertifiedProvider,
    /// The server of every app.
    pub upstream: Upstream,
    /// Where letters end up.
    pub catcher: MailCatcher,
    /// Where the platform listens.
    pub address: SocketAddr,
    admin: SocketAddr,
    trust: Trust,
    set_up_code: Option<String>,
    log: Arc<Mutex<String>>,
    process: Child,
    folder: tempfile::TempDir,
}

/// Claims by login: who is who at the provider.
fn accounts() -> Value {
    json!({
        "olga": { "hd": DOMAIN },
        "adam": { "hd": DOMAIN },
        "milo": { "hd": DOMAIN },
        "stranger": { "hd": DOMAIN },
        "doubtful": { "hd": DOMAIN, "email_verified": false },
        "unsaid": { "hd": DOMAIN, "email_verified": null },
        "foreign": { "hd": "elsewhere.test", "email": "foreign@acme.test" },
        "homeless": { "email": "homeless@acme.test" },
        "impostor": { "hd": DOMAIN, "email": "olga@example.com" },
    })
}

impl Installation {
    /// Starts one on this store; nobody has signed in yet.
    pub async fn start(database: &TestDatabase) -> Self {
        Self::start_with(database, "").await
    }

    /// The same, with more sections in its configuration.
    pub async fn start_with(database: &TestDatabase, sections: &str) -> Self {
        Self::start_at(database.url(), sections).await
    }

    /// The same on the store at this address.
    pub async fn start_at(database: &str, sections: &str) -> Self {
        let provider =
            CertifiedProvider::start(&format!("{ORIGIN}/login/company/callback"), accounts(), false).await;
        let catcher = MailCatcher::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.apps.vybe.test"]);
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).display().to_string()
        };
        let config = format!(
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
url = "{database}"
[secrets]
master_key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
[sign_in]
extra_authorities = "{extra}"
[sign_in.provider.company]
name = "the company"
issuer = "{issuer}"
client_id = "{CLIENT_ID}"
client_secret = {{ file = "{secret}" }}
hosted_domains = ["{DOMAIN}"]
[upstreams]
allowed_networks = ["127.0.0.0/8"]
[mail]
server = "smtp://{mail}"
from = "Vybe <vybe@vybe.test>"
tls = "none"
[log]
level = "trace"
{sections}
"#,
            chain = write("chain.pem", &certificate.certificate),
            key = write("key.pem", &certificate.key),
            extra = write("company.pem", &provider.authority().certificate()),
            issuer = provider.issuer(),
            secret = write("client-secret", CLIENT_SECRET),
            mail = catcher.address(),
        );
        let log = Arc::<Mutex<String>>::default();
        let Served { process, address, admin, set_up_code } = serve(&write(CONFIG, &config), &log).await;
        let trust =
            Trust::in_pem(&format!("{}{}", authority.certificate(), provider.authority().certificate()));
        let upstream = Upstream::start(ORIGIN).await.unwrap();
        Self { provider, upstream, catcher, address, admin, trust, set_up_code, log, process, folder }
    }

    /// A browser that nobody has used yet.
    pub fn browser(&self) -> Browser {
        Browser::new(Client::new(self.address, &self.trust), ORIGIN.to_owned())
    }

    /// Everything that was logged, at every level, but for the line that prints the set-up code.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// Where its configuration, its keys and what it writes into files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Tells it to stop (`-TERM`, `-KILL`), waits for its end and starts it again.
    pub async fn restart_after(&mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process().to_string()]).status().await;
        assert!(sent.unwrap().success());
        self.process.wait().await.unwrap();
        let config = self.folder.path().join(CONFIG);
        let served = serve(config.to_str().unwrap(), &self.log).await;
        (self.process, self.address, self.admin) = (served.process, served.address, served.admin);
    }

    /// Runs a command with its configuration: what it printed, and whether it succeeded.
    pub async fn command(&self, arguments: &[&str]) -> (bool, Vec<u8>) {
        let config = self.folder.path().join(CONFIG);
        let mut command = Command::new(env!("CARGO_BIN_EXE_vybe"));
        command.args(arguments).arg("--config").arg(config).current_dir(self.folder());
        let output = command.output().await.unwrap();
        (output.status.success(), [output.stdout, output.stderr].concat())
    }

    /// What the operator reads at `/metrics`.
    pub async fn metrics(&self) -> String {
        let mut connection = RawConnection::plain(self.admin).await.unwrap();
        let answer = connection.exchange("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(answer.status, 200);
        answer.text()
    }

    /// The address of an app, by its slug.
    pub fn app_url(&self, slug: &str, path: &str) -> String {
        format!("https://{slug}-acme.apps.vybe.test{path}")
    }

    /// Opens an address that needs a sign-in and goes as far as the provider.
    pub async fn begin(&self, browser: &Browser, url: &str) -> String {
        let mut response = browser.open_once(url).await;
        for _ in 0..5 {
            let there = response.url.clone().unwrap().join(response.location()).unwrap();
            if there.as_str().starts_with(&self.provider.issuer()) {
                return there.into();
            }
            response = browser.open_once(there.as_str()).await;
        }
        panic!("{url} does not lead to the provider");
    }

    /// Opens an address that needs a sign-in, signs in at the provider, and ends where that leads.
    pub async fn sign_in(&self, browser: &Browser, url: &str, login: &str) -> Response {
        let begun = self.begin(browser, url).await;
        let back = self.provider.authorize(&browser.client, &begun, login).await;
        browser.open(back.as_str()).await
    }

    /// A browser in which somebody is signed in.
    pub async fn signed_in(&self, login: &str) -> Browser {
        let browser = self.browser();
        let page = self.sign_in(&browser, &format!("{ORIGIN}/apps"), login).await;
        assert_eq!(page.status, 200, "{login}: {}", page.text());
        browser
    }

    /// Makes olga the Owner with the code from the log, invites adam (Admin) and milo (Member), and creates
    /// the demo's three apps: `hello`, `reports` with a rule on `/admin`, `payroll` for olga alone.
    pub async fn set_up(&self) -> Browser {
        let olga = self.browser();
        let page = self.sign_in(&olga, &format!("{ORIGIN}/set-up"), "olga").await;
        assert_eq!((page.status, page.url.clone().unwrap().path()), (200, "/set-up"), "{}", page.text());
        let fields = [
            ("code", self.set_up_code.as_deref().expect("a set-up code")),
            ("name", "Acme"),
            ("slug", "acme"),
        ];
        let done = olga.submit(&format!("{ORIGIN}/set-up"), &fields).await;
        assert_eq!(done.status, 303, "{}", done.text());
        let organization = self.organization(&olga).await;
        for (login, role) in [("adam", "admin"), ("milo", "member")] {
            let body = json!({ "email": format!("{login}@example.com"), "role": role });
            let invited = made(&olga, &format!("{organization}/invitations"), &body).await;
            let link = invited["link"].as_str().unwrap();
            let browser = self.browser();
            assert_eq!(self.sign_in(&browser, link, login).await.status, 200);
            let token = link.split_once("token=").unwrap().1;
            let accepted = browser.submit(&format!("{ORIGIN}/invitations/accept"), &[("token", token)]).await;
            assert_eq!(accepted.status, 303, "{}", accepted.text());
        }
        for (slug, level) in
            [("hello", "organization"), ("reports", "organization"), ("payroll", "restricted")]
        {
            let app =
                made(&olga, &format!("{organization}/apps"), &json!({ "slug": slug, "name": slug })).await;
            let path = format!("/api/v1/apps/{}", app["id"].as_str().unwrap());
            let upstream = format!("http://{}", self.upstream.address());
            let changed =
                olga.call("PATCH", &path, Some(&json!({ "upstream": upstream, "level": level }))).await;
            assert_eq!(changed.status, 200, "{}", changed.text());
            if slug == "reports" {
                let admins = json!([{ "kind": "role", "value": "admin" }]);
                let rule = json!({ "pattern": "/admin", "subjects": admins });
                made(&olga, &format!("{path}/path-rules"), &rule).await;
            }
        }
        olga
    }

    /// The identifiers of the organization's members, by e-mail address.
    pub async fn members(&self, olga: &Browser) -> BTreeMap<String, String> {
        let members = olga.call("GET", &format!("{}/members", self.organization(olga).await), None).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let members = members.json();
        let members = members["members"].as_array().unwrap().iter();
        members.map(|member| (text(&member["email"]), text(&member["userId"]))).collect()
    }

    /// The path of the one organization that has members.
    pub async fn organization(&self, olga: &Browser) -> String {
        let own = olga.call("GET", "/api/v1/organizations", None).await.json();
        let mut own = own.as_array().unwrap().iter();
        let acme = own.find(|one| one["slug"] == "acme").unwrap();
        format!("/api/v1/organizations/{}", acme["id"].as_str().unwrap())
    }
}

/// Creates something.
async fn made(browser: &Browser, path: &str, body: &Value) -> Value {
    let answer = browser.call("POST", path, Some(body)).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    answer.json()
}

/// A running binary.
struct Served {
    process: Child,
    address: SocketAddr,
    admin: SocketAddr,
    set_up_code: Option<String>,
}

/// Runs the binary until it serves, and goes on reading its log.
async fn serve(config: &str, log: &Arc<Mutex<String>>) -> Served {
    let mut process = Command::new(env!("CARGO_BIN_EXE_vybe"))
        .args(["serve", "--config", config])
        .current_dir(Path::new(config).parent().unwrap())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut set_up_code = None;
    let (address, admin) = loop {
        let text = lines.next_line().await.unwrap().expect("it goes on running");
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
        if let Some(printed) = line["code"].as_str() {
            set_up_code = Some(printed.to_owned());
        } else {
            log.lock().unwrap().push_str(&text);
        }
        if line["message"] == "serving" {
            let listener = |name: &str| line[name].as_str().unwrap().parse().unwrap();
            break (listener("https"), listener("admin"));
        }
    };
    let rest = Arc::clone(log);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            rest.lock().unwrap().push_str(&line);
        }
    });
    Served { process, address, admin, set_up_code }
}
