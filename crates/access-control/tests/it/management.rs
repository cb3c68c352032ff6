//! `authorize` for every action in the table, against the oracle.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_control::*;
use ids::{AgentTokenId, AppId, OrganizationId, ServerSecretId};
use time::OffsetDateTime;

use crate::oracle::Oracle;
use crate::situation::{Cast, NOW, Situation};

/// One organization and one app, or nothing that could be trusted.
struct Known {
    organization: Arc<OrganizationFacts>,
    app: Arc<AppFacts>,
    available: bool,
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        if !self.available {
            return Err(FactsUnavailable);
        }
        Ok((id == self.organization.id).then(|| Arc::clone(&self.organization)))
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        if !self.available {
            return Err(FactsUnavailable);
        }
        Ok((id == self.app.id).then(|| Arc::clone(&self.app)))
    }
}

fn known(cast: &Cast, situation: &Situation) -> Known {
    Known {
        organization: Arc::new(cast.organization_facts(situation)),
        app: Arc::new(cast.app_facts(situation, PathRules::default())),
        available: true,
    }
}

fn person(cast: &Cast, situation: &Situation) -> Principal {
    Principal::User(cast.signed_in(situation))
}

fn credential(cast: &Cast, app: AppId, user: Option<SignedIn>) -> Principal {
    Principal::App(AppCredential {
        app,
        organization: cast.organization,
        environment: Environment::Production,
        secret: ServerSecretId::generate(),
        user,
    })
}

fn agent(cast: &Cast, app: AppId, issued_by: SignedIn) -> Principal {
    Principal::Agent(AgentCredential {
        app,
        organization: cast.organization,
        token: AgentTokenId::generate(),
        issued_by,
    })
}

fn page(app: AppId, person: SignedIn) -> Principal {
    Principal::Page(PageCredential { app, person })
}

/// The same person in a browser and through a program with an API token.
fn by_every_means(situation: Situation) -> impl Iterator<Item = Situation> {
    Means::ALL.into_iter().map(move |means| Situation { means, ..situation })
}

/// `authorize` for one action, whatever the permit says.
type Decide<Object> = fn(Option<&Principal>, Object, &dyn Facts, OffsetDateTime) -> Result<(), Refusal>;

macro_rules! table {
    ($object:ty: $($action:ident)*) => {{
        let rows: Vec<(&'static str, Decide<$object>)> = vec![$((
            $action::NAME,
            |principal, object, facts, now| authorize::<$action>(principal, object, facts, now).map(|_| ()),
        )),*];
        rows
    }};
}

fn on_organizations() -> Vec<(&'static str, Decide<OrganizationId>)> {
    table!(OrganizationId: ReadOrganization UpdateOrganization DeleteOrganization ListMembers ChangeRole
        ManageOwners TransferOwnership RemoveMember LeaveOrganization ListInvitations CreateInvitation
        RevokeInvitation ListGroups ManageGroups ListApps CreateApp ManageOrphanedApps ListSecrets
        ManageSecrets ListOwnSecrets ManageOwnSecrets ListConnections ManageConnections ConfirmHostKey
        ReadDatabaseSchema ProveReadOnly ListQueryRecords ListServices ManageServices ListOauthClients
        ManageOauthClients ListAccounts ManageAccounts ListOwnAccounts ManageOwnAccounts RevokeService
        ListCustomApis ManageCustomApis ListServiceCalls RotateServerSecrets ReadOrganizationKey
        RotateOrganizationKey ReadAudit ReadPolicy SimulatePolicy ApplyPolicy)
}

fn on_apps() -> Vec<(&'static str, Decide<AppId>)> {
    table!(AppId: ReadApp ReadAppAccess ExplainAccess ReadDecisions SimulateApp UpdateApp DeleteApp
        ListServerSecrets ManageServerSecrets ListAppSecrets ManageAppSecrets ListDataQueries
        ManageDataQueries TryDataQuery ListAgentTokens ManageAgentTokens AssembleEnvironment)
}

fn on_own_account() -> Vec<(&'static str, Decide<()>)> {
    table!((): ReadOwnSession EndOwnSession ListOwnSessions ListOwnOrganizations CreateOrganization
        AcceptInvitation CompleteSetUp OpenConsole CompleteConnectAttempt ListApiTokens ManageApiTokens)
}

fn by_apps() -> Vec<(&'static str, Decide<()>)> {
    table!((): IdentifyCaller RunQuery)
}

fn from_apps() -> Vec<(&'static str, Decide<()>)> {
    table!((): RunDataQuery CallService)
}

fn by_agents() -> Vec<(&'static str, Decide<()>)> {
    table!((): IdentifyAgent)
}

#[test]
fn z01_no_action_is_missing_here() {
    let mut here = BTreeSet::new();
    here.extend(on_organizations().iter().map(|row| row.0));
    here.extend(on_apps().iter().map(|row| row.0));
    here.extend(on_own_account().iter().map(|row| row.0));
    here.extend(by_apps().iter().map(|row| row.0));
    here.extend(from_apps().iter().map(|row| row.0));
    here.extend(by_agents().iter().map(|row| row.0));
    let rows = every_action();
    let all: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(all.len(), rows.len(), "two actions have the same name");
    let decided: BTreeSet<_> =
        rows.iter().filter(|row| row.credential != Credential::Nothing).map(|row| row.name).collect();
    assert_eq!(decided, here);
}

/// What a caller who may or may not see the object, and may or may not act on it, is told.
fn told(visible: bool, allowed: bool) -> Result<(), Refusal> {
    match (visible, allowed) {
        (false, _) => Err(Refusal::NotFound),
        (true, false) => Err(Refusal::Forbidden),
        (true, true) => Ok(()),
    }
}

#[test]
fn z01_actions_on_organizations_are_decided_as_cedar_decides_them() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar"), include_str!("management.cedar")]);
    let mut cases = 0;
    let situations = Situation::all().filter(|situation| situation.grant.is_none());
    for situation in situations.flat_map(by_every_means) {
        let facts = known(&cast, &situation);
        let somebody = person(&cast, &situation);
        for (name, decide) in on_organizations() {
            let action: &'static str = format!("organization:{name}").leak();
            let expected = told(oracle.may(&situation, "organization:see"), oracle.may(&situation, action));
            assert_eq!(
                decide(Some(&somebody), cast.organization, &facts, NOW),
                expected,
                "{name} {situation:?}"
            );
            let unknown = OrganizationId::generate();
            assert_eq!(decide(Some(&somebody), unknown, &facts, NOW), Err(Refusal::NotFound), "{name}");
            let app = credential(&cast, cast.app, Some(cast.signed_in(&situation)));
            let agent = agent(&cast, cast.app, cast.signed_in(&situation));
            for nobody in [None, Some(&app), Some(&agent)] {
                let refusal = Err(Refusal::Unauthenticated);
                assert_eq!(decide(nobody, cast.organization, &facts, NOW), refusal, "{name}");
            }
            cases += 5;
        }
    }
    println!("cases: {cases}, differences: 0 ({} Cedar decisions)", oracle.asked.get());
}

#[test]
fn z01_actions_on_apps_are_decided_as_cedar_decides_them() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let mut cases = 0;
    for situation in Situation::all().flat_map(by_every_means) {
        let facts = known(&cast, &situation);
        let somebody = person(&cast, &situation);
        let (visible, edits) = (oracle.may(&situation, "view"), oracle.may(&situation, "edit"));
        for (name, decide) in on_apps() {
            let expected = told(visible, if name == "app.read" { visible } else { edits });
            assert_eq!(decide(Some(&somebody), cast.app, &facts, NOW), expected, "{name} {situation:?}");
            let unknown = AppId::generate();
            assert_eq!(decide(Some(&somebody), unknown, &facts, NOW), Err(Refusal::NotFound), "{name}");
            let app = credential(&cast, cast.app, Some(cast.signed_in(&situation)));
            let agent = agent(&cast, cast.app, cast.signed_in(&situation));
            for nobody in [None, Some(&app), Some(&agent)] {
                assert_eq!(decide(nobody, cast.app, &facts, NOW), Err(Refusal::Unauthenticated), "{name}");
            }
            cases += 5;
        }
    }
    println!("cases: {cases}, differences: 0 ({} Cedar decisions)", oracle.asked.get());
}

/// An action on a person's own things, called by an app: the secret alone is not enough.
#[derive(Debug)]
enum UsePersonalAccount {}

impl Action for UsePersonalAccount {
    type Scope = ByApp;
    const NAME: &'static str = "test.use_personal_account";
    const RULE: UserToken = UserToken::Required;
}

#[test]
fn z01_calls_by_apps_are_decided_as_cedar_decides_them() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let refused = Err(Refusal::Unauthenticated);
    let optional = by_apps()[0].1;
    let required = table!((): UsePersonalAccount)[0].1;
    let mut cases = 0;
    for situation in Situation::all() {
        let facts = known(&cast, &situation);
        let with_person = credential(&cast, cast.app, Some(cast.signed_in(&situation)));
        let expected = if oracle.may(&situation, "view") { Ok(()) } else { refused };
        assert_eq!(optional(Some(&with_person), (), &facts, NOW), expected, "{situation:?}");
        assert_eq!(required(Some(&with_person), (), &facts, NOW), expected, "{situation:?}");
        let alone = credential(&cast, cast.app, None);
        assert_eq!(optional(Some(&alone), (), &facts, NOW), Ok(()));
        assert_eq!(required(Some(&alone), (), &facts, NOW), refused);
        let deleted = credential(&cast, AppId::generate(), None);
        let agent = agent(&cast, cast.app, cast.signed_in(&situation));
        for nobody in [None, Some(&person(&cast, &situation)), Some(&deleted), Some(&agent)] {
            assert_eq!(optional(nobody, (), &facts, NOW), refused);
            assert_eq!(required(nobody, (), &facts, NOW), refused);
        }
        cases += 12;
    }
    println!("cases: {cases}, differences: 0 ({} Cedar decisions)", oracle.asked.get());
}

#[test]
fn z01_calls_from_apps_are_decided_as_cedar_decides_them() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let refused = Err(Refusal::Unauthenticated);
    let mut cases = 0;
    for situation in Situation::all().flat_map(by_every_means) {
        let facts = known(&cast, &situation);
        let somebody = || cast.signed_in(&situation);
        let visible = oracle.may(&situation, "view");
        for (name, decide) in from_apps() {
            // A page is worth what its person may open now, and only a browser shows one.
            let on_page = match (situation.means, visible) {
                (Means::Browser, true) => Ok(()),
                (Means::Browser, false) => Err(Refusal::Forbidden),
                (Means::ApiToken, _) => refused,
            };
            let decided = decide(Some(&page(cast.app, somebody())), (), &facts, NOW);
            assert_eq!(decided, on_page, "{name} {situation:?}");
            let elsewhere = decide(Some(&page(AppId::generate(), somebody())), (), &facts, NOW);
            assert!(elsewhere.is_err(), "{name} {situation:?}");
            // A server is worth what its user token's person may open now, or itself without one.
            let with_person = credential(&cast, cast.app, Some(somebody()));
            let expected = if visible { Ok(()) } else { refused };
            assert_eq!(decide(Some(&with_person), (), &facts, NOW), expected, "{name} {situation:?}");
            assert_eq!(decide(Some(&credential(&cast, cast.app, None)), (), &facts, NOW), Ok(()), "{name}");
            let deleted = credential(&cast, AppId::generate(), None);
            let agent = agent(&cast, cast.app, somebody());
            for nobody in [None, Some(&person(&cast, &situation)), Some(&deleted), Some(&agent)] {
                assert_eq!(decide(nobody, (), &facts, NOW), refused, "{name}");
            }
            cases += 8;
        }
    }
    println!("cases: {cases}, differences: 0 ({} Cedar decisions)", oracle.asked.get());
}

#[test]
fn z01_a_page_stands_for_no_person_elsewhere_and_for_no_app() {
    let cast = Cast::new();
    let situation = Situation { role: Some(Role::Owner), ..Situation::plain().next().expect("one") };
    let facts = known(&cast, &situation);
    let page = page(cast.app, cast.signed_in(&situation));
    let refused = Err(Refusal::Unauthenticated);
    for (name, decide) in on_organizations() {
        assert_eq!(decide(Some(&page), cast.organization, &facts, NOW), refused, "{name}");
    }
    for (name, decide) in on_apps() {
        assert_eq!(decide(Some(&page), cast.app, &facts, NOW), refused, "{name}");
    }
    for (name, decide) in [on_own_account(), by_apps(), by_agents()].concat() {
        assert_eq!(decide(Some(&page), (), &facts, NOW), refused, "{name}");
    }
}

#[test]
fn z01_calls_by_agents_are_worth_what_their_issuer_may_do_now() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let refused = Err(Refusal::Unauthenticated);
    let mut cases = 0;
    for situation in Situation::all().flat_map(by_every_means) {
        let facts = known(&cast, &situation);
        let issuer = || cast.signed_in(&situation);
        let expected = if oracle.may(&situation, "edit") { Ok(()) } else { refused };
        let deleted = agent(&cast, AppId::generate(), issuer());
        let app = credential(&cast, cast.app, Some(issuer()));
        for (name, decide) in by_agents() {
            let decided = decide(Some(&agent(&cast, cast.app, issuer())), (), &facts, NOW);
            assert_eq!(decided, expected, "{name} {situation:?}");
            for nobody in [None, Some(&person(&cast, &situation)), Some(&app), Some(&deleted)] {
                assert_eq!(decide(nobody, (), &facts, NOW), refused, "{name}");
            }
            cases += 5;
        }
    }
    println!("cases: {cases}, differences: 0 ({} Cedar decisions)", oracle.asked.get());
}

#[test]
fn z01_ones_own_account_needs_a_session_and_sometimes_a_browser() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("account.cedar")]);
    let outsider = Situation { role: None, ..Situation::plain().next().expect("one") };
    for situation in by_every_means(outsider) {
        let facts = known(&cast, &situation);
        let app = credential(&cast, cast.app, Some(cast.signed_in(&situation)));
        let agent = agent(&cast, cast.app, cast.signed_in(&situation));
        for (name, decide) in on_own_account() {
            let expected = told(true, oracle.may(&situation, format!("account:{name}").leak()));
            let decided = decide(Some(&person(&cast, &situation)), (), &facts, NOW);
            assert_eq!(decided, expected, "{name} {:?}", situation.means);
            for nobody in [None, Some(&app), Some(&agent)] {
                assert_eq!(decide(nobody, (), &facts, NOW), Err(Refusal::Unauthenticated), "{name}");
            }
        }
    }
}

#[test]
fn without_trustworthy_facts_the_answer_is_try_again() {
    let cast = Cast::new();
    let situation = Situation { role: Some(Role::Owner), ..Situation::plain().next().expect("one") };
    let facts = Known { available: false, ..known(&cast, &situation) };
    let unavailable = Err(Refusal::Unavailable(FactsUnavailable));
    let somebody = person(&cast, &situation);
    for (name, decide) in on_organizations() {
        assert_eq!(decide(Some(&somebody), cast.organization, &facts, NOW), unavailable, "{name}");
    }
    for (name, decide) in on_apps() {
        assert_eq!(decide(Some(&somebody), cast.app, &facts, NOW), unavailable, "{name}");
    }
    let app = credential(&cast, cast.app, None);
    assert_eq!(by_apps()[0].1(Some(&app), (), &facts, NOW), unavailable);
    assert_eq!(from_apps()[0].1(Some(&app), (), &facts, NOW), unavailable);
    let page = page(cast.app, cast.signed_in(&situation));
    assert_eq!(from_apps()[0].1(Some(&page), (), &facts, NOW), unavailable);
    let agent = agent(&cast, cast.app, cast.signed_in(&situation));
    assert_eq!(by_agents()[0].1(Some(&agent), (), &facts, NOW), unavailable);
}

#[test]
fn a_permit_holds_what_was_decided_on() {
    let cast = Cast::new();
    let situation = Situation { role: Some(Role::Admin), ..Situation::plain().next().expect("one") };
    let facts = known(&cast, &situation);
    let somebody = person(&cast, &situation);
    let permit = authorize::<UpdateApp>(Some(&somebody), cast.app, &facts, NOW).expect("an Admin edits");
    assert_eq!(
        (permit.app(), permit.organization(), permit.user()),
        (cast.app, cast.organization, cast.person)
    );
    assert_eq!((permit.role(), permit.app_role()), (Role::Admin, AppRole::Editor));
    let permit = authorize::<ListMembers>(Some(&somebody), cast.organization, &facts, NOW).expect("a member");
    assert_eq!(permit.also::<ChangeRole>().expect("an Admin changes roles").role(), Role::Admin);
    assert_eq!(permit.also::<ManageOwners>().map(|_| ()).unwrap_err(), Refusal::Forbidden);
}
