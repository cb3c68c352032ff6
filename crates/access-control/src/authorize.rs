//! From a principal, an object and the facts to a permit, or a refusal.

use ids::{AppId, OrganizationId};
use time::OffsetDateTime;

use crate::action::{
    Action, AtDeployment, ByAgent, ByApp, FromApp, InApp, InOrganization, OwnAccount, Public, PublicReason,
    Scope, UserToken,
};
use crate::decide::{app_role, membership};
use crate::grounds::{
    AgentGrounds, AppCaller, AppGrounds, CredentialGrounds, FromAppGrounds, OrganizationGrounds,
};
use crate::permit::Permit;
use crate::refusal::Refusal;
use crate::{AppRole, Facts, Means, Principal, Role, SignedIn};

/// Decides whether `principal` may do `A` on `object`.
///
/// # Errors
/// See [`Refusal`].
pub fn authorize<A: Action>(
    principal: Option<&Principal>,
    object: <A::Scope as Scope>::Object,
    facts: &dyn Facts,
    now: OffsetDateTime,
) -> Result<Permit<A>, Refusal>
where
    A::Scope: Check,
{
    A::Scope::check(A::RULE, principal, object, facts, now).map(Permit::new)
}

/// How a scope turns a rule into grounds.
pub trait Check: Scope {
    /// The grounds, if the rule allows.
    ///
    /// # Errors
    /// See [`Refusal`].
    fn check(
        rule: Self::Rule,
        principal: Option<&Principal>,
        object: Self::Object,
        facts: &dyn Facts,
        now: OffsetDateTime,
    ) -> Result<Self::Grounds, Refusal>;
}

impl Check for Public {
    fn check(
        _: PublicReason,
        _: Option<&Principal>,
        (): (),
        _: &dyn Facts,
        _: OffsetDateTime,
    ) -> Result<(), Refusal> {
        Ok(())
    }
}

impl Check for OwnAccount {
    fn check(
        allowed: &'static [Means],
        principal: Option<&Principal>,
        (): (),
        _: &dyn Facts,
        _: OffsetDateTime,
    ) -> Result<SignedIn, Refusal> {
        let actor = signed_in(principal)?;
        if allowed.contains(&actor.means) { Ok(actor.clone()) } else { Err(Refusal::Forbidden) }
    }
}

impl Check for InOrganization {
    fn check(
        allowed: &'static [Role],
        principal: Option<&Principal>,
        organization: OrganizationId,
        facts: &dyn Facts,
        _: OffsetDateTime,
    ) -> Result<OrganizationGrounds, Refusal> {
        let actor = signed_in(principal)?;
        let found = facts.organization(organization)?.ok_or(Refusal::NotFound)?;
        let role = membership(actor, &found).map_err(|_| Refusal::NotFound)?.role;
        if !allowed.contains(&role) {
            return Err(Refusal::Forbidden);
        }
        Ok(OrganizationGrounds { actor: actor.clone(), organization, role })
    }
}

impl Check for InApp {
    fn check(
        needed: AppRole,
        principal: Option<&Principal>,
        app: AppId,
        facts: &dyn Facts,
        now: OffsetDateTime,
    ) -> Result<AppGrounds, Refusal> {
        let actor = signed_in(principal)?;
        let found = facts.app(app)?.ok_or(Refusal::NotFound)?;
        let organization = facts.organization(found.organization)?.ok_or(Refusal::NotFound)?;
        let member = membership(actor, &organization).map_err(|_| Refusal::NotFound)?;
        let app_role = app_role(actor.user, member, &found, now).map_err(|_| Refusal::NotFound)?;
        if app_role < needed {
            return Err(Refusal::Forbidden);
        }
        Ok(AppGrounds {
            actor: actor.clone(),
            organization: found.organization,
            app,
            role: member.role,
            app_role,
        })
    }
}

impl Check for AtDeployment {
    fn check(
        needed: AppRole,
        principal: Option<&Principal>,
        app: AppId,
        facts: &dyn Facts,
        now: OffsetDateTime,
    ) -> Result<AppGrounds, Refusal> {
        InApp::check(needed, principal, app, facts, now)
    }
}

impl Check for ByApp {
    fn check(
        user_token: UserToken,
        principal: Option<&Principal>,
        (): (),
        facts: &dyn Facts,
        now: OffsetDateTime,
    ) -> Result<CredentialGrounds, Refusal> {
        let Some(Principal::App(credential)) = principal else {
            return Err(Refusal::Unauthenticated);
        };
        let app = facts.app(credential.app)?.ok_or(Refusal::Unauthenticated)?;
        match &credential.user {
            None if user_token == UserToken::Required => return Err(Refusal::Unauthenticated),
            None => {}
            // A token that was valid when it was made is worth what its person may do now.
            Some(actor) => {
                let organization = facts.organization(app.organization)?.ok_or(Refusal::Unauthenticated)?;
                membership(actor, &organization)
                    .and_then(|member| app_role(actor.user, member, &app, now))
                    .map_err(|_| Refusal::Unauthenticated)?;
            }
        }
        Ok(CredentialGrounds { credential: credential.clone() })
    }
}

impl Check for FromApp {
    fn check(
        (): (),
        principal: Option<&Principal>,
        (): (),
        facts: &dyn Facts,
        now: OffsetDateTime,
    ) -> Result<FromAppGrounds, Refusal> {
        let Some(Principal::Page(page)) = principal else {
            let CredentialGrounds { credential } =
                ByApp::check(UserToken::Optional, principal, (), facts, now)?;
            let (app, organization) = (credential.app, credential.organization);
            return Ok(FromAppGrounds { app, organization, caller: AppCaller::Server(credential) });
        };
        if page.person.means != Means::Browser {
            return Err(Refusal::Unauthenticated);
        }
        let app = facts.app(page.app)?.ok_or(Refusal::Forbidden)?;
        let organization = facts.organization(app.organization)?.ok_or(Refusal::Forbidden)?;
        // Who may use the app at all; the page itself came to them by a path rule that named them.
        membership(&page.person, &organization)
            .and_then(|member| app_role(page.person.user, member, &app, now))
            .map_err(|_| Refusal::Forbidden)?;
        Ok(FromAppGrounds {
            app: page.app,
            organization: app.organization,
            caller: AppCaller::Page(page.person.clone()),
        })
    }
}

impl Check for ByAgent {
    fn check(
        (): (),
        principal: Option<&Principal>,
        (): (),
        facts: &dyn Facts,
        now: OffsetDateTime,
    ) -> Result<AgentGrounds, Refusal> {
        let Some(Principal::Agent(credential)) = principal else {
            return Err(Refusal::Unauthenticated);
        };
        let app = facts.app(credential.app)?.ok_or(Refusal::Unauthenticated)?;
        let organization = facts.organization(app.organization)?.ok_or(Refusal::Unauthenticated)?;
        // The agent is worth what its issuer may do now.
        let issuer = &credential.issued_by;
        let role = membership(issuer, &organization)
            .and_then(|member| app_role(issuer.user, member, &app, now))
            .map_err(|_| Refusal::Unauthenticated)?;
        if role < AppRole::Editor {
            return Err(Refusal::Unauthenticated);
        }
        Ok(AgentGrounds { credential: credential.clone() })
    }
}

fn signed_in(principal: Option<&Principal>) -> Result<&SignedIn, Refusal> {
    match principal {
        Some(Principal::User(actor)) => Ok(actor),
        Some(Principal::App(_) | Principal::Agent(_) | Principal::Page(_)) | None => {
            Err(Refusal::Unauthenticated)
        }
    }
}
