//! The endpoints, on the real server. Only who a credential belongs to is made up: a cookie is a person's
//! id, and a server secret is looked up in the store.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use access_control::{AppCredential, Role, SignedIn};
use apps::{App, AppsApi, NeighbourError, People, PersonName, ServerSecrets};
use async_trait::async_trait;
use endpoint::http::{BoxBody, Request, Response as RawResponse, StatusCode};
use endpoint::{Arrival, Authenticator, Certificates, Gate, Gateway, Rejected, Server, Sites};
use futures_util::future::LocalBoxFuture;
use ids::UserId;
use serde_json::{Value, json};
use test_support::{Authority, Client, Response, TestDatabase, on_both_stores};

use crate::house::{House, Tenant, signed_in};

const ORIGIN: &str = "https://platform.test";

struct Credentials {
    database: sea_orm::DatabaseConnection,
    secrets: ServerSecrets,
}

#[async_trait]
impl Authenticator for Credentials {
    async fn session(&self, cookie: &str) -> Result<SignedIn, Rejected> {
        Ok(signed_in(cookie.parse().map_err(|_| Rejected::Invalid)?))
    }

    async fn server_secret(&self, secret: &str, token: Option<&str>) -> Result<AppCredential, Rejected> {
        let hash = self.secrets.recognise(secret).ok_or(Rejected::Invalid)?;
        let all = apps::load_all(&self.database).await.map_err(|_| Rejected::Unavailable)?;
        for record in all {
            if let Some(found) = record.secrets.iter().find(|known| known.hash == hash) {
                return Ok(AppCredential {
                    app: record.id(),
                    organization: record.organization(),
                    environment: found.environment,
                    secret: found.id,
                    user: match token {
                        Some(token) => Some(signed_in(token.parse().map_err(|_| Rejected::Invalid)?)),
                        None => None,
                    },
                });
            }
        }
        Err(Rejected::Invalid)
    }

    async fn api_token(&self, _: &str) -> Result<SignedIn, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn agent_token(&self, _: &str) -> Result<access_control::AgentCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    fn app_to_open(&self, _: &SignedIn, _: &str) -> Result<Option<ids::AppId>, Rejected> {
        Ok(None)
    }
}

/// Everybody is called Somebody.
struct Somebody;

#[async_trait]
impl People for Somebody {
    async fn person(&self, user: UserId) -> Result<Option<PersonName>, NeighbourError> {
        let email = format!("{user}@example.com").parse()?;
        Ok(Some(PersonName { email, name: "Somebody".to_owned() }))
    }
}

struct NoApps;

impl Gateway for NoApps {
    fn forward(self: Rc<Self>, _: Request, _: Arrival) -> LocalBoxFuture<'static, RawResponse<BoxBody>> {
        Box::pin(async { RawResponse::with_body(StatusCode::NOT_FOUND, BoxBody::new("")) })
    }
}

struct Served {
    house: House,
    client: Client,
}

impl Served {
    async fn on(database: TestDatabase) -> Self {
        let house = House::on(database);
        let api = AppsApi {
            apps: house.apps.clone(),
            orphaned_apps: house.orphaned_apps.clone(),
            grants: house.grants.clone(),
            path_rules: house.path_rules.clone(),
            server_secrets: house.server_secrets.clone(),
            server_secret_rotations: house.server_secret_rotations.clone(),
            agent_tokens: house.agent_tokens.clone(),
            people: Arc::new(Somebody),
            revocations: house.revocations(),
        };
        let gate = Gate {
            authenticator: Arc::new(Credentials {
                database: house.database.connection().clone(),
                secrets: house.server_secrets.clone(),
            }),
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
        let address = listener.local_addr().unwrap();
        let server = Server::new(api.endpoints(), gate, Arc::new(|| Rc::new(NoApps)))
            .unwrap()
            .listen(listener, certificates);
        // Ends with the test's runtime.
        tokio::spawn(async move { server.run(std::future::pending()).await.unwrap() });
        Self { house, client: Client::new(address, &authority.trust()) }
    }

    async fn send(&self, who: UserId, method: &str, path: &str, body: Option<Value>) -> Response {
        let request = self
            .client
            .request(method, &format!("{ORIGIN}{path}"))
            .header("cookie", &format!("{}={who}", endpoint::SESSION_COOKIE))
            .header("origin", ORIGIN);
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    /// The answer's JSON, after checking its status.
    async fn expect(&self, status: u16, who: UserId, method: &str, path: &str, body: Option<Value>) -> Value {
        let response = self.send(who, method, path, body).await;
        assert_eq!(response.status, status, "{method} {path}: {}", response.text());
        if response.body.is_empty() { Value::Null } else { response.json() }
    }

    async fn whoami(&self, secret: &str, token: Option<UserId>) -> Response {
        let mut request = self
            .client
            .request("GET", &format!("{ORIGIN}/api/v1/whoami"))
            .header("VYBE_SERVER_SECRET", secret);
        if let Some(user) = token {
            request = request.header("x-vybe-user-token", &user.to_string());
        }
        request.send().await
    }
}

async fn acme(served: &Served) -> (Tenant, App) {
    let tenant = served.house.tenant("acme").await;
    let app = served.house.app(tenant, "crm").await;
    (tenant, app)
}

on_both_stores! {
    async fn an_app_from_creation_to_deletion(database: TestDatabase) {
        let served = Served::on(database).await;
        let tenant = served.house.tenant("acme").await;
        let all = format!("/api/v1/organizations/{}/apps", tenant.id);
        let body = json!({ "slug": "crm", "name": "CRM" });
        let app = served.expect(201, tenant.owner, "POST", &all, Some(body.clone())).await;
        assert_eq!((&app["hostLabel"], &app["level"]), (&json!("crm-acme"), &json!("organization")));
        assert_eq!((&app["upstream"], &app["serverActionsJudgedByPage"]), (&Value::Null, &json!(false)));
        assert!(app["createdAt"].as_str().unwrap().ends_with('Z'));
        let taken = served.expect(409, tenant.owner, "POST", &all, Some(body)).await;
        assert_eq!(taken["code"], "host_taken");
        assert_eq!(served.expect(200, tenant.owner, "GET", &all, None).await, json!({ "apps": [app], "nextCursor": null }));

        let one = format!("/api/v1/apps/{}", app["id"].as_str().unwrap());
        assert_eq!(served.expect(200, tenant.owner, "GET", &one, None).await, app);
        let changes = json!({ "name": "Customers", "upstream": "https://8.8.8.8:8443" });
        let changed = served.expect(200, tenant.owner, "PATCH", &one, Some(changes)).await;
        assert_eq!((&changed["name"], &changed["upstream"]), (&json!("Customers"), &json!("https://8.8.8.8:8443")));
        let same = served.expect(200, tenant.owner, "PATCH", &one, Some(json!({}))).await;
        assert_eq!(same, changed);
        let none = served.expect(200, tenant.owner, "PATCH", &one, Some(json!({ "upstream": null }))).await;
        assert_eq!(none["upstream"], Value::Null);
        served.expect(204, tenant.owner, "DELETE", &one, None).await;
        served.expect(404, tenant.owner, "GET", &one, None).await;
        assert_eq!(served.expect(200, tenant.owner, "GET", &all, None).await["apps"], json!([]));
    }

    async fn z06_bodies_refuse_what_only_the_platform_sets_and_what_is_no_value(database: TestDatabase) {
        let served = Served::on(database).await;
        let (tenant, app) = acme(&served).await;
        let all = format!("/api/v1/organizations/{}/apps", tenant.id);
        let one = format!("/api/v1/apps/{}", app.id);
        let rules = format!("{one}/path-rules");
        let own_grant = format!("{one}/grants/{}", tenant.owner);
        for (method, path, body, code) in [
            ("POST", &all, json!({ "slug": "a", "name": "A", "creatorId": tenant.owner }), "invalid_body"),
            ("POST", &all, json!({ "slug": "a", "name": "A", "level": "user" }), "invalid_body"),
            ("POST", &all, json!({ "slug": "www", "name": "A" }), "invalid_slug"),
            ("POST", &all, json!({ "slug": "a--b", "name": "A" }), "invalid_slug"),
            ("POST", &all, json!({ "slug": "a", "name": "" }), "invalid_name"),
            ("PATCH", &one, json!({ "slug": "b" }), "invalid_body"),
            ("PATCH", &one, json!({ "id": app.id }), "invalid_body"),
            ("PATCH", &one, json!({ "level": "everybody" }), "invalid_body"),
            ("PATCH", &one, json!({ "upstream": "https://a:b@example.com" }), "invalid_upstream"),
            ("PATCH", &one, json!({ "upstream": "http://0x7f000001" }), "upstream_refused"),
            ("PATCH", &one, json!({ "upstream": "http://localhost" }), "upstream_refused"),
            ("POST", &rules, json!({ "pattern": "admin", "subjects": [] }), "invalid_path_rule"),
            ("POST", &rules, json!({ "pattern": "/a", "methods": ["get"], "subjects": [] }), "invalid_path_rule"),
            ("POST", &rules, json!({ "pattern": "/a" }), "invalid_body"),
            ("POST", &rules, json!({ "pattern": "/a", "subjects": [{ "kind": "everybody" }] }), "invalid_body"),
            ("PUT", &own_grant, json!({ "role": "owner" }), "invalid_body"),
            ("PUT", &own_grant, json!({ "role": "viewer", "expiresAt": "2001-01-01T00:00:00Z" }), "end_passed"),
        ] {
            let problem = served.expect(422, tenant.owner, method, path, Some(body)).await;
            assert_eq!(problem["code"], code, "{method} {path}: {problem}");
        }
        let unchanged = apps::load(served.house.database.connection(), app.id).await.unwrap().unwrap();
        assert!(unchanged.upstream.is_none() && unchanged.facts.rules.as_slice().is_empty());
        assert!(unchanged.facts.grants.is_empty());
        assert_eq!(served.house.count("apps").await, 1);
    }

    async fn access_of_an_app_is_read_and_changed(database: TestDatabase) {
        let served = Served::on(database).await;
        let (tenant, app) = acme(&served).await;
        let member = served.house.member(tenant, Role::Member).await;
        let one = format!("/api/v1/apps/{}", app.id);
        let restricted = json!({ "level": "restricted" });
        served.expect(403, member, "PATCH", &one, Some(restricted.clone())).await;
        served.expect(200, tenant.owner, "PATCH", &one, Some(restricted)).await;
        served.expect(404, member, "GET", &one, None).await;

        let grant = format!("{one}/grants/{member}");
        let body = json!({ "role": "viewer", "expiresAt": "2999-01-01T00:00:00Z" });
        let given = served.expect(200, tenant.owner, "PUT", &grant, Some(body)).await;
        assert_eq!((&given["userId"], &given["expiresAt"]), (&json!(member), &json!("2999-01-01T00:00:00.000Z")));
        served.expect(200, member, "GET", &one, None).await;
        served.expect(403, member, "GET", &format!("{one}/access"), None).await;

        let rules = format!("{one}/path-rules");
        let subjects = json!([{ "kind": "user", "value": member }, { "kind": "app_role", "value": "editor" }]);
        let body = json!({ "pattern": "/admin", "methods": ["GET"], "subjects": subjects });
        let rule = served.expect(201, tenant.owner, "POST", &rules, Some(body)).await;
        let access = served.expect(200, tenant.owner, "GET", &format!("{one}/access"), None).await;
        assert_eq!((&access["level"], &access["pathRules"]), (&json!("restricted"), &json!([rule])));
        assert_eq!(access["grants"].as_array().unwrap().len(), 2);

        let rule_path = format!("{rules}/{}", rule["id"].as_str().unwrap());
        let body = json!({ "pattern": "/billing", "subjects": [] });
        let replaced = served.expect(200, tenant.owner, "PUT", &rule_path, Some(body)).await;
        assert_eq!((&replaced["id"], &replaced["pattern"]), (&rule["id"], &json!("/billing")));
        served.expect(204, tenant.owner, "DELETE", &rule_path, None).await;
        served.expect(404, tenant.owner, "DELETE", &rule_path, None).await;
        let again = json!({ "role": "viewer" });
        let again = served.expect(200, tenant.owner, "PUT", &grant, Some(again)).await;
        assert_eq!((&given["revocation"], &again["revocation"]["streamsCut"]), (&Value::Null, &json!(0)));
        let receipt = served.expect(200, tenant.owner, "DELETE", &grant, None).await;
        assert_eq!((&receipt["replicas"], &receipt["withinSeconds"]), (&json!({ "reached": 1, "of": 1 }), &json!(2)));
        let own = format!("{one}/grants/{}", tenant.owner);
        let last = served.expect(409, tenant.owner, "DELETE", &own, None).await;
        assert_eq!(last["code"], "last_editor");
    }

    async fn z02_identifiers_of_another_organization_are_not_found(database: TestDatabase) {
        let served = Served::on(database).await;
        let (_, app) = acme(&served).await;
        let stranger = served.house.tenant("other").await.owner;
        let one = format!("/api/v1/apps/{}", app.id);
        for (method, path) in [
            ("GET", one.clone()),
            ("PATCH", one.clone()),
            ("DELETE", one.clone()),
            ("GET", format!("{one}/access")),
            ("PUT", format!("{one}/grants/{stranger}")),
            ("DELETE", format!("{one}/grants/{stranger}")),
            ("POST", format!("{one}/path-rules")),
            ("GET", format!("{one}/server-secrets")),
            ("POST", format!("{one}/server-secrets")),
            ("GET", format!("/api/v1/organizations/{}/apps", app.organization)),
            ("POST", format!("/api/v1/organizations/{}/apps", app.organization)),
        ] {
            // Access comes before the body is read.
            let foreign = served.expect(404, stranger, method, &path, Some(json!("garbage"))).await;
            assert_eq!(foreign["code"], "not_found");
        }
        assert_eq!(served.house.count("audit_events").await, 1, "only the app's creation");
    }

    async fn j09_a_secret_is_shown_once_and_whoami_knows_it(database: TestDatabase) {
        let served = Served::on(database).await;
        let (tenant, app) = acme(&served).await;
        let member = served.house.member(tenant, Role::Member).await;
        let stranger = served.house.person().await;
        let secrets = format!("/api/v1/apps/{}/server-secrets", app.id);
        let body = json!({ "environment": "preview" });
        let issued = served.expect(201, tenant.owner, "POST", &secrets, Some(body)).await;
        let value = issued["value"].as_str().unwrap();
        let listed = served.expect(200, tenant.owner, "GET", &secrets, None).await;
        assert_eq!(listed[0]["id"], issued["id"]);
        assert!(!listed.to_string().contains("value") && !listed.to_string().contains("vybe_sk_"));

        let alone = served.whoami(value, None).await;
        assert_eq!(
            alone.json(),
            json!({
                "app": {
                    "id": app.id, "slug": "crm", "name": "An app", "environment": "preview",
                    "organization": { "id": tenant.id },
                },
                "user": null,
            })
        );
        let both = served.whoami(value, Some(member)).await;
        let email = format!("{member}@example.com");
        assert_eq!(both.json()["user"], json!({ "id": member, "email": email, "name": "Somebody" }));
        assert_eq!(served.whoami(value, Some(stranger)).await.status, 401);
        // A piece of a secret is none.
        for piece in [&value[..value.len() - 1], &value[1..], &value[16..], &format!("{value}x")] {
            assert_eq!(served.whoami(piece, None).await.status, 401, "{piece}");
        }
        let id = issued["id"].as_str().unwrap();
        served.expect(204, tenant.owner, "DELETE", &format!("{secrets}/{id}"), None).await;
        assert_eq!(served.whoami(value, None).await.status, 401);
    }
}
