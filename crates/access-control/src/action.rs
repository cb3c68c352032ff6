//! Every action there is, and which roles may do it. This table is the whole policy of the
//! management endpoints; an action is never a role, and nothing else maps one to the other.

use ids::{AppId, OrganizationId};

use crate::grounds::{AgentGrounds, AppGrounds, CredentialGrounds, FromAppGrounds, OrganizationGrounds};
use crate::{AppRole, Means, Role, SignedIn};

/// Something that can be permitted.
pub trait Action: Sized + 'static {
    /// The scope it is decided in.
    type Scope: Scope;
    /// Its stable name, as in the audit trail and the access matrix.
    const NAME: &'static str;
    /// Who may do it.
    const RULE: <Self::Scope as Scope>::Rule;
}

/// How an action is decided: what it acts on, and what the permit will hold.
pub trait Scope: Sized + 'static {
    /// What the rule of an action in this scope looks like.
    type Rule: Copy + Send + Sync + 'static;
    /// What is acted on, named by the request before the decision.
    type Object: Copy + 'static;
    /// What the decision established.
    type Grounds: Clone + 'static;
    /// The credential that has to come with the request.
    const CREDENTIAL: Credential;
    /// The rule as data, for the access matrix.
    fn describe(rule: Self::Rule) -> Rule;
}

/// An action's rule as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Anybody, for this reason.
    Public(&'static str),
    /// Every signed-in person, on what is their own, with one of these proofs of who they are.
    OwnAccount(&'static [Means]),
    /// Members with one of these roles.
    Roles(&'static [Role]),
    /// People with at least this role in the app.
    AppRole(AppRole),
    /// An app with its server secret.
    ServerSecret(UserToken),
    /// An app with its server secret, or a page of it in the browser of somebody who may open it.
    AppOrItsPage,
    /// The coding agent with its token, on the one app that it is for.
    AgentToken,
}

/// Which credential a scope reads. Others that come along are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// None: the action is public.
    Nothing,
    /// A platform session: a browser's cookie, or an API token.
    Session,
    /// An app's server secret, perhaps with a user token.
    ServerSecret,
    /// An app's server secret, perhaps with a user token; or the session cookie of a browser that shows a page of the
    /// app, which says so by its origin. Never both.
    AppOrItsPage,
    /// A token of the coding agent.
    AgentToken,
}

/// Actions that need no credential. Each says why.
pub struct Public;
/// Actions of a signed-in person on what is their own.
pub struct OwnAccount;
/// Actions on an organization.
pub struct InOrganization;
/// Actions on one app.
pub struct InApp;
/// Actions on one app while it is deployed. No request is turned into one: this scope has no place in a path.
pub struct AtDeployment;
/// Actions of an app that calls with its server secret.
pub struct ByApp;
/// Actions of an app, whether its server calls or a page of it.
pub struct FromApp;
/// Actions of the coding agent on the one app that its token is for.
pub struct ByAgent;

/// Why an action may be done by anybody.
#[derive(Clone, Copy, Debug)]
pub struct PublicReason(pub &'static str);

/// Whether an app's call must name a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserToken {
    /// An app-level resource: the secret alone is enough.
    Optional,
    /// A user-level resource: secret and user token.
    Required,
}

impl Scope for Public {
    type Rule = PublicReason;
    type Object = ();
    type Grounds = ();
    const CREDENTIAL: Credential = Credential::Nothing;

    fn describe(rule: Self::Rule) -> Rule {
        Rule::Public(rule.0)
    }
}

impl Scope for OwnAccount {
    type Rule = &'static [Means];
    type Object = ();
    type Grounds = SignedIn;
    const CREDENTIAL: Credential = Credential::Session;

    fn describe(rule: Self::Rule) -> Rule {
        Rule::OwnAccount(rule)
    }
}

impl Scope for InOrganization {
    type Rule = &'static [Role];
    type Object = OrganizationId;
    type Grounds = OrganizationGrounds;
    const CREDENTIAL: Credential = Credential::Session;

    fn describe(rule: Self::Rule) -> Rule {
        Rule::Roles(rule)
    }
}

impl Scope for InApp {
    type Rule = AppRole;
    type Object = AppId;
    type Grounds = AppGrounds;
    const CREDENTIAL: Credential = Credential::Session;

    fn describe(rule: Self::Rule) -> Rule {
        Rule::AppRole(rule)
    }
}

impl Scope for AtDeployment {
    type Rule = AppRole;
    type Object = AppId;
    type Grounds = AppGrounds;
    const CREDENTIAL: Credential = Credential::Session;

    fn describe(rule: Self::Rule) -> Rule {
        Rule::AppRole(rule)
    }
}

impl Scope for ByApp {
    type Rule = UserToken;
    type Object = ();
    type Grounds = CredentialGrounds;
    const CREDENTIAL: Credential = Credential::ServerSecret;

    fn describe(rule: Self::Rule) -> Rule {
        Rule::ServerSecret(rule)
    }
}

impl Scope for FromApp {
    type Rule = ();
    type Object = ();
    type Grounds = FromAppGrounds;
    const CREDENTIAL: Credential = Credential::AppOrItsPage;

    fn describe((): Self::Rule) -> Rule {
        Rule::AppOrItsPage
    }
}

impl Scope for ByAgent {
    type Rule = ();
    type Object = ();
    type Grounds = AgentGrounds;
    const CREDENTIAL: Credential = Credential::AgentToken;

    fn describe((): Self::Rule) -> Rule {
        Rule::AgentToken
    }
}

/// An action as data: one row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionRow {
    /// Its stable name.
    pub name: &'static str,
    /// Who may do it.
    pub rule: Rule,
    /// The credential that has to come with the request.
    pub credential: Credential,
}

fn row<A: Action>() -> ActionRow {
    ActionRow { name: A::NAME, rule: A::Scope::describe(A::RULE), credential: A::Scope::CREDENTIAL }
}

/// The whole table.
#[must_use]
pub fn every_action() -> Vec<ActionRow> {
    [
        in_organization(),
        in_app(),
        at_deployment(),
        of_own_account(),
        by_app(),
        from_app(),
        by_agent(),
        public(),
    ]
    .concat()
}

macro_rules! actions {
    ($rows:ident $scope:ty: $($(#[$doc:meta])* $name:ident $label:literal $rule:expr;)*) => {
        fn $rows() -> Vec<ActionRow> {
            vec![$(row::<$name>()),*]
        }
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Action for $name {
                type Scope = $scope;
                const NAME: &'static str = $label;
                const RULE: <$scope as Scope>::Rule = $rule;
            }
        )*
    };
}

const EVERYBODY: &[Role] = &[Role::Owner, Role::Admin, Role::Editor, Role::Member];
const BUILDERS: &[Role] = &[Role::Owner, Role::Admin, Role::Editor];
const RUNNERS: &[Role] = &[Role::Owner, Role::Admin];
const OWNERS: &[Role] = &[Role::Owner];

const ANY_MEANS: &[Means] = &Means::ALL;
const BROWSER_ONLY: &[Means] = &[Means::Browser];

actions! { in_organization InOrganization:
    /// See the organization's name and settings.
    ReadOrganization "organization.read" EVERYBODY;
    /// Change the organization's name and settings.
    UpdateOrganization "organization.update" RUNNERS;
    /// Delete the organization with everything in it.
    DeleteOrganization "organization.delete" OWNERS;
    /// See who is a member.
    ListMembers "members.list" EVERYBODY;
    /// Give a member another role, up to Admin.
    ChangeRole "members.change_role" RUNNERS;
    /// Make somebody an Owner, or change or remove one.
    ManageOwners "members.manage_owners" OWNERS;
    /// Make another member an Owner and step back to Admin.
    TransferOwnership "members.transfer_ownership" OWNERS;
    /// Remove a member.
    RemoveMember "members.remove" RUNNERS;
    /// Leave the organization.
    LeaveOrganization "members.leave" EVERYBODY;
    /// See open invitations.
    ListInvitations "invitations.list" RUNNERS;
    /// Invite somebody.
    CreateInvitation "invitations.create" RUNNERS;
    /// Take an invitation back.
    RevokeInvitation "invitations.revoke" RUNNERS;
    /// See the groups.
    ListGroups "groups.list" EVERYBODY;
    /// Create and delete groups, and say who is in them.
    ManageGroups "groups.manage" RUNNERS;
    /// List the apps one may see.
    ListApps "apps.list" EVERYBODY;
    /// Create an app.
    CreateApp "apps.create" BUILDERS;
    /// See, hand over and delete apps that nobody can edit any more.
    ManageOrphanedApps "apps.manage_orphaned" OWNERS;
    /// See which secrets the organization has, never their values.
    ListSecrets "secrets.list" BUILDERS;
    /// Create, replace and delete secrets of the organization.
    ManageSecrets "secrets.manage" BUILDERS;
    /// See which secrets one has in the organization, never their values.
    ListOwnSecrets "own_secrets.list" EVERYBODY;
    /// Create, replace and delete secrets of one's own.
    ManageOwnSecrets "own_secrets.manage" EVERYBODY;
    /// See the connections to databases, never their credentials.
    ListConnections "database_connections.list" BUILDERS;
    /// Create, test, change and delete connections to databases.
    ManageConnections "database_connections.manage" BUILDERS;
    /// Say that a changed host key of an SSH server is right.
    ConfirmHostKey "database_connections.confirm_host_key" RUNNERS;
    /// See which tables and columns a database has.
    ReadDatabaseSchema "database_connections.read_schema" BUILDERS;
    /// Try to write through a read-only connection, and be told what held.
    ProveReadOnly "database_connections.prove_read_only" RUNNERS;
    /// See which queries apps and people ran, never their parameters.
    ListQueryRecords "query_records.list" RUNNERS;
    /// See which services there are.
    ListServices "services.list" EVERYBODY;
    /// Import, change and delete services of the organization's own.
    ManageServices "services.manage" RUNNERS;
    /// See what the organization is registered as at services, never the secrets.
    ListOauthClients "oauth_clients.list" BUILDERS;
    /// Say what the organization is registered as at services.
    ManageOauthClients "oauth_clients.manage" RUNNERS;
    /// See the shared accounts at services, never their credentials.
    ListAccounts "accounts.list" BUILDERS;
    /// Connect, test, change and disconnect shared accounts.
    ManageAccounts "accounts.manage" BUILDERS;
    /// See one's own accounts at services.
    ListOwnAccounts "own_accounts.list" EVERYBODY;
    /// Connect, test, change and disconnect accounts of one's own.
    ManageOwnAccounts "own_accounts.manage" EVERYBODY;
    /// Revoke every account of a service at the service.
    RevokeService "accounts.revoke_service" RUNNERS;
    /// See the custom APIs, never their credentials.
    ListCustomApis "custom_apis.list" BUILDERS;
    /// Create, change and delete custom APIs.
    ManageCustomApis "custom_apis.manage" BUILDERS;
    /// See which services apps and people called.
    ListServiceCalls "service_calls.list" RUNNERS;
    /// Replace the server secrets of every app.
    RotateServerSecrets "server_secrets.rotate_all" RUNNERS;
    /// See the state of the organization's key and of its rotations.
    ReadOrganizationKey "organization_key.read" RUNNERS;
    /// Replace the organization's key, and seal everything with the new one.
    RotateOrganizationKey "organization_key.rotate" RUNNERS;
    /// Read the audit trail and the decisions it names.
    ReadAudit "audit.read" RUNNERS;
    /// See roles, levels, grants and path rules as one file.
    ReadPolicy "policy.read" RUNNERS;
    /// Ask what a change of roles, levels, grants or path rules would do.
    SimulatePolicy "policy.simulate" RUNNERS;
    /// Change roles, levels, grants and path rules together.
    ApplyPolicy "policy.apply" RUNNERS;
}

actions! { in_app InApp:
    /// Open the app and see its name.
    ReadApp "app.read" AppRole::Viewer;
    /// See who may use the app and under which rules.
    ReadAppAccess "app.read_access" AppRole::Editor;
    /// Ask what is decided for a person and a path, and why.
    ExplainAccess "app.explain_access" AppRole::Editor;
    /// Open the records of the app's decisions.
    ReadDecisions "decisions.read" AppRole::Editor;
    /// Ask what a change of level, grants or path rules would do.
    SimulateApp "app.simulate" AppRole::Editor;
    /// Change name, level, upstream, grants and path rules.
    UpdateApp "app.update" AppRole::Editor;
    /// Delete the app.
    DeleteApp "app.delete" AppRole::Editor;
    /// See which server secrets exist.
    ListServerSecrets "server_secrets.list" AppRole::Editor;
    /// Issue or revoke a server secret.
    ManageServerSecrets "server_secrets.manage" AppRole::Editor;
    /// See which secrets the app has, and which variables its deployments get; never values.
    ListAppSecrets "app_secrets.list" AppRole::Editor;
    /// Create, replace and delete secrets of the app.
    ManageAppSecrets "app_secrets.manage" AppRole::Editor;
    /// See the app's saved queries.
    ListDataQueries "data_queries.list" AppRole::Editor;
    /// Create, change and delete saved queries of the app.
    ManageDataQueries "data_queries.manage" AppRole::Editor;
    /// Run a saved query of the app in the console.
    TryDataQuery "data_queries.try" AppRole::Editor;
    /// See which agent tokens exist.
    ListAgentTokens "agent_tokens.list" AppRole::Editor;
    /// Issue or revoke a token of the coding agent.
    ManageAgentTokens "agent_tokens.manage" AppRole::Editor;
}

actions! { at_deployment AtDeployment:
    /// Open the variables of one environment of an app, to inject them into a deployment.
    AssembleEnvironment "environment.assemble" AppRole::Editor;
}

actions! { of_own_account OwnAccount:
    /// See who one is signed in as.
    ReadOwnSession "session.read" ANY_MEANS;
    /// End sessions of one's own.
    EndOwnSession "session.end" ANY_MEANS;
    /// List one's own sessions.
    ListOwnSessions "session.list" ANY_MEANS;
    /// List the organizations one belongs to.
    ListOwnOrganizations "organizations.list" ANY_MEANS;
    /// Create an organization and become its Owner.
    CreateOrganization "organizations.create" ANY_MEANS;
    /// Accept an invitation.
    AcceptInvitation "invitations.accept" ANY_MEANS;
    /// Become the first Owner with the set-up code.
    CompleteSetUp "set_up.complete" ANY_MEANS;
    /// Open the pages of the console.
    OpenConsole "console.open" BROWSER_ONLY;
    /// Come back from a service where one consented, with what connects the account. Whether one may connect it there is
    /// decided again then.
    CompleteConnectAttempt "connect_attempts.complete" BROWSER_ONLY;
    /// See one's own API tokens.
    ListApiTokens "api_tokens.list" ANY_MEANS;
    /// Make and revoke API tokens of one's own; an API token makes none.
    ManageApiTokens "api_tokens.manage" BROWSER_ONLY;
}

actions! { by_app ByApp:
    /// Ask which app, and which person, the credentials belong to.
    IdentifyCaller "whoami.read" UserToken::Optional;
    /// Run a statement of the app's own on a database that the app may use.
    RunQuery "queries.run" UserToken::Optional;
}

actions! { from_app FromApp:
    /// Run a saved query of the app: from its server any, from its pages those that are meant for pages.
    RunDataQuery "data_queries.run" ();
    /// Call a service: from the app's server with any account that the app may use, from its pages with those that are
    /// meant for pages.
    CallService "services.call" ();
}

actions! { by_agent ByAgent:
    /// Ask which app the token is for.
    IdentifyAgent "agent.identify" ();
}

actions! { public Public:
    /// Begin and complete a sign-in.
    SignIn "sign_in" PublicReason("nobody is signed in before signing in; the attempt is bound to the browser by cookie, state and nonce");
    /// Turn a hand-off code into a session cookie of an app host.
    RedeemHandOff "hand_off.redeem" PublicReason("the single-use code, bound to host and browser, is the credential");
    /// Read the keys that verify user tokens.
    ReadSigningKeys "signing_keys.read" PublicReason("public keys; whoever verifies a user token needs them");
    /// Read the description of the API.
    ReadApiDescription "api_description.read" PublicReason("the same for everybody and published with the source");
    /// Read where to report a weakness.
    ReadSecurityTxt "security_txt.read" PublicReason("whoever found a weakness has to know whom to tell (RFC 9116)");
    /// Load style sheets of the platform's pages.
    ReadStyle "style.read" PublicReason("static, and needed by the sign-in page");
    /// Ask the process whether it lives and is ready, on the admin listener.
    ReadHealth "health.read" PublicReason("only on the admin listener, which is bound to an operator's network");
    /// Speak to the development identity provider.
    UseDevelopmentIssuer "development_issuer.use" PublicReason("an identity provider's own endpoints; mounted by `vybe dev` only, on loopback");
}
