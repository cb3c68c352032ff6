//! Which apps people see: of the apps that may use something, nobody learns of others, or takes them away unseen.

use std::collections::BTreeSet;
use std::fmt;

use ids::{AppId, OrganizationId};
use time::OffsetDateTime;

use crate::action::{Action, InOrganization, ReadApp};
use crate::{Facts, FactsUnavailable, Permit, Principal, Refusal, UsableBy, authorize};

/// The apps of an organization that one person sees at one moment.
pub struct VisibleApps<'a> {
    facts: &'a dyn Facts,
    person: Principal,
    organization: OrganizationId,
    now: OffsetDateTime,
}

impl fmt::Debug for VisibleApps<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VisibleApps")
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

impl<'a> VisibleApps<'a> {
    /// Those that the permit's person may open now, in the organization that it is for.
    #[must_use]
    pub fn of<A: Action<Scope = InOrganization>>(
        permit: &Permit<A>,
        facts: &'a dyn Facts,
        now: OffsetDateTime,
    ) -> Self {
        let person = Principal::User(permit.actor().clone());
        Self { facts, person, organization: permit.organization(), now }
    }

    /// Whether this is an app of the organization that the person may open.
    ///
    /// # Errors
    /// The facts are not available.
    pub fn sees(&self, app: AppId) -> Result<bool, FactsUnavailable> {
        match authorize::<ReadApp>(Some(&self.person), app, self.facts, self.now) {
            Ok(permit) => Ok(permit.organization() == self.organization),
            Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => Ok(false),
            Err(Refusal::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    /// Whether there is no app among these that the person does not see.
    ///
    /// # Errors
    /// The facts are not available.
    pub fn sees_all(&self, usable_by: &UsableBy) -> Result<bool, FactsUnavailable> {
        let UsableBy::Apps(apps) = usable_by else { return Ok(true) };
        for app in apps {
            if !self.sees(*app)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same without apps that the person does not see.
    ///
    /// # Errors
    /// The facts are not available.
    pub fn shown(&self, usable_by: UsableBy) -> Result<UsableBy, FactsUnavailable> {
        let UsableBy::Apps(apps) = usable_by else { return Ok(usable_by) };
        let mut seen = BTreeSet::new();
        for app in apps {
            if self.sees(app)? {
                seen.insert(app);
            }
        }
        Ok(UsableBy::Apps(seen))
    }

    /// Who may use something from now on: the apps that the person names, and those that they do not see and that could
    /// use it before. None if they name one that they do not see.
    ///
    /// # Errors
    /// The facts are not available.
    pub fn given(
        &self,
        given: UsableBy,
        before: Option<&UsableBy>,
    ) -> Result<Option<UsableBy>, FactsUnavailable> {
        if !self.sees_all(&given)? {
            return Ok(None);
        }
        let UsableBy::Apps(mut apps) = given else { return Ok(Some(given)) };
        if let Some(UsableBy::Apps(before)) = before {
            for app in before {
                if !self.sees(*app)? {
                    apps.insert(*app);
                }
            }
        }
        Ok(Some(UsableBy::Apps(apps)))
    }
}
