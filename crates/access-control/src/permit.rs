//! The proof that a decision was made. Use cases take `&Permit<Action>`, so skipping HTTP does not
//! skip the check.

use std::fmt;
use std::marker::PhantomData;

use ids::{AppId, OrganizationId, UserId};

use crate::action::{Action, AtDeployment, ByAgent, ByApp, FromApp, InApp, InOrganization, Scope};
use crate::grounds::{AppCaller, ByPerson, WithinOrganization};
use crate::refusal::Refusal;
use crate::{AgentCredential, AppCredential, AppRole, Role, SignedIn};

/// Leave to do `A`, holding what the decision was made on.
///
/// Only [`authorize`](crate::authorize) makes one. There is no constructor to call,
///
/// ```compile_fail,E0624
/// let permit = access_control::Permit::<access_control::ReadHealth>::new(());
/// ```
///
/// no field to fill in,
///
/// ```compile_fail,E0451
/// # use std::marker::PhantomData;
/// let permit = access_control::Permit::<access_control::ReadHealth> { grounds: (), action: PhantomData };
/// ```
///
/// and no way to turn leave for one action into leave for another.
///
/// ```compile_fail,E0308
/// # use access_control::{DeleteApp, Permit, ReadApp};
/// fn delete(permit: &Permit<DeleteApp>) {}
/// fn read(permit: &Permit<ReadApp>) {
///     delete(permit);
/// }
/// ```
pub struct Permit<A: Action> {
    grounds: <A::Scope as Scope>::Grounds,
    action: PhantomData<fn() -> A>,
}

impl<A: Action> Permit<A> {
    /// Only `authorize` comes here.
    pub(crate) fn new(grounds: <A::Scope as Scope>::Grounds) -> Self {
        Self { grounds, action: PhantomData }
    }
}

impl<A: Action> Clone for Permit<A> {
    fn clone(&self) -> Self {
        Self::new(self.grounds.clone())
    }
}

impl<A: Action> fmt::Debug for Permit<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Permit<{}>", A::NAME)
    }
}

impl<A: Action> Permit<A>
where
    <A::Scope as Scope>::Grounds: ByPerson,
{
    /// The person and session.
    #[must_use]
    pub fn actor(&self) -> &SignedIn {
        self.grounds.actor()
    }

    /// The person.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.grounds.actor().user
    }
}

impl<A: Action> Permit<A>
where
    <A::Scope as Scope>::Grounds: WithinOrganization,
{
    /// The organization that may be acted on, or that the app belongs to.
    #[must_use]
    pub fn organization(&self) -> OrganizationId {
        self.grounds.organization()
    }

    /// The person's role in the organization.
    #[must_use]
    pub fn role(&self) -> Role {
        self.grounds.role()
    }
}

impl<A: Action<Scope = InOrganization>> Permit<A> {
    /// A permit for another action on the same organization, from the same table.
    ///
    /// # Errors
    /// The role does not allow it.
    pub fn also<B: Action<Scope = InOrganization>>(&self) -> Result<Permit<B>, Refusal> {
        if B::RULE.contains(&self.grounds.role) {
            Ok(Permit::new(self.grounds.clone()))
        } else {
            Err(Refusal::Forbidden)
        }
    }
}

impl<A: Action<Scope = InApp>> Permit<A> {
    /// The app that may be acted on.
    #[must_use]
    pub fn app(&self) -> AppId {
        self.grounds.app
    }

    /// The person's role in the app.
    #[must_use]
    pub fn app_role(&self) -> AppRole {
        self.grounds.app_role
    }
}

impl<A: Action<Scope = AtDeployment>> Permit<A> {
    /// The app that is deployed.
    #[must_use]
    pub fn deployed_app(&self) -> AppId {
        self.grounds.app
    }
}

impl<A: Action<Scope = ByApp>> Permit<A> {
    /// The app, its environment and the person it speaks for.
    #[must_use]
    pub fn credential(&self) -> &AppCredential {
        &self.grounds.credential
    }
}

impl<A: Action<Scope = FromApp>> Permit<A> {
    /// The app that calls.
    #[must_use]
    pub fn calling_app(&self) -> AppId {
        self.grounds.app
    }

    /// Its organization.
    #[must_use]
    pub fn calling_organization(&self) -> OrganizationId {
        self.grounds.organization
    }

    /// Which side of it calls, and for whom.
    #[must_use]
    pub fn caller(&self) -> &AppCaller {
        &self.grounds.caller
    }
}

impl<A: Action<Scope = ByAgent>> Permit<A> {
    /// The app that the agent works on, and who let it.
    #[must_use]
    pub fn agent(&self) -> &AgentCredential {
        &self.grounds.credential
    }
}
