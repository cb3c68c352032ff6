//! What a deployment of an app gets: the secrets of its organization and its own, and what the platform says by
//! itself. The only room that asks for the permit to open them.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_control::{
    AssembleEnvironment, Environment, Facts, Principal, ReadApp, Refusal, SignedIn, authorize,
};
use apps::{App, AppError, Apps, ServerSecrets};
use audit::Occasion;
use cryptography::SecretBytes;
use endpoint::Sites;
use ids::AppId;
use secrets_vault::{Environments, PlatformVariable, SecretError};

/// The variable of an app's server secret.
pub(crate) const SERVER_SECRET: &str = "VYBE_SERVER_SECRET";

/// Puts environments together for whoever starts apps.
#[derive(Clone)]
pub struct Deployments {
    pub(crate) environments: Environments,
    pub(crate) server_secrets: ServerSecrets,
    pub(crate) apps: Apps,
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) sites: Arc<Sites>,
}

/// An app with the variables that it starts with.
pub struct Deployment {
    /// The app.
    pub app: App,
    /// Its variables.
    pub variables: BTreeMap<String, SecretBytes>,
}

/// Why nothing was put together.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// Whoever deploys may not.
    #[error("deploying the app is refused")]
    Refused(Refusal),
    /// The app is gone, or its server secret does not open.
    #[error("the app's server secret cannot be had")]
    App(#[from] AppError),
    /// A secret does not open, or opening it was not recorded.
    #[error("the app's secrets cannot be had")]
    Secrets(#[from] SecretError),
}

impl Deployments {
    /// Opens everything that the app gets in this environment, in the name of whoever deploys it. The audit trail
    /// names every secret and its version.
    ///
    /// # Errors
    /// The person may not deploy the app, a value does not open, or the store is not available.
    pub async fn assemble(
        &self,
        deployer: &SignedIn,
        app: AppId,
        environment: Environment,
    ) -> Result<Deployment, DeploymentError> {
        let occasion = Occasion::now();
        let person = Principal::User(deployer.clone());
        let permit = authorize::<AssembleEnvironment>(Some(&person), app, &*self.facts, occasion.now);
        let permit = permit.map_err(DeploymentError::Refused)?;
        let read = authorize::<ReadApp>(Some(&person), app, &*self.facts, occasion.now);
        let app = self.apps.read(&read.map_err(DeploymentError::Refused)?).await?;
        let secret = self.server_secrets.to_inject(&permit, environment, occasion).await?;
        let given = platform_variables(&self.sites.platform_origin(), app.name.as_str(), secret.value);
        let opened = self.environments.assemble(&permit, environment, given, occasion).await?;
        Ok(Deployment { app, variables: opened.into_variables() })
    }
}

/// What the platform says by itself. An app calls back at the first of the addresses; its code and its pages also
/// look at the other two, so all say the same.
fn platform_variables(origin: &str, app_name: &str, server_secret: SecretBytes) -> Vec<PlatformVariable> {
    let plain = |name: &str, text: &str| PlatformVariable {
        name: name.to_owned(),
        value: SecretBytes::copy_of(text.as_bytes()),
    };
    vec![
        PlatformVariable { name: SERVER_SECRET.to_owned(), value: server_secret },
        plain("VYBE_SERVER_CALLBACK_URL", origin),
        plain("NEXT_PUBLIC_VYBE_INTEGRATIONS_DOMAIN", origin),
        plain("NEXT_PUBLIC_VYBE_BASE_URL", origin),
        plain("NEXT_PUBLIC_APP_NAME", app_name),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_says_where_it_is_and_who_the_app_is() {
        let secret = SecretBytes::copy_of(b"vybe_sk_production_x");
        let variables = platform_variables("https://vybe.example.com", "Reports <1>", secret);
        let text = |name: &str| {
            let mut found = variables.iter().filter(|variable| variable.name == name);
            let value = found.next().unwrap().value.reveal_text().unwrap().to_owned();
            assert!(found.next().is_none(), "{name} twice");
            value
        };
        assert_eq!(text("VYBE_SERVER_SECRET"), "vybe_sk_production_x");
        for origin in
            ["VYBE_SERVER_CALLBACK_URL", "NEXT_PUBLIC_VYBE_INTEGRATIONS_DOMAIN", "NEXT_PUBLIC_VYBE_BASE_URL"]
        {
            assert_eq!(text(origin), "https://vybe.example.com");
        }
        assert_eq!(text("NEXT_PUBLIC_APP_NAME"), "Reports <1>");
        assert_eq!(variables.len(), 5);
    }
}
