//! What a person is to an organization and an app, as a small table that can be walked whole.

use std::collections::HashMap;

use access_control::{
    AppFacts, AppLevel, AppRole, GrantFacts, Means, MemberFacts, OrganizationFacts, PathRules, Role, SignedIn,
};
use ids::{AppId, GroupId, OrganizationId, SessionId, UserId};
use time::{Duration, OffsetDateTime};

/// The instant of every decision.
pub const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));
/// The hosted domain that the organization may ask for.
pub const DOMAIN: &str = "acme.example";

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Situation {
    /// The role in the organization, if a member.
    pub role: Option<Role>,
    /// Whom the app is for.
    pub level: AppLevel,
    /// The grant, with the seconds from now to its end, if it has one.
    pub grant: Option<(AppRole, Option<i64>)>,
    /// The person made the app.
    pub creator: bool,
    /// The organization asks for [`DOMAIN`].
    pub domain_wanted: bool,
    /// The hosted domain of the sign-in.
    pub domain: Option<&'static str>,
    /// The person is in the group that rules may name.
    pub in_group: bool,
    /// How many seconds ago the person signed in; before zero if the provider's clock is ahead.
    pub signed_in_ago: i64,
    /// With what the request proves who it is.
    pub means: Means,
}

impl Situation {
    /// Every situation there is, an hour after the sign-in in a browser.
    pub fn all() -> impl Iterator<Item = Self> {
        let roles = || Role::ALL.map(Some).into_iter().chain([None]);
        let ends = [None, Some(-60), Some(0), Some(1)];
        let grants = move || {
            let given = AppRole::ALL.into_iter().flat_map(move |role| ends.map(|end| Some((role, end))));
            given.chain([None])
        };
        let domains = [None, Some(DOMAIN), Some("other.example")];
        roles().flat_map(move |role| {
            AppLevel::ALL.into_iter().flat_map(move |level| {
                grants().flat_map(move |grant| {
                    domains.into_iter().flat_map(move |domain| {
                        (0..8).map(move |bits| Self {
                            role,
                            level,
                            grant,
                            domain,
                            creator: bits & 1 > 0,
                            domain_wanted: bits & 2 > 0,
                            in_group: bits & 4 > 0,
                            signed_in_ago: 3600,
                            means: Means::Browser,
                        })
                    })
                })
            })
        })
    }

    /// Members and others of an app for the whole organization.
    pub fn plain() -> impl Iterator<Item = Self> {
        Self::all().filter(|situation| {
            situation.level == AppLevel::Organization
                && situation.grant.is_none()
                && !situation.creator
                && !situation.domain_wanted
                && situation.domain.is_none()
        })
    }
}

/// The people and things that situations and rules are about.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    pub person: UserId,
    pub somebody_else: UserId,
    pub group: GroupId,
    pub other_group: GroupId,
    pub organization: OrganizationId,
    pub app: AppId,
    pub session: SessionId,
}

impl Cast {
    pub fn new() -> Self {
        Self {
            person: UserId::generate(),
            somebody_else: UserId::generate(),
            group: GroupId::generate(),
            other_group: GroupId::generate(),
            organization: OrganizationId::generate(),
            app: AppId::generate(),
            session: SessionId::generate(),
        }
    }

    pub fn signed_in(&self, situation: &Situation) -> SignedIn {
        SignedIn {
            user: self.person,
            session: self.session,
            hosted_domain: situation.domain.map(Into::into),
            authenticated_at: NOW - Duration::seconds(situation.signed_in_ago),
            means: situation.means,
        }
    }

    pub fn organization_facts(&self, situation: &Situation) -> OrganizationFacts {
        let other = MemberFacts { role: Role::Owner, groups: vec![self.group] };
        let mut members = HashMap::from([(self.somebody_else, other)]);
        if let Some(role) = situation.role {
            let groups = if situation.in_group { vec![self.group] } else { Vec::new() };
            members.insert(self.person, MemberFacts { role, groups });
        }
        OrganizationFacts {
            id: self.organization,
            hosted_domain: situation.domain_wanted.then(|| DOMAIN.into()),
            members,
        }
    }

    pub fn app_facts(&self, situation: &Situation, rules: PathRules) -> AppFacts {
        let everything = GrantFacts { role: AppRole::Editor, expires_at: None };
        let mut grants = HashMap::from([(self.somebody_else, everything)]);
        if let Some((role, end)) = situation.grant {
            let expires_at = end.map(|seconds| NOW + Duration::seconds(seconds));
            grants.insert(self.person, GrantFacts { role, expires_at });
        }
        AppFacts {
            id: self.app,
            organization: self.organization,
            level: situation.level,
            creator: if situation.creator { self.person } else { self.somebody_else },
            grants,
            rules,
            server_actions_judged_by_page: false,
        }
    }
}
