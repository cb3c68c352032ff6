//! Secrets, in the three places where they can be: of an organization, of an app, of a person. The pages show
//! what is known of a secret, never its value, and put no field back that a form brought.

mod form;
mod listing;
mod of_app;
mod of_organization;
mod own;
pub(crate) mod owned;

use access_control::Environment;
use endpoint::{Call, Problem};
use schemars::JsonSchema;
use secrets_vault::{Kind, NewSecret, NewSecretValue};

use self::listing::Listing;
use crate::fields::Fields;

/// A secret to keep. Of the fields of a value, those of its kind.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct NewFields {
    kind: String,
    name: String,
    environment: Option<Environment>,
    #[schemars(flatten)]
    value: ValueFields,
}

/// The value of a secret, in the fields of its kind.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ValueFields {
    value: Option<String>,
    user: Option<String>,
    password: Option<String>,
    private_key: Option<String>,
    passphrase: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// What a form says about a new secret.
async fn new_secret(call: &mut Call) -> Result<NewSecret, Problem> {
    let fields = Fields::with_secret(call).await?;
    let kind: Kind = fields
        .text("kind")
        .parse()
        .map_err(|_| Problem::invalid("invalid_kind", "kind is one of those that the form offers."))?;
    let (name, environment) = (fields.text("name").to_owned(), fields.environment_if_given()?);
    Ok(NewSecret { kind, name, environment, value: fields.into_value() })
}

/// What a form puts in the place of a value.
async fn new_value(call: &mut Call) -> Result<NewSecretValue, Problem> {
    let fields = Fields::with_secret(call).await?;
    let expected_version = match fields.text("version") {
        "" => None,
        text => Some(
            text.parse().map_err(|_| Problem::invalid("invalid_version", "version is a whole number."))?,
        ),
    };
    Ok(NewSecretValue { value: fields.into_value(), expected_version })
}
