//! Secrets in forms on pages, as a person without scripts sends them.

use super::planted::{Planted, Scope};
use super::rounds;
use super::world::World;
use crate::installation::ORIGIN;

/// The name of a value's part in forms.
fn field(part: &str) -> Option<&'static str> {
    Some(match part {
        "user" => "user",
        "password" => "password",
        "privateKey" => "private_key",
        "passphrase" => "passphrase",
        "accessToken" => "access_token",
        "refreshToken" => "refresh_token",
        _ => return None,
    })
}

/// A value as fields of a form.
fn fields(value: &serde_json::Value) -> Vec<(&'static str, String)> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value.as_object() {
        Some(parts) => parts.iter().filter_map(|(part, value)| Some((field(part)?, text(value)))).collect(),
        None => vec![("value", text(value))],
    }
}

/// Created, replaced and refused with forms, by those who may and those who may not.
pub async fn forms(world: &World<'_>) {
    let first = &world.organizations[0];
    for planted in Planted::all().iter().filter(|planted| planted.is_first || rounds() > 1) {
        let base = match planted.scope {
            Scope::Organization => format!("/organizations/{}/secrets", first.id),
            Scope::Personal => format!("/organizations/{}/own-secrets", first.id),
            Scope::App => format!("/apps/{}/secrets", first.apps[0]),
        };
        let send = async |browser: &crate::platform::Browser, path: &str, fields: &[(&str, String)]| {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = browser.submit(&format!("{ORIGIN}{path}"), &fields).await;
            world.heard.response(path, &answer);
            answer
        };
        let with = |name: &str, value: &serde_json::Value| {
            let mut all = vec![("kind", planted.kind.to_owned()), ("name", name.to_owned())];
            all.extend(planted.environment.map(|environment| ("environment", environment.to_owned())));
            all.extend(fields(value));
            all
        };
        let value = |what: &str| planted.value(&world.marks, what);
        let created = send(&world.olga, &base, &with(&planted.name, &value("created with a form"))).await;
        assert_eq!(created.status, 303, "{}: {}", planted.kind, created.text());
        let again = send(&world.olga, &base, &with(&planted.name, &value("a name that is taken"))).await;
        assert_eq!(again.status, 409, "{}: {}", planted.kind, again.text());

        let listed = world.call(&world.olga, "GET", &format!("/api/v1{base}?limit=100"), None).await.json();
        let listed = listed["secrets"].as_array().unwrap();
        let known = listed.iter().find(|secret| secret["name"] == planted.name.as_str());
        let Some(known) = known else { panic!("no {} in {base}", planted.name) };
        let one = format!("{base}/{}", known["id"].as_str().unwrap());
        let replaced =
            send(&world.olga, &format!("{one}/replace"), &fields(&value("replaced with a form"))).await;
        assert_eq!(replaced.status, 303, "{}: {}", planted.kind, replaced.text());
        for broken in planted.broken(&world.marks) {
            // What has no field in the form is not sent, and what is left may be a good value.
            send(&world.olga, &base, &with("BROKEN", &broken)).await;
            send(&world.olga, &format!("{one}/replace"), &fields(&broken)).await;
        }
        let masked = [("value", format!("••••{}", world.marks.make("a mask in a form")))];
        assert_eq!(send(&world.olga, &format!("{one}/replace"), &masked).await.status, 422);
        for browser in [&world.anonymous, &world.stranger] {
            let created = send(browser, &base, &with(&planted.name, &value("a form not allowed"))).await;
            assert!(created.status >= 400 || created.location().contains("/login"), "{}", created.status);
            send(browser, &format!("{one}/replace"), &fields(&value("a form not allowed"))).await;
        }
        world.heard.response(&base, &world.olga.open(&format!("{ORIGIN}{base}")).await);
        assert_eq!(send(&world.olga, &format!("{one}/delete"), &[]).await.status, 303);
    }
}
