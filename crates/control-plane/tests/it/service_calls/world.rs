//! A platform with a service to call, which keeps what it was asked.

use std::sync::Arc;
use std::time::Duration;

use catalogue::Service;
use control_plane::demo::ReachableServices;
use serde_json::{Value, json};
use test_support::{RawConnection, Response, ServiceServer, TestDatabase};

use crate::platform::{Browser, Platform};

/// How long to wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The key of the shared account.
pub const KEY: &str = "CANARY-notes-key-4711";

/// A service by key, with actions of every kind.
const NOTES: &str = r#"
schema = 1
id = "notes"
name = "Notes"
categories = ["files"]
tier = "documented"
documentation = "https://notes.test/documentation"

[authentication]
kind = "api_key"

[api]
base = "https://api.notes.test/v1"
hosts = ["api.notes.test"]
credential = [{ place = "header", name = "X-Notes-Key", format = "{api_key}" }]
headers = { accept = "application/json" }
rate_limit = { remaining = "x-left" }

[[action]]
id = "list-notes"
name = "List notes"
method = "GET"
path = "/notes"
query = ["limit", "tag"]

[[action]]
id = "read-note"
name = "Read a note"
method = "GET"
path = "/notes/{id}"
required = ["id"]

[[action]]
id = "create-note"
name = "Write a note"
method = "POST"
path = "/notes"
required = ["title"]
body = "json"

[[action]]
id = "label-note"
name = "Label a note"
method = "PUT"
path = "/notes/{id}/label"
required = ["id", "label"]
body = "form"
"#;

/// A service whose token is made by a login call.
const LOGIN: &str = r#"
schema = 1
id = "login-notes"
name = "Login notes"
categories = ["files"]
tier = "documented"
documentation = "https://notes.test/documentation"

[authentication]
kind = "two_step"
url = "https://api.notes.test/login"
secrets = { password = "Password" }
parameters = { password = "{password}" }
token = "/token"
expires_in = "/expires_in"

[api]
base = "https://api.notes.test/v1"
hosts = ["api.notes.test"]
credential = [{ place = "header", name = "Authorization", format = "Bearer {token}" }]
"#;

/// A platform with people, apps, and services that play what a test says.
pub struct World {
    pub platform: Platform,
    pub editor: Browser,
    pub service: ServiceServer,
}

impl World {
    pub async fn start(database: &TestDatabase) -> Self {
        let service = ServiceServer::start(&["api.notes.test", "crm.test", "evil.test"]).await;
        let reachable = ReachableServices {
            services: [NOTES, LOGIN].map(|entry| Arc::new(Service::parse(entry).unwrap())).to_vec(),
            hosts: service.hosts(),
            authorities: vec![service.root()],
        };
        let platform = Platform::reaching(database.connection().clone(), reachable).await;
        let editor = platform.signed_in("editor").await;
        Self { platform, editor, service }
    }

    pub fn organization(&self) -> String {
        format!("/api/v1/organizations/{}", self.platform.demo.seeded.organization)
    }

    pub fn app_id(&self, app: &str) -> String {
        self.platform.demo.seeded.apps[app].id.to_string()
    }

    /// Connects a shared account at the notes service; its identifier.
    pub async fn shared_account(&self, name: &str, more: Value) -> String {
        self.connect(&self.editor, "accounts", "notes", name, json!({ "api_key": KEY }), more).await
    }

    /// Connects somebody's own account there.
    pub async fn own_account(&self, browser: &Browser, key: &str, more: Value) -> String {
        self.connect(browser, "own-accounts", "notes", "Mine", json!({ "api_key": key }), more).await
    }

    pub async fn connect(
        &self,
        browser: &Browser,
        kind: &str,
        service: &str,
        name: &str,
        secrets: Value,
        more: Value,
    ) -> String {
        let mut body = json!({ "service": service, "name": name, "secrets": secrets, "test": false });
        merge(&mut body, more);
        let path = format!("{}/{kind}", self.organization());
        let made = browser.call("POST", &path, Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let id = made["id"].as_str().or_else(|| made["account"]["id"].as_str());
        id.unwrap_or_else(|| panic!("no identifier in {made}")).to_owned()
    }

    /// Makes a custom API with a key; its identifier.
    pub async fn custom_api(&self, name: &str, more: Value) -> String {
        let mut body = json!({
            "name": name, "baseUrl": "https://crm.test/api", "authentication": "api_key", "value": KEY,
        });
        merge(&mut body, more);
        let made =
            self.editor.call("POST", &format!("{}/custom-apis", self.organization()), Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// An app's server calls.
    pub async fn ask(&self, app: &str, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.ask_as(self.platform.server_secret(app), None, path, "application/json", body).await
    }

    /// The same with any secret, user token and content type.
    pub async fn ask_as(
        &self,
        secret: &str,
        user_token: Option<&str>,
        path: &str,
        media_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Response {
        let client = self.platform.browser().client;
        let mut request =
            client.request("POST", &self.platform.url(path)).header("VYBE_SERVER_SECRET", secret);
        if let Some(token) = user_token {
            request = request.header("x-vybe-user-token", token);
        }
        request.body(media_type, body).send().await
    }

    /// Executes an action as the server of an app, for somebody or nobody.
    pub async fn execute(
        &self,
        app: &str,
        user_token: Option<&str>,
        account: &str,
        action: &str,
        input: Value,
    ) -> Response {
        let body = json!({ "actionId": action, "input": input }).to_string();
        let path = format!("/api/integrations/accounts/{account}/execute");
        self.ask_as(self.platform.server_secret(app), user_token, &path, "application/json", body).await
    }

    /// A call that nobody waits for: the open connection.
    pub async fn begin(&self, app: &str, account: &str, path: &str) -> RawConnection {
        let body = json!({ "actionId": "request", "input": { "path": path } }).to_string();
        let url = self.platform.url(&format!("/api/integrations/accounts/{account}/execute"));
        let url = url::Url::parse(&url).unwrap();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let secret = self.platform.server_secret(app);
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nVYBE_SERVER_SECRET: {secret}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            url.path(),
            body.len()
        );
        let mut connection = self.platform.browser().client.connect(url.as_str()).await;
        connection.send(request).await.unwrap();
        connection
    }

    /// A page of a demo app calls the platform, in somebody's browser.
    pub async fn as_page(&self, browser: &Browser, app: &str, path: &str, body: &Value) -> Response {
        let origin = self.platform.app_url(app, "");
        browser
            .client
            .request("POST", &self.platform.url(path))
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "same-site")
            .header("origin", &origin)
            .json(body)
            .send()
            .await
    }

    /// The user token that a request of this person leaves with a demo app.
    pub async fn user_token(&self, browser: &Browser, app: &str) -> String {
        assert_eq!(browser.open(&self.platform.app_url(app, "/")).await.status, 200);
        let log = self.platform.access_log(app);
        log.last().unwrap().header("x-vybe-user-token").unwrap().to_owned()
    }

    /// Waits until the records of calls, newest first, are as wanted.
    pub async fn records_until(&self, query: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let owner = self.platform.signed_in("owner").await;
        let path = format!("{}/service-calls{query}", self.organization());
        let began = std::time::Instant::now();
        loop {
            let answer = owner.call("GET", &path, None).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let records = answer.json()["serviceCalls"].as_array().unwrap().clone();
            if wanted(&records) {
                return records;
            }
            assert!(began.elapsed() < PATIENCE, "the records are {records:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Turns the use of personal accounts in deployed apps on or off.
    pub async fn personal_accounts_in_apps(&self, are: bool) {
        let owner = self.platform.signed_in("owner").await;
        let body = json!({ "personalAccountsInApps": are });
        let answer = owner.call("PATCH", &self.organization(), Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["personalAccountsInApps"], are);
    }
}

fn merge(body: &mut Value, more: Value) {
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
}
