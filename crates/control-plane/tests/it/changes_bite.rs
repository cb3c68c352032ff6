//! Every kind of change counts on the very next request and cuts an open WebSocket, measured.
//!
//! While a change is made, the person it concerns keeps asking on four connections; nothing that was sent
//! after the change was acknowledged may be let through.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Frame, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

/// How often each change is made.
const ROUNDS: usize = 4;
/// The bound that is promised.
const PROMISED: Duration = Duration::from_secs(1);

/// A kind of change, whom it concerns and in which app.
#[derive(Clone, Copy, Debug)]
enum Change {
    SignOut,
    SessionEnded,
    AllSessionsEnded,
    GrantRemoved,
    GrantEnded,
    LevelRestricted,
    LevelForCreator,
    RuleAdded,
    RuleReplaced,
    GroupLeft,
    RoleLowered,
    MemberRemoved,
    MemberLeft,
    AppDeleted,
}

impl Change {
    const ALL: [Self; 14] = [
        Self::SignOut,
        Self::SessionEnded,
        Self::AllSessionsEnded,
        Self::GrantRemoved,
        Self::GrantEnded,
        Self::LevelRestricted,
        Self::LevelForCreator,
        Self::RuleAdded,
        Self::RuleReplaced,
        Self::GroupLeft,
        Self::RoleLowered,
        Self::MemberRemoved,
        Self::MemberLeft,
        Self::AppDeleted,
    ];
}

/// Everybody and everything that changes are made with.
struct World<'a> {
    platform: &'a Platform,
    organization: String,
    owner: Browser,
    editor: Browser,
    member_id: String,
    group: String,
}

/// One round: the app, and what made it so that the member may use it.
struct Round {
    app: String,
    slug: String,
    rule: Option<String>,
}

impl<'a> World<'a> {
    async fn make(platform: &'a Platform) -> Self {
        let seeded = &platform.demo.seeded;
        let owner = platform.signed_in("owner").await;
        let organization = format!("/api/v1/organizations/{}", seeded.organization);
        let made =
            call(&owner, "POST", &format!("{organization}/groups"), json!({ "name": "Readers" })).await;
        Self {
            platform,
            group: made["id"].as_str().unwrap().to_owned(),
            owner,
            editor: platform.signed_in("editor").await,
            member_id: seeded.people["member"].id.to_string(),
            organization,
        }
    }

    /// A fresh app that the member may use, for a reason that `change` takes away.
    async fn prepare(&self, change: Change, number: usize) -> Round {
        let slug = format!("app-{number}");
        let apps = format!("{}/apps", self.organization);
        let made = call(&self.editor, "POST", &apps, json!({ "slug": slug, "name": slug })).await;
        let app = format!("/api/v1/apps/{}", made["id"].as_str().unwrap());
        let upstream = format!("http://{}", self.platform.demo.upstream.address());
        call(&self.editor, "PATCH", &app, json!({ "upstream": upstream })).await;
        let mut round = Round { app, slug, rule: None };
        let group = json!([{ "kind": "group", "value": self.group }]);
        let editors = json!([{ "kind": "role", "value": "editor" }]);
        match change {
            Change::GrantRemoved | Change::GrantEnded => {
                let end = matches!(change, Change::GrantEnded).then(|| in_seconds(3));
                self.grant(&round, json!({ "role": "viewer", "expiresAt": end })).await;
                call(&self.editor, "PATCH", &round.app, json!({ "level": "restricted" })).await;
            }
            Change::RuleReplaced => {
                round.rule = Some(self.rule(&round, &json!([{ "kind": "role", "value": "member" }])).await)
            }
            Change::GroupLeft => {
                self.put_in_group().await;
                round.rule = Some(self.rule(&round, &group).await);
            }
            Change::RoleLowered => {
                self.set_role("editor").await;
                round.rule = Some(self.rule(&round, &editors).await);
            }
            _ => {}
        }
        round
    }

    async fn apply(&self, change: Change, round: &Round, member: &Browser) {
        let level = |level: &str| json!({ "level": level });
        let membership = format!("{}/members/{}", self.organization, self.member_id);
        match change {
            Change::SignOut => member.sign_out().await,
            Change::SessionEnded => {
                let other = self.platform.signed_in("member").await;
                let sessions = call(&other, "GET", "/api/v1/sessions", Value::Null).await;
                let sessions = sessions.as_array().or(sessions["sessions"].as_array()).unwrap().clone();
                for session in sessions.iter().filter(|session| session["current"] == false) {
                    let path = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
                    call(&other, "DELETE", &path, Value::Null).await;
                }
            }
            Change::AllSessionsEnded => {
                let other = self.platform.signed_in("member").await;
                call(&other, "DELETE", "/api/v1/sessions", Value::Null).await;
            }
            Change::GrantRemoved => {
                let path = format!("{}/grants/{}", round.app, self.member_id);
                call(&self.editor, "DELETE", &path, Value::Null).await;
            }
            // Nobody does anything: the instant comes.
            Change::GrantEnded => {}
            Change::LevelRestricted => {
                drop(call(&self.editor, "PATCH", &round.app, level("restricted")).await)
            }
            Change::LevelForCreator => drop(call(&self.editor, "PATCH", &round.app, level("user")).await),
            Change::RuleAdded => drop(self.rule(round, &json!([])).await),
            Change::RuleReplaced => {
                let path = format!("{}/path-rules/{}", round.app, round.rule.as_deref().unwrap());
                call(&self.editor, "PUT", &path, json!({ "pattern": "/", "subjects": [] })).await;
            }
            Change::GroupLeft => {
                let path = format!("{}/groups/{}/members/{}", self.organization, self.group, self.member_id);
                call(&self.owner, "DELETE", &path, Value::Null).await;
            }
            Change::RoleLowered => self.set_role("member").await,
            Change::MemberRemoved => drop(call(&self.owner, "DELETE", &membership, Value::Null).await),
            Change::MemberLeft => {
                call(member, "POST", &format!("{}/leave", self.organization), Value::Null).await;
            }
            Change::AppDeleted => drop(call(&self.editor, "DELETE", &round.app, Value::Null).await),
        }
    }

    /// Puts back what other rounds stand on.
    async fn restore(&self, change: Change) {
        if matches!(change, Change::MemberRemoved | Change::MemberLeft) {
            let email = &self.platform.demo.seeded.people["member"].email;
            let path = format!("{}/invitations", self.organization);
            let made = call(&self.owner, "POST", &path, json!({ "email": email, "role": "member" })).await;
            let token = made["link"].as_str().unwrap().split_once("token=").unwrap().1.to_owned();
            let member = self.platform.signed_in("member").await;
            call(&member, "POST", "/api/v1/invitations/accept", json!({ "token": token })).await;
        }
    }

    async fn grant(&self, round: &Round, grant: Value) {
        call(&self.editor, "PUT", &format!("{}/grants/{}", round.app, self.member_id), grant).await;
    }

    async fn rule(&self, round: &Round, subjects: &Value) -> String {
        let body = json!({ "pattern": "/", "subjects": subjects });
        let made = call(&self.editor, "POST", &format!("{}/path-rules", round.app), body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn set_role(&self, role: &str) {
        let path = format!("{}/members/{}", self.organization, self.member_id);
        call(&self.owner, "PATCH", &path, json!({ "role": role })).await;
    }

    async fn put_in_group(&self) {
        let path = format!("{}/groups/{}/members/{}", self.organization, self.group, self.member_id);
        call(&self.owner, "PUT", &path, Value::Null).await;
    }
}

/// Calls and insists on success.
async fn call(browser: &Browser, method: &str, path: &str, body: Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let answer = browser.call(method, path, body.as_ref()).await;
    assert!((200..=299).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

fn in_seconds(seconds: i64) -> String {
    let end = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    end.format(&time::format_description::well_known::Rfc3339).unwrap()
}

/// What one round showed.
struct Measured {
    /// Requests that were answered while the change was made.
    asked: usize,
    /// Those sent after the acknowledgement and let through.
    let_through: usize,
    /// From the acknowledgement to the end of the WebSocket.
    socket: Duration,
}

/// Makes one change while the member keeps asking.
async fn measure(world: &World<'_>, change: Change, number: usize) -> Measured {
    let round = world.prepare(change, number).await;
    let member = world.platform.signed_in("member").await;
    let page = world.platform.app_url(&round.slug, "/");
    assert_eq!(member.open(&page).await.status, 200, "{change:?}");
    let mut socket = member.web_socket(&world.platform.app_url(&round.slug, "/ws")).await.unwrap();
    socket.send_text("hello").await;
    assert_eq!(socket.next().await, Frame::Text("hello".to_owned()), "{change:?}");

    let done = AtomicBool::new(false);
    let ask = || async {
        let browser = member.copy();
        let mut answers: Vec<(Instant, u16)> = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let sent = Instant::now();
            answers.push((sent, browser.open_once(&page).await.status));
        }
        // The very next request, too.
        let sent = Instant::now();
        answers.push((sent, browser.open_once(&page).await.status));
        answers
    };
    let changing = async {
        world.apply(change, &round, &member).await;
        if matches!(change, Change::GrantEnded) {
            // The end was set for three seconds after the beginning of the round.
            while member.copy().open_once(&page).await.status == 200 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        let acknowledged = Instant::now();
        let end = socket.next().await;
        assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{change:?}: {end:?}");
        let cut = acknowledged.elapsed();
        done.store(true, Ordering::Relaxed);
        (acknowledged, cut)
    };
    let ((acknowledged, socket), one, two, three, four) = tokio::join!(changing, ask(), ask(), ask(), ask());
    world.restore(change).await;
    let answers = [one, two, three, four].concat();
    let let_through = answers.iter().filter(|(sent, status)| *sent >= acknowledged && *status == 200).count();
    Measured { asked: answers.len(), let_through, socket }
}

fn percentile(sorted: &[Duration], share: usize) -> Duration {
    sorted[(sorted.len() - 1) * share / 100]
}

on_both_stores! {
    async fn z03_r01_every_change_counts_on_the_next_request_and_cuts_web_sockets(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let world = World::make(&platform).await;
        let mut text = String::new();
        let (mut all, mut asked, mut let_through) = (Vec::new(), 0, 0);
        for (kind, change) in Change::ALL.into_iter().enumerate() {
            let mut cuts = Vec::new();
            for round in 0..ROUNDS {
                let measured = measure(&world, change, kind * ROUNDS + round).await;
                asked += measured.asked;
                let_through += measured.let_through;
                cuts.push(measured.socket);
            }
            cuts.sort_unstable();
            let (middle, last) = (percentile(&cuts, 50), percentile(&cuts, 100));
            writeln!(text, "  {change:?}: WebSocket cut after {middle:.1?} (median), {last:.1?} (longest)").unwrap();
            all.extend(cuts);
        }
        all.sort_unstable();
        println!(
            "changes: {} kinds x {ROUNDS}, {asked} requests meanwhile, {let_through} let through after the \
             acknowledgement\nWebSockets cut after: p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, longest {:.1?}\n{text}",
            Change::ALL.len(),
            percentile(&all, 50),
            percentile(&all, 90),
            percentile(&all, 99),
            percentile(&all, 100),
        );
        assert_eq!(let_through, 0, "{text}");
        assert!(percentile(&all, 100) < PROMISED, "{text}");
    }
}
