//! Services: what proves accounts and custom APIs, secrets of OAuth clients, and what apps send.

use serde_json::{Value, json};

use super::world::{Organization, World, text};
use crate::installation::ORIGIN;

/// Everything that is kept for services, made, replaced, refused, used and deleted. No service is reached.
pub async fn services(world: &World<'_>) {
    for organization in &world.organizations {
        clients(world, organization).await;
        accounts(world, organization).await;
        custom_apis(world, organization).await;
        for rest in ["/services?limit=5", "/services/fly-io", "/service-calls", "/service-revocations"] {
            let read = world.call(&world.olga, "GET", &organization.path(rest), None).await;
            assert_eq!(read.status, 200, "{rest}: {}", read.text());
        }
    }
}

async fn page(world: &World<'_>, path: &str) {
    let page = world.olga.open_once(&format!("{ORIGIN}{path}")).await;
    world.heard.response(path, &page);
    assert_eq!(page.status, 200, "{path}: {}", page.text());
}

async fn clients(world: &World<'_>, organization: &Organization) {
    let all = organization.path("/oauth-clients");
    let body = |what: &str| json!({ "service": "asana", "clientId": "4711", "clientSecret": world.marks.make(what) });
    let made = world.call(&world.olga, "POST", &all, Some(&body("the secret of an OAuth client"))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let one = format!("{all}/{}", text(&made.json(), "id"));
    let again = world.call(&world.olga, "POST", &all, Some(&body("the secret of a second client"))).await;
    assert_eq!(again.status, 409, "{}", again.text());
    let mut next = body("the next secret of an OAuth client");
    next.as_object_mut().unwrap().remove("service");
    assert_eq!(world.call(&world.olga, "PUT", &one, Some(&next)).await.status, 200);
    let mark = || world.marks.make("a secret of a client in a broken description");
    for broken in [
        json!({ "clientId": "4711", "clientSecret": [mark()] }),
        json!({ "clientId": [mark()], "clientSecret": mark() }),
        json!({ "clientId": "4711", "clientSecret": mark(), "publicClient": true }),
        json!({ "clientId": "4711", "clientSecret": mark(), "scopes": [format!("{} {}", mark(), mark())] }),
        json!({ "clientId": "4711", "clientSecret": mark(), mark(): mark() }),
    ] {
        let answer = world.call(&world.olga, "PUT", &one, Some(&broken)).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
    }
    page(world, &format!("/organizations/{}/services/asana", organization.id)).await;

    // Nobody comes back from there, but somebody pretends to.
    let begin = json!({ "service": "asana", "name": "Tasks" });
    let attempts = organization.path("/accounts/connect-attempts");
    let begun = world.call(&world.olga, "POST", &attempts, Some(&begin)).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let url: url::Url = text(&begun.json(), "url").parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for state in [state.as_str(), state.as_str(), "nonsense"] {
        let code = world.marks.make("an authorization code that nobody gave");
        let address = format!("{ORIGIN}/integrations/callback?state={state}&code={code}");
        let answer = world.olga.open_once(&address).await;
        world.heard.response("the callback", &answer);
        assert!(answer.status >= 400, "{}", answer.text());
    }
    for browser in [&world.milo, &world.stranger] {
        let answer = world.call(browser, "PUT", &one, Some(&body("a secret from who may not"))).await;
        assert!(matches!(answer.status, 403 | 404 | 422), "{}", answer.text());
    }
    assert_eq!(world.call(&world.olga, "GET", &one, None).await.status, 200);
    assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, 204);
}

async fn accounts(world: &World<'_>, organization: &Organization) {
    for segment in ["accounts", "own-accounts"] {
        let all = organization.path(&format!("/{segment}"));
        let secrets = |what: &str| json!({ "token": world.marks.make(what) });
        let body = |secrets: Value| json!({ "service": "fly-io", "name": "Machines", "secrets": secrets });
        let made = world.call(&world.olga, "POST", &all, Some(&body(secrets("a token made by hand")))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let id = text(&made.json(), "id");
        let one = format!("{all}/{id}");
        let proof = json!({ "secrets": secrets("the next token made by hand") });
        let again = world.call(&world.olga, "PUT", &format!("{one}/credentials"), Some(&proof)).await;
        assert_eq!(again.status, 200, "{}", again.text());
        let mark = || world.marks.make("a token in a broken description");
        for broken in [
            body(json!({ "token": format!("{}\n", mark()) })),
            body(json!({ "token": [mark()] })),
            body(json!({ mark(): mark() })),
            body(json!({ "token": mark(), "api_key": mark() })),
            json!({ "service": mark(), "name": "Machines", "secrets": { "token": mark() } }),
            json!({ "service": "asana", "name": "Machines", "secrets": { "token": mark() } }),
            json!({ "service": "fly-io", "name": "Machines", "secrets": { "token": mark() }, "values": { "host": mark() } }),
        ] {
            let answer = world.call(&world.olga, "POST", &all, Some(&broken)).await;
            assert_eq!(answer.status, 422, "{}", answer.text());
        }
        for browser in [&world.anonymous, &world.stranger] {
            let theirs = body(secrets("a token from who may not"));
            let answer = world.call(browser, "POST", &all, Some(&theirs)).await;
            assert!(matches!(answer.status, 401 | 404), "{}", answer.text());
        }
        let fields = [("name", "By form"), ("usable_by", "every_app")];
        let token = world.marks.make("a token in a form");
        let fields = [fields.as_slice(), &[("secret_token", token.as_str())]].concat();
        let form = format!("{ORIGIN}/organizations/{}/services/fly-io/{segment}", organization.id);
        let submitted = world.olga.submit(&form, &fields).await;
        world.heard.response("a form with a token", &submitted);
        assert_eq!(submitted.status, 303, "{}", submitted.text());
        for reading in [&all, &one] {
            assert_eq!(world.call(&world.olga, "GET", reading, None).await.status, 200);
        }
        page(world, &format!("/organizations/{}/{segment}", organization.id)).await;
        page(world, &format!("/organizations/{}/{segment}/{id}", organization.id)).await;
        assert_eq!(world.call(&world.olga, "POST", &format!("{one}/test"), None).await.status, 200);
        assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, 200);
    }
    let revoke = organization.path("/services/fly-io/revocations");
    assert_eq!(world.call(&world.olga, "POST", &revoke, None).await.status, 202);
}

async fn custom_apis(world: &World<'_>, organization: &Organization) {
    let all = organization.path("/custom-apis");
    let body = |kind: &str, more: Value| {
        let mut body = json!({
            "name": format!("Canary {kind}"), "baseUrl": "https://canary.invalid/v1", "authentication": kind,
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let mark = |what: &str| world.marks.make(&format!("{what} of a custom API"));
    for (kind, given) in [
        ("api_key", json!({ "value": mark("the key") })),
        ("bearer_token", json!({ "value": mark("the token") })),
        ("basic", json!({ "user": "reader", "password": mark("the password") })),
    ] {
        let made = world.call(&world.olga, "POST", &all, Some(&body(kind, given))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let id = text(&made.json(), "id");
        let one = format!("{all}/{id}");
        for broken in [
            json!({ "value": format!("{}\n", mark("a broken key")) }),
            json!({ "value": mark("a misplaced key"), "password": mark("a misplaced password") }),
            json!({ "password": [mark("a listed password")] }),
            json!({ "value": mark("a key"), "headers": { "Authorization": mark("a header") } }),
            json!({ mark("an unknown field"): mark("its value") }),
        ] {
            let answer = world.call(&world.olga, "PUT", &one, Some(&body(kind, broken))).await;
            assert_eq!(answer.status, 422, "{}", answer.text());
        }
        // What apps send is nobody else's business either.
        let rotate = format!("/api/v1/apps/{}/server-secrets/rotate", organization.apps[0]);
        let asked = json!({ "environment": "preview", "graceSeconds": 0, "force": true });
        let rotated = world.olga.call("POST", &rotate, Some(&asked)).await;
        let secret = text(&rotated.json(), "value");
        world.marks.know("a server secret that calls a custom API", secret.as_bytes());
        world.heard.response_but(&rotate, &rotated, &secret);
        let sent = |what: &str| world.marks.make(&format!("{what} of a call"));
        for call in [
            json!({ "path": format!("/notes/{}", sent("the path")) }),
            json!({ "method": "POST", "path": "/notes", "body": { "text": sent("the body") } }),
            json!({ "path": "/notes", "headers": { "X-Note": sent("a header") } }),
            json!({ "path": format!("//evil.invalid/{}", sent("a wrong path")) }),
            json!({ "path": "/notes", "headers": { "Authorization": sent("a refused header") } }),
        ] {
            let url = format!("{ORIGIN}/api/custom-apis/{id}/execute");
            let request = world.anonymous.client.request("POST", &url).header("VYBE_SERVER_SECRET", &secret);
            let answer = request.json(&call).send().await;
            world.heard.response(&url, &answer);
            assert!(answer.status >= 400, "{}", answer.text());
        }
        page(world, &format!("/organizations/{}/custom-apis/{id}", organization.id)).await;
        assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, 204);
    }
}
