//! Two organizations of the proof's own, with people, apps, and whatever else is asked about.

mod credentials;
mod fresh;
mod making;
mod services;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::app_server::AppServer;
use crate::caller::{AppKind, Person};
use crate::client::{Client, Question, Reply};
use crate::declared::Surface;
use crate::people::{People, SESSION_COOKIE, Session};
use crate::requests::{self, Objects};
use crate::{Declared, ProofError, Target};

pub(crate) use credentials::Credentials;

/// How long the grant that has to end lives.
const SHORT: time::Duration = time::Duration::seconds(2);

pub(crate) struct World {
    pub client: Arc<Client>,
    pub people: People,
    pub declared: Declared,
    /// What is asked about, by the app.
    pub standing: BTreeMap<AppKind, Objects>,
    /// The same kinds of things in the outsider's organization.
    pub other: Objects,
    pub credentials: Credentials,
    platform: String,
    app_origin: String,
    issuer: Option<String>,
    admin: Option<String>,
    app_server: Option<AppServer>,
    sessions: Mutex<BTreeMap<Person, Session>>,
    /// Organizations to delete at the end: who made them, identifier, slug.
    made: Mutex<Vec<(Person, String, String)>>,
    run: String,
    numbers: AtomicU32,
}

impl World {
    /// Signs everybody in and makes everything.
    pub async fn make(target: &Target) -> Result<Self, ProofError> {
        let client = Arc::new(Client::new(target.authority.as_deref())?);
        let platform = target.platform.trim_end_matches('/').to_owned();
        let description = client.get(&format!("{platform}/openapi.json")).await?;
        let declared = Declared::read(description.json())?;
        requests::check(&declared.endpoints)?;
        let prepared = target.callers.as_ref().filter(|_| !declared.is_development());
        if prepared.is_none() && !declared.is_development() {
            return Err(ProofError::Callers(
                "this is no development server: say with --callers whose sessions to use".to_owned(),
            ));
        }
        let people = People::new(&client, &platform, prepared)?;
        let app_server = match prepared {
            None => Some(AppServer::start(None).await?),
            Some(file) => match &file.app_server {
                Some(origin) => Some(AppServer::start(Some(origin)).await?),
                None => None,
            },
        };
        let random = std::hash::RandomState::new().build_hasher().finish();
        let mut world = Self {
            client,
            people,
            declared,
            standing: BTreeMap::new(),
            other: Objects::new(),
            credentials: Credentials::default(),
            platform,
            app_origin: String::new(),
            issuer: None,
            admin: target.admin.clone(),
            app_server,
            sessions: Mutex::default(),
            made: Mutex::default(),
            run: format!("{:08x}", random & 0xffff_ffff),
            numbers: AtomicU32::new(0),
        };
        match world.stand().await {
            Ok(()) => Ok(world),
            Err(error) => {
                world.clear().await;
                Err(error)
            }
        }
    }

    /// Makes what stays for the whole run.
    async fn stand(&mut self) -> Result<(), ProofError> {
        if self.declared.is_development() {
            self.issuer = Some(self.people.issuer().await?);
        }
        for person in Person::ALL {
            self.session(person).await?;
        }
        let mut common = self.organization(Person::Owner).await?;
        self.join_all(&common).await?;
        self.furnish(Person::Owner, Person::Member, &mut common).await?;
        for kind in AppKind::ALL {
            let mut objects = common.clone();
            self.app(Person::Editor, kind, &mut objects).await?;
            self.data_query(Person::Editor, &mut objects).await?;
            self.standing.insert(kind, objects);
        }
        let mut other = self.organization(Person::Outsider).await?;
        self.furnish(Person::Outsider, Person::Outsider, &mut other).await?;
        self.app(Person::Outsider, AppKind::Organization, &mut other).await?;
        self.data_query(Person::Outsider, &mut other).await?;
        self.other = other;
        self.serve_app().await?;
        for kind in AppKind::ALL {
            let decision = self.decision(Person::Editor, self.standing(kind)?).await?;
            self.standing.entry(kind).or_default().insert("decision_id", decision);
        }
        let decision = self.decision(Person::Outsider, &self.other).await?;
        self.other.insert("decision_id", decision);
        // The grant that has to have ended.
        tokio::time::sleep(SHORT.unsigned_abs()).await;
        Ok(())
    }

    /// Remembers an organization for the end.
    pub fn to_delete(&self, owner: Person, id: &str, slug: &str) {
        lock(&self.made).push((owner, id.to_owned(), slug.to_owned()));
    }

    pub fn standing(&self, kind: AppKind) -> Result<&Objects, ProofError> {
        self.standing.get(&kind).ok_or_else(|| ProofError::NoObject(format!("{kind:?}")))
    }

    /// Somebody's session; a new one when the last was ended.
    pub async fn session(&self, person: Person) -> Result<Session, ProofError> {
        let kept = lock(&self.sessions).get(&person).cloned();
        if let Some(session) = kept {
            return Ok(session);
        }
        let session = self.people.sign_in(person).await?;
        lock(&self.sessions).insert(person, session.clone());
        Ok(session)
    }

    /// A request has ended somebody's sessions.
    pub fn forget(&self, person: Person) {
        lock(&self.sessions).remove(&person);
        self.credentials.forget(person);
    }

    /// A call of the management API that has to succeed.
    pub async fn api(
        &self,
        person: Person,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, ProofError> {
        let reply = self.call(person, method, path, body).await?;
        if reply.is_success() {
            return Ok(reply.json());
        }
        Err(ProofError::Preparation {
            what: format!("{method} {path} as {}", person.name()),
            status: reply.status,
            answer: reply.text(),
        })
    }

    pub async fn call(
        &self,
        person: Person,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, ProofError> {
        let session = self.session(person).await?;
        let question = Question::new(method, format!("{}/api/v1{path}", self.platform))
            .header("cookie", format!("{SESSION_COOKIE}={}", session.cookie))
            .header("origin", &self.platform);
        let question = match &body {
            Some(body) => question.json(body),
            None => question,
        };
        self.client.ask(&question).await
    }

    /// Where a surface answers.
    pub fn origin(&self, surface: Surface) -> Option<&str> {
        match surface {
            Surface::Platform => Some(&self.platform),
            Surface::AppHosts => Some(&self.app_origin),
            Surface::Admin => self.admin.as_deref(),
            Surface::DevelopmentIssuer => self.issuer.as_deref(),
        }
    }

    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// A name nobody has used.
    pub fn unique(&self) -> String {
        format!("p{}-{}", self.run, self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// An address nobody has.
    pub fn email(&self) -> String {
        format!("{}@proof.example", self.unique())
    }

    /// Deletes every organization of the proof's; returns those that stay.
    pub async fn clear(&self) -> Vec<String> {
        let made = std::mem::take(&mut *lock(&self.made));
        let mut left = Vec::new();
        for (person, id, slug) in made {
            if !self.delete(person, &id, &slug).await {
                left.push(slug);
            }
        }
        left
    }

    /// Whoever is its Owner by now.
    async fn delete(&self, maker: Person, id: &str, slug: &str) -> bool {
        if self.declared.named("delete_organization").is_none() {
            return false;
        }
        let path = format!("/organizations/{id}?slug={slug}");
        for person in [maker, Person::Owner, Person::Member] {
            match self.call(person, "DELETE", &path, None).await {
                Ok(reply) if reply.is_success() => return true,
                _ => {}
            }
        }
        // Gone already: its maker does not see it any more.
        matches!(
            self.call(maker, "GET", &format!("/organizations/{id}"), None).await,
            Ok(reply) if reply.status == 404
        )
    }
}

pub(crate) fn object<'a>(objects: &'a Objects, name: &str) -> Result<&'a str, ProofError> {
    objects.get(name).map(String::as_str).ok_or_else(|| ProofError::NoObject(name.to_owned()))
}

pub(crate) fn text(what: &str, value: &Value, pointer: &str) -> Result<String, ProofError> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| ProofError::Answer {
        what: what.to_owned(),
        lacks: pointer.to_owned(),
        answer: value.to_string(),
    })
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
