//! Named secrets on every way through the API.

use serde_json::json;

use super::planted::{Planted, Scope};
use super::rounds;
use super::world::{World, text};
use crate::installation::ORIGIN;

/// Where the secrets of a scope are.
fn path(world: &World<'_>, planted: &Planted) -> String {
    let organization = &world.organizations[planted.number % world.organizations.len()];
    match planted.scope {
        Scope::Organization => organization.path("/secrets"),
        Scope::Personal => organization.path("/own-secrets"),
        Scope::App => {
            format!("/api/v1/apps/{}/secrets", organization.apps[planted.number % organization.apps.len()])
        }
    }
}

/// Created, read, replaced, refused, and half of them deleted.
pub async fn named_secrets(world: &World<'_>) {
    for planted in Planted::all() {
        let all = path(world, &planted);
        let value = planted.value(&world.marks, "created");
        let made = world.call(&world.olga, "POST", &all, Some(&planted.body(value))).await;
        assert_eq!(made.status, 201, "{} {:?}: {}", planted.kind, planted.scope, made.text());
        let one = format!("{all}/{}", text(&made.json(), "id"));

        let again = planted.body(planted.value(&world.marks, "created again"));
        assert_eq!(world.call(&world.olga, "POST", &all, Some(&again)).await.status, 409);
        let replaced = json!({ "value": planted.value(&world.marks, "replaced") });
        let answer = world.call(&world.olga, "PUT", &one, Some(&replaced)).await;
        assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(2)), "{}", answer.text());
        let late = json!({ "value": planted.value(&world.marks, "replaced late"), "expectedVersion": 1 });
        assert_eq!(world.call(&world.olga, "PUT", &one, Some(&late)).await.status, 409);
        // In the short form, one of each kind, scope and environment.
        if planted.is_first || rounds() > 1 {
            broken(world, &planted, &all, &one).await;
            refused(world, &planted, &all, &one).await;
        }

        for reading in [all.clone(), format!("{all}?limit=3"), one.clone()] {
            assert_eq!(world.call(&world.olga, "GET", &reading, None).await.status, 200, "{reading}");
        }
        if planted.scope != Scope::Personal {
            assert_eq!(world.call(&world.olga, "GET", &format!("{one}/uses"), None).await.status, 200);
        }
        if planted.number.is_multiple_of(2) {
            assert_eq!(world.call(&world.olga, "DELETE", &one, None).await.status, 204);
            let gone = json!({ "value": planted.value(&world.marks, "deleted before") });
            assert_eq!(world.call(&world.olga, "PUT", &one, Some(&gone)).await.status, 404);
        }
    }
    for app in world.apps() {
        for environment in ["preview", "production"] {
            let path = format!("/api/v1/apps/{app}/environment?environment={environment}");
            assert_eq!(world.call(&world.olga, "GET", &path, None).await.status, 200);
        }
    }
}

/// Values that are refused, at creation and in place of a good one; wrong kinds, environments and names.
async fn broken(world: &World<'_>, planted: &Planted, all: &str, one: &str) {
    for value in planted.broken(&world.marks) {
        let told = |status: u16| matches!(status, 400 | 413 | 422);
        let mut new = planted.body(value.clone());
        new["name"] = json!(format!("BROKEN_{}", planted.number));
        let created = world.call(&world.olga, "POST", all, Some(&new)).await;
        assert!(told(created.status), "{} took a broken value: {}", planted.kind, created.text());
        let replaced = world.call(&world.olga, "PUT", one, Some(&json!({ "value": value }))).await;
        assert!(told(replaced.status), "{} took a broken value: {}", planted.kind, replaced.text());
    }
    let mark = || world.marks.make(&format!("in a wrong place {}", planted.number));
    for (field, wrong) in [
        ("kind", json!(mark())),
        ("kind", json!("server_secret")),
        ("kind", json!({ mark(): mark() })),
        ("environment", json!(mark())),
        ("name", json!(format!("{}\u{7}", mark()))),
        ("name", json!(mark().repeat(9))),
        ("value", json!(null)),
        ("version", json!(mark())),
        (&mark(), json!(mark())),
    ] {
        let mut new = planted.body(json!(mark()));
        new[field] = wrong;
        let answer = world.call(&world.olga, "POST", all, Some(&new)).await;
        assert!(answer.status == 422, "{field}: {} {}", answer.status, answer.text());
    }
    let wrong = json!({ "value": mark(), "expectedVersion": mark() });
    assert_eq!(world.call(&world.olga, "PUT", one, Some(&wrong)).await.status, 422);
}

/// By access: nobody, a stranger and a member, with a good value.
async fn refused(world: &World<'_>, planted: &Planted, all: &str, one: &str) {
    let body = || planted.body(planted.value(&world.marks, "not allowed"));
    let value = || json!({ "value": planted.value(&world.marks, "not allowed") });
    for (browser, statuses) in
        [(&world.anonymous, &[401][..]), (&world.stranger, &[404]), (&world.milo, &[201, 403, 404, 409])]
    {
        // A member keeps secrets of his own.
        let created = world.call(browser, "POST", all, Some(&body())).await;
        assert!(statuses.contains(&created.status), "{all}: {} {}", created.status, created.text());
        let replaced = world.call(browser, "PUT", one, Some(&value())).await;
        assert!(matches!(replaced.status, 401 | 403 | 404), "{one}: {}", replaced.status);
        for path in [all, one] {
            world.call(browser, "GET", path, None).await;
        }
    }
    // From a page of somebody else's, as a form, and with the secret in the address.
    let mark = world.marks.make(&format!("not in JSON {}", planted.number));
    let url = format!("{ORIGIN}{all}");
    let post = |url: &str| world.olga.client.request("POST", url).header("origin", ORIGIN);
    for request in [
        world.olga.client.request("POST", &url).header("origin", "https://elsewhere.test").json(&body()),
        post(&url).form(&[("value", mark.as_str())]),
        post(&format!("{url}?value={mark}")).json(&body()),
    ] {
        world.heard.response(all, &request.send().await);
    }
}

/// Keys are replaced while values stay.
pub async fn key_rotations(world: &World<'_>) {
    let first = &world.organizations[0];
    let begun = world.call(&world.olga, "POST", &first.path("/key-rotations"), None).await;
    assert!(matches!(begun.status, 202 | 409), "{}", begun.text());
    for rest in ["/key", "/key-rotations"] {
        assert_eq!(world.call(&world.olga, "GET", &first.path(rest), None).await.status, 200);
    }
    for arguments in [
        &["keys", "rotate", "organization", &world.organizations[1].id, "--progress"][..],
        &["keys", "rotate", "platform"],
        &["keys", "rotate", "master"],
        &["keys", "status"],
    ] {
        let (succeeded, said) = world.installation.command(arguments).await;
        assert!(succeeded, "{arguments:?}: {}", String::from_utf8_lossy(&said));
        world.heard.bytes(&format!("vybe {}", arguments.join(" ")), &said);
    }
    // It may find fault with the names of hosts that exist only here.
    for arguments in [&["doctor", "--json"][..], &["doctor"]] {
        let (_, said) = world.installation.command(arguments).await;
        assert!(String::from_utf8_lossy(&said).contains("master key"), "{}", String::from_utf8_lossy(&said));
        world.heard.bytes(&format!("vybe {}", arguments.join(" ")), &said);
    }
}

/// An organization is deleted with all that it keeps.
pub async fn deleted_organization(world: &World<'_>) {
    let slug = format!("gone-{}", world.heard.count());
    let made = world
        .call(&world.olga, "POST", "/api/v1/organizations", Some(&json!({ "slug": slug, "name": slug })))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let organization = format!("/api/v1/organizations/{}", text(&made.json(), "id"));
    for planted in Planted::all().iter().filter(|planted| planted.scope == Scope::Organization).take(9) {
        let body = planted.body(planted.value(&world.marks, "to be destroyed"));
        let kept = world.call(&world.olga, "POST", &format!("{organization}/secrets"), Some(&body)).await;
        assert_eq!(kept.status, 201, "{}", kept.text());
    }
    let deleted = world.call(&world.olga, "DELETE", &format!("{organization}?slug={slug}"), None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    // The receipt, and what the operator's tool says of it.
    let (known, key) = world.installation.command(&["audit", "public-key"]).await;
    assert!(known, "{}", String::from_utf8_lossy(&key));
    let receipt = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(receipt.path(), deleted.text()).unwrap();
    let mut verify = tokio::process::Command::new(env!("CARGO_BIN_EXE_vybe"));
    verify.args(["audit", "verify-receipt", "--receipt"]).arg(receipt.path());
    verify.args(["--public-key", String::from_utf8_lossy(&key).trim()]);
    let output = verify.output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    world.heard.bytes("vybe audit verify-receipt", &said);
}
