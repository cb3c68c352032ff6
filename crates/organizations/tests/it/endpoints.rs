//! The endpoints, on the real server. Only who a cookie belongs to is made up: it is the person's id.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use access_control::{AppCredential, Role, SignedIn};
use async_trait::async_trait;
use endpoint::http::{BoxBody, Request, Response as RawResponse, StatusCode};
use endpoint::{Arrival, Authenticator, Certificates, Gate, Gateway, Rejected, Server, Sites};
use futures_util::future::LocalBoxFuture;
use ids::{OrganizationId, SessionId};
use organizations::OrganizationsApi;
use serde_json::{Value, json};
use test_support::{Authority, Client, Response, TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::house::{House, ORIGIN, Somebody};

struct CookiesAreNames;

#[async_trait]
impl Authenticator for CookiesAreNames {
    async fn session(&self, cookie: &str) -> Result<SignedIn, Rejected> {
        Ok(SignedIn {
            user: cookie.parse().map_err(|_| Rejected::Invalid)?,
            session: SessionId::generate(),
            hosted_domain: None,
            authenticated_at: OffsetDateTime::now_utc(),
            means: access_control::Means::Browser,
        })
    }

    async fn server_secret(&self, _: &str, _: Option<&str>) -> Result<AppCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn api_token(&self, _: &str) -> Result<SignedIn, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn agent_token(&self, _: &str) -> Result<access_control::AgentCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    fn app_to_open(&self, _: &SignedIn, _: &str) -> Result<Option<ids::AppId>, Rejected> {
        Ok(Some(ids::AppId::generate()))
    }
}

struct NoApps;

impl Gateway for NoApps {
    fn forward(self: Rc<Self>, _: Request, _: Arrival) -> LocalBoxFuture<'static, RawResponse<BoxBody>> {
        Box::pin(async { RawResponse::with_body(StatusCode::NOT_FOUND, BoxBody::new("")) })
    }
}

/// A running server, and a client for it.
struct Served {
    house: House,
    client: Client,
}

impl Served {
    /// `label` is the host of an app of the organization that `app_of` answers.
    async fn on(
        house: House,
        app_of: impl Fn(&str) -> Option<OrganizationId> + Send + Sync + 'static,
    ) -> Self {
        let api = OrganizationsApi {
            organizations: house.organizations.clone(),
            members: house.members.clone(),
            invitations: house.invitations.clone(),
            groups: house.groups.clone(),
            set_up: house.set_up.clone(),
            people: Arc::clone(&house.people),
            facts: house.facts.clone(),
            organization_of_app: Arc::new(app_of),
            revocations: house.revocations(),
        };
        let gate = Gate {
            authenticator: Arc::new(CookiesAreNames),
            facts: house.facts.clone(),
            sites: Arc::new(Sites::new("platform.test", "apps.test", 443)),
            refusals: audit::Refusals::new().0,
            rate_limits: Arc::new(endpoint::RateLimits::unlimited()),
        };
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["platform.test"]);
        let certificates =
            Certificates::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let server = Server::new(api.endpoints(), gate, Arc::new(|| Rc::new(NoApps)))
            .unwrap()
            .listen(listener, certificates);
        // Ends with the test's runtime.
        tokio::spawn(async move { server.run(std::future::pending()).await.unwrap() });
        Self { house, client: Client::new(address, &authority.trust()) }
    }

    async fn send(&self, who: &Somebody, method: &str, path: &str, body: Option<Value>) -> Response {
        self.send_from(ORIGIN, who, method, path, body).await
    }

    async fn send_from(
        &self,
        origin: &str,
        who: &Somebody,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Response {
        let request = self
            .client
            .request(method, &format!("{ORIGIN}{path}"))
            .header("cookie", &format!("{}={}", endpoint::SESSION_COOKIE, who.id))
            .header("origin", origin);
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    /// The answer's JSON, after checking its status.
    async fn expect(
        &self,
        status: u16,
        who: &Somebody,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        let response = self.send(who, method, path, body).await;
        assert_eq!(response.status, status, "{method} {path}: {}", response.text());
        if response.body.is_empty() { Value::Null } else { response.json() }
    }
}

on_both_stores! {
    async fn an_organization_from_creation_to_departure(database: TestDatabase) {
        let house = House::on(database);
        let (ada, bob) = (house.person("ada").await, house.person("bob").await);
        let served = Served::on(house, |_| None).await;
        let body = json!({ "slug": "acme", "name": "Acme" });
        let acme = served.expect(201, &ada, "POST", "/api/v1/organizations", Some(body.clone())).await;
        assert_eq!((&acme["slug"], &acme["role"], &acme["hostedDomain"]), (&json!("acme"), &json!("owner"), &Value::Null));
        let taken = served.expect(409, &bob, "POST", "/api/v1/organizations", Some(body)).await;
        assert_eq!(taken["code"], "slug_taken");
        let base = format!("/api/v1/organizations/{}", acme["id"].as_str().unwrap());
        let own = served.expect(200, &ada, "GET", "/api/v1/organizations", None).await;
        assert_eq!(own, json!([acme]));
        let renamed = served.expect(200, &ada, "PATCH", &base, Some(json!({ "name": "Acme Ltd" }))).await;
        assert_eq!(renamed["name"], "Acme Ltd");
        served.expect(404, &bob, "GET", &base, None).await;

        let invite = json!({ "email": "bob@example.com", "role": "member" });
        let made = served.expect(201, &ada, "POST", &format!("{base}/invitations"), Some(invite)).await;
        let link = made["link"].as_str().unwrap();
        let token = link.strip_prefix("https://platform.test/invitations/accept?token=").unwrap();
        let open = served.expect(200, &ada, "GET", &format!("{base}/invitations"), None).await;
        let open = &open["invitations"][0];
        assert_eq!((open["id"].clone(), open.get("link")), (made["id"].clone(), None));
        assert_eq!((&made["delivery"], &open["lastDelivery"]), (&json!("sent"), &json!("sent")));
        let accept = || Some(json!({ "token": token }));
        let other = served.expect(403, &ada, "POST", "/api/v1/invitations/accept", accept()).await;
        assert_eq!(other["code"], "other_email");
        let accepted = served.expect(200, &bob, "POST", "/api/v1/invitations/accept", accept()).await;
        assert_eq!(accepted, json!({ "organizationId": acme["id"], "role": "member" }));
        let used = served.expect(404, &bob, "POST", "/api/v1/invitations/accept", accept()).await;
        assert_eq!(used["code"], "invitation_invalid");
        served.expect(200, &bob, "GET", &base, None).await;
        served.expect(403, &bob, "GET", &format!("{base}/invitations"), None).await;

        let members = served.expect(200, &bob, "GET", &format!("{base}/members"), None).await;
        let emails: Vec<_> = members["members"].as_array().unwrap().iter().map(|member| &member["email"]).collect();
        assert_eq!(emails, ["ada@example.com", "bob@example.com"]);
        let role = |role: &str| Some(json!({ "role": role }));
        let of_bob = format!("{base}/members/{}", bob.id);
        served.expect(403, &bob, "PATCH", &of_bob, role("owner")).await;
        served.expect(204, &ada, "PATCH", &of_bob, role("admin")).await;
        served.expect(403, &bob, "PATCH", &of_bob, role("owner")).await;
        served.expect(422, &ada, "PATCH", &of_bob, role("god")).await;
        let last = served.expect(409, &ada, "POST", &format!("{base}/leave"), None).await;
        assert_eq!(last["code"], "last_owner");
        let receipt = served.expect(200, &ada, "DELETE", &of_bob, None).await;
        assert_eq!((&receipt["sessionsEnded"], &receipt["replicas"]), (&json!(0), &json!({ "reached": 1, "of": 1 })));
        served.expect(404, &bob, "GET", &base, None).await;
        served.expect(404, &ada, "DELETE", &of_bob, None).await;
    }

    async fn groups_by_their_endpoints(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Member).await;
        let served = Served::on(house, |_| None).await;
        let base = format!("/api/v1/organizations/{acme}/groups");
        let name = |name: &str| Some(json!({ "name": name }));
        served.expect(403, &bob, "POST", &base, name("Finance")).await;
        let group = served.expect(201, &ada, "POST", &base, name("Finance")).await;
        let taken = served.expect(409, &ada, "POST", &base, name("Finance")).await;
        assert_eq!(taken["code"], "group_name_taken");
        let path = format!("{base}/{}", group["id"].as_str().unwrap());
        served.expect(204, &ada, "PATCH", &path, name("Money")).await;
        served.expect(204, &ada, "PUT", &format!("{path}/members/{}", bob.id), None).await;
        let listed = served.expect(200, &bob, "GET", &base, None).await;
        let listed = &listed["groups"][0];
        assert_eq!((&listed["name"], &listed["members"]), (&json!("Money"), &json!([bob.id])));
        served.expect(204, &ada, "DELETE", &format!("{path}/members/{}", bob.id), None).await;
        served.expect(404, &ada, "DELETE", &format!("{path}/members/{}", bob.id), None).await;
        served.expect(204, &ada, "DELETE", &path, None).await;
        served.expect(404, &ada, "DELETE", &path, None).await;
    }

    async fn z06_fields_that_only_the_platform_sets_are_refused(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let served = Served::on(house, |_| None).await;
        let base = format!("/api/v1/organizations/{acme}");
        for field in ["id", "slug", "role", "ownerId", "createdBy", "createdAt"] {
            let body = json!({ "name": "Changed", field: "x" });
            let refused = served.expect(422, &ada, "PATCH", &base, Some(body)).await;
            assert_eq!(refused["code"], "invalid_body");
        }
        let body = json!({ "email": "bob@example.com", "role": "member", "organizationId": "org_x" });
        served.expect(422, &ada, "POST", &format!("{base}/invitations"), Some(body)).await;
        let after = served.expect(200, &ada, "GET", &base, None).await;
        assert_eq!(after["name"], "acme");
    }

    async fn set_up_by_its_endpoint(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let code = house.set_up.issue_code(OffsetDateTime::now_utc()).await.unwrap().unwrap();
        let served = Served::on(house, |_| None).await;
        let acme = json!({ "slug": "acme", "name": "Acme" });
        let early = served.expect(403, &ada, "POST", "/api/v1/organizations", Some(acme)).await;
        assert_eq!(early["code"], "set_up_pending");
        let with = |code: &str| Some(json!({ "code": code, "slug": "acme", "name": "Acme" }));
        let wrong = served.expect(403, &ada, "POST", "/api/v1/set-up", with("0000")).await;
        assert_eq!(wrong["code"], "set_up_code_invalid");
        served.expect(201, &ada, "POST", "/api/v1/set-up", with(&code.reveal())).await;
        served.expect(403, &ada, "POST", "/api/v1/set-up", with(&code.reveal())).await;
    }

    async fn an_app_sees_its_own_organization_and_no_other(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let first = house.organization(&ada, "first").await.id;
        let second = house.organization(&ada, "second").await.id;
        let nobody = house.person("nobody").await;
        let foreign = house.organization(&nobody, "foreign").await.id;
        let served = Served::on(house, move |label| match label {
            "crm-second" => Some(second),
            "crm-foreign" => Some(foreign),
            _ => None,
        })
        .await;
        let path = "/api/auth/organization/get-full-organization";
        let app = "https://crm-second.apps.test";
        let response = served.send_from(app, &ada, "GET", path, None).await;
        assert_eq!(response.header("access-control-allow-origin"), Some(app));
        let full = response.json();
        assert_eq!((&full["id"], &full["name"], &full["slug"]), (&json!(second), &json!("second"), &json!("second")));
        assert_eq!(full["members"][0]["role"], "owner");
        assert_eq!(
            full["members"][0]["user"],
            json!({ "id": ada.id, "name": "ada", "email": "ada@example.com", "image": null })
        );
        let asking = format!("{path}?organizationId={first}");
        assert_eq!(served.send_from(app, &ada, "GET", &asking, None).await.status, 404);
        // An app of an organization that the person is no member of learns nothing.
        let elsewhere = served.send_from("https://crm-foreign.apps.test", &ada, "GET", path, None).await;
        assert_eq!(elsewhere.json(), Value::Null);

        assert_eq!(served.expect(200, &ada, "GET", path, None).await["id"], json!(first));
        assert_eq!(served.expect(200, &ada, "GET", &format!("{path}?organizationSlug=second"), None).await["id"], json!(second));
        served.expect(404, &ada, "GET", &format!("{path}?organizationSlug=foreign"), None).await;
        // No other endpoint of this crate is for app code.
        let refused = served.send_from(app, &ada, "GET", "/api/v1/organizations", None).await;
        assert_eq!(refused.status, 403);
        let stranger = served.house.person("stranger").await;
        assert_eq!(served.expect(200, &stranger, "GET", path, None).await, Value::Null);
    }
}
