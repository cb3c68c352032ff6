//! Deploys the demo apps: at the start, and whenever a secret of theirs changes.

use std::sync::{Arc, OnceLock};

use access_control::{Action, Environment, ManageAppSecrets, ManageSecrets, ManageServerSecrets, SignedIn};
use async_trait::async_trait;
use audit::{Event, Follower};
use development::Upstream;
use ids::{AppId, OrganizationId};
use tokio::sync::Mutex;

use crate::{DeploymentError, Deployments};

/// What changes the environment of an app.
const ACTIONS: [&str; 3] = [ManageSecrets::NAME, ManageAppSecrets::NAME, ManageServerSecrets::NAME];

/// The demo apps, as far as they are started.
#[derive(Clone, Default)]
pub(super) struct Redeployment {
    apps: Arc<OnceLock<DemoApps>>,
    /// One after the other, so that what was assembled last is deployed last.
    turn: Arc<Mutex<()>>,
}

/// Which apps, whose, and how.
pub(super) struct DemoApps {
    pub(super) organization: OrganizationId,
    pub(super) apps: Vec<AppId>,
    /// In whose name they are deployed.
    pub(super) deployer: SignedIn,
    pub(super) deployments: Deployments,
    pub(super) upstream: Upstream,
}

impl Redeployment {
    /// Deploys the apps now, and from now on after every change.
    pub(super) async fn start(&self, apps: DemoApps) -> Result<(), DeploymentError> {
        self.deploy(self.apps.get_or_init(|| apps)).await
    }

    async fn deploy(&self, demo: &DemoApps) -> Result<(), DeploymentError> {
        let _turn = self.turn.lock().await;
        for app in &demo.apps {
            let deployment = demo.deployments.assemble(&demo.deployer, *app, Environment::Production).await?;
            demo.upstream.deploy(deployment.app.label.as_str(), deployment.variables);
        }
        Ok(())
    }
}

#[async_trait]
impl Follower for Redeployment {
    async fn committed(&self, event: &Event) {
        let Some(demo) = self.apps.get() else { return };
        if event.organization != Some(demo.organization) || !ACTIONS.contains(&event.action) {
            return;
        }
        if let Err(error) = self.deploy(demo).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the demo apps were not deployed anew; they keep what they had"
            );
        }
    }
}
