//! Changes of several kinds, what was acknowledged of them, and whether it is there.

use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use test_support::Response;

use super::processes::Fleet;
use super::visitor::{Failure, Tally, Visitor};

/// How long a replica may take to hear of what another one has acknowledged.
const HEARS_WITHIN: Duration = Duration::from_secs(5);
const WHAT: &str = "write";

/// What has to be true from an acknowledgement on.
pub struct Acknowledged {
    pub at: Instant,
    /// `x-request-id` of the answer, which the trail has, too.
    request: String,
    /// A statement that finds a row if it was kept.
    statement: String,
    /// Whether a row is to be found; nothing, if a later change took that away, or may have.
    kept: Option<bool>,
    /// Where replicas show it, and the text that is in the answer if it was kept.
    shown: (String, String),
}

/// Somebody who makes changes, one after another.
pub struct Writer<'a> {
    fleet: &'a Fleet,
    owner: Visitor,
    tally: &'a Tally,
    number: usize,
    stories: usize,
    pub acknowledged: Vec<Acknowledged>,
    pub unheard: Unheard,
}

/// How often a replica had not heard yet of what another one had acknowledged, and the longest that it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unheard {
    pub times: usize,
    pub longest: Duration,
}

impl<'a> Writer<'a> {
    pub fn new(fleet: &'a Fleet, tally: &'a Tally, number: usize) -> Self {
        let owner = fleet.balanced(&fleet.owner);
        Self {
            fleet,
            owner,
            tally,
            number,
            stories: 0,
            acknowledged: Vec::new(),
            unheard: Unheard::default(),
        }
    }

    /// A group, somebody in it, an app, its new name, a grant, a rule, a server secret, an API token, and the group's end:
    /// as far as the platform answers.
    pub async fn tell_a_story(&mut self) -> Result<(), Failure> {
        self.stories += 1;
        let name = &format!("w{}-{}", self.number, self.stories);
        let organization = self.fleet.organization.clone();
        let person = self.fleet.people[&super::processes::login(0)].clone();
        let groups = format!("{organization}/groups");
        let (group, answer) = self.created(&groups, json!({ "name": name })).await?;
        self.keep(&answer, &row("groups", "id", &group), true, (&groups, &group));
        let of_group = format!("{groups}/{group}");
        let answer = self.changed("PUT", &format!("{of_group}/members/{person}"), Value::Null).await?;
        self.keep(&answer, &row("group_members", "group_id", &group), true, (&groups, &group));
        let apps = format!("{organization}/apps");
        let (app, answer) = self.created(&apps, json!({ "slug": name, "name": name })).await?;
        let path = format!("/api/v1/apps/{app}");
        self.keep(&answer, &row("apps", "id", &app), true, (&path, &app));
        let renamed = format!("{name} renamed");
        let answer = self.changed("PATCH", &path, json!({ "name": renamed })).await?;
        self.keep(&answer, &row("apps", "name", &renamed), true, (&path, &renamed));
        let access = format!("{path}/access");
        let grant = json!({ "role": "viewer" });
        let answer = self.changed("PUT", &format!("{path}/grants/{person}"), grant).await?;
        self.keep(&answer, &row("grants", "app_id", &app), true, (&access, &person));
        let rule = json!({ "pattern": "/admin", "subjects": [{ "kind": "role", "value": "admin" }] });
        let (rule, answer) = self.created(&format!("{path}/path-rules"), rule).await?;
        self.keep(&answer, &row("path_rules", "id", &rule), true, (&access, &rule));
        let secrets = format!("{path}/server-secrets");
        let (secret, answer) = self.created(&secrets, json!({ "environment": "preview" })).await?;
        self.keep(&answer, &row("server_secrets", "id", &secret), true, (&secrets, &secret));
        let tokens = "/api/v1/api-tokens";
        let (token, answer) = self.created(tokens, json!({ "name": name })).await?;
        self.keep(&answer, &row("sessions", "id", &token), true, (tokens, &token));
        // What was true of the group is over from the moment at which its end is asked for.
        for earlier in self.acknowledged.iter_mut().filter(|earlier| earlier.statement.contains(&group)) {
            earlier.kept = None;
        }
        let answer = self.changed("DELETE", &of_group, Value::Null).await?;
        self.keep(&answer, &row("groups", "id", &group), false, (&groups, &group));
        Ok(())
    }

    async fn created(&mut self, path: &str, body: Value) -> Result<(String, Response), Failure> {
        let answer = self.changed("POST", path, body).await?;
        Ok((answer.json()["id"].as_str().expect("an identifier").to_owned(), answer))
    }

    /// Asks until a replica that has heard of what was acknowledged before does it.
    async fn changed(&mut self, method: &str, path: &str, body: Value) -> Result<Response, Failure> {
        let began = Instant::now();
        loop {
            let answer = self.owner.call(method, path, &body).await;
            match &answer {
                Ok(answer) if (200..=299).contains(&answer.status) => {}
                Ok(unheard) if unheard.status == 404 && began.elapsed() < HEARS_WITHIN => {
                    self.unheard.times += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    self.unheard.longest = self.unheard.longest.max(began.elapsed());
                    continue;
                }
                Ok(wrong) => panic!("{method} {path}: {} {}", wrong.status, wrong.text()),
                Err(failure) => self.tally.add(WHAT, *failure),
            }
            return answer;
        }
    }

    fn keep(&mut self, answer: &Response, statement: &str, kept: bool, shown: (&str, &str)) {
        self.acknowledged.push(Acknowledged {
            at: Instant::now(),
            request: answer.header("x-request-id").expect("a request's identifier").to_owned(),
            statement: statement.to_owned(),
            kept: Some(kept),
            shown: (shown.0.to_owned(), shown.1.to_owned()),
        });
    }
}

fn row(table: &str, column: &str, value: &str) -> String {
    format!("SELECT 1 FROM {table} WHERE {column} = '{value}'")
}

/// How many acknowledged changes are not in the database, not in the trail, or not shown by one of these replicas.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub from_database: usize,
    pub from_trail: usize,
    pub from_replicas: usize,
}

pub async fn look_for(fleet: &Fleet, acknowledged: &[Acknowledged], replicas: &[usize]) -> Lost {
    let mut lost = Lost::default();
    let found = async |statement: String| {
        let statement = Statement::from_string(fleet.database.backend(), statement);
        fleet.database.connection().query_one_raw(statement).await.unwrap().is_some()
    };
    let mut pages = std::collections::BTreeMap::<(usize, &str), String>::new();
    for one in acknowledged {
        lost.from_trail += usize::from(!found(row("audit_events", "request_id", &one.request)).await);
        let Some(kept) = one.kept else { continue };
        lost.from_database += usize::from(found(one.statement.clone()).await != kept);
        for &replica in replicas {
            let (path, text) = (one.shown.0.as_str(), &one.shown.1);
            if let Entry::Vacant(place) = pages.entry((replica, path)) {
                let page = fleet.at(replica, &fleet.owner).call("GET", path, &Value::Null).await.unwrap();
                place.insert(page.text());
            }
            let shows = pages[&(replica, path)].contains(text.as_str());
            if shows != kept {
                println!("replica {replica}, {path}: shows {text}: {shows}");
            }
            lost.from_replicas += usize::from(shows != kept);
        }
    }
    lost
}
