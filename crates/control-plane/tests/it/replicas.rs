//! Two processes on one PostgreSQL database: what is changed at one counts at the other, and one that cannot ask the
//! database refuses.

mod link;
mod receipts;

use std::time::{Duration, Instant};

use development::Folder;
use serde_json::{Value, json};
use test_support::{Frame, TestDatabase, WebSocket};

use self::link::{Link, State};
use crate::platform::{Browser, Platform};

/// For how long at most a process serves what was revoked elsewhere, whatever happened to its link.
const BOUND: Duration = Duration::from_secs(2);

/// Two platforms of one folder, with the same keys, on one database; the second has a link that can be cut.
struct Two {
    one: Platform,
    other: Platform,
    link: Link,
    _folder: tempfile::TempDir,
    _database: TestDatabase,
}

impl Two {
    async fn start() -> Self {
        let database = TestDatabase::postgres().await;
        let folder = tempfile::tempdir().unwrap();
        let opened = Folder::open(folder.path()).unwrap();
        let one = Platform::of(&opened, 0, migrations::connect(database.url()).await.unwrap()).await;
        let link = Link::to(database.url());
        let through = migrations::connect(&link.url(database.url())).await.unwrap();
        let other = one.beside(&opened, through).await;
        Self { one, other, link, _folder: folder, _database: database }
    }

    /// The same browser, when a balancer chose the other process.
    fn at_the_other(&self, browser: &Browser) -> Browser {
        Browser::new(browser.client.copy_for(self.other.demo.running.https), self.one.url(""))
    }

    /// Somebody who is signed in at one process and has opened the app at both.
    async fn somebody(&self, subject: &str) -> (Browser, Browser) {
        let browser = self.one.signed_in(subject).await;
        assert_eq!(browser.open(&self.one.app_url("hello", "/")).await.status, 200);
        let other = self.at_the_other(&browser);
        assert_eq!(other.open_once(&self.one.app_url("hello", "/")).await.status, 200);
        (browser, other)
    }

    async fn remove_member(&self, owner: &Browser) -> Value {
        let seeded = &self.one.demo.seeded;
        let member = seeded.people["member"].id;
        let path = format!("/api/v1/organizations/{}/members/{member}", seeded.organization);
        let removed = owner.call("DELETE", &path, None).await;
        assert_eq!(removed.status, 200, "{}", removed.text());
        removed.json()
    }
}

/// Asks until the page is refused, and says how long it was served.
async fn served_for(browser: &Browser, page: &str, since: Instant) -> Duration {
    let mut served = Duration::ZERO;
    loop {
        let sent = since.elapsed();
        let answer = browser.open_once(page).await;
        match answer.status {
            200 => served = since.elapsed(),
            302 | 303 | 401 | 403 | 404 | 503 => return served,
            status => panic!("{status}: {}", answer.text()),
        }
        assert!(sent < Duration::from_secs(20), "served without an end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until nothing more comes, and says how long that took.
async fn cut_after(socket: &mut WebSocket, since: Instant) -> Duration {
    let end = socket.next().await;
    assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{end:?}");
    since.elapsed()
}

#[test]
fn r01_what_is_revoked_at_one_process_ends_at_the_other() {
    test_support::run(async {
        let two = Two::start().await;
        let page = two.one.app_url("hello", "/");

        // A session.
        let (browser, there) = two.somebody("editor").await;
        let mut socket = there.web_socket(&two.one.app_url("hello", "/ws")).await.unwrap();
        socket.send_text("hello").await;
        assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));
        browser.sign_out().await;
        let since = Instant::now();
        let (served, cut) = tokio::join!(served_for(&there, &page, since), cut_after(&mut socket, since));
        assert!(served < BOUND, "served for {served:?} after the sign-out");
        assert!(cut < BOUND, "the WebSocket was cut after {cut:?}");

        // A membership. Its person stays signed in.
        let owner = two.one.signed_in("owner").await;
        let (member, there) = two.somebody("member").await;
        let mut socket = there.web_socket(&two.one.app_url("hello", "/ws")).await.unwrap();
        two.remove_member(&owner).await;
        let since = Instant::now();
        let (served, cut) = tokio::join!(served_for(&there, &page, since), cut_after(&mut socket, since));
        assert!(served < BOUND, "served for {served:?} after the removal");
        assert!(cut < BOUND, "the WebSocket was cut after {cut:?}");
        assert_eq!(member.call("GET", "/api/v1/organizations", None).await.status, 200);
        assert_eq!(there.call("GET", "/api/v1/organizations", None).await.status, 200);
    });
}

#[test]
fn what_is_made_at_one_process_is_there_at_the_other() {
    test_support::run(async {
        let two = Two::start().await;
        let (owner, there) = two.somebody("owner").await;
        let body = json!({ "slug": "shared", "name": "Shared" });
        let made = owner.call("POST", "/api/v1/organizations", Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let path = format!("/api/v1/organizations/{}", made.json()["id"].as_str().unwrap());
        let deadline = Instant::now() + BOUND;
        while there.call("GET", &path, None).await.status != 200 {
            assert!(Instant::now() < deadline, "the other process does not know it");
        }
        // The hand-off to the host of an app, too.
        let admin = two.one.signed_in("admin").await;
        let page = two.at_the_other(&admin).open(&two.one.app_url("hello", "/")).await;
        assert_eq!(page.status, 200, "{}", page.text());
    });
}

#[test]
#[ignore = "a step of its own in `cargo xtask test`, with the machine to itself"]
fn a_process_whose_link_is_cut_serves_nobody_who_was_revoked_for_longer_than_the_bound() {
    test_support::run(async {
        let two = Two::start().await;
        let owner = two.one.signed_in("owner").await;
        for state in [State::Silent, State::Cut] {
            let (browser, there) = two.somebody("editor").await;
            let page = two.one.app_url("hello", "/");
            let mut socket = there.web_socket(&two.one.app_url("hello", "/ws")).await.unwrap();
            two.link.set(state);
            browser.sign_out().await;
            let since = Instant::now();
            let (served, cut) = tokio::join!(served_for(&there, &page, since), cut_after(&mut socket, since));
            assert!(served < BOUND, "{state:?}: served for {served:?} after the sign-out");
            assert!(cut < BOUND, "{state:?}: the WebSocket was cut after {cut:?}");
            // Who may come is refused, too, and told that it is for now.
            let refused = two.at_the_other(&owner).call("GET", "/api/v1/organizations", None).await;
            assert_eq!(refused.status, 503, "{state:?}: {}", refused.text());
            assert!(refused.header("retry-after").is_some());
            two.link.set(State::Whole);
            let deadline = Instant::now() + Duration::from_secs(20);
            while two.at_the_other(&owner).call("GET", "/api/v1/organizations", None).await.status != 200 {
                assert!(Instant::now() < deadline, "{state:?}: the process does not recover");
            }
            let answer = there.open_once(&page).await;
            assert_ne!(answer.status, 200, "{state:?}: it followed what it had missed");
        }
    });
}
