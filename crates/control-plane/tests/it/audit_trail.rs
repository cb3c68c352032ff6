//! The audit trail of the whole platform: every change and every refusal is in it once, who may read it can
//! search and export it, and nothing that anybody sends breaks out of its record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use audit::{Chain, Filter, Linked, Trail, parse_public_key, verify};
use proof::Matrix;
use serde_json::{Value, json};
use test_support::{Response, TestDatabase, on_both_stores};

use crate::access_matrix::target;
use crate::platform::{Browser, Platform};

/// What one request does in several changes, each with an event of its own: whoever signs in for the first
/// time gets an organization.
const SEVERAL_CHANGES: &[&[&str]] = &[&["organizations.create", "sign_in"]];

/// The path of the demo's organization.
async fn acme(browser: &Browser) -> String {
    let own = browser.call("GET", "/api/v1/organizations", None).await.json();
    let acme = own.as_array().unwrap().iter().find(|one| one["slug"] == "acme").unwrap();
    format!("/api/v1/organizations/{}", acme["id"].as_str().unwrap())
}

async fn search(browser: &Browser, organization: &str, query: &str) -> Vec<Value> {
    let answer = browser.call("GET", &format!("{organization}/audit-events?{query}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["events"].as_array().unwrap().clone()
}

/// The event of a decision, as soon as it is written.
async fn refusal(browser: &Browser, organization: &str, refused: &Response) -> Value {
    let problem = refused.json();
    let decision = problem["decisionId"].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned();
    for _ in 0..100 {
        let found = search(browser, organization, &format!("decision={decision}")).await;
        if let [event] = &*found {
            assert_eq!(event["request"], problem["requestId"]);
            assert_eq!(event["outcome"], "refused");
            return event.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no event of {problem}");
}

/// Everything in a chain.
async fn everything(database: &TestDatabase, chain: Chain) -> Vec<Linked> {
    let trail = Trail::new(database.connection().clone());
    let (mut all, mut last) = (Vec::new(), 0);
    loop {
        let page = trail.after(chain, last, 500).await.unwrap();
        let Some(end) = page.last() else { return all };
        last = end.record.sequence;
        all.extend(page);
    }
}

async fn in_the_platforms_chain(database: &TestDatabase, refused: &Response) -> Linked {
    let decision = refused.json()["decisionId"].as_str().unwrap().to_owned();
    let filter = Filter { decision: Some(decision.clone()), ..Filter::default() };
    let trail = Trail::new(database.connection().clone());
    for _ in 0..100 {
        let found = trail.search(Chain::Platform, &filter, None, 2).await.unwrap().records;
        if let [linked] = &*found {
            return linked.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no event of {decision}");
}

on_both_stores! {
    async fn every_refusal_of_somebody_known_is_in_the_right_trail(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, admin) = (platform.signed_in("owner").await, platform.signed_in("admin").await);
        let (member, outsider) = (platform.signed_in("member").await, platform.signed_in("outsider").await);
        let organization = acme(&owner).await;
        let id = organization.rsplit('/').next().unwrap();
        let members = owner.call("GET", &format!("{organization}/members"), None).await.json();
        let of = |email: &str| {
            let members = members["members"].as_array().unwrap();
            let found = members.iter().find(|member| member["email"].as_str().unwrap().starts_with(email)).unwrap();
            found["userId"].as_str().unwrap().to_owned()
        };

        // By the gate.
        let refused = member.call("PATCH", &organization, Some(&json!({ "name": "Mine" }))).await;
        assert_eq!(refused.status, 403);
        let event = refusal(&owner, &organization, &refused).await;
        assert_eq!(event["action"], "organization.update");
        assert_eq!(event["actor"], json!({ "kind": "person", "id": of("member") }));
        assert_eq!(event["target"], json!({ "kind": "organization", "id": id }));
        assert_eq!(event["detail"]["reason"], "forbidden");
        assert_eq!(event["detail"]["endpoint"], "PATCH /api/v1/organizations/{organization_id}");

        // By a use case that looks at the body.
        let role = format!("{organization}/members/{}", of("member"));
        let refused = admin.call("PATCH", &role, Some(&json!({ "role": "owner" }))).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        let event = refusal(&owner, &organization, &refused).await;
        assert_eq!(event["actor"]["id"], of("admin").as_str());

        // By a page that is not the platform's.
        let url = format!("{}{organization}", platform.url(""));
        let foreign = owner.client.request("DELETE", &url).header("origin", "https://evil.test").send().await;
        assert_eq!(foreign.status, 403);
        assert_eq!(refusal(&owner, &organization, &foreign).await["detail"]["reason"], "foreign_origin");

        // A stranger writes into nobody's trail but the platform's, and cannot tell what exists.
        let unknown = "org_00000000000000000000000000000000";
        let before = everything(&database, Chain::Organization(id.parse().unwrap())).await.len();
        for object in [id, unknown, "nonsense"] {
            let refused = outsider.call("GET", &format!("/api/v1/organizations/{object}"), None).await;
            assert_eq!(refused.status, 404);
            let linked = in_the_platforms_chain(&database, &refused).await;
            let target = if object == "nonsense" { None } else { Some(object.to_owned()) };
            assert_eq!(linked.record.target.id, target);
        }
        let after = everything(&database, Chain::Organization(id.parse().unwrap())).await.len();
        assert_eq!(before, after, "nothing of the outsider in the organization's trail");

        // Nobody in particular is counted only.
        let nobody = platform.browser().call("GET", &organization, None).await;
        assert_eq!((nobody.status, nobody.json().get("decisionId")), (401, None));
        let readings = platform.demo.running.gate.refusals.counters().readings();
        assert!(readings.iter().any(|(name, number)| *name == "unauthenticated" && *number >= 1), "{readings:?}");
    }

    async fn whoever_may_read_the_trail_searches_and_exports_it_and_that_is_in_it(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, admin) = (platform.signed_in("owner").await, platform.signed_in("admin").await);
        let outsider = platform.signed_in("outsider").await;
        let organization = acme(&owner).await;
        let renamed = owner.call("PATCH", &organization, Some(&json!({ "name": "Acme 2" }))).await;
        assert_eq!(renamed.status, 200, "{}", renamed.text());

        let found = search(&admin, &organization, "action=organization.*&outcome=done&limit=1").await;
        assert_eq!(found[0]["action"], "organization.update", "{found:?}");
        let one = format!("{organization}/audit-events/{}", found[0]["id"].as_str().unwrap());
        assert_eq!(admin.call("GET", &one, None).await.json(), found[0]);
        let elsewhere = outsider.call("GET", "/api/v1/organizations", None).await.json();
        let elsewhere = elsewhere[0]["id"].as_str().unwrap();
        let foreign = one.replace(organization.rsplit('/').next().unwrap(), elsewhere);
        assert_eq!(outsider.call("GET", &foreign, None).await.status, 404, "another organization's event");

        // Piece by piece it is the same as at once.
        let whole = search(&admin, &organization, "limit=200").await;
        let mut pieces = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{organization}/audit-events?limit=7{cursor}");
            let piece = admin.call("GET", &path, None).await.json();
            pieces.extend(piece["events"].as_array().unwrap().clone());
            let Some(next) = piece["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(pieces, whole);
        for wrong in [
            "outcome=perhaps", "since=yesterday", "until=2026-13-01T00:00:00Z", "actor=%00", "cursor=!", "limit=0",
            "limit=201", "action=a%0d%0a", "since=0000-01-01T00:00:00Z",
        ] {
            let answer = admin.call("GET", &format!("{organization}/audit-events?{wrong}"), None).await;
            assert_eq!(answer.status, 422, "{wrong}: {}", answer.text());
        }
        assert_eq!(search(&admin, &organization, "action=%27%20OR%201%3D1--").await, Vec::<Value>::new());

        let reads = search(&owner, &organization, "action=audit.read").await;
        let readers: BTreeMap<&str, usize> = reads.iter().fold(BTreeMap::new(), |mut readers, event| {
            *readers.entry(event["actor"]["id"].as_str().unwrap()).or_default() += 1;
            readers
        });
        assert_eq!(readers.values().copied().collect::<Vec<_>>(), [1, 1], "each of two readers once: {reads:?}");

        for _ in 0..2 {
            let export = admin.call("GET", &format!("{organization}/audit-events/export"), None).await;
            assert_eq!((export.status, export.header("content-type")), (200, Some("application/jsonl")));
            let text = export.text();
            let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            let key = parse_public_key(header["keys"][0]["publicKey"].as_str().unwrap()).unwrap();
            let report = verify(text.as_bytes(), &[key], None).unwrap();
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            let records = text.lines().filter(|line| line.contains("\"record\":{")).count();
            let last = everything(&database, Chain::Organization(
                organization.rsplit('/').next().unwrap().parse().unwrap(),
            )).await;
            assert_eq!(records, last.len());
            assert_eq!(last.last().unwrap().record.action, "audit.read", "the export is in it itself");
        }
        let beyond = admin.call("GET", &format!("{organization}/audit-events/export?from=999999"), None).await;
        assert_eq!(beyond.status, 422, "{}", beyond.text());
    }

    async fn l01_what_people_send_stays_in_one_record(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let organization = acme(&owner).await;
        let hostile = "Q3 \u{202e}\u{2066}\u{1b}[31m\r\n{\"hash\":\"00\",\"record\":{}}\r\n\u{85}\u{2028}x";
        for (path, body) in [
            (organization.clone(), json!({ "name": hostile })),
            (organization.clone(), json!({ "name": "right \u{202e}to left" })),
        ] {
            let answer = owner.call("PATCH", &path, Some(&body)).await;
            assert!(matches!(answer.status, 200 | 422), "{}", answer.text());
        }
        let invited = json!({ "email": "evil\r\nBcc: x@y.test", "role": "member" });
        assert_eq!(owner.call("POST", &format!("{organization}/invitations"), Some(&invited)).await.status, 422);
        // A path that the app's rule refuses to the member, and a user agent.
        let member = platform.signed_in("member").await;
        assert_eq!(member.open(&platform.app_url("reports", "/")).await.status, 200);
        let url = platform.app_url("reports", "/admin/%0d%0a%1b%5b31m%e2%80%ae?x=%0d%0a");
        assert_eq!(member.open_once(&url).await.status, 400, "a path with controls goes nowhere");
        let refused = member
            .client
            .request("GET", &platform.app_url("reports", "/admin/%e2%80%ae%22%7d?x=%0d%0a"))
            .header("user-agent", "Mozilla \u{202e} \u{85}")
            .send()
            .await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        tokio::time::sleep(Duration::from_millis(300)).await;

        let export = owner.call("GET", &format!("{organization}/audit-events/export"), None).await.text();
        let events = everything(&database, Chain::Organization(
            organization.rsplit('/').next().unwrap().parse().unwrap(),
        )).await;
        let records = export.lines().filter(|line| line.starts_with("{\"hash\":\"")).count();
        assert_eq!(records, events.len(), "a line for each event and no other");
        assert!(export.to_ascii_lowercase().contains("/admin/%e2%80%ae"), "the path is in it");
        let shown = owner.call("GET", &format!("{organization}/audit-events?limit=200"), None).await.text();
        for text in [&export, &shown] {
            let moves = |character: char| {
                (character.is_control() && character != '\n')
                    || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
            };
            assert!(!text.contains(moves), "escaped: {:?}", text.chars().find(|c| moves(*c)));
        }
    }
}

/// After everybody asked everything: one event for each change, and each says who, when, where and what.
#[test]
fn l02_every_change_has_exactly_one_event_with_who_when_where_and_what() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let began = time::OffsetDateTime::now_utc();
        Matrix::run(&target(&platform), None, None).await.unwrap();
        let trail = Trail::new(database.connection().clone());
        let mut by_request = BTreeMap::<String, Vec<Linked>>::new();
        let mut seen = BTreeSet::new();
        for chain in trail.chains().await.unwrap() {
            for linked in everything(&database, chain).await {
                let record = &linked.record;
                if record.outcome != "done" {
                    continue;
                }
                let at =
                    time::OffsetDateTime::parse(&record.at, &time::format_description::well_known::Rfc3339);
                assert!(at.unwrap() <= time::OffsetDateTime::now_utc(), "when: {record:?}");
                if at.unwrap() < began {
                    continue;
                }
                seen.insert(record.action.clone());
                assert!(!record.target.kind.is_empty(), "what: {record:?}");
                match (&record.request, &*record.actor.kind) {
                    (Some(request), "person" | "app" | "agent") => {
                        assert!(record.actor.id.is_some(), "who: {record:?}");
                        by_request.entry(request.clone()).or_default().push(linked);
                    }
                    // What the platform did afterwards by itself, such as sending the letter.
                    (_, "system") => {}
                    _ => panic!("where: {record:?}"),
                }
            }
        }
        let actions_of = |events: &[Linked]| -> Vec<String> {
            let actions: BTreeSet<String> =
                events.iter().map(|linked| linked.record.action.clone()).collect();
            actions.into_iter().collect()
        };
        let several: Vec<(&String, Vec<String>)> = by_request
            .iter()
            .filter(|(_, events)| events.len() > 1)
            .map(|(request, events)| (request, actions_of(events)))
            .filter(|(_, actions)| !SEVERAL_CHANGES.iter().any(|known| actions == known))
            .collect();
        assert!(several.is_empty(), "{several:#?}");
        let changing: BTreeSet<String> = platform
            .demo
            .running
            .endpoints
            .iter()
            .filter(|endpoint| !endpoint.method().is_safe())
            .filter(|endpoint| !matches!(endpoint.rule(), access_control::Rule::Public(_)))
            .map(|endpoint| endpoint.action().to_owned())
            .collect();
        let without: Vec<&String> = changing.difference(&seen).collect();
        println!("{} changes, {} actions, without an event: {without:?}", by_request.len(), seen.len());
        // They change nothing, succeed once in the life of a platform, or leave the events of their parts.
        let mut exempt = vec!["policy.simulate", "app.simulate", "set_up.complete", "policy.apply"];
        // Queries and calls of services have records of their own (docs/adr/0041, docs/adr/0050).
        exempt.extend(["queries.run", "data_queries.run", "data_queries.try", "services.call"]);
        // They need a live database, or an SSH server whose key has changed: their events are looked at in
        // `crates/data-gateway/tests/it` and in `read_only_proof.rs`.
        exempt.extend(["database_connections.prove_read_only", "database_connections.confirm_host_key"]);
        assert!(without.iter().all(|action| exempt.contains(&action.as_str())), "{without:?}");
    });
}
