//! Secrets to look at: a variable of the organization, an app's that stands over it, a credential.

use access_control::{Environment, ListAppSecrets, ListSecrets, ManageAppSecrets, ManageSecrets, SignedIn};
use apps::App;
use audit::Occasion;
use cryptography::SecretBytes;
use ids::OrganizationId;
use secrets_vault::{GivenValue, Kind, NewSecret, Secret};

use super::{Seed, failed};
use crate::DevelopmentError;
use crate::upstream::GREETING;

/// The name of the custom API; its variable is `CUSTOM_API_WEATHER`.
const WEATHER: &str = "Weather";
/// As many as are looked through for those that are there already.
const MOST: usize = 1_000;

/// One secret of the demo. Its value is public.
struct DemoSecret {
    kind: Kind,
    name: &'static str,
    environment: Environment,
    value: &'static str,
}

impl DemoSecret {
    const fn greeting(environment: Environment, value: &'static str) -> Self {
        Self { kind: Kind::EnvironmentVariable, name: GREETING, environment, value }
    }

    fn is(&self, known: &Secret) -> bool {
        known.kind == self.kind && known.name == self.name && known.environment == Some(self.environment)
    }

    fn to_keep(&self) -> NewSecret {
        NewSecret {
            kind: self.kind,
            name: self.name.to_owned(),
            environment: Some(self.environment),
            value: GivenValue::Text(SecretBytes::copy_of(self.value.as_bytes())),
        }
    }
}

const OF_ORGANIZATION: [DemoSecret; 2] = [
    DemoSecret::greeting(Environment::Production, "Hello"),
    DemoSecret::greeting(Environment::Preview, "Hello from the preview"),
];
const OF_REPORTS: [DemoSecret; 1] = [DemoSecret::greeting(Environment::Production, "Welcome to the figures")];
const OF_HELLO: [DemoSecret; 2] = [
    DemoSecret {
        kind: Kind::ApiKey,
        name: WEATHER,
        environment: Environment::Production,
        value: "demo-weather-key-in-production",
    },
    DemoSecret {
        kind: Kind::ApiKey,
        name: WEATHER,
        environment: Environment::Preview,
        value: "demo-weather-key-in-preview",
    },
];

impl Seed<'_> {
    /// Makes what is missing of them.
    pub(super) async fn secrets(
        &self,
        editor: &SignedIn,
        organization: OrganizationId,
    ) -> Result<(), DevelopmentError> {
        let list = self.permit::<ListSecrets>(editor, organization)?;
        let known = self.secrets.list(&list, None, MOST).await.map_err(failed)?;
        let manage = self.permit::<ManageSecrets>(editor, organization)?;
        for secret in missing(&OF_ORGANIZATION, &known) {
            self.secrets.create(&manage, secret.to_keep(), Occasion::now()).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Makes what is missing of the app's own.
    pub(super) async fn secrets_of(&self, editor: &SignedIn, app: &App) -> Result<(), DevelopmentError> {
        let of_app: &[DemoSecret] = match app.slug.as_str() {
            "hello" => &OF_HELLO,
            "reports" => &OF_REPORTS,
            _ => &[],
        };
        let list = self.permit::<ListAppSecrets>(editor, app.id)?;
        let known = self.app_secrets.list(&list, None, MOST).await.map_err(failed)?;
        let manage = self.permit::<ManageAppSecrets>(editor, app.id)?;
        for secret in missing(of_app, &known) {
            self.app_secrets.create(&manage, secret.to_keep(), Occasion::now()).await.map_err(failed)?;
        }
        Ok(())
    }
}

fn missing<'a>(wanted: &'a [DemoSecret], known: &'a [Secret]) -> impl Iterator<Item = &'a DemoSecret> {
    wanted.iter().filter(|wanted| !known.iter().any(|known| wanted.is(known)))
}
