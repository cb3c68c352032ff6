//! What comes in about accounts.

use std::collections::{BTreeMap, BTreeSet};

use access_control::UsableBy;
use catalogue::{ServiceKey, Values};
use endpoint::Problem;
use ids::AppId;
use schemars::JsonSchema;
use secrets_vault::SecretText;
use serde::Deserialize;
use service_client::Secrets;

use crate::{AccountDescription, AccountError, GivenAccount, GivenAttempt};

/// An account that is connected with what proves it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewAccount")]
pub struct NewBody {
    /// The service's stable name.
    service: String,
    name: String,
    /// What the service's entry asks for.
    #[serde(default)]
    values: Values,
    /// What proves it, by the names that the service's entry gives; never answered again.
    #[serde(default)]
    secrets: BTreeMap<String, SecretText>,
    /// The apps that may use it; null or left out for every app of the organization.
    #[schemars(with = "Option<Vec<AppId>>")]
    apps: Option<BTreeSet<AppId>>,
    /// Whether pages of these apps may use it, too.
    #[serde(default)]
    from_pages: bool,
    /// Whether it is tried before it is kept, where the service's entry has a call for that; `true`, if it is left out.
    #[serde(default = "yes")]
    test: bool,
}

/// What people call an account, and who may use it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AccountDescription")]
pub struct DescriptionBody {
    name: String,
    /// The apps that may use it; null or left out for every app of the organization.
    #[schemars(with = "Option<Vec<AppId>>")]
    apps: Option<BTreeSet<AppId>>,
    /// Whether pages of these apps may use it, too.
    #[serde(default)]
    from_pages: bool,
    /// The version that was looked at; left out, whatever is there is replaced.
    pub version: Option<i64>,
}

/// What proves an account, anew.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AccountProof")]
pub struct ProofBody {
    /// Values that the service's entry asks for since the account was connected.
    #[serde(default)]
    pub values: Values,
    #[serde(default)]
    secrets: BTreeMap<String, SecretText>,
    /// Whether it is tried before it is kept; `true`, if it is left out.
    #[serde(default = "yes")]
    pub test: bool,
}

/// An account that the person is about to consent to at the service.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewConnectAttempt")]
pub struct AttemptBody {
    /// The service's stable name.
    service: String,
    name: String,
    #[serde(default)]
    values: Values,
    /// The scopes to ask for; left out for those of the organization's client, or else of the service's entry.
    #[schemars(with = "Option<Vec<String>>")]
    scopes: Option<BTreeSet<String>>,
    /// The apps that may use it; null or left out for every app of the organization.
    #[schemars(with = "Option<Vec<AppId>>")]
    apps: Option<BTreeSet<AppId>>,
    #[serde(default)]
    from_pages: bool,
    /// Where on the platform the person goes on afterwards.
    return_to: Option<String>,
}

/// The same for an account that is connected again.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AnotherConnectAttempt")]
pub struct AgainBody {
    /// Values that the service's entry asks for since the account was connected.
    #[serde(default)]
    pub values: Values,
    /// The scopes to ask for; left out for those that were asked for last.
    #[schemars(with = "Option<Vec<String>>")]
    pub scopes: Option<BTreeSet<String>>,
    pub return_to: Option<String>,
}

impl NewBody {
    pub fn given(self) -> Result<GivenAccount, Problem> {
        Ok(GivenAccount {
            service: service(&self.service)?,
            description: description(&self.name, self.apps, self.from_pages)?,
            values: self.values,
            secrets: secrets(self.secrets)?,
            tested: self.test,
        })
    }
}

impl DescriptionBody {
    pub fn given(self) -> Result<AccountDescription, Problem> {
        description(&self.name, self.apps, self.from_pages)
    }
}

impl ProofBody {
    pub fn secrets(&mut self) -> Result<Secrets, Problem> {
        secrets(std::mem::take(&mut self.secrets))
    }
}

impl AttemptBody {
    pub fn given(self) -> Result<GivenAttempt, Problem> {
        Ok(GivenAttempt {
            service: service(&self.service)?,
            description: description(&self.name, self.apps, self.from_pages)?,
            values: self.values,
            scopes: self.scopes,
            return_to: self.return_to,
        })
    }
}

/// A secret as the services' client takes it.
pub fn secret_text(field: &str, text: SecretText) -> Result<service_client::SecretText, Problem> {
    let text = service_client::SecretText::try_from(text.into_bytes());
    text.map_err(|error| AccountError::invalid(field, error).into())
}

fn secrets(given: BTreeMap<String, SecretText>) -> Result<Secrets, Problem> {
    let secret = |(name, text): (String, SecretText)| secret_text("secrets", text).map(|text| (name, text));
    given.into_iter().map(secret).collect()
}

fn service(text: &str) -> Result<ServiceKey, Problem> {
    text.parse().map_err(|_| AccountError::UnknownService.into())
}

fn description(
    name: &str,
    apps: Option<BTreeSet<AppId>>,
    from_pages: bool,
) -> Result<AccountDescription, Problem> {
    let name = name.parse().map_err(|error| Problem::from(AccountError::invalid("name", error)))?;
    let usable_by = apps.map_or(UsableBy::EveryApp, UsableBy::Apps);
    Ok(AccountDescription { name, usable_by, from_pages })
}

const fn yes() -> bool {
    true
}
