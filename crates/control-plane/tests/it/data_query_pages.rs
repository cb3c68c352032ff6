//! The pages of saved queries and of query records, used as a person does: forms, no script.

use ids::DataQueryId;
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use crate::data_gateway::world::{CustomerDatabase, PATIENCE, World};

const TABLE: &str = "CREATE TABLE fruit (id bigint, name text, picked date); \
    INSERT INTO fruit VALUES (9007199254740993, '<b>apple</b>', '2026-01-31'), (2, 'pear', '2026-02-28'), (3, NULL, NULL);";
const STATEMENT: &str = "SELECT name, id, picked FROM fruit WHERE id = ANY(:ids) OR name = :name ORDER BY id";

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// The form of a saved query with two parameters.
fn filled(connection: &str) -> Fields<'_> {
    vec![
        ("name", "Fruit"),
        ("connection_id", connection),
        ("sql", STATEMENT),
        ("timeout", "10000"),
        ("parameter_0_name", "name"),
        ("parameter_0_type", "text"),
        ("parameter_0_default", "pear"),
        // An empty row between them means nothing.
        ("parameter_2_name", "ids"),
        ("parameter_2_type", "integer[]"),
        ("parameter_2_required", "on"),
    ]
}

fn with<'a>(mut fields: Fields<'a>, name: &'a str, value: &'a str) -> Fields<'a> {
    fields.retain(|(known, _)| *known != name);
    fields.push((name, value));
    fields
}

/// The cells of the answer's table, row by row, without the names of the columns.
fn rows(page: &str) -> Vec<Vec<String>> {
    let Some(table) = page.split("id=\"rows\"").nth(1) else { return Vec::new() };
    let table = table.split("</table>").next().unwrap_or_default();
    let cells = |row: &str| {
        row.split("<td>")
            .skip(1)
            .map(|cell| cell.split("</td>").next().unwrap_or_default().to_owned())
            .collect()
    };
    table.split("<tr>").skip(2).map(cells).collect()
}

on_both_stores! {
    async fn a_query_is_saved_tried_changed_and_deleted_on_its_pages(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        let connection = world.postgresql("Orchard", &customer, json!({ "readOnly": true })).await;
        let (editor, base) = (&world.editor, format!("/apps/{}/data-queries", world.app_id("hello")));
        let url = |rest: &str| world.platform.url(&format!("{base}{rest}"));
        assert!(editor.open(&world.platform.url("/apps")).await.text().contains(&format!("href=\"{base}\"")));
        let new = editor.open(&world.platform.url(&format!("/apps/{}/new-data-query", world.app_id("hello")))).await;
        assert_eq!((new.status, new.header("cache-control")), (200, Some("no-store")));
        assert!(new.text().contains("Orchard"), "{}", new.text());

        let created = editor.submit(&url(""), &filled(&connection)).await;
        assert_eq!(created.status, 303, "{}", created.text());
        let page = world.platform.url(created.location());
        let listed = editor.open(&url("")).await.text();
        assert!(listed.contains("Fruit") && listed.contains("integer[]") && listed.contains("Orchard"), "{listed}");

        // Values of every digit arrive, what is left empty is the default, and nothing of a value is part of the page.
        let ran = editor.submit(&format!("{page}/run"), &[("value_ids", "9007199254740993\r\n\r\n3"), ("value_name", "")]).await;
        assert_eq!(ran.status, 200, "{}", ran.text());
        let null = "<span class=\"quiet\">NULL</span>";
        let wanted = [
            ["pear", "2", "2026-02-28"],
            [null, "3", null],
            ["&lt;b&gt;apple&lt;/b&gt;", "9007199254740993", "2026-01-31"],
        ];
        let shown = rows(&ran.text());
        let same = shown.len() == 3
            && shown.iter().zip(&wanted).all(|(row, wanted)| row.iter().zip(wanted).all(|(cell, wanted)| cell.starts_with(wanted)));
        assert!(same, "{shown:?} in {}", ran.text());
        let none = editor.submit(&format!("{page}/run"), &[("value_ids", "7"), ("value_name", "none")]).await.text();
        assert!(none.contains("No rows."), "{none}");
        for (ids, code) in [("seven", "invalid_parameters"), ("", "invalid_parameters")] {
            let refused = editor.submit(&format!("{page}/run"), &[("value_ids", ids)]).await;
            assert_eq!(refused.status, 422, "{}", refused.text());
            assert!(refused.text().contains(code), "{}", refused.text());
        }

        let form = editor.open(&format!("{page}/edit")).await.text();
        assert!(form.contains("name=\"parameter_1_name\" value=\"ids\""), "{form}");
        let changed = with(with(filled(&connection), "version", "1"), "name", "Harvest");
        let answer = editor.submit(&format!("{page}/edit"), &changed).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert_eq!(editor.submit(&format!("{page}/edit"), &changed).await.status, 409);
        assert!(editor.open(&page).await.text().contains("version 2"));
        let deleted = editor.submit(&format!("{page}/delete"), &[]).await;
        assert_eq!((deleted.status, deleted.location()), (303, base.as_str()));
        assert_eq!(editor.open(&page).await.status, 404);
    }

    async fn what_is_wrong_with_a_saved_query_is_said_on_its_form(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        let connection = world.postgresql("Orchard", &customer, json!({ "readOnly": true })).await;
        let url = world.platform.url(&format!("/apps/{}/data-queries", world.app_id("hello")));
        let unknown = ids::ConnectionId::generate().to_string();
        for (name, value, status, says) in [
            ("sql", "DELETE FROM fruit WHERE id = ANY(:ids) OR name = :name", 422, ""),
            ("sql", "SELECT 1; SELECT 2", 422, ""),
            ("sql", "SELECT :other", 422, "other"),
            ("parameter_0_type", "money", 422, "A type is"),
            ("parameter_0_name", "no name", 422, "parameter"),
            ("timeout", "soon", 422, "milliseconds"),
            ("connection_id", "none", 422, "Choose a database"),
            ("connection_id", unknown.as_str(), 422, "no such connection"),
            ("name", "", 422, "1 to 100 characters"),
        ] {
            let refused = world.editor.submit(&url, &with(filled(&connection), name, value)).await;
            let text = refused.text();
            let allowed = [status, if name == "sql" { 403 } else { status }];
            assert!(allowed.contains(&refused.status), "{name} {value}: {} {text}", refused.status);
            assert!(text.contains("id=\"problem\"") && text.contains(says), "{name} {value}: {text}");
            assert!(text.contains("name=\"parameter_2_name\" value=\"ids\""), "what was typed is there again: {text}");
        }
        assert!(world.editor.open(&url).await.text().contains("No saved query yet")
            || !world.editor.open(&url).await.text().contains("Fruit"));
    }

    async fn whoever_runs_an_organization_sees_which_queries_were_run(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        world.postgresql("Orchard", &customer, json!({ "readOnly": true })).await;
        let asked = world.query("Orchard", "SELECT id FROM fruit WHERE name = $1", json!(["canary-of-a-value"])).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
        assert_eq!(world.query("Orchard", "DELETE FROM fruit", json!([])).await.status, 403);
        let admin = world.platform.signed_in("admin").await;
        let base = format!("/organizations/{}/queries", world.platform.demo.seeded.organization);
        let began = std::time::Instant::now();
        let page = loop {
            let page = admin.open(&world.platform.url(&base)).await;
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.text();
            if page.contains("<td>answered") && page.contains("<td>refused by the platform") {
                break page;
            }
            assert!(began.elapsed() < PATIENCE, "{page}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert!(page.contains("Orchard") && page.contains("production") && !page.contains("canary"), "{page}");
        let table = |page: String| page.split("id=\"query-records\"").nth(1).unwrap_or_default().to_owned();
        let refused = table(admin.open(&world.platform.url(&format!("{base}?app=&outcome=refused"))).await.text());
        assert!(refused.contains("<td>refused by the platform") && !refused.contains("<td>answered"), "{refused}");
        assert_eq!(admin.open(&world.platform.url(&format!("{base}?outcome=other"))).await.status, 422);
    }

    async fn z05_who_may_not_sees_no_saved_queries_and_runs_none(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        let connection = world.postgresql("Orchard", &customer, json!({})).await;
        let app = format!("/apps/{}", world.app_id("payroll"));
        let url = |rest: &str| world.platform.url(&format!("{app}{rest}"));
        let created = world.editor.submit(&url("/data-queries"), &filled(&connection)).await;
        assert_eq!(created.status, 303, "{}", created.text());
        let page = created.location().trim_start_matches(&app).to_owned();
        for subject in ["member", "outsider"] {
            let person = world.platform.signed_in(subject).await;
            for path in ["/data-queries".to_owned(), "/new-data-query".to_owned(), page.clone(), format!("{page}/edit")] {
                let refused = person.open(&url(&path)).await;
                assert!(matches!(refused.status, 403 | 404), "{subject} {path}: {}", refused.status);
            }
            for path in ["/data-queries".to_owned(), format!("{page}/edit"), format!("{page}/delete"), format!("{page}/run")] {
                let refused = person.submit(&url(&path), &filled(&connection)).await;
                assert!(matches!(refused.status, 403 | 404), "{subject} {path}: {}", refused.status);
            }
        }
        let unknown = format!("/data-queries/{}", DataQueryId::generate());
        for path in [unknown.clone(), format!("{unknown}/edit")] {
            assert_eq!(world.editor.open(&url(&path)).await.status, 404, "{path}");
        }
        for rest in ["edit", "delete", "run"] {
            let answer = world.editor.submit(&url(&format!("{unknown}/{rest}")), &filled(&connection)).await;
            assert_eq!(answer.status, 404, "{rest}: {}", answer.text());
        }
    }
}
