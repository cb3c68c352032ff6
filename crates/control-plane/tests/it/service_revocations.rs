//! `vybe drill revoke` on a running platform and a real authorization server, and what a stranger makes of its report.

use std::sync::Arc;

use catalogue::Service;
use control_plane::demo::ReachableServices;
use development::Folder;
use serde_json::{Value, json};
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET, Conduct, Reuse, TokenServer};
use test_support::{TestDatabase, on_both_stores};

use crate::audit_commands::{Operator, vybe};
use crate::platform::{Browser, Platform};
use crate::policy::CommandLine;

fn entry(origin: &str) -> String {
    format!(
        r#"
schema = 1
id = "drilled"
name = "Drilled"
categories = ["testing"]
tier = "fixture"
documentation = "https://token-server.test/docs"

[authentication]
kind = "oauth2_code"
authorize_url = "{origin}/authorize"
token_url = "{origin}/token"

[authentication.revocation]
url = "{origin}/revoke"
most_per_minute = 6000

[api]
base = "{origin}/api"
hosts = ["token-server.test"]
credential = [{{ place = "header", name = "Authorization", format = "Bearer {{token}}" }}]
"#
    )
}

/// Connects an account as people do, and answers its identifier.
async fn connected(platform: &Platform, server: &TokenServer, person: &Browser, segment: &str) -> String {
    let all = format!("/api/v1/organizations/{}/{segment}", platform.demo.seeded.organization);
    let body = json!({ "service": "drilled", "name": "An account" });
    let begun = person.call("POST", &format!("{all}/connect-attempts"), Some(&body)).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let back = server.authorize(begun.json()["url"].as_str().unwrap());
    let page =
        person.open(&platform.url(&format!("{}?{}", back.path(), back.query().unwrap_or_default()))).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let list = person.call("GET", &all, None).await.json();
    list["accounts"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

/// Calls the service as an app's server does.
async fn execute(platform: &Platform, account: &str) -> (u16, Value) {
    let url = platform.url(&format!("/api/integrations/accounts/{account}/execute"));
    let body = json!({ "actionId": "request", "input": { "method": "GET", "path": "/me" } });
    let app = platform.browser();
    let request = app.client.request("POST", &url);
    let answer =
        request.header("VYBE_SERVER_SECRET", platform.server_secret("hello")).json(&body).send().await;
    (answer.status, answer.json())
}

/// The identifier of the revocation that a text names.
fn revocation(text: &str) -> String {
    let start = text.find("rvk_").unwrap_or_else(|| panic!("no revocation: {text}"));
    text[start..start + "rvk_".len() + 32].to_owned()
}

on_both_stores! {
    async fn a_drill_revokes_every_account_and_its_report_is_signed(database: TestDatabase) {
        let server = TokenServer::start(Reuse::Static, std::time::Duration::from_secs(3600)).await;
        let operator = Operator::new(&database);
        let reachable = ReachableServices {
            services: vec![Arc::new(Service::parse(&entry(&server.origin())).unwrap())],
            hosts: vec![server.host()],
            authorities: vec![server.root()],
        };
        let folder = Folder::open(operator.folder.path()).unwrap();
        let platform = Platform::of_reaching(&folder, database.connection().clone(), reachable).await;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let organization = format!("/api/v1/organizations/{}", platform.demo.seeded.organization);
        let client = json!({ "service": "drilled", "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET });
        let made = owner.call("POST", &format!("{organization}/oauth-clients"), Some(&client)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let shared = connected(&platform, &server, &owner, "accounts").await;
        connected(&platform, &server, &owner, "accounts").await;
        connected(&platform, &server, &member, "own-accounts").await;
        assert_eq!(execute(&platform, &shared).await.0, 200);
        // Whoever does not run the organization revokes nothing.
        let begin = format!("{organization}/services/drilled/revocations");
        assert!(matches!(member.call("POST", &begin, None).await.status, 403 | 404));
        server.conduct(Conduct {
            refused_revocations: [(429, Some(1))].into_iter().collect(),
            ..Conduct::default()
        });

        let command_line = CommandLine::of(&platform);
        let file = operator.folder.path().join("revoked.json");
        let report = file.to_str().unwrap();
        let drill = ["drill", "revoke", "--service", "drilled", "--organization", "acme", "--report", report];
        let said = command_line.ends(0, &drill).await;
        for part in ["3 accounts", "3 revoked at the service", "0 not revoked", "1 waits", "signed report: "] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(server.histories().iter().all(|grant| grant.revoked));
        let (status, problem) = execute(&platform, &shared).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("needs_reconnect")), "{problem}");
        // What people call their own is theirs.
        let signed: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let each = signed["attestation"]["found"]["each"].as_array().unwrap();
        assert_eq!(each.iter().filter(|account| account["name"].is_null()).count(), 1, "{signed}");
        assert_eq!(each.iter().filter(|account| account["user"].is_string()).count(), 1, "{signed}");

        let key = operator.public_key();
        let verify = |text: &str, key: &str| {
            std::fs::write(&file, text).unwrap();
            let output = vybe(&["audit", "verify-revocation", "--report", report, "--public-key", key]);
            (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
        };
        let text = serde_json::to_string_pretty(&signed).unwrap();
        let (good, said) = verify(&text, &key);
        assert!(good && said.contains("audit record "), "{said}");
        for (text, key) in [
            (text.clone(), "ab".repeat(32)),
            (text.replace("\"failed\": 0", "\"failed\": 1"), key.clone()),
            (text.replace("\"outcome\": \"revoked\"", "\"outcome\": \"gone\""), key.clone()),
            (text.replace("revocation of a service", "read-only examination"), key.clone()),
            ("{}".to_owned(), key.clone()),
        ] {
            let (good, said) = verify(&text, &key);
            assert!(!good, "{said}");
        }

        // A key made by hand can only be listed.
        let body = json!({ "service": "fly-io", "name": "Machines", "secrets": { "token": "by hand" } });
        let made = owner.call("POST", &format!("{organization}/accounts"), Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let drill = ["drill", "revoke", "--service", "fly-io", "--organization", "acme", "--report", report];
        let said = command_line.ends(0, &drill).await;
        assert!(said.contains("1 not revocable by a program") && said.contains("delete it at the service"), "{said}");
        let said = command_line.ends(1, &["drill", "revoke", "--service", "no-such-service", "--organization", "acme"]).await;
        assert!(said.contains("404"), "{said}");
        // What the service refuses to revoke makes the drill fail.
        connected(&platform, &server, &owner, "accounts").await;
        server.conduct(Conduct { refused_revocations: [(400, None)].into_iter().collect(), ..Conduct::default() });
        let drill = ["drill", "revoke", "--service", "drilled", "--organization", "acme", "--report", report];
        let said = command_line.ends(1, &drill).await;
        assert!(said.contains("1 not revoked") && said.contains("did not revoke 1 account"), "{said}");
    }

    async fn a_revocation_that_is_under_way_is_found_again_and_gone_on_with(database: TestDatabase) {
        let server = TokenServer::start(Reuse::Static, std::time::Duration::from_secs(3600)).await;
        let operator = Operator::new(&database);
        let reachable = ReachableServices {
            services: vec![Arc::new(Service::parse(&entry(&server.origin())).unwrap())],
            hosts: vec![server.host()],
            authorities: vec![server.root()],
        };
        let folder = Folder::open(operator.folder.path()).unwrap();
        let platform = Platform::of_reaching(&folder, database.connection().clone(), reachable).await;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let home = format!("/organizations/{}", platform.demo.seeded.organization);
        let client = json!({ "service": "drilled", "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET });
        let made = owner.call("POST", &format!("/api/v1{home}/oauth-clients"), Some(&client)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let shared = connected(&platform, &server, &owner, "accounts").await;
        let personal = connected(&platform, &server, &member, "own-accounts").await;
        // The service asks to wait: it stays under way for so long.
        server.conduct(Conduct { refused_revocations: [(429, Some(12))].into_iter().collect(), ..Conduct::default() });
        let form = platform.url(&format!("{home}/services/drilled/revoke"));
        let begun = owner.submit(&form, &[]).await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let id = revocation(begun.location());

        // Every second attempt leads to it, by the API and on the page.
        let again = owner.call("POST", &format!("/api/v1{home}/services/drilled/revocations"), None).await;
        let (status, again) = (again.status, again.json());
        assert_eq!((status, &again["code"], &again["serviceRevocationId"]), (409, &json!("revocation_under_way"), &json!(id)), "{again}");
        let link = format!("id=\"under-way\" href=\"{}\"", begun.location());
        let again = owner.submit(&form, &[]).await;
        assert!(again.status == 409 && again.text().contains(&link), "{}", again.text());
        assert!(again.text().contains("<strong>under way</strong>"), "{}", again.text());

        // The command goes on with it, and the report can be had again.
        let command_line = CommandLine::of(&platform);
        let file = |name: &str| operator.folder.path().join(name);
        let (first, second) = (file("first.json"), file("second.json"));
        let drill = ["drill", "revoke", "--service", "drilled", "--organization", "acme", "--report", first.to_str().unwrap()];
        let said = command_line.ends(0, &drill).await;
        assert!(said.contains(&format!("is being revoked already; revocation {id}")), "{said}");
        assert!(said.contains("2 revoked at the service"), "{said}");
        let report = ["drill", "report", "--revocation", &id, "--organization", "acme", "--report", second.to_str().unwrap()];
        let said = command_line.ends(0, &report).await;
        assert!(said.contains("2 revoked at the service"), "{said}");
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
        let unknown = ["drill", "report", "--revocation", &id.replace(&id[4..12], "00000000"), "--organization", "acme"];
        assert!(command_line.ends(1, &unknown).await.contains("404"));

        // Whoever has to connect an account again is led to the account.
        for (person, path) in [(&owner, format!("{home}/accounts/{shared}")), (&member, format!("{home}/own-accounts/{personal}"))] {
            let link = platform.url(&path);
            let began = std::time::Instant::now();
            while !platform.demo.catcher.letters().iter().any(|letter| letter.text().lines().any(|line| line == link)) {
                assert!(began.elapsed() < std::time::Duration::from_secs(60), "no letter leads to {link}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            assert_eq!(person.open(&link).await.status, 200);
        }
    }
}
