//! What the planted secrets are used in: organizations, apps, people, and everything that was said.

use serde_json::{Value, json};
use test_support::{RawConnection, Response};

use super::heard::Heard;
use super::marks::Marks;
use crate::installation::{Installation, ORIGIN};
use crate::platform::Browser;

/// A platform in use.
pub struct World<'a> {
    /// The platform.
    pub installation: &'a Installation,
    /// Every planted value.
    pub marks: Marks,
    /// Everything that came back.
    pub heard: Heard,
    /// Owner of both organizations.
    pub olga: Browser,
    /// Member of the first one.
    pub milo: Browser,
    /// Signed in, and nobody's member.
    pub stranger: Browser,
    /// Nobody.
    pub anonymous: Browser,
    /// Both organizations.
    pub organizations: Vec<Organization>,
}

/// An organization and its apps.
pub struct Organization {
    /// Its identifier.
    pub id: String,
    /// Its slug.
    pub slug: String,
    /// The identifiers of its apps.
    pub apps: Vec<String>,
}

impl Organization {
    /// A path below it in the API.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/organizations/{}{rest}", self.id)
    }
}

impl<'a> World<'a> {
    /// The demo's organization, a second one, and people.
    pub async fn new(installation: &'a Installation) -> Self {
        let olga = installation.set_up().await;
        let mut organizations = Vec::new();
        let second = json!({ "slug": "umbra", "name": "Umbra" });
        let made = olga.call("POST", "/api/v1/organizations", Some(&second)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let path = format!("/api/v1/organizations/{}/apps", text(&made.json(), "id"));
        for slug in ["hidden", "shown"] {
            let app = olga.call("POST", &path, Some(&json!({ "slug": slug, "name": slug }))).await;
            assert_eq!(app.status, 201, "{}", app.text());
        }
        for one in olga.call("GET", "/api/v1/organizations", None).await.json().as_array().unwrap() {
            if matches!(text(one, "slug").as_str(), "acme" | "umbra") {
                let id = text(one, "id");
                let apps = olga.call("GET", &format!("/api/v1/organizations/{id}/apps"), None).await.json();
                let apps = apps["apps"].as_array().unwrap().iter().map(|app| text(app, "id")).collect();
                organizations.push(Organization { id, slug: text(one, "slug"), apps });
            }
        }
        organizations.sort_by(|one, other| one.slug.cmp(&other.slug));
        Self {
            installation,
            marks: Marks::default(),
            heard: Heard::default(),
            olga,
            milo: installation.signed_in("milo").await,
            stranger: installation.signed_in("stranger").await,
            anonymous: installation.browser(),
            organizations,
        }
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = &String> {
        self.organizations.iter().flat_map(|organization| &organization.apps)
    }

    /// Calls the API as somebody, and keeps the answer.
    pub async fn call(&self, browser: &Browser, method: &str, path: &str, body: Option<&Value>) -> Response {
        let response = browser.call(method, path, body).await;
        self.heard.response(&format!("{method} {path}"), &response);
        response
    }

    /// Sends bytes on a connection of their own; keeps what comes back, if anything does.
    pub async fn send(&self, what: &str, bytes: impl AsRef<[u8]>) -> Option<Response> {
        let mut connection = self.connection().await;
        let _ = connection.send(bytes).await;
        let response = connection.response().await.ok();
        if let Some(response) = &response {
            self.heard.response(what, response);
        }
        response
    }

    /// A connection to the platform's host.
    pub async fn connection(&self) -> RawConnection {
        self.anonymous.client.connect(ORIGIN).await
    }

    /// The head of a call of Olga's, as she sends it, without its end.
    pub fn head(&self, method: &str, path: &str) -> String {
        let cookies = self.olga.client.cookie_header(&format!("{ORIGIN}{path}")).unwrap();
        format!("{method} {path} HTTP/1.1\r\nhost: vybe.test\r\norigin: {ORIGIN}\r\ncookie: {cookies}\r\n")
    }
}

/// A field's text.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
