//! Which variables deployments of an app get.

use access_control::{Environment, ListAppSecrets, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem};
use schemars::JsonSchema;

use super::bodies::EnvironmentAnswer;
use crate::Environments;

pub fn endpoints(environments: &Environments) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/apps/{app_id}/environment", "read_environment")
            .requires::<ListAppSecrets>()
            .query::<EnvironmentParameters>()
            .gives::<EnvironmentAnswer>(StatusCode::OK)
            .answers(environments.clone(), read),
    ]
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the parameters of the query")]
struct EnvironmentParameters {
    /// preview or production.
    environment: Environment,
}

async fn read(
    environments: Environments,
    permit: Permit<ListAppSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let text = call.query("environment")?.unwrap_or_default();
    let known = Environment::ALL.into_iter().find(|environment| environment.as_str() == text);
    let environment = known
        .ok_or_else(|| Problem::invalid("invalid_environment", "environment is preview or production."))?;
    let sources = environments.preview(&permit, environment).await?;
    Ok(Answer::json(&EnvironmentAnswer::new(environment, sources)))
}
