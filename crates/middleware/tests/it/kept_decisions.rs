//! Every decision has a record, and says no more than it has to.

use access_control::{AppLevel, AppRole, Decision, Reason, Role, Subject};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::house::{HELLO, House, PRIVATE};
use crate::streams::opened;

const PAGE: &str = "accept: text/html\r\nsec-fetch-mode: navigate\r\n";

#[tokio::test]
async fn every_decision_is_kept_with_the_number_that_was_told() {
    let house = House::build().await;
    let allowed = house.ask("GET /reports/7?q=1", "").await;
    let by_rule = house.ask("GET /ADMIN/users", "").await;
    let foreign = house.ask("POST /form", "origin: https://evil.test\r\ncontent-length: 0\r\n").await;
    let mut connection = house.connect(PRIVATE).await;
    let cookie = house.cookie(&house.member, PRIVATE);
    let hidden = connection.exchange(house.head_on(PRIVATE, "GET /", &cookie, "")).await.unwrap();
    let statuses = [&allowed, &by_rule, &foreign, &hidden].map(|answer| answer.status);
    assert_eq!(statuses, [200, 403, 403, 404]);

    let kept = house.kept_decisions(4).await;
    assert_eq!(kept.len(), 4);
    let outcomes: Vec<_> = kept.iter().map(|record| (record.decision, record.foreign_origin)).collect();
    assert!(
        matches!(
            outcomes[..],
            [
                (Decision::Allow(AppRole::Viewer), false),
                (Decision::Refuse(Reason::PathRule(_)), false),
                (Decision::Allow(AppRole::Viewer), true),
                (Decision::Refuse(Reason::NotCreator), false),
            ]
        ),
        "{outcomes:?}"
    );
    assert_eq!(kept[1].paths, ["/ADMIN/users".into()]);
    for (answer, record) in [&allowed, &by_rule, &foreign, &hidden].into_iter().zip(&kept) {
        assert_eq!(answer.header("x-request-id"), Some(record.request.to_string().as_str()));
        assert_eq!(record.user, house.member.signed_in.user);
        assert_eq!(record.session, house.member.signed_in.session);
        assert!(!record.again && record.person.role == Some(Role::Member));
    }
    // The number in the answer, in the audit trail and of the record are one.
    let audited: Vec<String> = house.refusals(3).await.into_iter().map(|(decision, _)| decision).collect();
    let refused: Vec<String> = kept[1..].iter().map(|record| record.id.to_string()).collect();
    assert_eq!(audited, refused);
    assert_eq!(by_rule.json()["decisionId"], refused[0].as_str());
    assert_eq!(foreign.json()["decisionId"], refused[1].as_str());
}

#[tokio::test]
async fn a_request_with_aliases_and_a_server_action_is_kept_as_it_was_judged() {
    let house = House::build().await;
    house.ask("GET /_next/data/build/admin.json", "").await;
    house.ask("POST /hello", "next-action: 7f\r\ncontent-length: 0\r\n").await;
    let kept = house.kept_decisions(2).await;
    assert!(kept[0].paths.contains(&"/admin".into()), "{:?}", kept[0].paths);
    assert!(matches!(kept[0].decision, Decision::Refuse(Reason::PathRule(_))));
    assert!(kept[1].under_every_rule);
    assert!(matches!(kept[1].decision, Decision::Refuse(Reason::PathRule(_))));
}

#[tokio::test]
async fn a_stream_that_is_cut_has_a_record_of_its_own() {
    let house = House::build().await;
    let _socket = opened(&house).await;
    house.set_level(AppLevel::User).await;
    let kept = house.kept_decisions(2).await;
    assert!(matches!(kept[0].decision, Decision::Allow(_)) && !kept[0].again);
    assert_eq!(kept[1].decision, Decision::Refuse(Reason::NotCreator));
    assert!(kept[1].again && kept[1].request == kept[0].request && kept[1].paths == kept[0].paths);
    assert_ne!(kept[1].policy, kept[0].policy);
    assert!(kept[1].policy_version > kept[0].policy_version);
}

#[tokio::test]
async fn records_hold_no_query_no_cookie_and_no_header() {
    let house = House::build().await;
    let lines =
        ["/a?token=canary", "/_next/image?url=%2Fadmin%2Fx.png%3Fk%3Dcanary&w=640&q=75", "/admin?canary=1"];
    let headers = "x-canary: canary\r\nauthorization: Bearer canary\r\nreferer: https://canary.test/\r\n\
        user-agent: canary\r\nnext-url: /b?canary=1\r\naccept: text/html\r\norigin: https://canary.test\r\n";
    for line in lines {
        house.ask(&format!("GET {line}"), headers).await;
        house.ask(&format!("POST {line}"), &format!("{headers}content-length: 6\r\n\r\ncanary")).await;
    }
    let kept = house.kept_decisions(2 * lines.len()).await;
    assert!(kept.iter().any(|record| record.paths.len() > 1));
    let cookie = house.cookie(&house.member, HELLO);
    let cookie = cookie.trim_end().split_once('=').unwrap().1.to_owned();
    for sql in [
        "SELECT record AS text FROM decisions",
        "SELECT path AS text FROM decisions",
        "SELECT policy AS text FROM policy_snapshots",
        "SELECT paths AS text FROM seen_paths",
    ] {
        let statement = Statement::from_string(house.database.backend(), sql);
        let rows = house.database.connection().query_all_raw(statement).await.unwrap();
        assert!(!rows.is_empty(), "{sql}");
        for row in rows {
            let text: String = row.try_get("", "text").unwrap();
            let secrets = ["canary", cookie.as_str(), "member@acme.test", "Milo Member"];
            assert!(secrets.iter().all(|secret| !text.contains(secret)) && !text.contains('?'), "{text}");
        }
    }
}

#[tokio::test]
async fn only_those_who_may_ask_are_told_how_it_was_decided() {
    let house = House::build().await;
    house.narrow("/vault", vec![Subject::Role(Role::Admin)]).await;
    let viewer = house.ask("GET /vault/1", PAGE).await;
    let mut connection = house.connect(HELLO).await;
    let editor = connection.exchange(house.head("GET /vault/1", &house.owner, PAGE)).await.unwrap();
    assert_eq!((viewer.status, editor.status), (403, 403));
    assert!(viewer.text().contains("dec_") && !viewer.text().contains("rul_"), "{}", viewer.text());
    assert!(!viewer.text().contains("admins"));
    for part in ["dec_", "rul_", "for /vault", "admins of the organization", "an Owner", "for every member"] {
        assert!(editor.text().contains(part), "no {part} in {}", editor.text());
    }
    // Scripts of the app's pages are not told: what they fetch is no navigation.
    let fetched = "accept: text/html\r\nsec-fetch-mode: cors\r\n";
    let script = connection.exchange(house.head("GET /vault/1", &house.owner, fetched)).await.unwrap();
    assert!(script.status == 403 && !script.text().contains("rul_"), "{}", script.text());
    // An app that may not be seen is not explained either.
    let hidden = connection.exchange(house.head("GET /vault/1", &house.outsider, PAGE)).await.unwrap();
    assert!(hidden.status == 404 && !hidden.text().contains("dec_"), "{}", hidden.text());
}
