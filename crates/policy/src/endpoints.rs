//! The endpoints of the policy, and the only room that knows their JSON.

mod changing;
mod explaining;
mod problem;
mod simulating;

use access_control::{
    ApplyPolicy, ExplainAccess, Permit, ReadPolicy, SimulateApp, SimulatePolicy, UpdateApp,
};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem};

use crate::{Explanations, Policies, Policy, PolicyChanges, Simulations};

/// The largest draft, in bytes.
const LARGEST_DRAFT: usize = 1024 * 1024;

/// Everything that the endpoints of the policy stand on.
#[derive(Clone, Debug)]
pub struct PolicyApi {
    /// Explaining.
    pub explanations: Explanations,
    /// Simulating.
    pub simulations: Simulations,
    /// Reading.
    pub policies: Policies,
    /// Changing.
    pub changes: PolicyChanges,
}

impl PolicyApi {
    /// The endpoints, to be mounted.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        vec![
            Endpoint::get("/api/v1/apps/{app_id}/explain", "explain_access")
                .requires::<ExplainAccess>()
                .query::<explaining::Asked>()
                .gives::<explaining::ExplainedAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::UNPROCESSABLE_ENTITY])
                .answers(self.clone(), explaining::explain),
            Endpoint::post("/api/v1/organizations/{organization_id}/simulations", "simulate_policy")
                .requires::<SimulatePolicy>()
                .takes::<simulating::DraftBody>()
                .gives::<simulating::SimulationAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::CONFLICT])
                .answers(self.clone(), simulating::of_organization),
            Endpoint::post("/api/v1/apps/{app_id}/simulations", "simulate_app")
                .requires::<SimulateApp>()
                .takes::<simulating::DraftBody>()
                .gives::<simulating::SimulationAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::CONFLICT])
                .answers(self.clone(), simulating::of_app),
            Endpoint::get("/api/v1/organizations/{organization_id}/policy", "read_policy")
                .requires::<ReadPolicy>()
                .gives::<Policy>(StatusCode::OK)
                .answers(self.clone(), read),
            Endpoint::post("/api/v1/organizations/{organization_id}/policy/changes", "apply_policy")
                .requires::<ApplyPolicy>()
                .takes::<changing::OrderBody>()
                .gives::<changing::MadeAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::CONFLICT])
                .answers(self.clone(), changing::make),
            Endpoint::post("/api/v1/apps/{app_id}/policy/changes", "apply_app_policy")
                .requires::<UpdateApp>()
                .takes::<changing::OrderBody>()
                .gives::<changing::MadeAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::CONFLICT])
                .answers(self.clone(), changing::make_in_app),
        ]
    }
}

async fn read(api: PolicyApi, permit: Permit<ReadPolicy>, call: Call) -> Result<Answer, Problem> {
    Ok(Answer::json(&api.policies.read(&permit, call.now()).await?))
}
