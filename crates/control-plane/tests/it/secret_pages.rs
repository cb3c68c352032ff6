//! The pages of secrets, used as a person does: forms, no script. What a form brought in never comes back.

use ids::SecretId;
use test_support::{Response, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

const CANARY: &str = "canary-8c1d-on-a-page";

/// The fields of a form.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// The path of the form that does this with the only secret that has it.
fn form(page: &str, base: &str, what: &str) -> String {
    let start = format!("action=\"{base}/");
    let mut found = page.split(&start).skip(1).filter_map(|rest| {
        let path = rest.split('"').next()?;
        path.ends_with(what).then(|| format!("{base}/{path}"))
    });
    found.next().unwrap_or_else(|| panic!("no form to {what}: {page}"))
}

fn shows_no_value(answer: &Response) {
    let text = answer.text();
    assert!(!text.contains("canary"), "{text}");
    assert!(!text.contains("<script"), "{text}");
    if answer.status != 303 {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
}

async fn goes_round(
    person: &Browser,
    platform: &Platform,
    base: &str,
    fields: &[(&str, &str)],
    other: &[(&str, &str)],
) {
    let url = |path: &str| platform.url(path);
    let created = person.submit(&url(base), fields).await;
    assert_eq!((created.status, created.location()), (303, base), "{}", created.text());
    let page = person.open(&url(base)).await;
    assert_eq!(page.status, 200);
    shows_no_value(&page);
    let text = page.text();
    assert!(text.contains("••••") && text.contains("version 1"), "{text}");

    let replace = form(&text, base, "/replace");
    let replaced = person.submit(&url(&replace), other).await;
    assert_eq!((replaced.status, replaced.location()), (303, base), "{}", replaced.text());
    assert!(person.open(&url(base)).await.text().contains("version 2"));
    let delete = form(&text, base, "/delete");
    let deleted = person.submit(&url(&delete), &[]).await;
    assert_eq!((deleted.status, deleted.location()), (303, base));
    assert_eq!(person.submit(&url(&delete), &[]).await.status, 404);
    assert_eq!(person.submit(&url(&replace), other).await.status, 404);
}

on_both_stores! {
    async fn secrets_are_added_replaced_and_deleted_on_their_pages(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let organization = format!("/organizations/{}", platform.demo.seeded.organization);
        let app = format!("/apps/{}/secrets", platform.demo.seeded.apps["payroll"].id);
        let overview = editor.open(&platform.url(&organization)).await.text();
        for page in ["secrets", "own-secrets"] {
            assert!(overview.contains(&format!("href=\"{organization}/{page}\"")), "{overview}");
        }
        let basic = [("kind", "basic_credentials"), ("name", "Post"), ("environment", "production"), ("user", "canary-user"), ("password", CANARY)];
        goes_round(&editor, &platform, &app, &basic, &[("user", "canary"), ("password", "canary")]).await;
        let key = [("kind", "api_key"), ("name", "Mine"), ("value", CANARY)];
        let own = format!("{organization}/own-secrets");
        goes_round(&platform.signed_in("member").await, &platform, &own, &key, &[("value", "canary")]).await;
        let address = [("kind", "connection_string"), ("name", "CRM"), ("value", "postgresql://u:canary@db.example.com/crm")];
        // In an organization without other secrets, so that there is one form of each sort.
        let outsider = platform.signed_in("outsider").await;
        let list = outsider.open(&platform.url("/organizations")).await.text();
        let personal = list.split("href=\"/organizations/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let base = format!("/organizations/{personal}/secrets");
        goes_round(&outsider, &platform, &base, &address, &[("value", "mysql://canary@db.example.com")]).await;
    }

    async fn k08_a_refused_form_comes_back_without_the_value(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let base = format!("/apps/{}/secrets", platform.demo.seeded.apps["hello"].id);
        let masked = format!("••••{CANARY}");
        let nul = format!("{CANARY}\0");
        let long = CANARY.repeat(4_000);
        let cases: [(&str, u16, Fields<'_>); 9] = [
            ("a name of the platform", 422, &[("kind", "environment_variable"), ("name", "VYBE_X"), ("environment", "preview"), ("value", CANARY)]),
            ("a loader's name", 422, &[("kind", "environment_variable"), ("name", "NODE_OPTIONS"), ("environment", "preview"), ("value", CANARY)]),
            ("a name that is taken", 409, &[("kind", "api_key"), ("name", "weather"), ("environment", "preview"), ("value", CANARY)]),
            ("no environment", 422, &[("kind", "api_key"), ("name", "New"), ("value", CANARY)]),
            ("a mask", 422, &[("kind", "api_key"), ("name", "New"), ("environment", "preview"), ("value", &masked)]),
            ("NUL", 422, &[("kind", "environment_variable"), ("name", "NEW"), ("environment", "preview"), ("value", &nul)]),
            ("too much", 422, &[("kind", "environment_variable"), ("name", "NEW"), ("environment", "preview"), ("value", &long)]),
            ("a broken address", 422, &[("kind", "connection_string"), ("name", "New"), ("value", "canary://user@host")]),
            ("a kind of the platform", 422, &[("kind", "root_key"), ("name", "New"), ("value", CANARY)]),
        ];
        for (case, status, fields) in cases {
            let refused = editor.submit(&platform.url(&base), fields).await;
            assert_eq!(refused.status, status, "{case}: {}", refused.text());
            assert!(refused.text().contains("id=\"problem\""), "{case}");
            shows_no_value(&refused);
        }
        let before = editor.call("GET", &format!("/api/v1{base}"), None).await.json();
        assert_eq!(before["secrets"].as_array().unwrap().len(), 2, "{before}");
    }

    async fn what_was_typed_in_several_lines_arrives_so(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let base = format!("/apps/{}/secrets", platform.demo.seeded.apps["hello"].id);
        // As a browser sends it.
        let fields = [("kind", "environment_variable"), ("name", "GREETING"), ("environment", "production"), ("value", "Good\r\nmorning ")];
        assert_eq!(editor.submit(&platform.url(&base), &fields).await.status, 303);
        let page = editor.open(&platform.app_url("hello", "/")).await.text();
        assert!(page.contains("<span id=\"greeting\">Good\nmorning </span>"), "{page}");
    }

    async fn the_page_says_where_each_variable_comes_from(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let page = |slug: &str| platform.url(&format!("/apps/{}/secrets", platform.demo.seeded.apps[slug].id));
        let reports = editor.open(&page("reports")).await.text();
        assert!(reports.contains("this app, over the organization"), "{reports}");
        let hello = editor.open(&page("hello")).await.text();
        assert!(hello.contains("<code>CUSTOM_API_WEATHER</code>") && hello.contains("the organization"), "{hello}");
        assert!(!hello.contains("demo-weather-key"), "{hello}");
        let apps = editor.open(&platform.url("/apps")).await.text();
        let path = format!("/apps/{}/secrets", platform.demo.seeded.apps["hello"].id);
        assert!(apps.contains(&format!("href=\"{path}\"")), "{apps}");
        let member = platform.signed_in("member").await;
        assert!(!member.open(&platform.url("/apps")).await.text().contains("/secrets\""));
    }

    async fn z05_who_may_not_sees_no_secrets_and_changes_none(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let organization = format!("/organizations/{}/secrets", platform.demo.seeded.organization);
        let own = format!("/organizations/{}/own-secrets", platform.demo.seeded.organization);
        let app = format!("/apps/{}/secrets", platform.demo.seeded.apps["payroll"].id);
        let fields = [("kind", "api_key"), ("name", "X"), ("environment", "preview"), ("value", CANARY)];
        let cases: [(&str, &[(&str, u16)]); 4] = [
            ("member", &[(&organization, 403), (&app, 404)]),
            // Restricted: invisible to the Owner, too.
            ("owner", &[(&app, 404)]),
            // A viewer.
            ("admin", &[(&app, 403)]),
            ("outsider", &[(&organization, 404), (&own, 404), (&app, 404)]),
        ];
        for (subject, pages) in cases {
            let person = platform.signed_in(subject).await;
            for (page, status) in pages {
                let id = SecretId::generate();
                let opened = person.open(&platform.url(page)).await;
                assert_eq!(opened.status, *status, "{subject} {page}");
                for form in [(*page).to_owned(), format!("{page}/{id}/replace"), format!("{page}/{id}/delete")] {
                    let refused = person.submit(&platform.url(&form), &fields).await;
                    assert_eq!(refused.status, *status, "{subject} {form}: {}", refused.text());
                    shows_no_value(&refused);
                }
            }
        }
    }
}
