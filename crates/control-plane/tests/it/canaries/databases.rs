//! Connections to databases, and statements through them: passwords, keys of SSH servers, parameters.

use serde_json::{Value, json};
use ssh_key::PrivateKey;
use ssh_key::private::KeypairData;
use test_support::SshKey;

use super::world::{Organization, World, text};
use crate::data_gateway::world::{CustomerDatabase, external};
use crate::installation::ORIGIN;

/// A connection is tried, made, read, used, changed, refused and deleted; another one leads through SSH servers.
pub async fn databases(world: &World<'_>) {
    let customer =
        CustomerDatabase::new("CREATE TABLE fruit (name text); GRANT SELECT ON fruit TO PUBLIC").await;
    for organization in &world.organizations {
        through_ssh(world, organization, &customer).await;
        let password = world.marks.make("the password of a database");
        // Roles are the whole server's, which other tests use at the same time.
        let role = format!("reader_{}_of_{}", organization.slug, customer.name);
        let owner = customer.connect().await;
        owner.names(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'")).await.unwrap();
        let more = json!({ "user": role, "password": password, "readOnly": true });
        let body = external("Fruit", "postgresql", &customer, more);
        let all = organization.path("/database-connections");
        tried(world, &all, &body).await;
        let made = world.call(&world.olga, "POST", &all, Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let one = format!("{all}/{}", text(&made.json(), "id"));
        assert_eq!(world.call(&world.olga, "POST", &all, Some(&body)).await.status, 409);
        refused(world, &all, &one, &body).await;
        for reading in [&all, &one, &format!("{one}/schema"), &format!("{one}/schema?afresh=true")] {
            let read = world.call(&world.olga, "GET", reading, None).await;
            assert_eq!(read.status, 200, "{reading}: {}", read.text());
        }
        for asked in ["/test", "/read-only-examination"] {
            let answer = world.call(&world.olga, "POST", &format!("{one}{asked}"), None).await;
            assert_eq!(
                (answer.status, &answer.json()["ok"]),
                (200, &json!(true)),
                "{asked}: {}",
                answer.text()
            );
        }
        queried(world, organization).await;
        let wrong = with(&body, "password", world.marks.make("a wrong password of a database"));
        assert_eq!(world.call(&world.olga, "PUT", &one, Some(&unkind(&wrong))).await.status, 200);
        let tested = world.call(&world.olga, "POST", &format!("{one}/test"), None).await;
        assert_eq!(tested.json()["code"], "database_login", "{}", tested.text());
        assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, 204);
    }
}

fn with(body: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut body = body.clone();
    body[field] = value.into();
    body
}

/// As it takes the place of another one, whose kind stays.
fn unkind(body: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().remove("kind");
    body
}

/// Before it is made.
async fn tried(world: &World<'_>, all: &str, body: &Value) {
    let body = unkind(body);
    let mark = world.marks.make("the password of a database that is only tried");
    for (body, code) in [
        (body.clone(), Value::Null),
        (with(&body, "password", mark), json!("database_login")),
        (with(&body, "host", "db.invalid"), json!("database_name_unresolved")),
        (with(&body, "port", 1), json!("database_unreachable")),
        (with(&body, "tls", json!({ "mode": "verify-full" })), json!("database_without_tls")),
    ] {
        let answer = world.call(&world.olga, "POST", &format!("{all}/test"), Some(&body)).await;
        assert_eq!((answer.status, &answer.json()["code"]), (200, &code), "{}", answer.text());
    }
}

/// Descriptions that are not taken, and people who may not.
async fn refused(world: &World<'_>, all: &str, one: &str, body: &Value) {
    let mark = || world.marks.make("a password of a database in a broken description");
    for broken in [
        with(body, "password", json!([mark()])),
        with(body, "password", json!({ mark(): mark() })),
        with(body, "password", format!("{}\0", mark())),
        with(body, "engine", mark()),
        with(&with(body, "password", mark()), "host", "127.0.0.1,10.0.0.1"),
        with(&with(body, "password", mark()), "host", "169.254.169.254"),
        with(&with(body, "password", mark()), "tls", json!({ "mode": "off", "reason": "short" })),
        with(&with(body, "password", mark()), &mark(), mark()),
        with(
            &with(body, "password", mark()),
            "hops",
            json!([{ "host": "ssh.invalid", "privateKey": mark() }]),
        ),
    ] {
        let created = world.call(&world.olga, "POST", all, Some(&broken)).await;
        assert_eq!(created.status, 422, "{}", created.text());
        let replaced = world.call(&world.olga, "PUT", one, Some(&unkind(&broken))).await;
        assert_eq!(replaced.status, 422, "{}", replaced.text());
    }
    for browser in [&world.stranger, &world.milo] {
        let body = with(body, "password", world.marks.make("a password from somebody who may not"));
        for (method, path) in [("POST", all), ("PUT", one)] {
            let answer = world.call(browser, method, path, Some(&body)).await;
            assert!(matches!(answer.status, 403 | 404), "{}", answer.text());
        }
    }
}

/// What an app's server asks, with parameters that are nobody else's business.
async fn queried(world: &World<'_>, organization: &Organization) {
    let rotate = format!("/api/v1/apps/{}/server-secrets/rotate", organization.apps[0]);
    let body = json!({ "environment": "preview", "graceSeconds": 0, "force": true });
    let rotated = world.olga.call("POST", &rotate, Some(&body)).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let secret = text(&rotated.json(), "value");
    world.marks.know("a server secret that asks a database", secret.as_bytes());
    world.heard.response_but(&rotate, &rotated, &secret);
    let mark = || world.marks.make("a parameter of a statement");
    for (sql, params, status) in [
        ("SELECT count(*) AS n FROM fruit WHERE name = $1", json!([mark()]), 200),
        ("SELECT count(*) AS n FROM fruit WHERE name = ANY($1)", json!([[mark(), mark()]]), 200),
        ("SELECT name FROM fruit WHERE name = $1", json!([mark(), mark()]), 422),
        ("SELECT name FROM no_such_table WHERE name = $1", json!([mark()]), 422),
        ("DELETE FROM fruit WHERE name = $1", json!([mark()]), 403),
        ("SELECT 1 / length($1) - length($1) FROM pg_class; SELECT 1", json!([mark()]), 422),
    ] {
        let body = json!({ "name": "fruit", "sql": sql, "params": params });
        let request =
            world.anonymous.client.request("POST", &format!("{ORIGIN}/api/external-databases/query"));
        let answer = request.header("VYBE_SERVER_SECRET", &secret).json(&body).send().await;
        world.heard.response(sql, &answer);
        assert_eq!(answer.status, status, "{sql}: {}", answer.text());
    }
}

/// A private key. What is looked for is its seed, and of the file the line that has it.
fn key(world: &World<'_>, what: &str, passphrase: Option<&str>) -> String {
    let key = SshKey::generate(&["-t", "ed25519"], passphrase.unwrap_or_default());
    let read = PrivateKey::from_openssh(&key.private).unwrap();
    let opened = passphrase.map_or_else(|| read.clone(), |passphrase| read.decrypt(passphrase).unwrap());
    let KeypairData::Ed25519(pair) = opened.key_data() else { panic!("another type of key") };
    world.marks.know(&format!("the seed of a key {what}"), &pair.private.to_bytes());
    let line = key.private.lines().filter(|line| !line.starts_with("-----")).nth(3).unwrap();
    world.marks.know(&format!("the text of a key {what}"), line.as_bytes());
    key.private
}

/// Nobody is there; all that would open it is kept, replaced and deleted all the same.
async fn through_ssh(world: &World<'_>, organization: &Organization, customer: &CustomerDatabase) {
    let hop = |what: &str, encrypted: bool| {
        let passphrase = encrypted.then(|| world.marks.make(what));
        json!({
            "host": "ssh.invalid",
            "user": "tunnel",
            "hostKey": format!("SHA256:{}", "A".repeat(43)),
            "privateKey": key(world, what, passphrase.as_deref()),
            "passphrase": passphrase,
        })
    };
    let all = organization.path("/database-connections");
    let described = |what: &str| {
        let more = json!({ "password": world.marks.make(what), "hops": [hop(what, false), hop(what, true)] });
        external("Through SSH", "postgresql", customer, more)
    };
    let body = described("behind SSH servers, created");
    let made = world.call(&world.olga, "POST", &all, Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let one = format!("{all}/{}", text(&made.json(), "id"));
    let answer = world.call(&world.olga, "POST", &format!("{one}/test"), None).await;
    assert_eq!(answer.json()["code"], "ssh_name_unresolved", "{}", answer.text());
    let asked = json!({ "host": "ssh.invalid", "via": [hop("to ask for a host key", true)] });
    let answer = world.call(&world.olga, "POST", &format!("{all}/host-key"), Some(&asked)).await;
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(false)), "{}", answer.text());
    let body = unkind(&described("behind SSH servers, replaced"));
    assert_eq!(world.call(&world.olga, "PUT", &one, Some(&body)).await.status, 200);
    let mut broken = unkind(&described("behind SSH servers, broken"));
    broken["hops"][1]["passphrase"] = json!(world.marks.make("a wrong passphrase"));
    assert_eq!(world.call(&world.olga, "PUT", &one, Some(&broken)).await.status, 422);
    assert_eq!(world.call(&world.olga, "GET", &one, None).await.status, 200);
    assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, 204);
}
