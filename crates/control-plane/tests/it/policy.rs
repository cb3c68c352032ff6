//! The policy through the running platform: explained, simulated, changed at once; and by the command line.

use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

fn text(platform: &Platform, pointer: &str) -> String {
    let found = platform.demo.description.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer}")).to_owned()
}

/// `vybe` in a folder of its own, with the demo Owner's token.
pub struct CommandLine {
    folder: tempfile::TempDir,
    platform: String,
    authority: String,
    token: String,
}

impl CommandLine {
    pub fn of(platform: &Platform) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            platform: text(platform, "/platform"),
            authority: text(platform, "/authority"),
            token: text(platform, "/apiToken"),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("policy.toml")
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new(env!("CARGO_BIN_EXE_vybe"))
            .args(arguments)
            .args(["--url", &self.platform, "--ca-file", &self.authority])
            .current_dir(self.folder.path())
            .env("VYBE_TOKEN", &self.token)
            .output()
            .await
            .unwrap()
    }

    /// What it printed, if it ended as expected.
    pub async fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}{said}");
        if code == 0 { printed } else { printed + &said }
    }
}

async fn explained(browser: &Browser, app: &str, user: &str, path: &str) -> Value {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("user", user), ("path", path)])
        .finish();
    let answer = browser.call("GET", &format!("/api/v1/apps/{app}/explain?{query}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

on_both_stores! {
    async fn what_is_explained_is_what_the_proxy_does(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let app = text(&platform, "/apps/reports/id");
        for subject in ["owner", "admin", "editor", "member", "outsider"] {
            let browser = platform.signed_in(subject).await;
            let email = text(&platform, &format!("/users/{subject}/email"));
            for path in ["/", "/admin", "/ADMIN/x", "/x/../admin", "/administrator", "/_next/data/build/admin.json", "/admin.rsc"] {
                let said = explained(&owner, &app, &email, path).await;
                let answer = browser.open(&platform.app_url("reports", path)).await;
                let wanted = said["refusedWith"].as_u64().unwrap_or(200);
                assert_eq!(said["allowed"], wanted == 200, "{subject} {path}: {said}");
                assert_eq!(u64::from(answer.status), wanted, "{subject} {path}: {said}");
                assert!(!said["words"].as_array().unwrap().is_empty());
            }
        }
        // Of whoever is no member nothing is said but that.
        let outsider = explained(&owner, &app, &text(&platform, "/users/outsider/email"), "/").await;
        let nobody = explained(&owner, &app, "nobody@nowhere.example", "/").await;
        assert_eq!((&outsider, outsider["reason"].as_str()), (&nobody, Some("not_a_member")));
        for (path, status) in [
            (format!("/api/v1/apps/{app}/explain"), 422),
            (format!("/api/v1/apps/{app}/explain?user=x&path=/"), 422),
            (format!("/api/v1/apps/{app}/explain?user=a@b.co&path=/a%252fb"), 422),
            (format!("/api/v1/apps/{app}/explain?user=a@b.co&path=/&signedInMinutesAgo=99999"), 422),
            (format!("/api/v1/apps/{}/explain?user=a@b.co&path=/", ids::AppId::generate()), 404),
        ] {
            assert_eq!(owner.call("GET", &path, None).await.status, status, "{path}");
        }
        let member = platform.signed_in("member").await;
        let refused = member.call("GET", &format!("/api/v1/apps/{app}/explain?user=a@b.co&path=/"), None).await;
        assert_eq!(refused.status, 403);
    }

    async fn a_draft_is_simulated_and_then_made_unless_the_world_has_moved(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let organization = format!("/api/v1/organizations/{}", text(&platform, "/organization/id"));
        let (app, rule) = (text(&platform, "/apps/reports/id"), {
            let access = owner.call("GET", &format!("/api/v1/apps/{}/access", text(&platform, "/apps/reports/id")), None).await;
            access.json()["pathRules"][0]["id"].as_str().unwrap().to_owned()
        });
        // Seen, and refused.
        assert_eq!(member.open(&platform.app_url("reports", "/admin/seen")).await.status, 403);
        let draft = json!([{ "kind": "delete_path_rule", "appId": app, "ruleId": rule }]);
        let simulate = async || {
            let body = json!({ "changes": draft });
            let answer = owner.call("POST", &format!("{organization}/simulations"), Some(&body)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()
        };
        // What was seen is written off the request's path.
        let mut simulated = simulate().await;
        for _ in 0..100 {
            if simulated.to_string().contains("/admin/seen") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            simulated = simulate().await;
        }
        let effects = simulated["effects"].as_array().unwrap();
        let gaining: Vec<&str> = effects.iter().map(|effect| effect["email"].as_str().unwrap()).collect();
        let mut wanted = [text(&platform, "/users/editor/email"), text(&platform, "/users/member/email")];
        wanted.sort();
        let mut gaining: Vec<&str> = gaining.clone();
        gaining.sort_unstable();
        assert_eq!(gaining, wanted, "{simulated}");
        for effect in effects {
            let paths: Vec<&str> = effect["gains"]["requests"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
            assert_eq!(paths, ["/admin", "/admin", "/admin/seen"], "{effect}");
            assert_eq!(effect["loses"]["total"], 0);
        }
        assert_eq!(simulated["totals"]["losing"], 0);

        // Somebody else changes something else meanwhile.
        let hello = text(&platform, "/apps/hello/id");
        let moving = json!({ "changes": [{ "kind": "set_level", "appId": hello, "level": "restricted" }] });
        let moved = owner.call("POST", &format!("{organization}/policy/changes"), Some(&moving)).await;
        assert_eq!((moved.status, moved.json()["changed"].clone()), (200, json!(1)));
        let order = json!({ "changes": draft, "simulation": simulated["simulation"] });
        let refused = owner.call("POST", &format!("{organization}/policy/changes"), Some(&order)).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("world_moved")));
        assert_eq!(member.open(&platform.app_url("reports", "/admin/seen")).await.status, 403);

        let order = json!({ "changes": draft, "simulation": simulate().await["simulation"] });
        let made = owner.call("POST", &format!("{organization}/policy/changes"), Some(&order)).await;
        assert_eq!(made.status, 200, "{}", made.text());
        assert_eq!(member.open(&platform.app_url("reports", "/admin/seen")).await.status, 200);
    }

    async fn the_command_line_exports_plans_applies_and_explains(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let vybe = CommandLine::of(&platform);
        let exported = vybe.ends(0, &["policy", "export", "--organization", "acme"]).await;
        assert!(exported.contains("[apps.\"reports\"]") && !exported.contains("payroll"), "{exported}");
        std::fs::write(vybe.file(), &exported).unwrap();
        assert_eq!(vybe.ends(0, &["policy", "plan", "policy.toml"]).await, "no differences\n");
        assert_eq!(vybe.ends(0, &["policy", "apply", "policy.toml"]).await, "nothing to change\n");

        let email = text(&platform, "/users/editor/email");
        let edited = exported
            .replace("subjects = [\"role:admin\", \"role:owner\"]", &format!("subjects = [\"role:owner\", \"user:{email}\"]\nsign_in_within_minutes = 30"))
            .replace(&format!("\"{email}\" = \"editor\""), &format!("\"{email}\" = \"member\""));
        assert_ne!(edited, exported);
        std::fs::write(vybe.file(), &edited).unwrap();
        let planned = vybe.ends(2, &["policy", "plan", "policy.toml"]).await;
        assert!(planned.contains(&format!("~ member {email}: editor -> member")), "{planned}");
        assert!(planned.contains("~ app reports: rule /admin for"), "{planned}");
        assert!(planned.contains("2 changes would be made"), "{planned}");
        let admin = text(&platform, "/users/admin/email");
        assert!(planned.contains(&format!("  {admin} at reports; loses GET /admin")), "{planned}");
        assert!(planned.contains("the policy and the file differ in 2 places"), "{planned}");
        let hash = planned.lines().find_map(|line| line.strip_prefix("simulation ")).unwrap().to_owned();

        let other = "0".repeat(64);
        let refused = vybe.ends(1, &["policy", "apply", "policy.toml", "--simulation", &other]).await;
        assert!(refused.contains("409 world_moved"), "{refused}");
        let applied = vybe.ends(0, &["policy", "apply", "policy.toml", "--simulation", &hash]).await;
        assert!(applied.ends_with("2 changes made\n"), "{applied}");
        assert_eq!(vybe.ends(0, &["policy", "plan", "policy.toml"]).await, "no differences\n");
        assert_eq!(vybe.ends(0, &["policy", "apply", "policy.toml"]).await, "nothing to change\n");
        // Exported again it is the same file, however it was written.
        let again = vybe.ends(0, &["policy", "export", "--organization", "acme"]).await;
        let once_more = vybe.ends(0, &["policy", "export", "--organization", "acme"]).await;
        assert_eq!(again, once_more);

        let admin = text(&platform, "/users/admin/email");
        let said = vybe.ends(0, &["explain", "--app", "reports", "--user", &admin, "--path", "/admin/x"]).await;
        assert!(said.contains("Refused by the rule") && said.contains("answered with 403"), "{said}");
        let said = vybe.ends(0, &["explain", "--app", "reports", "--user", &email, "--path", "/admin", "--signed-in-minutes-ago", "31"]).await;
        assert!(said.contains("the sign-in is too old") && said.contains("answered with 401"), "{said}");
        let said = vybe.ends(0, &["explain", "--app", "reports", "--user", &email, "--method", "get", "--path", "/admin"]).await;
        assert!(said.contains("Allowed, as viewer"), "{said}");
    }

    async fn the_command_line_says_in_one_line_what_is_wrong(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let mut vybe = CommandLine::of(&platform);
        let check = async |vybe: &CommandLine, arguments: &[&str], wanted: &str| {
            let said = vybe.ends(1, arguments).await;
            assert!(said.contains(wanted) && said.lines().count() == 1, "{wanted:?}: {said}");
        };
        let plan = ["policy", "plan", "policy.toml"];
        check(&vybe, &plan, "cannot read policy.toml").await;
        std::fs::write(vybe.file(), "organization = \"acme\"\ncolour = 1\n").unwrap();
        check(&vybe, &plan, "policy.toml: line 2: unknown field `colour`").await;
        std::fs::write(vybe.file(), "organization = \"acme\"\n[members]\n\"x@y.co\" = \"admin\"\n").unwrap();
        check(&vybe, &plan, "policy.toml: line 3: x@y.co is no member of acme").await;
        std::fs::write(vybe.file(), "organization = \"other\"\n").unwrap();
        check(&vybe, &plan, "no organization called other").await;
        check(&vybe, &["explain", "--app", "nothing", "--user", "a@b.co", "--path", "/"], "no app called nothing").await;
        check(&vybe, &["explain", "--app", "hello", "--user", "a@b.co", "--path", "x"], "422").await;
        check(&vybe, &["explain", "--app", "hello", "--user", "xx", "--path", "/"], "An e-mail address or the identifier").await;
        vybe.token = "vybe_api_wrong".to_owned();
        check(&vybe, &["policy", "export", "--organization", "acme"], "does not accept the API token (401").await;
        vybe.platform = "http://vybe.localhost".to_owned();
        check(&vybe, &["policy", "export", "--organization", "acme"], "is no origin").await;
        vybe.platform = "https://vybe.localhost:1".to_owned();
        check(&vybe, &["policy", "export", "--organization", "acme"], "did not answer").await;
    }
}
