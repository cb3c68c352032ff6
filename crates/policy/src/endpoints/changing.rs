//! Making the changes of a draft.

use access_control::{ApplyPolicy, Permit, UpdateApp};
use endpoint::{Answer, Call, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LARGEST_DRAFT, PolicyApi};
use crate::{Order, PolicyChange};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OrderBody {
    /// The changes, in order; all are made, or none. At most 1,000.
    #[schemars(length(max = 1000))]
    changes: Vec<PolicyChange>,
    /// `simulation` of the answer that simulated exactly these changes: 409 if the policy has moved since.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    simulation: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeAnswer {
    /// How many of the changes changed anything; each left an audit event.
    changed: usize,
}

async fn order(call: &mut Call) -> Result<Order, Problem> {
    let OrderBody { changes, simulation } = call.json_up_to(LARGEST_DRAFT).await?;
    Ok(Order { changes, simulation })
}

pub(super) async fn make(
    api: PolicyApi,
    permit: Permit<ApplyPolicy>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let order = order(&mut call).await?;
    let changed = api.changes.make(&permit, &order, call.occasion()).await?;
    Ok(Answer::json(&MadeAnswer { changed }))
}

pub(super) async fn make_in_app(
    api: PolicyApi,
    permit: Permit<UpdateApp>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let order = order(&mut call).await?;
    let changed = api.changes.make_in_app(&permit, &order, call.occasion()).await?;
    Ok(Answer::json(&MadeAnswer { changed }))
}
