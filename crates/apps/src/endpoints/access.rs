//! Who may use an app: level, grants, path rules.

use access_control::{AppLevel, AppRole, PathRule, Permit, ReadAppAccess, Subject, UpdateApp};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, GivenInstant, Instant, Problem};
use ids::{PathRuleId, UserId};
use revocations::ReceiptAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{AppsApi, invalid};
use crate::{Grant, NewGrant, NewPathRule};

pub fn endpoints(api: &AppsApi) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/apps/{app_id}/access", "read_app_access")
            .requires::<ReadAppAccess>()
            .gives::<AccessAnswer>(StatusCode::OK)
            .answers(api.clone(), read),
        Endpoint::put("/api/v1/apps/{app_id}/grants/{user_id}", "put_grant")
            .requires::<UpdateApp>()
            .takes::<GrantBody>()
            .gives::<PutGrantAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(api.clone(), put_grant),
        Endpoint::delete("/api/v1/apps/{app_id}/grants/{user_id}", "delete_grant")
            .requires::<UpdateApp>()
            .gives::<ReceiptAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(api.clone(), delete_grant),
        Endpoint::post("/api/v1/apps/{app_id}/path-rules", "create_path_rule")
            .requires::<UpdateApp>()
            .takes::<PathRuleBody>()
            .gives::<PathRuleAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(api.clone(), create_path_rule),
        Endpoint::put("/api/v1/apps/{app_id}/path-rules/{rule_id}", "replace_path_rule")
            .requires::<UpdateApp>()
            .takes::<PathRuleBody>()
            .gives::<PathRuleAnswer>(StatusCode::OK)
            .answers(api.clone(), replace_path_rule),
        Endpoint::delete("/api/v1/apps/{app_id}/path-rules/{rule_id}", "delete_path_rule")
            .requires::<UpdateApp>()
            .gives_nothing()
            .answers(api.clone(), delete_path_rule),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GrantBody {
    /// viewer or editor.
    role: AppRole,
    /// When it ends (RFC 3339); never, if left out.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<GivenInstant>")]
    expires_at: Option<OffsetDateTime>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PathRuleBody {
    /// A path prefix on a segment boundary; `*` stands for one segment.
    #[schemars(regex(pattern = "^/"))]
    pattern: String,
    /// The methods it covers; all, if left out.
    #[serde(default)]
    methods: Vec<String>,
    /// Whom it lets through: kind is user, group, role or app_role.
    subjects: Vec<Subject>,
    /// How many minutes ago those may have signed in, 1 to 43200; any time, if left out. Whoever signed
    /// in earlier is asked to sign in again.
    #[schemars(range(min = 1, max = 43200))]
    sign_in_within_minutes: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AccessAnswer {
    level: AppLevel,
    grants: Vec<GrantAnswer>,
    path_rules: Vec<PathRuleAnswer>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GrantAnswer {
    user_id: UserId,
    role: AppRole,
    granted_by: UserId,
    created_at: Instant,
    expires_at: Option<Instant>,
}

#[derive(Serialize, JsonSchema)]
struct PutGrantAnswer {
    #[serde(flatten)]
    grant: GrantAnswer,
    /// What it did where it replaced a grant that allowed more.
    revocation: Option<ReceiptAnswer>,
}

impl From<Grant> for GrantAnswer {
    fn from(grant: Grant) -> Self {
        Self {
            user_id: grant.user,
            role: grant.role,
            granted_by: grant.granted_by,
            created_at: grant.created_at.into(),
            expires_at: grant.expires_at.map(Instant::from),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PathRuleAnswer {
    id: PathRuleId,
    pattern: String,
    methods: Vec<String>,
    subjects: Vec<Subject>,
    sign_in_within_minutes: Option<u32>,
}

impl From<PathRule> for PathRuleAnswer {
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

async fn read(api: AppsApi, permit: Permit<ReadAppAccess>, _: Call) -> Result<Answer, Problem> {
    let level = api.apps.level(&permit).await?;
    let grants = api.grants.list(&permit).await?.into_iter().map(GrantAnswer::from).collect();
    let path_rules = api.path_rules.list(&permit).await?.into_iter().map(PathRuleAnswer::from).collect();
    Ok(Answer::json(&AccessAnswer { level, grants, path_rules }))
}

async fn put_grant(api: AppsApi, permit: Permit<UpdateApp>, mut call: Call) -> Result<Answer, Problem> {
    let user = call.path("user_id")?;
    let body: GrantBody = call.json().await?;
    let new = NewGrant { user, role: body.role, expires_at: body.expires_at };
    let (grant, withdrawal) = api.grants.put(&permit, new, call.occasion()).await?;
    let revocation = match &withdrawal {
        Some(withdrawal) => Some(ReceiptAnswer::new(&api.revocations.receipt(withdrawal).await, 0, 0)),
        None => None,
    };
    Ok(Answer::json(&PutGrantAnswer { grant: grant.into(), revocation }))
}

async fn delete_grant(api: AppsApi, permit: Permit<UpdateApp>, call: Call) -> Result<Answer, Problem> {
    let withdrawal = api.grants.delete(&permit, call.path("user_id")?, call.occasion()).await?;
    let receipt = api.revocations.receipt(&withdrawal).await;
    Ok(Answer::json(&ReceiptAnswer::new(&receipt, 0, 0)))
}

async fn create_path_rule(
    api: AppsApi,
    permit: Permit<UpdateApp>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let new = new_path_rule(&mut call).await?;
    let rule = api.path_rules.create(&permit, new, call.occasion()).await?;
    Ok(Answer::created(&PathRuleAnswer::from(rule)))
}

async fn replace_path_rule(
    api: AppsApi,
    permit: Permit<UpdateApp>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("rule_id")?;
    let new = new_path_rule(&mut call).await?;
    let rule = api.path_rules.replace(&permit, id, new, call.occasion()).await?;
    Ok(Answer::json(&PathRuleAnswer::from(rule)))
}

async fn delete_path_rule(api: AppsApi, permit: Permit<UpdateApp>, call: Call) -> Result<Answer, Problem> {
    api.path_rules.delete(&permit, call.path("rule_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}

async fn new_path_rule(call: &mut Call) -> Result<NewPathRule, Problem> {
    let body: PathRuleBody = call.json().await?;
    NewPathRule::new(&body.pattern, &body.methods, body.subjects)
        .and_then(|rule| rule.signed_in_within(body.sign_in_within_minutes))
        .map_err(|error| invalid("invalid_path_rule")(&error))
}
