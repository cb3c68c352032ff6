//! A store with organizations, apps and the directory on it, wired as the platform wires them.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    Action, AppLevel, AppRole, Check, CreateApp, CreateOrganization, Environment, Facts as _, ManageGroups,
    ManageServerSecrets, Permit, Principal, Refusal, RemoveMember, Role, Scope, SignedIn, UpdateApp,
    authorize,
};
use apps::{
    App, AppChanges, AppPathRules, Apps, Grants, NewApp, NewGrant, NewPathRule, NewServerSecret,
    ServerSecrets,
};
use async_trait::async_trait;
use audit::{Actor, Change, Event, Follower, Journal, Occasion, Receipts, Target};
use cryptography::{MasterKey, RootKey};
use directory::Directory;
use ids::{EmailAddress, GroupId, OrganizationId, RequestId, SessionId, UserId};
use organizations::{
    Departures, Gone, Groups, Members, NeighbourError, Organization, Organizations, People, PersonName,
};
use outbound::AddressPolicy;
use sea_orm::{ConnectionTrait, Statement, Value};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use test_support::TestDatabase;
use time::OffsetDateTime;

pub struct House {
    pub database: TestDatabase,
    pub journal: Journal,
    pub directory: Directory,
    pub organizations: Organizations,
    pub members: Members,
    pub groups: Groups,
    pub apps: Apps,
    pub grants: Grants,
    pub path_rules: AppPathRules,
    pub server_secrets: ServerSecrets,
}

/// Nobody is looked up in these tests.
struct Nobody;

#[async_trait]
impl People for Nobody {
    async fn people(&self, _: &[UserId]) -> Result<HashMap<UserId, PersonName>, NeighbourError> {
        Ok(HashMap::new())
    }

    async fn with_email(&self, _: &EmailAddress) -> Result<Option<UserId>, NeighbourError> {
        Ok(None)
    }
}

/// Wires departures to apps, as the platform does.
struct FromApps;

#[async_trait]
impl Departures for FromApps {
    async fn forget_member(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), NeighbourError> {
        Ok(apps::forget_member(change, organization, user).await?)
    }

    async fn forget_organization(
        &self,
        change: &Change,
        organization: OrganizationId,
        now: OffsetDateTime,
    ) -> Result<Gone, NeighbourError> {
        let apps = apps::forget_organization(change, organization, now).await?;
        Ok(Gone { apps, ..Gone::default() })
    }
}

impl House {
    pub async fn on(database: TestDatabase) -> Self {
        let connection = database.connection().clone();
        let journal = Journal::new(connection.clone());
        let directory = Directory::load(&audit::Journal::new(connection.clone())).await.unwrap();
        journal.follow(vec![Arc::new(directory.clone()) as Arc<dyn Follower>]);
        let facts = Arc::new(directory.clone());
        let organizations = organizations::Store::new(journal.clone(), connection.clone());
        let apps = apps::Store::new(journal.clone(), connection);
        let root_key = RootKey::generate().unwrap();
        let master_key = LocalMasterKey::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
        let keyring = Keyring::new(MasterKeys::new(Arc::new(master_key), Vec::new()));
        let vault = Vault::new(secrets_vault::Store::new(journal.clone()), keyring);
        let receipts = Arc::new(Receipts::new(root_key.signing_key("audit heads").unwrap()));
        Self {
            organizations: Organizations::new(organizations.clone(), Arc::new(FromApps), receipts),
            members: Members::new(organizations.clone(), Arc::new(Nobody), Arc::new(FromApps)),
            groups: Groups::new(organizations),
            apps: Apps::new(apps.clone(), facts.clone(), facts.clone(), Arc::new(AddressPolicy::default())),
            grants: Grants::new(apps.clone(), facts.clone()),
            path_rules: AppPathRules::new(apps.clone(), facts),
            server_secrets: ServerSecrets::new(apps, &root_key, vault),
            database,
            journal,
            directory,
        }
    }

    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap();
    }

    pub async fn person(&self) -> UserId {
        let id = UserId::generate();
        self.execute(
            "INSERT INTO users (id, issuer, subject, email, name, created_at) \
             VALUES ($1, 'https://issuer.example', $1, $2, 'Somebody', $3)",
            [id.to_string().into(), format!("{id}@example.com").into(), OffsetDateTime::now_utc().into()],
        )
        .await;
        id
    }

    /// A permit, decided on what the directory says now.
    pub fn permit<A: Action>(
        &self,
        user: UserId,
        object: <A::Scope as Scope>::Object,
    ) -> Result<Permit<A>, Refusal>
    where
        A::Scope: Check,
    {
        let principal = Principal::User(signed_in(user));
        authorize::<A>(Some(&principal), object, &self.directory, OffsetDateTime::now_utc())
    }

    pub async fn organization(&self, slug: &str) -> (Organization, UserId) {
        let owner = self.person().await;
        let permit = self.permit::<CreateOrganization>(owner, ()).unwrap();
        let (slug, name) = (slug.parse().unwrap(), slug.parse().unwrap());
        let made = self.organizations.create(&permit, RequestId::generate(), slug, name).await.unwrap();
        (made, owner)
    }

    /// Makes somebody a member, as an accepted invitation does.
    pub async fn join(&self, organization: OrganizationId, user: UserId, role: Role) {
        let change = self.journal.begin().await.unwrap();
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
            [
                organization.to_string().into(),
                user.to_string().into(),
                role.to_string().into(),
                OffsetDateTime::now_utc().into(),
            ],
        );
        change.transaction().execute_raw(statement).await.unwrap();
        let event = Event::done(Actor::System, "invitations.accept", Target::Member(user)).of(organization);
        change.commit(event).await.unwrap();
    }

    pub async fn leave(&self, owner: UserId, organization: OrganizationId, user: UserId) {
        let permit = self.permit::<RemoveMember>(owner, organization).unwrap();
        self.members.remove(&permit, RequestId::generate(), user).await.unwrap();
    }

    pub async fn group(&self, owner: UserId, organization: OrganizationId, members: &[UserId]) -> GroupId {
        let permit = self.permit::<ManageGroups>(owner, organization).unwrap();
        let group =
            self.groups.create(&permit, RequestId::generate(), "Staff".parse().unwrap()).await.unwrap();
        for member in members {
            self.groups.add_member(&permit, RequestId::generate(), group.id, *member).await.unwrap();
        }
        group.id
    }

    pub async fn app(&self, owner: UserId, organization: OrganizationId, slug: &str) -> App {
        let permit = self.permit::<CreateApp>(owner, organization).unwrap();
        let new = NewApp { slug: slug.parse().unwrap(), name: "An app".parse().unwrap() };
        self.apps.create(&permit, new, Occasion::now()).await.unwrap()
    }

    pub async fn set_level(&self, user: UserId, app: &App, level: AppLevel) {
        let permit = self.permit::<UpdateApp>(user, app.id).unwrap();
        let changes = AppChanges { level: Some(level), ..AppChanges::default() };
        self.apps.update(&permit, changes, Occasion::now()).await.unwrap();
    }

    pub async fn grant(&self, by: UserId, app: &App, user: UserId, role: AppRole) {
        let permit = self.permit::<UpdateApp>(by, app.id).unwrap();
        self.grants.put(&permit, NewGrant { user, role, expires_at: None }, Occasion::now()).await.unwrap();
    }

    pub async fn rule(&self, by: UserId, app: &App, new: NewPathRule) -> ids::PathRuleId {
        let permit = self.permit::<UpdateApp>(by, app.id).unwrap();
        self.path_rules.create(&permit, new, Occasion::now()).await.unwrap().id
    }

    /// Issues a secret; its keyed hash.
    pub async fn secret(
        &self,
        by: UserId,
        app: &App,
        new: NewServerSecret,
    ) -> (ids::ServerSecretId, [u8; 32]) {
        let permit = self.permit::<ManageServerSecrets>(by, app.id).unwrap();
        let issued = self.server_secrets.issue(&permit, new, Occasion::now()).await.unwrap();
        (issued.secret.id, self.server_secrets.recognise(issued.text.reveal()).unwrap())
    }

    /// Whether the facts let this person open the app.
    pub fn opens(&self, user: UserId, app: &App) -> bool {
        self.permit::<access_control::ReadApp>(user, app.id).is_ok()
    }

    /// The whole decision on a GET of a path, as the middleware makes it.
    pub fn decide(&self, user: UserId, app: &App, path: &str) -> access_control::Decision {
        let app = self.directory.app(app.id).unwrap().unwrap();
        let organization = self.directory.organization(app.organization).unwrap().unwrap();
        let viewer = signed_in(user);
        access_control::decide(&access_control::AppRequest {
            viewer: &viewer,
            organization: &organization,
            app: &app,
            method: &"GET".parse().unwrap(),
            paths: &[access_control::RequestPath::parse(path).unwrap()],
            under_every_rule: false,
            now: OffsetDateTime::now_utc(),
        })
    }
}

pub fn production() -> NewServerSecret {
    NewServerSecret { environment: Environment::Production, expires_at: None, previous_expires_at: None }
}

pub fn signed_in(user: UserId) -> SignedIn {
    SignedIn {
        user,
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::now_utc(),
        means: access_control::Means::Browser,
    }
}
