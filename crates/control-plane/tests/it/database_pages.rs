//! The pages of connections, used as a person does: forms, no script. What opens a database never comes back.

use ids::ConnectionId;
use serde_json::{Value, json};
use test_support::{Response, SshKey, SshServer, TestDatabase, on_both_stores};

use crate::data_gateway::world::{CustomerDatabase, World, external};
use crate::platform::Browser;

const CANARY: &str = "canary-3d90-on-a-page";
const TABLE: &str = "CREATE TABLE fruit (id bigint PRIMARY KEY, name text NOT NULL); \
    CREATE TABLE basket (fruit bigint REFERENCES fruit, note text);";

/// The fields of the form, as somebody fills them in who describes this.
fn filled(described: &Value) -> Vec<(String, String)> {
    let text = |name: &str| match &described[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut fields: Vec<(String, String)> =
        ["name", "engine", "host", "port", "database", "user", "password"]
            .map(|name| (name.to_owned(), text(name)))
            .into();
    let more = [
        ("kind", "external"),
        ("tls", described["tls"]["mode"].as_str().unwrap()),
        ("reason", described["tls"]["reason"].as_str().unwrap()),
        ("most_rows", "1000"),
        ("most_bytes", "100000"),
        ("most_milliseconds", "60000"),
        ("most_sessions", "4"),
        ("usable_by", "every_app"),
    ];
    fields.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if described["readOnly"] == json!(true) {
        put(&mut fields, "read_only", "on");
    }
    fields
}

fn put(fields: &mut Vec<(String, String)>, name: &str, value: &str) {
    fields.retain(|(known, _)| known != name);
    fields.push((name.to_owned(), value.to_owned()));
}

async fn submit(person: &Browser, url: &str, fields: &[(String, String)]) -> Response {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = person.submit(url, &fields).await;
    let text = answer.text();
    for secret in ["canary", "correct-horse", "PRIVATE KEY"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(!text.contains("<script"), "{text}");
    answer
}

/// The value that a field of the page's form has.
fn value_of<'a>(page: &'a str, field: &str) -> &'a str {
    let start = format!("name=\"{field}\" value=\"");
    page.split(&start).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

struct Pages {
    world: World,
    base: String,
}

impl Pages {
    async fn start(database: &TestDatabase) -> Self {
        let world = World::start(database).await;
        let base = format!("/organizations/{}", world.platform.demo.seeded.organization);
        Self { world, base }
    }

    fn url(&self, rest: &str) -> String {
        self.world.platform.url(&format!("{}{rest}", self.base))
    }

    /// Makes a connection with the form; the address of its page.
    async fn create(&self, fields: &[(String, String)]) -> String {
        let created = submit(&self.world.editor, &self.url("/databases"), fields).await;
        assert_eq!(created.status, 303, "{}", created.text());
        self.world.platform.url(created.location())
    }
}

on_both_stores! {
    async fn a_database_is_added_tested_changed_and_deleted_on_its_pages(database: TestDatabase) {
        let pages = Pages::start(&database).await;
        let (editor, customer) = (&pages.world.editor, CustomerDatabase::new(TABLE).await);
        let home = editor.open(&pages.url("")).await.text();
        assert!(home.contains(&format!("href=\"{}/databases\"", pages.base)), "{home}");
        let blank = editor.open(&pages.url("/new-database")).await;
        assert_eq!((blank.status, blank.header("cache-control")), (200, Some("no-store")));
        let blank = blank.text();
        let first = blank.split("id=\"connection\"").nth(1).and_then(|form| form.split("<button").nth(1));
        assert!(first.unwrap().starts_with(" class=\"default\""), "the Enter key saves: {blank}");

        let mut fields = filled(&external("Shop", "postgresql", &customer, json!({ "readOnly": true })));
        let page = pages.create(&fields).await;
        let list = editor.open(&pages.url("/databases")).await.text();
        assert!(list.contains("Shop") && list.contains("none: read-only") && list.contains(">ok<"), "{list}");
        let tested = submit(editor, &format!("{page}/test"), &[]).await;
        assert_eq!(tested.status, 200);
        assert!(tested.text().contains("The connection works"), "{}", tested.text());

        // Another user is another place, for which the stored password was not given.
        let form = editor.open(&format!("{page}/edit")).await.text();
        assert_eq!((value_of(&form, "name"), value_of(&form, "version")), ("Shop", "1"));
        put(&mut fields, "password", "");
        put(&mut fields, "version", "1");
        put(&mut fields, "user", "nobody");
        let refused = submit(editor, &format!("{page}/edit"), &fields).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("have to be given again"), "{}", refused.text());
        assert_eq!(value_of(&refused.text(), "user"), "nobody");
        // What is no other place is changed without it.
        put(&mut fields, "user", "postgres");
        put(&mut fields, "name", "Store");
        let changed = submit(editor, &format!("{page}/edit"), &fields).await;
        assert_eq!(changed.status, 303, "{}", changed.text());
        let again = submit(editor, &format!("{page}/edit"), &fields).await;
        assert_eq!(again.status, 409, "{}", again.text());
        let shown = editor.open(&page).await.text();
        assert!(shown.contains("Store") && shown.contains("version 2"), "{shown}");

        let wrong = [("password", "wrong"), ("name", "Wrong"), ("version", "")];
        wrong.iter().for_each(|(name, value)| put(&mut fields, name, value));
        let other = pages.create(&fields).await;
        let tested = submit(editor, &format!("{other}/test"), &[]).await.text();
        assert!(tested.contains("data-code=\"database_login\"") && tested.contains("failed"), "{tested}");
        assert!(tested.contains("passed") && tested.contains("not tried"), "{tested}");

        let deleted = submit(editor, &format!("{page}/delete"), &[]).await;
        assert_eq!((deleted.status, deleted.location()), (303, format!("{}/databases", pages.base).as_str()));
        assert_eq!(editor.open(&page).await.status, 404);
        assert_eq!(submit(editor, &format!("{page}/delete"), &[]).await.status, 404);
    }

    async fn k08_a_refused_form_of_a_database_comes_back_without_password_and_keys(database: TestDatabase) {
        let pages = Pages::start(&database).await;
        let (editor, customer) = (&pages.world.editor, CustomerDatabase::new("").await);
        let mut fields = filled(&external("Shop", "postgresql", &customer, json!({})));
        put(&mut fields, "password", CANARY);
        put(&mut fields, "hop_0_host", "ssh.example.com");
        put(&mut fields, "hop_0_user", "tunnel");
        put(&mut fields, "hop_0_private_key", CANARY);
        put(&mut fields, "hop_0_passphrase", CANARY);
        put(&mut fields, "authorities", "no certificate");
        for (name, value, says) in [
            ("hop_0_host_key", "SHA256:short", "fingerprint"),
            ("port", "70000", "A port is 1 to 65535"),
            ("tls", "none", "tls is one of those"),
            ("most_rows", "many", "whole number"),
            ("kind", "internal", "Choose the app"),
            ("engine", "oracle", "engine is one of those"),
            ("reason", "short", ""),
        ] {
            let mut fields = fields.clone();
            put(&mut fields, name, value);
            for path in ["/databases", "/database-host-keys"] {
                let refused = submit(editor, &pages.url(path), &fields).await;
                assert_eq!(refused.status, 422, "{name} {path}: {}", refused.text());
                assert_eq!(value_of(&refused.text(), "hop_0_host"), "ssh.example.com");
                assert_eq!(value_of(&refused.text(), "name"), "Shop");
                assert!(path != "/databases" || refused.text().contains(says), "{says}: {}", refused.text());
            }
        }
        assert!(!editor.open(&pages.url("/databases")).await.text().contains("Shop"));
    }

    async fn a_database_behind_ssh_is_added_with_the_host_key_that_the_page_shows(database: TestDatabase) {
        let pages = Pages::start(&database).await;
        let (editor, customer) = (&pages.world.editor, CustomerDatabase::new(TABLE).await);
        let (server, key) = (SshServer::start(&[]), SshKey::generate(&["-t", "ed25519"], "open sesame"));
        server.authorize(&key);
        let mut fields = filled(&external("Behind", "postgresql", &customer, json!({})));
        put(&mut fields, "hop_0_host", "127.0.0.1");
        put(&mut fields, "hop_0_port", &server.port().to_string());
        put(&mut fields, "hop_0_user", &SshServer::user());
        let mut asks = fields.clone();
        put(&mut asks, "ask", "0");
        let asked = submit(editor, &pages.url("/database-host-keys"), &asks).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
        assert_eq!(value_of(&asked.text(), "hop_0_host_key"), server.host_key().fingerprint);

        put(&mut fields, "hop_0_host_key", &server.host_key().fingerprint);
        // As browsers send several lines.
        put(&mut fields, "hop_0_private_key", &key.private.replace('\n', "\r\n"));
        put(&mut fields, "hop_0_passphrase", "open sesame");
        let page = pages.create(&fields).await;
        let tested = submit(editor, &format!("{page}/test"), &[]).await.text();
        assert!(tested.contains("The connection works") && tested.contains("SSH server 1"), "{tested}");
        let form = editor.open(&format!("{page}/edit")).await.text();
        assert_eq!(value_of(&form, "hop_0_host_key"), server.host_key().fingerprint);
        assert!(!form.contains("PRIVATE KEY"), "{form}");

        // A second server is asked through the first one, for which its key is needed.
        let behind = SshServer::start(&[]);
        put(&mut fields, "ask", "1");
        put(&mut fields, "hop_1_host", "127.0.0.1");
        put(&mut fields, "hop_1_port", &behind.port().to_string());
        put(&mut fields, "hop_1_user", &SshServer::user());
        let asked = submit(editor, &pages.url("/database-host-keys"), &fields).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
        assert_eq!(value_of(&asked.text(), "hop_1_host_key"), behind.host_key().fingerprint);
        put(&mut fields, "hop_0_host_key", &format!("SHA256:{}", "A".repeat(43)));
        let refused = submit(editor, &pages.url("/database-host-keys"), &fields).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains("SSH server 1: its host key is"), "{}", refused.text());
    }

    async fn only_an_admin_says_that_a_changed_host_key_is_right(database: TestDatabase) {
        let pages = Pages::start(&database).await;
        let (editor, customer) = (&pages.world.editor, CustomerDatabase::new(TABLE).await);
        let (server, key) = (SshServer::start(&[]), SshKey::generate(&["-t", "ed25519"], ""));
        server.authorize(&key);
        let confirmed = format!("SHA256:{}", "A".repeat(43));
        let mut fields = filled(&external("Behind", "postgresql", &customer, json!({})));
        put(&mut fields, "hop_0_host", "127.0.0.1");
        put(&mut fields, "hop_0_port", &server.port().to_string());
        put(&mut fields, "hop_0_user", &SshServer::user());
        put(&mut fields, "hop_0_host_key", &confirmed);
        put(&mut fields, "hop_0_private_key", &key.private);
        let page = pages.create(&fields).await;
        let tested = submit(editor, &format!("{page}/test"), &[]).await.text();
        assert!(tested.contains("data-code=\"ssh_host_key_changed\""), "{tested}");
        assert!(tested.contains("An Owner or Admin has to say") && !tested.contains("/host-key\""), "{tested}");
        assert!(editor.open(&pages.url("/databases")).await.text().contains("blocked"));

        let right = [("hop", "0"), ("host_key", server.host_key().fingerprint.as_str())];
        assert_eq!(editor.submit(&format!("{page}/host-key"), &right).await.status, 403);
        let admin = pages.world.platform.signed_in("admin").await;
        let shown = admin.open(&page).await.text();
        assert!(shown.contains(&confirmed) && shown.contains(&server.host_key().fingerprint), "{shown}");
        let another = format!("SHA256:{}", "B".repeat(43));
        for wrong in ["none", another.as_str()] {
            let refused = admin.submit(&format!("{page}/host-key"), &[("hop", "0"), ("host_key", wrong)]).await;
            assert!(matches!(refused.status, 409 | 422), "{}", refused.text());
        }
        let settled = admin.submit(&format!("{page}/host-key"), &right).await;
        assert_eq!(settled.status, 303, "{}", settled.text());
        let tested = submit(&admin, &format!("{page}/test"), &[]).await.text();
        assert!(tested.contains("The connection works"), "{tested}");
    }

    async fn tables_and_locks_are_shown(database: TestDatabase) {
        let pages = Pages::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        let admin = pages.world.platform.signed_in("admin").await;
        let page = pages.create(&filled(&external("Shop", "postgresql", &customer, json!({ "readOnly": true })))).await;
        let schema = admin.open(&format!("{page}/schema")).await;
        assert_eq!(schema.status, 200, "{}", schema.text());
        let text = schema.text();
        assert!(text.contains("basket") && text.contains("primary key") && text.contains("→ public.fruit (id)"), "{text}");

        let link = admin.open(&page).await.text();
        assert!(link.contains("/read-only\""), "{link}");
        let before = admin.open(&format!("{page}/read-only")).await;
        assert_eq!(before.status, 200);
        assert!(!before.text().contains("id=\"locks\""), "{}", before.text());
        let examined = admin.submit(&format!("{page}/read-only"), &[]).await;
        assert_eq!(examined.status, 200, "{}", examined.text());
        let text = examined.text();
        assert!(text.contains("id=\"locks\"") && text.contains("read-only transaction, rolled back"), "{text}");
        // The fixture's user may do everything, and the page says so.
        assert!(text.contains("Not all locks hold"), "{text}");

        let mut fields = filled(&external("Gone", "postgresql", &customer, json!({ "readOnly": true })));
        put(&mut fields, "database", "there_is_none");
        let gone = pages.create(&fields).await;
        for answer in [admin.open(&format!("{gone}/schema")).await, admin.submit(&format!("{gone}/read-only"), &[]).await] {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text().contains("role=\"alert\""), "{}", answer.text());
        }
    }

    async fn z05_who_may_not_sees_no_databases_and_changes_none(database: TestDatabase) {
        let pages = Pages::start(&database).await;
        let customer = CustomerDatabase::new("").await;
        let page = pages.create(&filled(&external("Shop", "postgresql", &customer, json!({})))).await;
        let unknown = pages.url(&format!("/databases/{}", ConnectionId::generate()));
        let shown = |page: &str| ["", "/edit", "/schema", "/read-only"].map(|rest| format!("{page}{rest}"));
        let forms = |page: &str| {
            ["/edit", "/test", "/delete", "/host-key", "/read-only"].map(|rest| format!("{page}{rest}"))
        };
        for subject in ["member", "outsider"] {
            let person = pages.world.platform.signed_in(subject).await;
            let lists = ["/databases", "/new-database", "/queries"].map(|path| pages.url(path));
            for url in lists.iter().chain(&shown(&page)) {
                let refused = person.open(url).await;
                assert!(matches!(refused.status, 403 | 404), "{subject} {url}: {}", refused.status);
            }
            for url in [pages.url("/databases"), pages.url("/database-host-keys")].iter().chain(&forms(&page)) {
                let refused = person.submit(url, &[("name", "Shop")]).await;
                assert!(matches!(refused.status, 403 | 404), "{subject} {url}: {}", refused.status);
            }
            assert!(!person.open(&pages.url("")).await.text().contains("/databases\""));
        }
        for url in [pages.url("/queries"), format!("{page}/read-only")] {
            assert_eq!(pages.world.editor.open(&url).await.status, 403, "{url}");
        }
        let admin = pages.world.platform.signed_in("admin").await;
        for url in shown(&unknown) {
            // The page before an examination is about the connection, too.
            assert_eq!(admin.open(&url).await.status, 404, "{url}");
        }
        for url in forms(&unknown) {
            let answer = admin.submit(&url, &[("hop", "0"), ("host_key", "none")]).await;
            assert_eq!(answer.status, 404, "{url}: {}", answer.text());
        }
    }
}
