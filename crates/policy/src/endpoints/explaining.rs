//! Explaining a decision.

use access_control::{AppRole, Decision, ExplainAccess, Permit, Reason, Step};
use endpoint::{Answer, Call, Problem, sentence};
use ids::{PathRuleId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use time::Duration;

use super::PolicyApi;
use crate::{Question, Whom};

/// The longest time since a sign-in, in minutes: no session is older.
const LONGEST_AGO: u32 = 43_200;

/// Describes the query.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the query, which is read by name")]
pub(super) struct Asked {
    /// The person: an identifier or an e-mail address.
    user: String,
    /// The method; GET when not given.
    method: Option<String>,
    /// The path, with its query if it matters.
    path: String,
    /// How many minutes ago the person is taken to have signed in; 0 when not given.
    #[schemars(range(max = 43200))]
    signed_in_minutes_ago: Option<u32>,
    /// Whether the request is taken to carry a Next.js Server Action.
    server_action: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExplainedAnswer {
    /// Whether the request would go on to the app.
    allowed: bool,
    /// The status of the answer if not: 404 where the person may not know of the app, 401 where the sign-in is too
    /// old (a page view is sent to sign in again), else 403.
    refused_with: Option<u16>,
    /// The person's role in the app, if allowed.
    app_role: Option<AppRole>,
    /// Why not, if not.
    reason: Option<ReasonName>,
    /// The path rule that refused, if one did.
    rule_id: Option<PathRuleId>,
    /// The person, if a member of the app's organization; of anybody else nothing is said.
    member_id: Option<UserId>,
    /// The method as it is judged.
    method: String,
    /// The pages that the request reaches, as they are judged: its own path first.
    paths: Vec<String>,
    /// What was looked at, level by level, in order.
    steps: Vec<Step>,
    /// The same in sentences.
    words: Vec<String>,
    /// The version of the policy; it grows with every change and starts again with the process. The lasting
    /// name of what was decided by is `policyDigest` of a kept decision.
    policy_version: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReasonName {
    NotAMember,
    OtherHostedDomain,
    NotGranted,
    NotCreator,
    PathRule,
    SignInTooOld,
}

impl ReasonName {
    fn of(reason: Reason) -> (Self, Option<PathRuleId>) {
        match reason {
            Reason::NotAMember => (Self::NotAMember, None),
            Reason::OtherHostedDomain => (Self::OtherHostedDomain, None),
            Reason::NotGranted => (Self::NotGranted, None),
            Reason::NotCreator => (Self::NotCreator, None),
            Reason::PathRule(rule) => (Self::PathRule, Some(rule)),
            Reason::SignInTooOld(rule) => (Self::SignInTooOld, Some(rule)),
        }
    }
}

/// What the middleware answers, whoever asked.
const fn status_of(reason: Reason) -> u16 {
    match reason {
        Reason::SignInTooOld(_) => 401,
        reason if reason.app_is_visible() => 403,
        _ => 404,
    }
}

pub(super) async fn explain(
    api: PolicyApi,
    permit: Permit<ExplainAccess>,
    call: Call,
) -> Result<Answer, Problem> {
    let question = question(&call)?;
    let explained = api.explanations.explain(&permit, &question, call.now()).await?;
    let (app_role, refusal) = match explained.explanation.decision {
        Decision::Allow(role) => (Some(role), None),
        Decision::Refuse(reason) => (None, Some(reason)),
    };
    let (reason, rule_id) =
        refusal.map(ReasonName::of).map_or((None, None), |(name, rule)| (Some(name), rule));
    Ok(Answer::json(&ExplainedAnswer {
        allowed: app_role.is_some(),
        refused_with: refusal.map(status_of),
        app_role,
        reason,
        rule_id,
        member_id: explained.member,
        method: explained.probe.method.as_str().to_owned(),
        paths: explained.probe.paths.iter().map(|path| path.judged().to_owned()).collect(),
        steps: explained.explanation.steps,
        words: explained.words,
        policy_version: explained.policy_version,
    }))
}

fn question(call: &Call) -> Result<Question, Problem> {
    let wanted = |name: &str, value: Option<String>| {
        value
            .ok_or_else(|| Problem::invalid("missing_parameter", format!("The parameter {name} is missing.")))
    };
    let invalid = |name: &str, reason: &dyn std::fmt::Display| {
        Problem::invalid("invalid_parameter", format!("The parameter {name}: {}", sentence(reason)))
    };
    let user = wanted("user", call.query("user")?)?;
    let whom = if user.contains('@') {
        user.parse().map(Whom::Email).map_err(|error| invalid("user", &error))?
    } else {
        let expected = "an e-mail address or the identifier of a person (usr_…) is expected";
        user.parse().map(Whom::User).map_err(|_| invalid("user", &expected))?
    };
    let ago = match call.query("signedInMinutesAgo")? {
        None => 0,
        Some(text) => text.parse().ok().filter(|minutes| *minutes <= LONGEST_AGO).ok_or_else(|| {
            invalid("signedInMinutesAgo", &format!("a whole number from 0 to {LONGEST_AGO} is expected"))
        })?,
    };
    let server_action = match call.query("serverAction")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(invalid("serverAction", &"true or false is expected")),
    };
    Ok(Question {
        whom,
        method: call.query("method")?.unwrap_or_else(|| "GET".to_owned()),
        target: wanted("path", call.query("path")?)?,
        signed_in_ago: Duration::minutes(i64::from(ago)),
        server_action,
    })
}
