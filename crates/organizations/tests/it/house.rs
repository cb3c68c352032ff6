//! A store with the use cases on it, people to act, and permits for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use access_control::{
    Action, AppFacts, CreateOrganization, Facts, FactsUnavailable, InOrganization, OrganizationFacts,
    OwnAccount, Permit, Principal, Refusal, Role, SignedIn, authorize,
};
use async_trait::async_trait;
use audit::{Change, Event, Follower, Journal, Receipts};
use cryptography::{PublicKey, RootKey};
use ids::{AppId, DataKeyId, EmailAddress, OrganizationId, RequestId, SessionId, UserId};
use organizations::{
    Delivery, Departures, Gone, Groups, InvitationLetter, Invitations, Letters, Members, NeighbourError,
    Organization, Organizations, People, PersonName, SetUp, Store,
};
use revocations::{OpenStreams, OutstandingTokens, Revocations};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use test_support::TestDatabase;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The use cases on one store.
pub struct House {
    pub database: TestDatabase,
    journal: Journal,
    pub organizations: Organizations,
    pub members: Members,
    pub invitations: Invitations,
    pub groups: Groups,
    pub set_up: SetUp,
    pub public_key: PublicKey,
    pub departures: Arc<Departed>,
    pub letters: Arc<Letterbox>,
    pub people: Arc<dyn People>,
    pub facts: Arc<Current>,
}

/// Somebody with a row in the table of users.
#[derive(Clone, Debug)]
pub struct Somebody {
    pub id: UserId,
    pub email: EmailAddress,
    pub hosted_domain: Option<Arc<str>>,
}

/// Who was forgotten; refuses when told to.
#[derive(Default)]
pub struct Departed {
    pub gone: Mutex<Vec<(OrganizationId, UserId)>>,
    pub fails: AtomicBool,
}

#[async_trait]
impl Departures for Departed {
    async fn forget_member(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), NeighbourError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err("not now".into());
        }
        change.transaction().execute_unprepared("SELECT 1").await?;
        self.gone.lock().unwrap().push((organization, user));
        Ok(())
    }

    async fn forget_organization(
        &self,
        change: &Change,
        _: OrganizationId,
        _: OffsetDateTime,
    ) -> Result<Gone, NeighbourError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err("not now".into());
        }
        change.transaction().execute_unprepared("SELECT 1").await?;
        Ok(Gone { apps: 3, data_keys: vec![DataKeyId::generate()], values: 7 })
    }
}

/// Where the platform of these tests would be.
pub const ORIGIN: &str = "https://platform.test";

/// What was sent, and whether the next letters are taken.
#[derive(Default)]
pub struct Letterbox {
    pub sent: Mutex<Vec<(EmailAddress, String)>>,
    pub fails: AtomicBool,
}

#[async_trait]
impl Letters for Letterbox {
    async fn send_invitation(&self, letter: &InvitationLetter) -> Delivery {
        if self.fails.load(Ordering::Relaxed) {
            return Delivery::Failed;
        }
        self.sent.lock().unwrap().push((letter.to.clone(), letter.link.clone()));
        Delivery::Sent
    }
}

/// The table of users, as `identity` would read it.
struct Users(DatabaseConnection);

#[async_trait]
impl People for Users {
    async fn people(&self, users: &[UserId]) -> Result<HashMap<UserId, PersonName>, NeighbourError> {
        let rows = self.0.query_all_raw(self.statement("SELECT id, email, name FROM users", [])).await?;
        let mut found = HashMap::new();
        for row in rows {
            let id: UserId = row.try_get::<String>("", "id")?.parse()?;
            if users.contains(&id) {
                let email: EmailAddress = row.try_get::<String>("", "email")?.parse()?;
                found.insert(id, PersonName { name: row.try_get("", "name")?, email, picture: None });
            }
        }
        Ok(found)
    }

    async fn with_email(&self, email: &EmailAddress) -> Result<Option<UserId>, NeighbourError> {
        let statement = self.statement("SELECT id FROM users WHERE email = $1", [email.as_str().into()]);
        let row = self.0.query_one_raw(statement).await?;
        Ok(row.map(|row| row.try_get::<String>("", "id")).transpose()?.map(|id| id.parse()).transpose()?)
    }
}

impl Users {
    fn statement<const N: usize>(&self, sql: &str, values: [sea_orm::Value; N]) -> Statement {
        Statement::from_sql_and_values(self.0.get_database_backend(), sql, values)
    }
}

/// The facts of every organization, kept current as the directory would.
pub struct Current {
    database: DatabaseConnection,
    known: Mutex<HashMap<OrganizationId, Arc<OrganizationFacts>>>,
}

impl Current {
    async fn read(&self, id: OrganizationId) {
        if let Some(record) = organizations::load(&self.database, id).await.unwrap() {
            self.known.lock().unwrap().insert(id, record.facts);
        }
    }
}

#[async_trait]
impl Follower for Current {
    async fn committed(&self, event: &Event) {
        if let Some(organization) = event.organization {
            self.read(organization).await;
        }
    }

    async fn announced(&self, _: audit::News<'_>) {}
}

impl Facts for Current {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.known.lock().unwrap().get(&id).cloned())
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(None)
    }
}

/// The facts of one organization.
struct Only(Option<Arc<OrganizationFacts>>);

impl Facts for Only {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.0.clone().filter(|facts| facts.id == id))
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(None)
    }
}

impl House {
    pub fn on(database: TestDatabase) -> Self {
        let connection = database.connection().clone();
        let journal = Journal::new(connection.clone());
        let facts = Arc::new(Current { database: connection.clone(), known: Mutex::default() });
        journal.follow(vec![Arc::clone(&facts) as Arc<dyn Follower>]);
        let store = Store::new(journal.clone(), connection.clone());
        let people: Arc<dyn People> = Arc::new(Users(connection));
        let departures = Arc::new(Departed::default());
        let key = RootKey::generate().unwrap().signing_key("audit heads").unwrap();
        let public_key = key.public_key();
        let letters = Arc::new(Letterbox::default());
        Self {
            organizations: Organizations::new(
                store.clone(),
                Arc::clone(&departures) as Arc<dyn Departures>,
                Arc::new(Receipts::new(key)),
            ),
            public_key,
            members: Members::new(
                store.clone(),
                Arc::clone(&people),
                Arc::clone(&departures) as Arc<dyn Departures>,
            ),
            invitations: Invitations::new(
                store.clone(),
                Arc::clone(&people),
                Arc::clone(&letters) as Arc<dyn Letters>,
                ORIGIN,
            ),
            groups: Groups::new(store.clone()),
            set_up: SetUp::new(store),
            departures,
            letters,
            people,
            facts,
            journal,
            database,
        }
    }

    /// What revocations do in the only process of the store, which has no streams.
    pub fn revocations(&self) -> Revocations {
        let (version, tokens) =
            (watch::channel(0).1, OutstandingTokens::living_for(time::Duration::minutes(13)));
        Revocations::new(self.journal.clone(), self.facts.clone(), version, OpenStreams::default(), tokens)
    }

    /// A new person, called after the local part of the address.
    pub async fn person(&self, name: &str) -> Somebody {
        let id = UserId::generate();
        let email: EmailAddress = format!("{name}@example.com").parse().unwrap();
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "INSERT INTO users (id, issuer, subject, email, name, created_at) \
             VALUES ($1, 'https://issuer.example', $1, $2, $3, $4)",
            [id.to_string().into(), email.as_str().into(), name.into(), OffsetDateTime::now_utc().into()],
        );
        self.database.connection().execute_raw(statement).await.unwrap();
        Somebody { id, email, hosted_domain: None }
    }

    /// An organization of `owner`.
    pub async fn organization(&self, owner: &Somebody, slug: &str) -> Organization {
        let permit = owner.on_own_account::<CreateOrganization>();
        self.organizations
            .create(&permit, RequestId::generate(), slug.parse().unwrap(), slug.parse().unwrap())
            .await
            .unwrap()
    }

    /// A new person who is a member, put there by hand.
    pub async fn member(&self, organization: OrganizationId, name: &str, role: Role) -> Somebody {
        let person = self.person(name).await;
        self.enter(organization, &person, role).await;
        person
    }

    /// Makes somebody a member by hand.
    pub async fn enter(&self, organization: OrganizationId, person: &Somebody, role: Role) {
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
            [
                organization.to_string().into(),
                person.id.to_string().into(),
                role.as_str().into(),
                OffsetDateTime::now_utc().into(),
            ],
        );
        self.database.connection().execute_raw(statement).await.unwrap();
        self.facts.read(organization).await;
    }

    /// What the decision says right now.
    pub async fn permit<A: Action<Scope = InOrganization>>(
        &self,
        who: &Somebody,
        organization: OrganizationId,
    ) -> Result<Permit<A>, Refusal> {
        let record = organizations::load(self.database.connection(), organization).await.unwrap();
        let facts = Only(record.map(|record| record.facts));
        authorize::<A>(Some(&who.principal()), organization, &facts, OffsetDateTime::now_utc())
    }

    /// The role somebody has right now.
    pub async fn role(&self, who: &Somebody, organization: OrganizationId) -> Option<Role> {
        let record = organizations::load(self.database.connection(), organization).await.unwrap().unwrap();
        record.facts.members.get(&who.id).map(|member| member.role)
    }

    /// How many Owners there are right now.
    pub async fn owners(&self, organization: OrganizationId) -> usize {
        let record = organizations::load(self.database.connection(), organization).await.unwrap().unwrap();
        record.facts.members.values().filter(|member| member.role == Role::Owner).count()
    }

    /// How many events of this action were recorded for the organization.
    pub async fn events(&self, organization: OrganizationId, action: &str) -> i64 {
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "SELECT count(*) AS number FROM audit_events WHERE chain = $1 AND action = $2",
            [organization.to_string().into(), action.into()],
        );
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "number").unwrap()
    }
}

impl Somebody {
    pub fn principal(&self) -> Principal {
        Principal::User(SignedIn {
            user: self.id,
            session: SessionId::generate(),
            hosted_domain: self.hosted_domain.clone(),
            authenticated_at: OffsetDateTime::now_utc(),
            means: access_control::Means::Browser,
        })
    }

    /// The same person, signed in with this signed `hd`.
    pub fn signed_in_at(&self, domain: &str) -> Self {
        Self { hosted_domain: Some(domain.into()), ..self.clone() }
    }

    pub fn on_own_account<A: Action<Scope = OwnAccount>>(&self) -> Permit<A> {
        authorize::<A>(Some(&self.principal()), (), &Only(None), OffsetDateTime::now_utc()).unwrap()
    }
}

/// A request's number.
pub fn request() -> RequestId {
    RequestId::generate()
}
