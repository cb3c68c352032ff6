//! Which apps people see: of the apps that may use something, nobody learns of others, or takes them away unseen.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_control::{Facts, FactsUnavailable, Principal, ReadApp, Refusal, SignedIn, authorize};
use ids::{AppId, OrganizationId};
use time::OffsetDateTime;

use crate::UsableBy;

/// Which apps people see.
#[derive(Clone)]
pub(crate) struct VisibleApps {
    facts: Arc<dyn Facts>,
}

/// A person at a moment, in an organization.
#[derive(Clone, Copy)]
pub(crate) struct Viewer<'a> {
    pub person: &'a SignedIn,
    pub organization: OrganizationId,
    pub now: OffsetDateTime,
}

impl VisibleApps {
    pub(crate) const fn new(facts: Arc<dyn Facts>) -> Self {
        Self { facts }
    }

    /// Whether this is an app of the organization that the person may open.
    pub(crate) fn sees(&self, viewer: Viewer<'_>, app: AppId) -> Result<bool, FactsUnavailable> {
        let person = Principal::User(viewer.person.clone());
        match authorize::<ReadApp>(Some(&person), app, &*self.facts, viewer.now) {
            Ok(permit) => Ok(permit.organization() == viewer.organization),
            Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => Ok(false),
            Err(Refusal::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    /// Whether there is no app among these that the person does not see.
    pub(crate) fn sees_all(
        &self,
        viewer: Viewer<'_>,
        usable_by: &UsableBy,
    ) -> Result<bool, FactsUnavailable> {
        let UsableBy::Apps(apps) = usable_by else { return Ok(true) };
        for app in apps {
            if !self.sees(viewer, *app)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same without apps that the person does not see.
    pub(crate) fn shown(&self, viewer: Viewer<'_>, usable_by: &mut UsableBy) -> Result<(), FactsUnavailable> {
        let UsableBy::Apps(apps) = usable_by else { return Ok(()) };
        let mut seen = BTreeSet::new();
        for app in &*apps {
            if self.sees(viewer, *app)? {
                seen.insert(*app);
            }
        }
        *apps = seen;
        Ok(())
    }

    /// Who may use something from now on: the apps that the person names, and those that they do not see and that could
    /// use it before. None if they name one that they do not see.
    pub(crate) fn given(
        &self,
        viewer: Viewer<'_>,
        given: UsableBy,
        before: Option<&UsableBy>,
    ) -> Result<Option<UsableBy>, FactsUnavailable> {
        let UsableBy::Apps(mut apps) = given else { return Ok(Some(given)) };
        for app in &apps {
            if !self.sees(viewer, *app)? {
                return Ok(None);
            }
        }
        if let Some(UsableBy::Apps(before)) = before {
            for app in before {
                if !self.sees(viewer, *app)? {
                    apps.insert(*app);
                }
            }
        }
        Ok(Some(UsableBy::Apps(apps)))
    }
}
