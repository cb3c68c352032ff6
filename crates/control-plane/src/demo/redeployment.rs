//! Deploys the demo apps: at the start, and whenever a secret of theirs changes.

use std::sync::{Arc, OnceLock};

use access_control::{Action, Environment, ManageAppSecrets, ManageSecrets, ManageServerSecrets, SignedIn};
use async_trait::async_trait;
use audit::{Event, Follower, News};
use cryptography::SecretBytes;
use development::{Folder, Upstream};
use ids::{AppId, OrganizationId};
use serde_json::Value;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::DEV_JSON;
use crate::deployment::SERVER_SECRET;
use crate::{DeploymentError, Deployments};

/// What changes the environment of an app.
const ACTIONS: [&str; 3] = [ManageSecrets::NAME, ManageAppSecrets::NAME, ManageServerSecrets::NAME];

/// The demo apps, as far as they are started.
#[derive(Clone, Default)]
pub(super) struct Redeployment {
    apps: Arc<OnceLock<DemoApps>>,
    /// One after the other, so that what was assembled last is deployed last, and described so.
    turn: Arc<Mutex<Option<Description>>>,
}

/// What scripts read, and where.
struct Description {
    folder: Folder,
    text: Value,
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

    /// From now on, the server secrets in this description are those that the apps have.
    pub(super) async fn describe_in(&self, folder: Folder, text: Value) {
        *self.turn.lock().await = Some(Description { folder, text });
    }

    async fn deploy(&self, demo: &DemoApps) -> Result<(), DeploymentError> {
        let mut description = self.turn.lock().await;
        for app in &demo.apps {
            let deployment = demo.deployments.assemble(&demo.deployer, *app, Environment::Production).await?;
            if let (Some(description), Some(secret)) =
                (description.as_mut(), deployment.variables.get(SERVER_SECRET))
            {
                description.say_secret(*app, secret);
            }
            demo.upstream.deploy(deployment.app.label.as_str(), deployment.variables);
        }
        Ok(())
    }
}

impl Description {
    /// Writes the file again, if it says another secret.
    fn say_secret(&mut self, app: AppId, secret: &SecretBytes) {
        let said = self.text["apps"].as_object_mut().into_iter().flatten();
        let id = app.to_string();
        let Some((_, said)) = said.into_iter().find(|(_, said)| said["id"] == *id) else { return };
        let secret = secret.reveal_text().map(Value::from);
        if secret.as_ref().is_none_or(|secret| said["serverSecret"] == *secret) {
            return;
        }
        said["serverSecret"] = Value::from(secret);
        let text = Zeroizing::new(serde_json::to_vec_pretty(&self.text).unwrap_or_default());
        if let Err(error) = self.folder.write(DEV_JSON, &text) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "dev.json names a server secret that was replaced; the next start writes it again"
            );
        }
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

    /// `vybe dev` is the only process of its store.
    async fn announced(&self, _: News<'_>) {}
}
