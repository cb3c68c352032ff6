//! A running demo, somebody signed in for each role, and objects to ask about.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use control_plane::demo::{self, Demo};
use development::Folder;
use endpoint::{Endpoint, SESSION_COOKIE, Surface};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use test_support::{Client, Response, TestDatabase, Trust};

use super::callers::Caller;
use super::requests::Objects;

pub struct World {
    pub demo: Demo,
    /// A client without cookies.
    pub stranger: Client,
    /// The platform's origin.
    pub platform: String,
    /// Objects that stay.
    pub standing: Objects,
    app_origin: String,
    server_secret: String,
    user_token: String,
    sessions: HashMap<Caller, String>,
    /// Of those who prepare things, by subject.
    kept_sessions: RefCell<HashMap<String, String>>,
    trust: Trust,
    numbers: Cell<u32>,
    database: TestDatabase,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn start() -> Self {
        let database = TestDatabase::sqlite().await;
        let folder = tempfile::tempdir().unwrap();
        let data = Folder::open(folder.path()).unwrap();
        let demo = demo::start(&data, 0, database.connection().clone()).await.unwrap();
        let described = |pointer: &str| text(&demo.description, pointer);
        let authority = std::fs::read_to_string(Path::new(&described("/authority"))).unwrap();
        let trust = Trust::in_pem(&authority);
        let stranger = Client::new(demo.running.https, &trust);
        let mut world = Self {
            platform: described("/platform"),
            app_origin: described("/apps/hello/url"),
            server_secret: described("/apps/hello/serverSecret"),
            user_token: String::new(),
            standing: Objects::new(),
            sessions: HashMap::new(),
            kept_sessions: RefCell::default(),
            numbers: Cell::new(0),
            stranger,
            trust,
            demo,
            database,
            _folder: folder,
        };
        world.stand().await;
        world
    }

    /// What is asked about where nothing has to be fresh.
    async fn stand(&mut self) {
        let described = |pointer: &str| text(&self.demo.description, pointer);
        let organization = described("/organization/id");
        let app = described("/apps/hello/id");
        let member = described("/users/member/id");
        let (_, session) = self.sign_in("owner").await;
        let group = self.group(&organization).await;
        self.api(
            "owner",
            "PUT",
            &format!("/organizations/{organization}/groups/{group}/members/{member}"),
            None,
        )
        .await;
        let (invitation, token) = self.invitation(&organization).await;
        let grants = format!("/apps/{app}/grants/{member}");
        self.api("editor", "PUT", &grants, Some(json!({ "role": "viewer" }))).await;
        let (rule, secret) = (self.rule(&app).await, self.secret(&app).await);
        self.standing = BTreeMap::from([
            ("organization_id", organization),
            ("app_id", app),
            ("user_id", member),
            ("group_id", group),
            ("invitation_id", invitation),
            ("invitation_token", token),
            ("rule_id", rule),
            ("secret_id", secret),
            ("session_id", session),
            ("provider", "development".to_owned()),
        ]);
    }

    /// Makes a caller what it is called.
    pub async fn prepare(&mut self, caller: Caller) {
        if caller == Caller::RemovedMember {
            self.join("outsider", "member").await;
            let cookie = self.cookie("outsider").await;
            self.remove("outsider").await;
            self.sessions.insert(caller, cookie);
            return;
        }
        if caller == Caller::RevokedSession {
            let (client, _) = self.sign_in("owner").await;
            let cookie = session_cookie(&client);
            let out = client.request("POST", &format!("{}/api/auth/sign-out", self.platform));
            assert_eq!(out.header("origin", &self.platform).send().await.status, 200);
            self.sessions.insert(caller, cookie);
            return;
        }
        if matches!(caller, Caller::ServerSecretAndUserToken | Caller::UserTokenOnly) {
            // A request to the app leaves a user token in the app's hands.
            let (owner, _) = self.sign_in("owner").await;
            let page = owner.visit(&format!("{}/", self.app_origin)).await;
            let log = self.demo.upstream.access_log();
            let token = log.last().and_then(|entry| entry.header("x-vybe-user-token"));
            self.user_token = token.unwrap_or_else(|| panic!("{page:?}")).to_owned();
        }
        if let Some(subject) = caller.subject() {
            let cookie = self.cookie(subject).await;
            self.sessions.insert(caller, cookie);
        }
    }

    /// Objects that one request may change, and a session that it may end.
    pub async fn fresh(&mut self, endpoint: &Endpoint, caller: Caller) -> Objects {
        let mut objects = self.standing.clone();
        let organization = objects["organization_id"].clone();
        let path = endpoint.path();
        if caller.subject().is_some() {
            self.prepare(caller).await;
        }
        if path.contains("{app_id}") {
            let app = self.app(&organization).await;
            if path.contains("{rule_id}") {
                objects.insert("rule_id", self.rule(&app).await);
            }
            if path.contains("{secret_id}") {
                objects.insert("secret_id", self.secret(&app).await);
            }
            if endpoint.name() == "delete_grant" {
                let grant = format!("/apps/{app}/grants/{}", objects["user_id"]);
                self.api("editor", "PUT", &grant, Some(json!({ "role": "viewer" }))).await;
            }
            objects.insert("app_id", app);
        } else if path.contains("{group_id}") {
            let group = self.group(&organization).await;
            if endpoint.name() == "remove_group_member" {
                let path =
                    format!("/organizations/{organization}/groups/{group}/members/{}", objects["user_id"]);
                self.api("owner", "PUT", &path, None).await;
            }
            objects.insert("group_id", group);
        } else if path.contains("/members/{user_id}") {
            self.join("outsider", "member").await;
            objects.insert("user_id", text(&self.demo.description, "/users/outsider/id"));
        }
        if path.contains("{invitation_id}") {
            objects.insert("invitation_id", self.invitation(&organization).await.0);
        }
        if path.contains("{session_id}") {
            let cookie = self.sessions[&caller].clone();
            objects.insert("session_id", self.session_of(&cookie).await);
        }
        objects
    }

    /// Undoes what a successful request did to the people.
    pub async fn restore(&mut self, endpoint: &Endpoint, caller: Caller) {
        if endpoint.path().contains("/members/{user_id}") && endpoint.path().contains("organizations") {
            self.remove("outsider").await;
        }
        if endpoint.name() == "leave_organization" {
            let role = caller.name().to_lowercase();
            if let Some(subject) = caller.subject().filter(|subject| *subject != "owner") {
                self.join(subject, &role).await;
            }
        }
        if caller.subject().is_some() {
            self.prepare(caller).await;
        }
    }

    /// What a caller sends.
    pub fn headers(&self, caller: Caller, endpoint: &Endpoint) -> Vec<(String, String)> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = Vec::new();
        let cookie = match caller {
            Caller::GarbageCookie => Some("Z2FyYmFnZQ".repeat(8)),
            _ => self.sessions.get(&caller).cloned(),
        };
        if let Some(cookie) = cookie {
            headers.push(header("cookie", &format!("{SESSION_COOKIE}={cookie}")));
        }
        match caller {
            Caller::ServerSecret | Caller::ServerSecretAndUserToken => {
                headers.push(header("vybe_server_secret", &self.server_secret));
            }
            Caller::AppOrigin => {
                headers.push(header("origin", &self.app_origin));
                headers.push(header("sec-fetch-site", "same-site"));
            }
            Caller::SameSite => headers.push(header("sec-fetch-site", "same-site")),
            _ if !endpoint.method().is_safe() => headers.push(header("origin", &self.platform)),
            _ => {}
        }
        if matches!(caller, Caller::ServerSecretAndUserToken | Caller::UserTokenOnly) {
            headers.push(header("x-vybe-user-token", &self.user_token));
        }
        headers
    }

    /// Where a surface answers.
    pub fn origin(&self, surface: Surface) -> String {
        match surface {
            Surface::Platform => self.platform.clone(),
            Surface::AppHosts => self.app_origin.clone(),
            Surface::Admin => text(&self.demo.description, "/admin"),
            Surface::DevelopmentIssuer => text(&self.demo.description, "/issuer"),
        }
    }

    /// A name nobody has used.
    pub fn unique(&self) -> String {
        self.numbers.set(self.numbers.get() + 1);
        format!("matrix-{}", self.numbers.get())
    }

    /// Everything in the store but the audit trail, and when sessions were last seen.
    pub async fn contents(&self) -> Vec<String> {
        let tables = "SELECT m.name AS name, group_concat('quote(' || c.name || ')', '||') AS columns \
                      FROM sqlite_master m, pragma_table_info(m.name) c \
                      WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'audit_events' \
                      AND c.name <> 'last_seen_at' GROUP BY m.name ORDER BY m.name";
        let mut contents = Vec::new();
        for table in self.rows(tables).await {
            let (name, columns): (String, String) =
                (table.try_get("", "name").unwrap(), table.try_get("", "columns").unwrap());
            let rows = self.rows(&format!("SELECT {columns} AS line FROM \"{name}\" ORDER BY 1")).await;
            contents.extend(
                rows.iter().map(|row| format!("{name} {}", row.try_get::<String>("", "line").unwrap())),
            );
        }
        contents
    }

    /// How many times something was done.
    pub async fn events(&self, action: &str) -> i64 {
        let sql = format!(
            "SELECT COUNT(*) AS number FROM audit_events WHERE action = '{action}' AND outcome = 'done'"
        );
        self.rows(&sql).await[0].try_get("", "number").unwrap()
    }

    async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let statement = Statement::from_string(self.database.backend(), sql.to_owned());
        self.database.connection().query_all_raw(statement).await.unwrap()
    }

    /// Through the provider, as a person does; the session's identifier comes along.
    async fn sign_in(&self, subject: &str) -> (Client, String) {
        let client = Client::new(self.demo.running.https, &self.trust);
        let page = client.visit(&format!("{}/login?return_to=%2F", self.platform)).await;
        let at = page.url.clone().unwrap();
        let mut fields: Vec<(String, String)> = at.query_pairs().into_owned().collect();
        fields.push(("user".to_owned(), subject.to_owned()));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut form = at.clone();
        form.set_query(None);
        let issuer = text(&self.demo.description, "/issuer");
        let chosen =
            client.request("POST", form.as_str()).header("origin", &issuer).form(&fields).send().await;
        client.follow(chosen).await;
        let session = self.session_of(&session_cookie(&client)).await;
        (client, session)
    }

    async fn cookie(&self, subject: &str) -> String {
        session_cookie(&self.sign_in(subject).await.0)
    }

    async fn session_of(&self, cookie: &str) -> String {
        let request = self.stranger.request("GET", &format!("{}/api/v1/sessions", self.platform));
        let response = request.header("cookie", &format!("{SESSION_COOKIE}={cookie}")).send().await;
        let body = response.json();
        let list = body.as_array().or_else(|| body["sessions"].as_array()).cloned();
        let own = list.unwrap_or_default().into_iter().find(|session| session["current"] == true);
        text(&own.unwrap_or_else(|| panic!("{body}")), "/id")
    }

    /// A call of the management API that has to succeed.
    async fn api(&self, subject: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let response = self.call(subject, method, path, body).await;
        assert!((200..300).contains(&response.status), "{method} {path} as {subject}: {}", response.text());
        if response.body.is_empty() { Value::Null } else { response.json() }
    }

    /// A call of the management API, with a session that is kept until somebody ends it.
    async fn call(&self, subject: &str, method: &str, path: &str, body: Option<Value>) -> Response {
        loop {
            let kept = self.kept_sessions.borrow().get(subject).cloned();
            let is_new = kept.is_none();
            let cookie = match kept {
                Some(cookie) => cookie,
                None => self.cookie(subject).await,
            };
            let request = self
                .stranger
                .request(method, &format!("{}/api/v1{path}", self.platform))
                .header("origin", &self.platform)
                .header("cookie", &format!("{SESSION_COOKIE}={cookie}"));
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let response = request.send().await;
            if response.status != 401 || is_new {
                self.kept_sessions.borrow_mut().insert(subject.to_owned(), cookie);
                return response;
            }
            self.kept_sessions.borrow_mut().remove(subject);
        }
    }

    async fn join(&self, subject: &str, role: &str) {
        let organization = text(&self.demo.description, "/organization/id");
        let email = text(&self.demo.description, &format!("/users/{subject}/email"));
        let body = json!({ "email": email, "role": role });
        let made = self
            .api("owner", "POST", &format!("/organizations/{organization}/invitations"), Some(body))
            .await;
        let token = token_of(&made);
        self.api(subject, "POST", "/invitations/accept", Some(json!({ "token": token }))).await;
    }

    /// Ends a membership, if there is one.
    async fn remove(&self, subject: &str) {
        let organization = text(&self.demo.description, "/organization/id");
        let user = text(&self.demo.description, &format!("/users/{subject}/id"));
        let path = format!("/organizations/{organization}/members/{user}");
        let response = self.call("owner", "DELETE", &path, None).await;
        assert!(matches!(response.status, 200..=204 | 404), "{}", response.text());
    }

    async fn group(&self, organization: &str) -> String {
        let body = json!({ "name": self.unique() });
        text(
            &self.api("owner", "POST", &format!("/organizations/{organization}/groups"), Some(body)).await,
            "/id",
        )
    }

    /// An open invitation and its token.
    async fn invitation(&self, organization: &str) -> (String, String) {
        let body = json!({ "email": format!("{}@acme.example", self.unique()), "role": "member" });
        let path = format!("/organizations/{organization}/invitations");
        let made = self.api("owner", "POST", &path, Some(body)).await;
        (text(&made, "/id"), token_of(&made))
    }

    async fn app(&self, organization: &str) -> String {
        let body = json!({ "slug": self.unique(), "name": "Matrix" });
        let made =
            self.api("editor", "POST", &format!("/organizations/{organization}/apps"), Some(body)).await;
        let app = text(&made, "/id");
        self.api("editor", "PATCH", &format!("/apps/{app}"), Some(json!({ "level": "organization" }))).await;
        app
    }

    async fn rule(&self, app: &str) -> String {
        let body = json!({ "pattern": "/matrix-only", "subjects": [{ "kind": "role", "value": "owner" }] });
        text(&self.api("editor", "POST", &format!("/apps/{app}/path-rules"), Some(body)).await, "/id")
    }

    async fn secret(&self, app: &str) -> String {
        let body = json!({ "environment": "preview" });
        text(&self.api("editor", "POST", &format!("/apps/{app}/server-secrets"), Some(body)).await, "/id")
    }
}

/// The secret in an invitation's link.
fn token_of(invitation: &Value) -> String {
    let link = text(invitation, "/link");
    link.rsplit('=').next().unwrap_or_default().to_owned()
}

fn session_cookie(client: &Client) -> String {
    client.cookie(demo::HOST, SESSION_COOKIE).expect("somebody is signed in")
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer} in {value}"))
        .to_owned()
}
