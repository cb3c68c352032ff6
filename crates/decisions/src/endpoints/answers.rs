//! Decisions as JSON.

use access_control::{AppLevel, AppRole, Decision, Means, PathRule, Reason, Role, Step, Subject};
use endpoint::Instant;
use ids::{AppId, DecisionId, GroupId, OrganizationId, PathRuleId, RequestId, SessionId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{DecisionRecord, Evaluated, PersonFacts, PolicySnapshot, in_words};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    pub(super) decisions: Vec<RecordAnswer>,
    /// Where to go on; also after a page that is short or empty. `null`: there are no more.
    pub(super) next_cursor: Option<String>,
}

/// A decision, and the same one made again from what was kept.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecisionAnswer {
    record: RecordAnswer,
    policy: PolicyAnswer,
    again: AgainAnswer,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordAnswer {
    id: DecisionId,
    at: Instant,
    /// allowed or refused.
    outcome: &'static str,
    /// The person's role in the app, where the request was allowed.
    app_role: Option<AppRole>,
    /// Why it was refused.
    reason: Option<&'static str>,
    /// The rule that refused.
    rule_id: Option<PathRuleId>,
    /// A stream or WebSocket was decided again, and cut.
    of_something_open: bool,
    organization_id: OrganizationId,
    app_id: AppId,
    user_id: UserId,
    session_id: SessionId,
    authenticated_at: Instant,
    hosted_domain: Option<String>,
    /// browser or api_token.
    means: &'static str,
    request_id: RequestId,
    method: String,
    /// The paths that were judged, as they are forwarded: the request's own, then those it is an alias of.
    paths: Vec<String>,
    under_every_rule: bool,
    person: PersonAnswer,
    /// The version of the facts in the process that decided; it starts again with the process.
    policy_version: u64,
    /// SHA-256 of the policy: its name that lasts.
    policy_digest: String,
}

/// What was known of the person.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PersonAnswer {
    role: Option<Role>,
    groups: Vec<GroupId>,
    grant: Option<GrantAnswer>,
    is_creator: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GrantAnswer {
    role: AppRole,
    expires_at: Option<Instant>,
}

/// The policy at that instant.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PolicyAnswer {
    hosted_domain: Option<String>,
    level: AppLevel,
    creator: UserId,
    server_actions_judged_by_page: bool,
    path_rules: Vec<RuleAnswer>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RuleAnswer {
    id: PathRuleId,
    pattern: String,
    methods: Vec<String>,
    subjects: Vec<Subject>,
    sign_in_within_minutes: Option<u32>,
}

/// The decision made again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AgainAnswer {
    /// Whether it came out as it was recorded.
    agrees: bool,
    steps: Vec<Step>,
    /// The same in words.
    words: Vec<String>,
}

impl From<Evaluated> for DecisionAnswer {
    fn from(evaluated: Evaluated) -> Self {
        let Evaluated { record, policy, explanation, agrees } = evaluated;
        let words = in_words(&explanation, &policy.rules);
        Self {
            record: record.into(),
            policy: policy.into(),
            again: AgainAnswer { agrees, steps: explanation.steps, words },
        }
    }
}

impl From<DecisionRecord> for RecordAnswer {
    fn from(record: DecisionRecord) -> Self {
        let (app_role, reason, rule_id) = match record.decision {
            Decision::Allow(role) if record.foreign_origin => (Some(role), Some("foreign_origin"), None),
            Decision::Allow(role) => (Some(role), None, None),
            Decision::Refuse(reason) => {
                let (word, rule) = reason_word(reason);
                (None, Some(word), rule)
            }
        };
        Self {
            id: record.id,
            at: record.at.into(),
            outcome: if record.was_allowed() { "allowed" } else { "refused" },
            app_role,
            reason,
            rule_id,
            of_something_open: record.again,
            organization_id: record.organization,
            app_id: record.app,
            user_id: record.user,
            session_id: record.session,
            authenticated_at: record.authenticated_at.into(),
            hosted_domain: record.hosted_domain,
            means: match record.means {
                Means::Browser => "browser",
                Means::ApiToken => "api_token",
            },
            request_id: record.request,
            method: record.method.as_str().to_owned(),
            paths: record.paths.into_iter().map(String::from).collect(),
            under_every_rule: record.under_every_rule,
            person: record.person.into(),
            policy_version: record.policy_version,
            policy_digest: record.policy,
        }
    }
}

const fn reason_word(reason: Reason) -> (&'static str, Option<PathRuleId>) {
    match reason {
        Reason::NotAMember => ("not_a_member", None),
        Reason::OtherHostedDomain => ("other_hosted_domain", None),
        Reason::NotGranted => ("not_granted", None),
        Reason::NotCreator => ("not_creator", None),
        Reason::PathRule(rule) => ("path_rule", Some(rule)),
        Reason::SignInTooOld(rule) => ("sign_in_too_old", Some(rule)),
    }
}

impl From<PersonFacts> for PersonAnswer {
    fn from(person: PersonFacts) -> Self {
        let grant = person
            .grant
            .map(|grant| GrantAnswer { role: grant.role, expires_at: grant.expires_at.map(Instant::from) });
        Self { role: person.role, groups: person.groups, grant, is_creator: person.is_creator }
    }
}

impl From<PolicySnapshot> for PolicyAnswer {
    fn from(policy: PolicySnapshot) -> Self {
        Self {
            hosted_domain: policy.hosted_domain,
            level: policy.level,
            creator: policy.creator,
            server_actions_judged_by_page: policy.server_actions_judged_by_page,
            path_rules: policy.rules.into_iter().map(RuleAnswer::from).collect(),
        }
    }
}

impl From<PathRule> for RuleAnswer {
    fn from(rule: PathRule) -> Self {
        Self {
            id: rule.id,
            pattern: rule.pattern.to_string(),
            methods: rule.methods.iter().map(|method| method.as_str().to_owned()).collect(),
            subjects: rule.subjects,
            sign_in_within_minutes: rule.sign_in_within.map(access_control::SignInAge::minutes),
        }
    }
}
