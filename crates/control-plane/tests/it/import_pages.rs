//! The pages on which services are imported, used as a person does: forms, links, no script.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use control_plane::demo::ReachableServices;
use serde_json::json;
use test_support::node::run_script;
use test_support::{Response, ServedAnswer, ServiceServer, TestDatabase, browser, on_both_stores};

use crate::platform::{Browser, Platform};

const DOCUMENT: &str = r##"{"openapi":"3.0.0","info":{"title":"Acme <Files>"},
    "components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"X-Key"}}},"security":[{"key":[]}],
    "paths":{"/files/{id}":{"delete":{"operationId":"deleteFile"}}}}"##;
const BASE: (&str, &str) = ("answer_base_url", "https://api.acme-files.com/v1");
const ELSEWHERE: (&str, &str) = ("answer_base_url", "https://api.acme-boxes.com/v1");
const TEXT: (&str, &str) = ("document", DOCUMENT);

/// What is said on a page, and where: the code and the place of the first thing that is wrong.
fn wrong(page: &Response) -> (u16, String, String) {
    let text = page.text();
    let after = |name: &str| {
        let start = text.find(&format!(" {name}=\"")).map(|start| &text[start + name.len() + 3..]);
        start.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    };
    (page.status, after("data-code"), after("data-place"))
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let start = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let rest = page.split(&start).nth(1).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

fn is(found: (u16, String, String), status: u16, code: &str, place: &str) {
    assert_eq!(found, (status, code.to_owned(), place.to_owned()));
}

/// An organization's pages, by the rest of their paths.
struct Pages<'a> {
    platform: &'a Platform,
    home: String,
}

impl<'a> Pages<'a> {
    fn of(platform: &'a Platform) -> Self {
        Self { platform, home: format!("/organizations/{}", platform.demo.seeded.organization) }
    }

    fn url(&self, rest: &str) -> String {
        self.platform.url(&format!("{}{rest}", self.home))
    }

    async fn open(&self, browser: &Browser, rest: &str) -> String {
        let page = browser.open(&self.url(rest)).await;
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")), "{}", page.text());
        assert!(!page.text().contains("<script"), "{rest}");
        page.text()
    }

    async fn submit(&self, browser: &Browser, rest: &str, fields: &[(&str, &str)]) -> Response {
        browser.submit(&self.url(rest), fields).await
    }

    /// Imports [`DOCUMENT`], and answers where it is imported again.
    async fn imported(&self, browser: &Browser) -> String {
        let made = self.submit(browser, "/imported-services", &[TEXT, BASE]).await;
        assert_eq!(made.status, 303, "{}", made.text());
        let page = self.open(browser, "/services/imported-acme-files").await;
        let link =
            page.split("id=\"import-again\" href=\"").nth(1).unwrap_or_else(|| panic!("no link: {page}"));
        link.split('"').next().unwrap().strip_prefix(&self.home).unwrap().to_owned()
    }
}

on_both_stores! {
    async fn a_document_is_looked_at_its_questions_answered_and_imported_as_it_was_looked_at(database: TestDatabase) {
        let server = ServiceServer::start(&["docs.acme-files.com"]).await;
        let is_longer = Arc::new(AtomicBool::new(false));
        let changed = Arc::clone(&is_longer);
        server.answers(move |call| match call.target.as_str() {
            "/openapi.json" if changed.load(Ordering::SeqCst) => {
                ServedAnswer::bytes(200, "application/json", DOCUMENT.replace("X-Key", "X-Other"))
            }
            "/openapi.json" => ServedAnswer::bytes(200, "application/json", DOCUMENT),
            _ => ServedAnswer::bytes(404, "text/plain", "none"),
        });
        let reachable = ReachableServices { hosts: server.hosts(), authorities: vec![server.root()], ..ReachableServices::default() };
        let platform = Platform::reaching(database.connection().clone(), reachable).await;
        let (pages, owner) = (Pages::of(&platform), platform.signed_in("owner").await);
        let new = format!("href=\"{}/new-service\"", pages.home);
        assert!(pages.open(&owner, "/services?query=acme").await.contains(&new));
        let form = pages.open(&owner, "/new-service").await;
        assert!(form.contains("enctype=\"multipart/form-data\"") && !form.contains("id=\"confirm\""), "{form}");

        // What is wrong about the document is said there.
        let look = "/imported-services/proposals";
        is(wrong(&pages.submit(&owner, look, &[]).await), 422, "invalid_import", "document");
        let address = ("url", "https://docs.acme-files.com/openapi.json");
        is(wrong(&pages.submit(&owner, look, &[address, TEXT]).await), 422, "invalid_import", "document");
        is(wrong(&pages.submit(&owner, look, &[("url", "http://docs.acme-files.com/")]).await), 422, "invalid_import", "document");
        is(wrong(&pages.submit(&owner, look, &[("document", "none of these")]).await), 422, "import_refused", "document");
        is(wrong(&pages.submit(&owner, look, &[("url", "https://10.0.0.1/openapi.json")]).await), 422, "address_refused", "document");
        let missing = pages.submit(&owner, look, &[("url", "https://docs.acme-files.com/none.json")]).await;
        assert!(missing.text().contains("value=\"https://docs.acme-files.com/none.json\""), "{}", missing.text());
        is(wrong(&missing), 502, "document_not_fetched", "document");

        // Only what is open is asked.
        let asked = pages.submit(&owner, look, &[address]).await;
        let text = asked.text();
        assert!(asked.status == 200 && text.contains("name=\"answer_base_url\""), "{text}");
        assert!(!text.contains("id=\"confirm\"") && !text.contains("data-code"), "{text}");
        // The rest can be answered all the same.
        let (asked, others) = text.split_once("<details><summary>What you say instead").unwrap();
        for other in ["answer_name", "answer_authentication"] {
            assert!(!asked.contains(other) && others.contains(other), "{other}: {text}");
        }
        let early = pages.submit(&owner, "/imported-services", &[address]).await;
        assert!(early.text().contains("name=\"answer_base_url\""), "{}", early.text());
        is(wrong(&early), 422, "questions_open", "page");
        let bad = pages.submit(&owner, look, &[address, ("answer_base_url", "http://api.acme-files.com")]).await;
        assert!(bad.text().contains("name=\"answer_base_url\" maxlength=\"500\" spellcheck=\"false\" autocomplete=\"off\" value=\"http://api.acme-files.com\""), "{}", bad.text());
        is(wrong(&bad), 422, "import_refused", "base_url");

        // What comes out is imported as it was looked at, or not at all.
        let proposed = pages.submit(&owner, look, &[address, BASE]).await;
        let text = proposed.text();
        for part in ["id=\"proposal\"", "Acme &lt;Files&gt;", "imported-acme-files", "api.acme-files.com", "id=\"confirm\"", "id=\"entry\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let digest = hidden(&text, "entry_digest");
        is_longer.store(true, Ordering::SeqCst);
        let other = pages.submit(&owner, "/imported-services", &[address, BASE, ("entry_digest", &digest)]).await;
        let digest = hidden(&other.text(), "entry_digest");
        is(wrong(&other), 409, "document_changed", "page");
        let made = pages.submit(&owner, "/imported-services", &[address, BASE, ("entry_digest", &digest)]).await;
        assert_eq!((made.status, made.location()), (303, format!("{}/services/imported-acme-files", pages.home).as_str()), "{}", made.text());
        let again = pages.submit(&owner, "/imported-services", &[address, BASE]).await;
        assert!(again.text().contains("name=\"answer_key\""), "{}", again.text());
        is(wrong(&again), 409, "name_taken", "key");
        let other = pages.submit(&owner, "/imported-services", &[address, BASE, ("answer_key", "our-files")]).await;
        assert_eq!(other.status, 303, "{}", other.text());
        assert!(pages.open(&owner, "/services?query=our-files").await.contains("yours"));
    }

    async fn what_changes_is_shown_before_a_service_is_imported_again(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (pages, owner) = (Pages::of(&platform), platform.signed_in("owner").await);
        let one = pages.imported(&owner).await;
        let account = [("name", "Ours"), ("usable_by", "every_app"), ("secret_api_key", "invented")];
        assert_eq!(pages.submit(&owner, "/services/imported-acme-files/accounts", &account).await.status, 303);
        let page = pages.open(&owner, &one).await;
        assert!(page.contains("handed in") && hidden(&page, "version") == "1", "{page}");

        let same = pages.submit(&owner, &format!("{one}/proposals"), &[TEXT, BASE]).await;
        assert!(same.text().contains("id=\"unchanged\""), "{}", same.text());
        // What there is is probably right again.
        let asked = pages.submit(&owner, &format!("{one}/proposals"), &[TEXT]).await;
        assert!(asked.text().contains("value=\"https://api.acme-files.com/v1\""), "{}", asked.text());
        let changes = pages.submit(&owner, &format!("{one}/proposals"), &[TEXT, ELSEWHERE]).await;
        let text = changes.text();
        let first = text.split("id=\"changes\">").nth(1).unwrap_or_else(|| panic!("no changes: {text}"));
        assert!(first.starts_with("<li><strong class=\"bad\">Breaking: </strong>"), "{first}");
        assert!(text.contains("data-accounts=\"1\""), "{text}");
        assert!(pages.open(&owner, "/accounts").await.contains("connected"));

        let digest = hidden(&text, "entry_digest");
        let confirmed = [TEXT, ELSEWHERE, ("version", "1"), ("entry_digest", &digest)];
        let done = pages.submit(&owner, &format!("{one}/again"), &confirmed).await;
        assert_eq!(done.status, 303, "{}", done.text());
        assert!(pages.open(&owner, "/accounts").await.contains("data-cause=\"service_changed\""));
        // Somebody else was first: what would change now is shown.
        let late = pages.submit(&owner, &format!("{one}/again"), &[TEXT, BASE, ("version", "1")]).await;
        assert!(late.text().contains("id=\"changes\"") && hidden(&late.text(), "version") == "2", "{}", late.text());
        is(wrong(&late), 409, "changed_meanwhile", "page");

        is(wrong(&pages.submit(&owner, &format!("{one}/delete"), &[]).await), 409, "service_in_use", "deletion");
        let list = pages.open(&owner, "/accounts").await;
        let account = list.split(&format!("href=\"{}/accounts/", pages.home)).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let gone = pages.submit(&owner, &format!("/accounts/{account}/disconnect"), &[("anyway", "on")]).await;
        assert!(matches!(gone.status, 200 | 303), "{}", gone.text());
        let deleted = pages.submit(&owner, &format!("{one}/delete"), &[]).await;
        assert_eq!((deleted.status, deleted.location()), (303, format!("{}/services", pages.home).as_str()));
        assert_eq!(owner.open(&pages.url(&one)).await.status, 404);
        assert_eq!(pages.submit(&owner, &format!("{one}/again"), &[TEXT, BASE]).await.status, 404);
    }

    async fn a_file_takes_the_place_of_a_text(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (pages, owner) = (Pages::of(&platform), platform.signed_in("owner").await);
        let url = pages.url("/imported-services/proposals");
        let origin = platform.url("");
        let send = async |body: String| {
            let request = owner.client.request("POST", &url).header("sec-fetch-mode", "navigate");
            let request = request.header("sec-fetch-site", "same-origin").header("origin", &origin);
            request.body("multipart/form-data; boundary=b", body).send().await
        };
        let part = |head: &str, content: &str| format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n");
        let file = "name=\"file\"; filename=\"acme.json\"\r\nContent-Type: application/json";
        let base = part("name=\"answer_base_url\"", BASE.1);
        let whole = [part("name=\"url\"", ""), part("name=\"document\"", "an earlier one"), part(file, DOCUMENT), base.clone(), "--b--\r\n".to_owned()];
        let looked = send(whole.concat()).await;
        assert!(looked.status == 200 && looked.text().contains("id=\"confirm\""), "{}", looked.text());
        assert!(looked.text().contains("&quot;title&quot;:&quot;Acme &lt;Files&gt;&quot;"), "it goes along as a text");
        // None was chosen: browsers send an empty one.
        let none = "name=\"file\"; filename=\"\"\r\nContent-Type: application/octet-stream";
        let looked = send([part("name=\"document\"", DOCUMENT), part(none, ""), base, "--b--\r\n".to_owned()].concat()).await;
        assert!(looked.status == 200 && looked.text().contains("id=\"confirm\""), "{}", looked.text());
        is(wrong(&send("--b\r\nbroken".to_owned()).await), 400, "malformed_request", "document");
        let large = send([part(file, &" ".repeat(9 << 20)), "--b--\r\n".to_owned()].concat()).await;
        assert!(large.text().contains("Give the address of the document instead."), "{}", large.text());
        is(wrong(&large), 413, "too_large", "document");
        let elsewhere = owner.client.request("POST", &url).header("sec-fetch-mode", "navigate").header("sec-fetch-site", "same-site");
        let elsewhere = elsewhere.header("origin", platform.app_url("hello", "").trim_end_matches('/'));
        let refused = elsewhere.body("multipart/form-data; boundary=b", whole.concat()).send().await;
        assert_eq!(refused.status, 403, "a page of an app sends no such form: {}", refused.text());
    }

    async fn an_owner_imports_a_service_in_a_browser_without_scripts(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let pages = Pages::of(&platform);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import_visit.mjs");
        let input = json!({
            "chromium": browser::chromium(),
            "services": pages.url("/services"),
            "person": "Olivia Owner",
            "document": DOCUMENT,
            "baseUrl": BASE.1,
        });
        let seen = run_script(&script, &input).await;
        assert_eq!(seen["asked"], "What the document leaves open");
        assert!(seen["wrong"].as_str().unwrap().contains("https"), "{seen}");
        assert!(seen["proposed"].as_str().unwrap().contains("api.acme-files.com"), "{seen}");
        assert_eq!(seen["imported"]["url"], pages.url("/services/imported-acme-files"));
        assert_eq!(seen["imported"]["title"], "Acme <Files>");
        assert_eq!(seen["suggested"], BASE.1);
        assert!(seen["changes"].as_str().unwrap().starts_with("Breaking: "), "{seen}");
        assert!(seen["actions"].as_str().unwrap().contains("remove-file"), "{seen}");
    }

    async fn z05_who_may_not_imports_no_services(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (pages, owner) = (Pages::of(&platform), platform.signed_in("owner").await);
        let one = pages.imported(&owner).await;
        let forms = [
            "/imported-services/proposals".to_owned(),
            "/imported-services".to_owned(),
            format!("{one}/proposals"),
            format!("{one}/again"),
            format!("{one}/delete"),
        ];
        for (subject, status) in [("member", 403), ("editor", 403), ("outsider", 404)] {
            let person = platform.signed_in(subject).await;
            for page in ["/new-service", one.as_str()] {
                assert_eq!(person.open(&pages.url(page)).await.status, status, "{subject} {page}");
            }
            for form in &forms {
                let refused = pages.submit(&person, form, &[TEXT, BASE]).await;
                assert_eq!(refused.status, status, "{subject} {form}: {}", refused.text());
            }
            if status == 403 {
                let list = pages.open(&person, "/services?query=no-such").await;
                assert!(list.contains("id=\"no-such-service\"") && !list.contains("/new-service"), "{list}");
                let service = pages.open(&person, "/services/imported-acme-files").await;
                assert!(!service.contains("import-again"), "{service}");
            }
        }
        assert!(pages.open(&owner, "/services/imported-acme-files").await.contains("import-again"));
    }
}
