//! The table of paths: every way on which the product meets a secret.

use std::pin::Pin;

use serde_json::json;

use super::databases::databases;
use super::everywhere::refused_everywhere;
use super::forms::forms;
use super::named::{deleted_organization, key_rotations, named_secrets};
use super::services::services;
use super::world::{World, text};
use crate::installation::ORIGIN;

/// The name of values that people sent to an app and that the app got.
pub const PASSED_ON: &str = "passed on to an app";

/// One way.
pub type Path = for<'a> fn(&'a World<'_>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Every way, in the order in which they are gone. Tokens of services have a test of their own.
pub const PATHS: &[(&str, Path)] = &[
    ("named secrets: created, read, replaced, refused, deleted", |world| Box::pin(named_secrets(world))),
    ("named secrets in forms: created, replaced, refused", |world| Box::pin(forms(world))),
    ("server secrets: issued, used, refused, replaced, revoked", |world| Box::pin(server_secrets(world))),
    ("tokens of people and agents: issued, used, revoked", |world| Box::pin(tokens(world))),
    ("databases: connections tried, made, used, refused, deleted", |world| Box::pin(databases(world))),
    ("services: clients, accounts, custom APIs", |world| Box::pin(services(world))),
    ("requests to apps", |world| Box::pin(requests_to_apps(world))),
    ("refused by every endpoint", |world| Box::pin(refused_everywhere(world))),
    ("broken requests", |world| Box::pin(broken_requests(world))),
    ("keys replaced", |world| Box::pin(key_rotations(world))),
    ("an organization deleted", |world| Box::pin(deleted_organization(world))),
    ("lists, records, pages, exports", |world| Box::pin(reading(world))),
];

/// The credential of an app is answered once, by the call that issues it.
async fn server_secrets(world: &World<'_>) {
    for app in world.apps() {
        let path = format!("/api/v1/apps/{app}/server-secrets");
        for environment in ["production", "preview"] {
            let issued = world.olga.call("POST", &path, Some(&json!({ "environment": environment }))).await;
            assert_eq!(issued.status, 201, "{}", issued.text());
            let value = text(&issued.json(), "value");
            world.marks.know(&format!("a server secret for {environment}"), value.as_bytes());
            world.heard.response_but(&format!("POST {path}"), &issued, &value);
            let whoami = async |secret: &str| {
                let request = world.anonymous.client.request("GET", &format!("{ORIGIN}/api/v1/whoami"));
                let answer = request.header("VYBE_SERVER_SECRET", secret).send().await;
                world.heard.response("GET /api/v1/whoami", &answer);
                answer.status
            };
            assert_eq!(whoami(&value).await, 200);
            assert_eq!(whoami(&value[1..]).await, 401);
            world.call(&world.olga, "GET", &path, None).await;
            if environment == "preview" {
                let secret = format!("{path}/{}", text(&issued.json(), "id"));
                assert_eq!(world.call(&world.olga, "DELETE", &secret, None).await.status, 204);
            }
            let rotate = format!("{path}/rotate");
            let body = json!({ "environment": environment, "graceSeconds": 0, "force": true });
            let rotated = world.olga.call("POST", &rotate, Some(&body)).await;
            assert_eq!(rotated.status, 201, "{}", rotated.text());
            let next = text(&rotated.json(), "value");
            world.marks.know(&format!("a rotated server secret for {environment}"), next.as_bytes());
            world.heard.response_but(&rotate, &rotated, &next);
            assert_eq!((whoami(&next).await, whoami(&value).await), (200, 401));
            let mark = world.marks.make("a rotation that is refused");
            for wrong in [json!({ "environment": mark }), json!({ &mark: mark, "graceSeconds": mark })] {
                assert_eq!(world.call(&world.olga, "POST", &rotate, Some(&wrong)).await.status, 422);
            }
        }
    }
    for organization in &world.organizations {
        let all = organization.path("/server-secret-rotations");
        let begun = world.call(&world.olga, "POST", &all, Some(&json!({ "graceSeconds": 0 }))).await;
        assert!(matches!(begun.status, 202 | 409), "{}", begun.text());
        assert_eq!(world.call(&world.olga, "GET", &all, None).await.status, 200);
        let page = format!("{ORIGIN}/organizations/{}/keys", organization.id);
        world.heard.response("the page of keys", &world.olga.open(&page).await);
    }
}

async fn tokens(world: &World<'_>) {
    let agents = format!("/api/v1/apps/{}/agent-tokens", world.organizations[0].apps[0]);
    // Whoever revokes an API token is told what that ended.
    for (path, body, used_at, revoked) in [
        ("/api/v1/api-tokens", json!({ "name": "canaries" }), "/api/v1/organizations", 200),
        (agents.as_str(), json!({}), "/api/v1/agent", 204),
    ] {
        for _ in 0..5 {
            let made = world.olga.call("POST", path, Some(&body)).await;
            assert_eq!(made.status, 201, "{path}: {}", made.text());
            let value = text(&made.json(), "value");
            // Before it stands its identifier, which is none.
            world.marks.know(path, &value.as_bytes()[value.len() - 43..]);
            world.heard.response_but(&format!("POST {path}"), &made, &value);
            for (token, expected) in [(value.as_str(), 200), (&value[1..], 401)] {
                let request = world.anonymous.client.request("GET", &format!("{ORIGIN}{used_at}"));
                let answer = request.header("authorization", &format!("Bearer {token}")).send().await;
                world.heard.response(used_at, &answer);
                assert_eq!(answer.status, expected, "{used_at}: {}", answer.text());
            }
            world.call(&world.olga, "GET", path, None).await;
            let one = format!("{path}/{}", text(&made.json(), "id"));
            assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, revoked);
        }
    }
}

/// Through the proxy: what people send to apps is theirs, and no record of the platform's holds it.
async fn requests_to_apps(world: &World<'_>) {
    for (slug, path, browser, expected) in [
        ("hello", "/private", &world.milo, 200),
        ("reports", "/admin", &world.milo, 403),
        ("payroll", "/private", &world.milo, 401),
        ("hello", "/private", &world.anonymous, 401),
    ] {
        for method in ["GET", "POST"] {
            let refused = format!("to {slug}");
            let mark = world.marks.make(if expected == 200 { PASSED_ON } else { &refused });
            let url = world.installation.app_url(slug, &format!("{path}?token={mark}"));
            // A session there before anything is told.
            browser.open(&world.installation.app_url(slug, "/")).await;
            let origin = world.installation.app_url(slug, "");
            let request = browser.client.request(method, &url).header("origin", &origin);
            let request = request
                .header("sec-fetch-site", "same-origin")
                .header("authorization", &format!("Bearer {mark}"));
            let request = request.header("x-mark", &mark).header("accept", "application/json");
            let body = if method == "POST" { mark.clone() } else { String::new() };
            let answer = request.body("text/plain", body).send().await;
            assert_eq!(answer.status, expected, "{method} {slug}: {}", answer.text());
            // The demo's app shows what it was asked.
            if expected != 200 {
                world.heard.response(&format!("{method} to {slug}"), &answer);
            }
        }
    }
}

/// What is no whole request, or too large.
async fn broken_requests(world: &World<'_>) {
    let path = world.organizations[0].path("/apps");
    let json = "content-type: application/json\r\n";
    for round in 0..4 {
        let mark = |what: &str| world.marks.make(&format!("{what} {round}"));
        let (large, half, slow, line) =
            (mark("too large"), mark("half"), mark("no length"), mark("no request"));
        let (head, chunk) = (mark("a broken head"), mark("a broken chunk"));
        let olga = world.head("POST", &path);
        let body = format!("{{\"name\": \"{}\"}}", large.repeat(40_000));
        let sent = format!("{olga}{json}content-length: {}\r\n\r\n{body}", body.len());
        let refused = world.send("a body that is too large", sent).await;
        assert!(refused.is_none_or(|answer| answer.status == 413));
        let mut connection = world.connection().await;
        let begun = format!("{olga}{json}content-length: 9000\r\n\r\n{{\"name\": \"{half}");
        connection.send(begun).await.unwrap();
        drop(connection);
        for (what, bytes) in [
            ("no length", format!("{olga}{json}\r\n{{\"name\": \"{slow}\"}}")),
            ("no request", format!("{line} {line}\r\n{line}: {line}\r\n\r\n")),
            ("a broken head", format!("{olga}{json}x {head}\r\n {head}: {head}\r\n\r\n{head}")),
            (
                "a broken chunk",
                format!("{olga}{json}transfer-encoding: chunked\r\n\r\n{chunk}\r\n{chunk}\r\n0\r\n\r\n"),
            ),
        ] {
            let refused = world.send(what, bytes).await;
            assert!(refused.is_none_or(|answer| answer.status >= 400), "{what}");
        }
    }
}

/// Everything that can be read.
async fn reading(world: &World<'_>) {
    for organization in &world.organizations {
        for rest in [
            "",
            "/members",
            "/groups",
            "/invitations",
            "/apps",
            "/policy",
            "/orphaned-apps",
            "/audit-events?limit=100",
            "/audit-events/export",
        ] {
            let answer = world.call(&world.olga, "GET", &organization.path(rest), None).await;
            assert_eq!(answer.status, 200, "{rest}: {}", answer.text());
        }
        for app in &organization.apps {
            for rest in ["", "/access", "/server-secrets", "/agent-tokens", "/decisions?limit=100"] {
                let answer = world.call(&world.olga, "GET", &format!("/api/v1/apps/{app}{rest}"), None).await;
                assert_eq!(answer.status, 200, "{rest}: {}", answer.text());
            }
        }
        let page = world.olga.open(&format!("{ORIGIN}/organizations/{}", organization.id)).await;
        assert_eq!(page.status, 200);
        world.heard.response("an organization's page", &page);
    }
    for path in [
        "/",
        "/apps",
        "/organizations",
        "/sessions",
        "/set-up",
        "/login",
        "/openapi.json",
        "/.well-known/jwks.json",
    ] {
        let page = world.olga.open(&format!("{ORIGIN}{path}")).await;
        world.heard.response(path, &page);
    }
    world.heard.bytes("/metrics", world.installation.metrics().await.as_bytes());
    for (number, chain) in
        [&["--platform"][..], &["--organization", &world.organizations[0].id]].iter().enumerate()
    {
        let out = world.installation.folder().join(format!("export-{number}"));
        let export = [&["audit", "export", "--out", out.to_str().unwrap()], *chain].concat();
        let (exported, said) = world.installation.command(&export).await;
        assert!(exported, "{}", String::from_utf8_lossy(&said));
        world.heard.bytes("vybe audit export", &said);
        world.heard.bytes("the export", &std::fs::read(&out).unwrap());
        std::fs::remove_file(&out).unwrap();
    }
    let (printed, said) = world.installation.command(&["config", "print"]).await;
    assert!(printed);
    world.heard.bytes("vybe config print", &said);
}
