//! One decision as it is kept: what was asked, by whom, what was known of the person, and what came of it.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    AppFacts, AppRequest, Decision, Explanation, GrantFacts, Means, MemberFacts, Method, OrganizationFacts,
    RequestPath, RequestPathError, Role, SignedIn, explain,
};
use ids::{AppId, DecisionId, GroupId, OrganizationId, RequestId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::PolicySnapshot;
use crate::queue::Decided;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Its identifier.
    pub id: DecisionId,
    /// The instant for which it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The version of the facts in the process that decided.
    pub policy_version: u64,
    /// The digest of the [`PolicySnapshot`].
    pub policy: String,
    /// The organization.
    pub organization: OrganizationId,
    /// The app.
    pub app: AppId,
    /// The person.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The signed hosted domain of the sign-in.
    pub hosted_domain: Option<String>,
    /// When the person signed in.
    #[serde(with = "time::serde::rfc3339")]
    pub authenticated_at: OffsetDateTime,
    /// With what the session was proved.
    pub means: Means,
    /// What was known of the person.
    pub person: PersonFacts,
    /// The request.
    pub request: RequestId,
    /// The method as it was judged.
    pub method: Method,
    /// The paths that were judged, percent-encoded: the request's own, then those it is an alias of.
    pub paths: Vec<Box<str>>,
    /// Whether the request needed access under every rule.
    pub under_every_rule: bool,
    /// Something that lasts (a WebSocket, a long answer) was decided again, and cut.
    pub again: bool,
    /// What was decided.
    pub decision: Decision,
    /// Allowed by the decision, and refused because the page of another origin sent it.
    pub foreign_origin: bool,
}

/// What a decision reads of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFacts {
    /// The role in the organization, if a member.
    pub role: Option<Role>,
    /// The groups.
    pub groups: Vec<GroupId>,
    /// The grant on the app, whether or not it counts at the app's level.
    pub grant: Option<GrantFacts>,
    /// Whether the person made the app.
    pub is_creator: bool,
}

impl PersonFacts {
    fn of(user: UserId, organization: &OrganizationFacts, app: &AppFacts) -> Self {
        let member = organization.members.get(&user);
        Self {
            role: member.map(|member| member.role),
            groups: member.map(|member| member.groups.clone()).unwrap_or_default(),
            grant: app.grants.get(&user).copied(),
            is_creator: app.creator == user,
        }
    }
}

impl DecisionRecord {
    /// The record of what was decided under the policy with this digest.
    pub(crate) fn of(decided: Decided, policy: String) -> Self {
        let SignedIn { user, session, hosted_domain, authenticated_at, means } = decided.viewer;
        Self {
            id: decided.id,
            at: decided.at,
            policy_version: decided.policy_version,
            policy,
            organization: decided.app.organization,
            app: decided.app.id,
            user,
            session,
            hosted_domain: hosted_domain.as_deref().map(str::to_owned),
            authenticated_at,
            means,
            person: PersonFacts::of(user, &decided.organization, &decided.app),
            request: decided.request,
            method: decided.method,
            paths: decided.paths.into_vec(),
            under_every_rule: decided.under_every_rule,
            again: decided.again,
            decision: decided.decision,
            foreign_origin: decided.foreign_origin,
        }
    }

    /// Whether the request went on to the app.
    #[must_use]
    pub fn was_allowed(&self) -> bool {
        matches!(self.decision, Decision::Allow(_)) && !self.foreign_origin
    }

    /// The request's own path as rules see it.
    pub(crate) fn judged_path(&self) -> String {
        let path = self.paths.first().and_then(|path| RequestPath::parse(path).ok());
        path.map_or_else(|| "/".to_owned(), |path| path.judged().to_owned())
    }

    /// Decides once more, from the record and its snapshot alone.
    ///
    /// # Errors
    /// A path has no reading any more.
    pub fn evaluate(&self, snapshot: &PolicySnapshot) -> Result<Explanation, RequestPathError> {
        let mut organization = OrganizationFacts {
            id: snapshot.organization,
            hosted_domain: snapshot.hosted_domain.as_deref().map(Arc::from),
            members: HashMap::new(),
        };
        if let Some(role) = self.person.role {
            let member = MemberFacts { role, groups: self.person.groups.clone() };
            organization.members.insert(self.user, member);
        }
        let mut app = snapshot.app_facts();
        if let Some(grant) = self.person.grant {
            app.grants.insert(self.user, grant);
        }
        let viewer = SignedIn {
            user: self.user,
            session: self.session,
            hosted_domain: self.hosted_domain.as_deref().map(Arc::from),
            authenticated_at: self.authenticated_at,
            means: self.means,
        };
        let paths: Result<Vec<_>, _> = self.paths.iter().map(|path| RequestPath::parse(path)).collect();
        Ok(explain(&AppRequest {
            viewer: &viewer,
            organization: &organization,
            app: &app,
            method: &self.method,
            paths: &paths?,
            under_every_rule: self.under_every_rule,
            now: self.at,
        }))
    }
}
