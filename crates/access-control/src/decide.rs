//! May this person send this request to this app? Three levels, in order: organization, app, path.

use ids::{AppId, OrganizationId, PathRuleId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::path_rules::{RuleRefusal, Visitor};
use crate::{
    AppFacts, AppLevel, AppRole, MemberFacts, Method, OrganizationFacts, RequestPath, Role, SignedIn,
};

/// One request for an app, by a person who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct AppRequest<'a> {
    /// The person.
    pub viewer: &'a SignedIn,
    /// The app's organization.
    pub organization: &'a OrganizationFacts,
    /// The app.
    pub app: &'a AppFacts,
    /// The request's method.
    pub method: &'a Method,
    /// Every page the request reaches: its own path, and those it is an alias of.
    pub paths: &'a [RequestPath<'a>],
    /// The request runs code that is not tied to its path (a Server Action), so it needs access under
    /// every rule of the app.
    pub under_every_rule: bool,
    /// The instant of the decision.
    pub now: OffsetDateTime,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Forward it; the person has this role in the app.
    Allow(AppRole),
    /// Refuse it.
    Refuse(Reason),
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The person is no member of the organization.
    NotAMember,
    /// The organization wants sign-ins of another hosted domain.
    OtherHostedDomain,
    /// The app is restricted and the person has no grant that holds now.
    NotGranted,
    /// The app is for its creator only.
    NotCreator,
    /// This path rule does not name the person.
    PathRule(PathRuleId),
    /// This path rule names the person, and asks for a more recent sign-in.
    SignInTooOld(PathRuleId),
}

impl From<RuleRefusal> for Reason {
    fn from(refusal: RuleRefusal) -> Self {
        match refusal {
            RuleRefusal::NotNamed(rule) => Self::PathRule(rule),
            RuleRefusal::SignInTooOld(rule) => Self::SignInTooOld(rule),
        }
    }
}

impl Reason {
    /// Whether the person may be told that the app exists (403), or not (404).
    #[must_use]
    pub const fn app_is_visible(self) -> bool {
        matches!(self, Self::PathRule(_) | Self::SignInTooOld(_))
    }
}

/// One thing that was looked at, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "level", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Step {
    /// The organization level.
    Organization {
        /// The organization.
        #[serde(rename = "organizationId")]
        organization: OrganizationId,
        /// The person's role in it, if a member.
        role: Option<Role>,
        /// The signed hosted domain that the organization asks for.
        hosted_domain: Option<String>,
    },
    /// The app level.
    App {
        /// The app.
        #[serde(rename = "appId")]
        app: AppId,
        /// Who it is for.
        access_level: AppLevel,
        /// The person's role in the app, if any.
        app_role: Option<AppRole>,
    },
    /// The path level, for one path.
    Path {
        /// The path as it is judged.
        path: String,
        /// The rules that decided: the longest that match, all of the same length.
        rules: Vec<PathRuleId>,
        /// The rule that refused.
        refused_by: Option<PathRuleId>,
    },
    /// The request needs access under every rule of the app.
    EveryRule {
        /// The rule that refused.
        refused_by: Option<PathRuleId>,
    },
}

/// A decision with everything that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was looked at.
    pub steps: Vec<Step>,
    /// What was decided.
    pub decision: Decision,
}

/// Decides. Costs no allocation and does not depend on the number of users, apps or rules.
#[must_use]
pub fn decide(request: &AppRequest<'_>) -> Decision {
    walk(request, &mut |_| {})
}

/// Decides by the very same walk, and says what was looked at.
#[must_use]
pub fn explain(request: &AppRequest<'_>) -> Explanation {
    let mut steps = Vec::new();
    let decision = walk(request, &mut |step| steps.push(step()));
    Explanation { steps, decision }
}

fn walk(request: &AppRequest<'_>, observe: &mut impl FnMut(&dyn Fn() -> Step)) -> Decision {
    let AppRequest { viewer, organization, app, method, paths, under_every_rule, now } = *request;

    let member = if organization.id == app.organization {
        membership(viewer, organization)
    } else {
        Err(Reason::NotAMember)
    };
    observe(&|| Step::Organization {
        organization: organization.id,
        role: member.ok().map(|member| member.role),
        hosted_domain: organization.hosted_domain.as_deref().map(str::to_owned),
    });
    let member = match member {
        Ok(member) => member,
        Err(reason) => return Decision::Refuse(reason),
    };

    let role = app_role(viewer.user, member, app, now);
    observe(&|| Step::App { app: app.id, access_level: app.level, app_role: role.ok() });
    let role = match role {
        Ok(role) => role,
        Err(reason) => return Decision::Refuse(reason),
    };

    let visitor = Visitor { viewer, member, app_role: role, now };
    // Told only if no rule keeps the person out for good: then signing in again helps.
    let mut too_old = None;
    for path in paths {
        let refusal = app.rules.refusal(path, method, visitor);
        observe(&|| Step::Path {
            path: path.judged().to_owned(),
            rules: app.rules.deciding(path, method),
            refused_by: refusal.map(RuleRefusal::rule),
        });
        match refusal {
            Some(RuleRefusal::NotNamed(rule)) => return Decision::Refuse(Reason::PathRule(rule)),
            Some(RuleRefusal::SignInTooOld(_)) => too_old = too_old.or(refusal),
            None => {}
        }
    }
    // A request that is said to reach no page at all is not let through for that.
    if (under_every_rule && !app.server_actions_judged_by_page) || paths.is_empty() {
        let refusal = app.rules.refusal_under_every_rule(visitor);
        observe(&|| Step::EveryRule { refused_by: refusal.map(RuleRefusal::rule) });
        match refusal {
            Some(RuleRefusal::NotNamed(rule)) => return Decision::Refuse(Reason::PathRule(rule)),
            Some(RuleRefusal::SignInTooOld(_)) => too_old = too_old.or(refusal),
            None => {}
        }
    }
    match too_old {
        Some(refusal) => Decision::Refuse(refusal.into()),
        None => Decision::Allow(role),
    }
}

/// The person's membership, if it counts.
pub(crate) fn membership<'a>(
    viewer: &SignedIn,
    organization: &'a OrganizationFacts,
) -> Result<&'a MemberFacts, Reason> {
    let member = organization.members.get(&viewer.user).ok_or(Reason::NotAMember)?;
    match &organization.hosted_domain {
        Some(wanted) if viewer.hosted_domain.as_ref() != Some(wanted) => Err(Reason::OtherHostedDomain),
        _ => Ok(member),
    }
}

/// The person's role in the app: what the level gives, capped by the organization role.
pub(crate) fn app_role(
    user: UserId,
    member: &MemberFacts,
    app: &AppFacts,
    now: OffsetDateTime,
) -> Result<AppRole, Reason> {
    let given = match app.level {
        AppLevel::Organization => AppRole::Editor,
        AppLevel::Restricted => app
            .grants
            .get(&user)
            .filter(|grant| grant.expires_at.is_none_or(|end| now < end))
            .map(|grant| grant.role)
            .ok_or(Reason::NotGranted)?,
        AppLevel::User if app.creator == user => AppRole::Editor,
        AppLevel::User => return Err(Reason::NotCreator),
    };
    let cap = match member.role {
        Role::Owner | Role::Admin | Role::Editor => AppRole::Editor,
        Role::Member => AppRole::Viewer,
    };
    Ok(given.min(cap))
}
