//! The whole platform in this process: server, store, provider, demo apps, and browsers to use it.

use control_plane::demo::{self, Demo, ReachableServices};
use development::{AccessLogEntry, Folder};
use test_support::{Client, Response, TestDatabase, Trust, WebSocket};

/// A platform with the demo's organization, people and apps. Ends when dropped.
pub struct Platform {
    /// The running demo.
    pub demo: Demo,
    trust: Trust,
    _folder: Option<tempfile::TempDir>,
}

impl Platform {
    /// Starts one on a free port, on this store.
    pub async fn start(database: &TestDatabase) -> Self {
        Self::on(database.connection().clone()).await
    }

    /// Starts one on a free port, on an open store.
    pub async fn on(database: sea_orm::DatabaseConnection) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = Self::of(&Folder::open(folder.path()).unwrap(), 0, database).await;
        Self { _folder: Some(folder), ..platform }
    }

    /// Starts one on a free port, on an open store, that reaches these services.
    pub async fn reaching(database: sea_orm::DatabaseConnection, services: ReachableServices) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = Folder::open(folder.path()).unwrap();
        let demo = demo::start_reaching(&opened, 0, database, services).await.unwrap();
        let authority = std::fs::read_to_string(opened.file("authority.pem")).unwrap();
        Self { demo, trust: Trust::in_pem(&authority), _folder: Some(folder) }
    }

    /// Starts one of this folder on a free port, on an open store, that reaches these services.
    pub async fn of_reaching(
        folder: &Folder,
        database: sea_orm::DatabaseConnection,
        services: ReachableServices,
    ) -> Self {
        let demo = demo::start_reaching(folder, 0, database, services).await.unwrap();
        let authority = std::fs::read_to_string(folder.file("authority.pem")).unwrap();
        Self { demo, trust: Trust::in_pem(&authority), _folder: None }
    }

    /// Starts one of this folder, which may have had one before, on a port (0: a free one) and an open store.
    pub async fn of(folder: &Folder, port: u16, database: sea_orm::DatabaseConnection) -> Self {
        let demo = demo::start(folder, port, database).await.unwrap();
        let authority = std::fs::read_to_string(folder.file("authority.pem")).unwrap();
        Self { demo, trust: Trust::in_pem(&authority), _folder: None }
    }

    /// Starts another process beside this one: the same hosts, keys and port, at another address of this machine.
    pub async fn beside(&self, folder: &Folder, database: sea_orm::DatabaseConnection) -> Self {
        let at = (std::net::Ipv4Addr::new(127, 0, 0, 2), self.demo.running.https.port()).into();
        let demo = demo::start_beside(folder, at, database).await.unwrap();
        let authority = std::fs::read_to_string(folder.file("authority.pem")).unwrap();
        Self { demo, trust: Trust::in_pem(&authority), _folder: None }
    }

    /// An address on the platform's host.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.demo.sites().platform_origin())
    }

    /// An address on a demo app's host, by the app's slug.
    pub fn app_url(&self, slug: &str, path: &str) -> String {
        format!("{}{path}", self.demo.sites().origin_of(&format!("{slug}-acme")))
    }

    /// The host of a demo app, without the port.
    pub fn app_host(&self, slug: &str) -> String {
        format!("{slug}-acme.{}", demo::HOST)
    }

    /// The production secret of a demo app.
    pub fn server_secret(&self, slug: &str) -> &str {
        &self.demo.seeded.server_secrets[slug]
    }

    /// A browser that nobody has used yet.
    pub fn browser(&self) -> Browser {
        Browser::new(Client::new(self.demo.running.https, &self.trust), self.url(""))
    }

    /// A browser in which somebody (`owner`, `admin`, `editor`, `member`, `outsider`) is signed in.
    pub async fn signed_in(&self, subject: &str) -> Browser {
        let browser = self.browser();
        let page = browser.sign_in(&self.url("/apps"), subject).await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }

    /// What reached a demo app since the start.
    pub fn access_log(&self, slug: &str) -> Vec<AccessLogEntry> {
        let host = self.demo.sites().app_authority(&format!("{slug}-acme"));
        let here = |entry: &AccessLogEntry| entry.header("x-forwarded-host") == Some(host.as_str());
        self.demo.upstream.access_log().into_iter().filter(here).collect()
    }
}

/// A client that sends what a browser sends and follows redirects as one does.
pub struct Browser {
    /// For requests that no browser would send.
    pub client: Client,
    origin: String,
}

impl Browser {
    /// A browser with this client's cookies, for the platform at this origin.
    pub fn new(client: Client, origin: String) -> Self {
        Self { client, origin }
    }

    /// Another one with the same cookies: a thief's.
    pub fn copy(&self) -> Self {
        Self { client: self.client.copy(), origin: self.origin.clone() }
    }

    /// Types an address and follows every redirect.
    pub async fn open(&self, url: &str) -> Response {
        let first = self.open_once(url).await;
        self.follow(first).await
    }

    /// Types an address and follows no redirect.
    pub async fn open_once(&self, url: &str) -> Response {
        self.client
            .request("GET", url)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", "none")
            .header("user-agent", "a test browser")
            .send()
            .await
    }

    async fn follow(&self, mut response: Response) -> Response {
        for _ in 0..12 {
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return response;
            }
            let here = response.url.clone().unwrap();
            response = self.open_once(here.join(response.location()).unwrap().as_str()).await;
        }
        panic!("the redirects do not end: {}", response.location());
    }

    /// Opens an address that needs a sign-in, clicks a name at the provider, and ends where that leads.
    pub async fn sign_in(&self, url: &str, subject: &str) -> Response {
        let choice = self.open(url).await;
        self.choose(&choice, subject).await
    }

    /// Clicks a name on the provider's page.
    pub async fn choose(&self, choice: &Response, subject: &str) -> Response {
        let here = choice.url.clone().unwrap();
        assert!(here.as_str().contains("://issuer."), "not the provider's page: {here}");
        let mut fields: Vec<(String, String)> =
            here.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        fields.push(("user".to_owned(), subject.to_owned()));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.submit(here.join("/authorize").unwrap().as_str(), &fields).await;
        self.follow(answer).await
    }

    /// Submits a form on a page of the same site, and follows no redirect.
    pub async fn submit(&self, url: &str, fields: &[(&str, &str)]) -> Response {
        let origin = url::Url::parse(url).unwrap().origin().ascii_serialization();
        self.client
            .request("POST", url)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", "same-origin")
            .header("origin", &origin)
            .form(fields)
            .send()
            .await
    }

    /// Calls an API endpoint of the platform as one of the platform's own pages.
    pub async fn call(&self, method: &str, path: &str, body: Option<&serde_json::Value>) -> Response {
        let url = format!("{}{path}", self.origin);
        let request = self
            .client
            .request(method, &url)
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "same-origin")
            .header("origin", &self.origin);
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }

    /// Signs out.
    pub async fn sign_out(&self) {
        let answer = self.submit(&format!("{}/logout", self.origin), &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }

    /// Opens a WebSocket to an app, as a page of that app does.
    pub async fn web_socket(&self, url: &str) -> Result<WebSocket, test_support::Refusal> {
        let connection = self.client.connect(url).await;
        let cookies = self.client.cookie_header(url).unwrap_or_default();
        let origin = url::Url::parse(url).unwrap().origin().ascii_serialization();
        let headers = [("cookie", cookies.as_str()), ("origin", origin.as_str())];
        WebSocket::open(connection, &url.replacen("https:", "wss:", 1), &headers).await
    }
}
