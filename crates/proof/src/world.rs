//! Two organizations of the proof's own, with people, apps, and whatever else is asked about.

mod credentials;
mod fresh;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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
            self.standing.insert(kind, objects);
        }
        let mut other = self.organization(Person::Outsider).await?;
        self.furnish(Person::Outsider, Person::Outsider, &mut other).await?;
        self.app(Person::Outsider, AppKind::Organization, &mut other).await?;
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

    /// A new organization of somebody's own.
    pub async fn organization(&self, owner: Person) -> Result<Objects, ProofError> {
        let slug = self.unique();
        let body = json!({ "slug": slug, "name": "Proof" });
        let made = self.api(owner, "POST", "/organizations", Some(body)).await?;
        let id = text("a new organization", &made, "/id")?;
        self.to_delete(owner, &id, &slug);
        Ok(Objects::from([
            ("organization_id", id),
            ("organization_slug", slug),
            ("provider", self.people.provider().to_owned()),
        ]))
    }

    /// Remembers an organization for the end.
    pub fn to_delete(&self, owner: Person, id: &str, slug: &str) {
        lock(&self.made).push((owner, id.to_owned(), slug.to_owned()));
    }

    /// Everybody but the outsider becomes what they are called.
    pub async fn join_all(&self, organization: &Objects) -> Result<(), ProofError> {
        for (person, role) in
            [(Person::Admin, "admin"), (Person::Editor, "editor"), (Person::Member, "member")]
        {
            self.join(Person::Owner, organization, person, role).await?;
        }
        Ok(())
    }

    pub async fn join(
        &self,
        owner: Person,
        organization: &Objects,
        person: Person,
        role: &str,
    ) -> Result<(), ProofError> {
        let email = self.session(person).await?.email;
        let (_, token) = self.invitation(owner, organization, &email, role).await?;
        self.api(person, "POST", "/invitations/accept", Some(json!({ "token": token }))).await?;
        Ok(())
    }

    /// An open invitation and its token.
    pub async fn invitation(
        &self,
        owner: Person,
        organization: &Objects,
        email: &str,
        role: &str,
    ) -> Result<(String, String), ProofError> {
        let path = format!("/organizations/{}/invitations", object(organization, "organization_id")?);
        let made = self.api(owner, "POST", &path, Some(json!({ "email": email, "role": role }))).await?;
        let link = text("a new invitation", &made, "/link")?;
        let token = link.rsplit('=').next().unwrap_or_default().to_owned();
        Ok((text("a new invitation", &made, "/id")?, token))
    }

    /// What an organization has besides apps.
    async fn furnish(&self, owner: Person, member: Person, objects: &mut Objects) -> Result<(), ProofError> {
        let member = self.session(member).await?;
        objects.insert("user_id", member.user);
        objects.insert("owner_id", self.session(owner).await?.user);
        let group = self.group(owner, objects).await?;
        objects.insert("group_id", group);
        self.put_into_group(owner, objects).await?;
        let (invitation, token) = self.invitation(owner, objects, &self.email(), "member").await?;
        objects.insert("invitation_id", invitation);
        objects.insert("invitation_token", token);
        objects.insert("session_id", self.session(owner).await?.id);
        objects.insert("api_token_id", self.new_api_token(owner).await?.0);
        if self.declared.named("read_audit_event").is_some() {
            let path = format!("/organizations/{}/audit-events", object(objects, "organization_id")?);
            let events = self.api(owner, "GET", &path, None).await?;
            objects.insert("event_id", text("the audit trail", &events, "/events/0/id")?);
        }
        objects.insert("letter", "newest".to_owned());
        Ok(())
    }

    pub async fn group(&self, owner: Person, objects: &Objects) -> Result<String, ProofError> {
        let path = format!("/organizations/{}/groups", object(objects, "organization_id")?);
        let made = self.api(owner, "POST", &path, Some(json!({ "name": self.unique() }))).await?;
        text("a new group", &made, "/id")
    }

    /// Puts the member into the group.
    pub async fn put_into_group(&self, owner: Person, objects: &Objects) -> Result<(), ProofError> {
        let path = format!(
            "/organizations/{}/groups/{}/members/{}",
            object(objects, "organization_id")?,
            object(objects, "group_id")?,
            object(objects, "user_id")?
        );
        self.api(owner, "PUT", &path, None).await?;
        Ok(())
    }

    /// An app whose creator left it to nobody.
    pub async fn orphan(&self, objects: &mut Objects) -> Result<(), ProofError> {
        self.join(Person::Owner, objects, Person::Outsider, "editor").await?;
        let organization = format!("/organizations/{}", object(objects, "organization_id")?);
        let body = json!({ "slug": self.unique(), "name": "Proof" });
        let made = self.api(Person::Outsider, "POST", &format!("{organization}/apps"), Some(body)).await?;
        let app = text("a new app", &made, "/id")?;
        let level = Some(json!({ "level": "user" }));
        self.api(Person::Outsider, "PATCH", &format!("/apps/{app}"), level).await?;
        self.api(Person::Outsider, "POST", &format!("{organization}/leave"), None).await?;
        objects.insert("app_id", app);
        Ok(())
    }

    /// A new app with a grant, a rule and a secret.
    pub async fn app(&self, creator: Person, kind: AppKind, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("/organizations/{}/apps", object(objects, "organization_id")?);
        let body = json!({ "slug": self.unique(), "name": "Proof" });
        let made = self.api(creator, "POST", &path, Some(body)).await?;
        let app = text("a new app", &made, "/id")?;
        objects.insert("app_id", app.clone());
        objects.insert("host_label", text("a new app", &made, "/hostLabel")?);
        let level = match kind {
            AppKind::Organization => "organization",
            AppKind::Restricted | AppKind::Lapsed => "restricted",
            AppKind::Own => "user",
        };
        if kind != AppKind::Organization {
            let level = Some(json!({ "level": level }));
            self.api(creator, "PATCH", &format!("/apps/{app}"), level).await?;
        }
        let mut grants = Vec::new();
        if creator == Person::Editor {
            grants.push((Person::Member, json!({ "role": "editor" })));
        }
        match kind {
            AppKind::Restricted => grants.push((Person::Admin, json!({ "role": "viewer" }))),
            AppKind::Lapsed => {
                let end = OffsetDateTime::now_utc() + SHORT;
                let end = end.format(&Rfc3339).map_err(|error| ProofError::Witness(error.to_string()))?;
                grants.push((Person::Admin, json!({ "role": "editor", "expiresAt": end })));
            }
            AppKind::Organization | AppKind::Own => {}
        }
        for (person, body) in grants {
            let path = format!("/apps/{app}/grants/{}", self.session(person).await?.user);
            self.api(creator, "PUT", &path, Some(body)).await?;
        }
        let rule = json!({ "pattern": "/proof-only", "subjects": [{ "kind": "role", "value": "owner" }] });
        let rule = self.api(creator, "POST", &format!("/apps/{app}/path-rules"), Some(rule)).await?;
        objects.insert("rule_id", text("a new path rule", &rule, "/id")?);
        let secret = json!({ "environment": "preview" });
        let secret = self.api(creator, "POST", &format!("/apps/{app}/server-secrets"), Some(secret)).await?;
        objects.insert("secret_id", text("a new server secret", &secret, "/id")?);
        objects.insert("agent_token_id", self.new_agent_token(creator, &app).await?.0);
        Ok(())
    }

    /// The app that is open to all gets an upstream, and its origin is looked up.
    async fn serve_app(&mut self) -> Result<(), ProofError> {
        let app = self.standing(AppKind::Organization)?.clone();
        let path = format!("/apps/{}", object(&app, "app_id")?);
        if let Some(server) = &self.app_server {
            let upstream = json!({ "upstream": server.origin() });
            self.api(Person::Editor, "PATCH", &path, Some(upstream)).await?;
        }
        let owner = self.session(Person::Owner).await?;
        let page = self.people.browser(&owner).open(&format!("{}/apps", self.platform)).await?;
        let start = format!("https://{}.", object(&app, "host_label")?);
        let html = page.reply.text();
        let link = html.find(&start).and_then(|at| html.get(at..)).and_then(|rest| rest.split('"').next());
        let link = link.and_then(|link| url::Url::parse(link).ok()).ok_or_else(|| ProofError::Answer {
            what: "GET /apps".to_owned(),
            lacks: format!("link to {start}"),
            answer: String::new(),
        })?;
        self.app_origin = link.origin().ascii_serialization();
        Ok(())
    }

    /// A decision about an app: its creator opens it.
    async fn decision(&self, creator: Person, objects: &Objects) -> Result<String, ProofError> {
        let standing = object(self.standing(AppKind::Organization)?, "host_label")?;
        let origin = self.app_origin.replacen(standing, object(objects, "host_label")?, 1);
        let session = self.session(creator).await?;
        self.people.browser(&session).open(&format!("{origin}/proof")).await?;
        let path = format!("/apps/{}/decisions", object(objects, "app_id")?);
        let mut attempts = 0;
        loop {
            let list = self.api(creator, "GET", &path, None).await?;
            let found = text("the list of decisions", &list, "/decisions/0/id");
            attempts += 1;
            // They are kept a moment after they are made.
            if found.is_ok() || attempts == 50 {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
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
