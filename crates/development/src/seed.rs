//! The demo organization, made through the same use cases as any other, once.

mod secrets;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use access_control::{
    AcceptInvitation, Action, AppLevel, AppRole, Check, CreateApp, CreateInvitation, CreateOrganization,
    Environment, Facts, ListApps, ListMembers, ListOwnOrganizations, ManageServerSecrets, Permit, Principal,
    ReadAppAccess, Role, Scope, SignedIn, Subject, UpdateApp, authorize,
};
use apps::{
    App, AppChanges, AppPathRules, Apps, Grace, Grants, NewApp, NewGrant, NewPathRule, Rotation,
    ServerSecrets,
};
use audit::Occasion;
use identity::{Person, Users};
use ids::{OrganizationId, RequestId, SessionId};
use organizations::{Invitations, Members, Organizations};
use secrets_vault::{AppSecrets, Secrets};
use time::OffsetDateTime;

use crate::{DemoUser, DevelopmentError};

/// Everybody who can sign in at the development provider.
pub const DEMO_USERS: &[DemoUser] = &[
    DemoUser {
        subject: "owner",
        name: "Olivia Owner",
        email: "owner@acme.example",
        purpose: "Owner of acme; sees everything but restricted apps",
    },
    DemoUser {
        subject: "admin",
        name: "Adam Admin",
        email: "admin@acme.example",
        purpose: "Admin of acme; was granted payroll",
    },
    DemoUser {
        subject: "editor",
        name: "Edith Editor",
        email: "editor@acme.example",
        purpose: "Editor of acme; made the three apps",
    },
    DemoUser {
        subject: "member",
        name: "Milo Member",
        email: "member@acme.example",
        purpose: "Member of acme; kept out of /admin and payroll",
    },
    DemoUser {
        subject: "outsider",
        name: "Oscar Outsider",
        email: "outsider@elsewhere.example",
        purpose: "belongs to another organization; sees nothing of acme",
    },
];

/// The demo organization's slug.
const ORGANIZATION: &str = "acme";

/// The use cases that the demo data goes through.
pub struct Seed<'a> {
    /// People.
    pub users: &'a Users,
    /// Organizations.
    pub organizations: &'a Organizations,
    /// Members.
    pub members: &'a Members,
    /// Invitations.
    pub invitations: &'a Invitations,
    /// Apps.
    pub apps: &'a Apps,
    /// Grants.
    pub grants: &'a Grants,
    /// Path rules.
    pub path_rules: &'a AppPathRules,
    /// Server secrets.
    pub server_secrets: &'a ServerSecrets,
    /// Secrets of the organization.
    pub secrets: &'a Secrets,
    /// Secrets of the apps.
    pub app_secrets: &'a AppSecrets,
    /// What permits are decided on.
    pub facts: &'a dyn Facts,
    /// The development provider.
    pub issuer: &'a str,
    /// The demo apps' server.
    pub upstream: SocketAddr,
}

/// What there is after seeding.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The demo organization.
    pub organization: OrganizationId,
    /// The people, by the subject they have at the provider.
    pub people: BTreeMap<&'static str, Person>,
    /// The apps, by slug.
    pub apps: BTreeMap<&'static str, App>,
    /// The apps' production secrets, by slug.
    pub server_secrets: BTreeMap<String, String>,
}

/// A demo app.
struct DemoApp {
    slug: &'static str,
    name: &'static str,
    level: AppLevel,
}

const DEMO_APPS: [DemoApp; 3] = [
    DemoApp { slug: "hello", name: "Hello", level: AppLevel::Organization },
    DemoApp { slug: "payroll", name: "Payroll", level: AppLevel::Restricted },
    DemoApp { slug: "reports", name: "Reports", level: AppLevel::Organization },
];

impl Seed<'_> {
    /// Makes what is missing. `known_secrets` are those that an earlier run handed out.
    ///
    /// # Errors
    /// The store is not available, or somebody changed the demo data so that it cannot be completed.
    pub async fn plant(&self, known_secrets: BTreeMap<String, String>) -> Result<Seeded, DevelopmentError> {
        let now = OffsetDateTime::now_utc();
        let mut people = BTreeMap::new();
        for user in DEMO_USERS {
            let email = user.email.parse().map_err(failed)?;
            let person = self.users.prepare(self.issuer, user.subject, &email, user.name, now).await;
            people.insert(user.subject, person.map_err(failed)?);
        }
        let actor = |subject: &str| {
            people.get(subject).map(signed_in).ok_or_else(|| failed(format!("{subject} is missing")))
        };
        let organization = self.organization(&actor("owner")?).await?;
        for (subject, role) in [("admin", Role::Admin), ("editor", Role::Editor), ("member", Role::Member)] {
            if let Some(person) = people.get(subject) {
                self.member(organization, &actor("owner")?, person, role).await?;
            }
        }
        let editor = actor("editor")?;
        self.secrets(&editor, organization).await?;
        let mut apps = BTreeMap::new();
        let mut server_secrets = known_secrets;
        for demo in &DEMO_APPS {
            let app = self.app(organization, &editor, demo).await?;
            if !server_secrets.contains_key(demo.slug) {
                server_secrets.insert(demo.slug.to_owned(), self.secret(&editor, &app).await?);
            }
            self.secrets_of(&editor, &app).await?;
            apps.insert(demo.slug, app);
        }
        if let (Some(payroll), Some(admin)) = (apps.get("payroll"), people.get("admin")) {
            let permit = self.permit::<UpdateApp>(&editor, payroll.id)?;
            let grant = NewGrant { user: admin.id, role: AppRole::Viewer, expires_at: None };
            let held = self.grants.list(&self.permit::<ReadAppAccess>(&editor, payroll.id)?).await;
            if !held.map_err(failed)?.iter().any(|held| held.user == admin.id) {
                self.grants.put(&permit, grant, Occasion::now()).await.map_err(failed)?;
            }
        }
        if let Some(reports) = apps.get("reports") {
            self.rule_on_admin(&editor, reports).await?;
        }
        Ok(Seeded { organization, people, apps, server_secrets })
    }

    async fn organization(&self, owner: &SignedIn) -> Result<OrganizationId, DevelopmentError> {
        let own = self.organizations.list_own(&self.permit::<ListOwnOrganizations>(owner, ())?).await;
        let known =
            own.map_err(failed)?.into_iter().find(|own| own.organization.slug.as_str() == ORGANIZATION);
        if let Some(known) = known {
            return Ok(known.organization.id);
        }
        let permit = self.permit::<CreateOrganization>(owner, ())?;
        let (slug, name) = (ORGANIZATION.parse().map_err(failed)?, "Acme".parse().map_err(failed)?);
        let made = self.organizations.create(&permit, RequestId::generate(), slug, name).await;
        Ok(made.map_err(failed)?.id)
    }

    async fn member(
        &self,
        organization: OrganizationId,
        owner: &SignedIn,
        person: &Person,
        role: Role,
    ) -> Result<(), DevelopmentError> {
        let members = self.members.list(&self.permit::<ListMembers>(owner, organization)?).await;
        if members.map_err(failed)?.iter().any(|member| member.user == person.id) {
            return Ok(());
        }
        let invite = self.permit::<CreateInvitation>(owner, organization)?;
        let now = OffsetDateTime::now_utc();
        let made =
            self.invitations.create(&invite, RequestId::generate(), person.email.clone(), role, now).await;
        let token = made.map_err(failed)?.token.reveal();
        let accept = self.permit::<AcceptInvitation>(&signed_in(person), ())?;
        self.invitations
            .accept(&accept, RequestId::generate(), &token, &person.email, now)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn app(
        &self,
        organization: OrganizationId,
        editor: &SignedIn,
        demo: &DemoApp,
    ) -> Result<App, DevelopmentError> {
        let list = self.permit::<ListApps>(editor, organization)?;
        let visible = self.apps.list_visible(&list, OffsetDateTime::now_utc()).await.map_err(failed)?;
        let known = visible.into_iter().find(|app| app.slug.as_str() == demo.slug);
        let app = match known {
            Some(app) => app,
            None => {
                let create = self.permit::<CreateApp>(editor, organization)?;
                let new = NewApp {
                    slug: demo.slug.parse().map_err(failed)?,
                    name: demo.name.parse().map_err(failed)?,
                };
                self.apps.create(&create, new, Occasion::now()).await.map_err(failed)?
            }
        };
        // The demo apps' server has another port after each start.
        let upstream = format!("http://{}", self.upstream).parse().map_err(failed)?;
        let level = (app.level != demo.level && app.upstream.is_none()).then_some(demo.level);
        let changes = AppChanges { upstream: Some(Some(upstream)), level, ..AppChanges::default() };
        let update = self.permit::<UpdateApp>(editor, app.id)?;
        self.apps.update(&update, changes, Occasion::now()).await.map_err(failed)
    }

    async fn secret(&self, editor: &SignedIn, app: &App) -> Result<String, DevelopmentError> {
        let permit = self.permit::<ManageServerSecrets>(editor, app.id)?;
        // Secrets of an earlier run that are not known any more end now.
        let rotation = Rotation { environment: Environment::Production, grace: Grace::NONE, force: true };
        let issued = self.server_secrets.rotate(&permit, rotation, Occasion::now()).await.map_err(failed)?;
        Ok(issued.text.reveal().to_owned())
    }

    async fn rule_on_admin(&self, editor: &SignedIn, reports: &App) -> Result<(), DevelopmentError> {
        let read = self.permit::<ReadAppAccess>(editor, reports.id)?;
        if !self.path_rules.list(&read).await.map_err(failed)?.is_empty() {
            return Ok(());
        }
        let subjects = vec![Subject::Role(Role::Owner), Subject::Role(Role::Admin)];
        let rule = NewPathRule::new("/admin", &[], subjects).map_err(failed)?;
        let permit = self.permit::<UpdateApp>(editor, reports.id)?;
        self.path_rules.create(&permit, rule, Occasion::now()).await.map_err(failed)?;
        Ok(())
    }

    fn permit<A: Action>(
        &self,
        actor: &SignedIn,
        object: <A::Scope as Scope>::Object,
    ) -> Result<Permit<A>, DevelopmentError>
    where
        A::Scope: Check,
    {
        let person = Principal::User(actor.clone());
        authorize::<A>(Some(&person), object, self.facts, OffsetDateTime::now_utc()).map_err(failed)
    }
}

/// A person of the demo, acting while the platform starts. There is no session: nobody is signed in yet.
#[must_use]
pub fn signed_in(person: &Person) -> SignedIn {
    SignedIn {
        user: person.id,
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::now_utc(),
        means: access_control::Means::Browser,
    }
}

fn failed(error: impl std::fmt::Display) -> DevelopmentError {
    DevelopmentError::Seed(error.to_string())
}
