//! What people give when they connect an account, before it is checked. Pure.

use std::collections::BTreeSet;

use access_control::UsableBy;
use catalogue::{Authentication, Service, ServiceKey, Values};
use ids::Name;
use service_client::{Credentials, Secrets};

use crate::AccountError;

/// The longest value, in bytes.
const LONGEST_VALUE: usize = 2_000;
/// The most scopes.
const MOST_SCOPES: usize = 200;
/// The longest scope, in bytes.
const LONGEST_SCOPE: usize = 300;

/// What people call an account, and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDescription {
    /// What people call it.
    pub name: Name,
    /// Which apps may use it.
    pub usable_by: UsableBy,
    /// Whether pages of these apps may use it, too, and not only their servers.
    pub from_pages: bool,
}

/// An account that is connected with what proves it, given by a person.
#[derive(Clone, Debug)]
pub struct GivenAccount {
    /// At which service.
    pub service: ServiceKey,
    /// What it is called, and who may use it.
    pub description: AccountDescription,
    /// The values that the entry asks for.
    pub values: Values,
    /// What proves it, by the names of [`service_client::asked_secrets`].
    pub secrets: Secrets,
    /// Whether it is tried first, where the entry has a call for that.
    pub tested: bool,
}

/// An account that a person is about to consent to at the service.
#[derive(Clone, Debug)]
pub struct GivenAttempt {
    /// At which service.
    pub service: ServiceKey,
    /// What it is called, and who may use it.
    pub description: AccountDescription,
    /// The values that the entry asks for.
    pub values: Values,
    /// The scopes to ask for; none for those of the client, or else of the entry.
    pub scopes: Option<BTreeSet<String>>,
    /// Where on the platform the person goes on afterwards.
    pub return_to: Option<String>,
}

/// The values that an entry asks for: those that were given, and the defaults of the others.
pub(crate) fn check_values(service: &Service, mut given: Values) -> Result<Values, AccountError> {
    let mut values = Values::new();
    for variable in &service.variables {
        let field = format!("values.{}", variable.key);
        let value = given.remove(&variable.key).filter(|value| !value.is_empty());
        let value = value.or_else(|| variable.default.clone());
        let value = value.ok_or_else(|| {
            AccountError::invalid(&field, format!("it is missing; {} is asked for", variable.label))
        })?;
        if value.len() > LONGEST_VALUE || !variable.pattern.matches(&value) {
            let example = variable.example.as_deref().map(|example| format!(", such as {example}"));
            let reason = format!("it does not look as it has to{}", example.unwrap_or_default());
            return Err(AccountError::invalid(&field, reason));
        }
        values.insert(variable.key.clone(), value);
    }
    match given.into_keys().next() {
        Some(_) => Err(AccountError::invalid("values", "there is one that the service does not ask for")),
        None => Ok(values),
    }
}

/// The values that an account keeps when it is connected again: those that it was asked for stay, and what the entry asks
/// for since then is given.
pub(crate) fn values_again(
    service: &Service,
    known: &Values,
    mut given: Values,
) -> Result<Values, AccountError> {
    for variable in &service.variables {
        if let Some(value) = known.get(&variable.key) {
            if given.get(&variable.key).is_some_and(|other| other != value) {
                let field = format!("values.{}", variable.key);
                return Err(AccountError::invalid(
                    &field,
                    "another one is another account: connect a new one",
                ));
            }
            given.insert(variable.key.clone(), value.clone());
        }
    }
    check_values(service, given)
}

/// Values that the service said, if each looks as the entry says and none is missing.
pub(crate) fn learned_values(
    service: &Service,
    mut values: Values,
    learned: Values,
) -> Result<Values, AccountError> {
    for expected in &service.learned {
        match learned.get(&expected.key) {
            Some(value) if value.len() <= LONGEST_VALUE && expected.pattern.matches(value) => {
                values.insert(expected.key.clone(), value.clone());
            }
            None if expected.optional => {}
            _ => return Err(service_client::TokenError::Unfit(expected.key.clone()).into()),
        }
    }
    // Now, and not with the first call of an app.
    service.base_url(&values).map_err(|error| AccountError::invalid("values", error))?;
    Ok(values)
}

/// What proves an account, as the entry's kind wants it.
pub(crate) fn check_secrets(service: &Service, secrets: Secrets) -> Result<Credentials, AccountError> {
    Credentials::given(&service.authentication, secrets).map_err(|error| match error {
        service_client::GivenError::AtTheService => AccountError::BrowserNeeded,
        error => AccountError::invalid("secrets", error),
    })
}

/// The scopes that a service is asked for.
pub(crate) fn asked_scopes(
    service: &Service,
    of_client: &BTreeSet<String>,
    given: Option<BTreeSet<String>>,
) -> Result<BTreeSet<String>, AccountError> {
    let Authentication::Oauth2Code(code) = &service.authentication else {
        return match given {
            Some(given) if !given.is_empty() => {
                Err(AccountError::invalid("scopes", "this service has no scopes that could be chosen"))
            }
            _ => Ok(BTreeSet::new()),
        };
    };
    let mut scopes = match given {
        Some(given) => check_scopes(service, given)?,
        None if of_client.is_empty() => code.default_scopes.iter().cloned().collect(),
        None => of_client.clone(),
    };
    scopes.extend(code.required_scopes.iter().cloned());
    Ok(scopes)
}

/// Scopes that can be written (RFC 6749, 3.3) and do not hold what separates them.
pub(crate) fn check_scopes(
    service: &Service,
    given: BTreeSet<String>,
) -> Result<BTreeSet<String>, AccountError> {
    let separator = match &service.authentication {
        Authentication::Oauth2Code(code) => code.scope_separator.as_str(),
        _ => " ",
    };
    let fits = |scope: &String| {
        (1..=LONGEST_SCOPE).contains(&scope.len())
            && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
            && !scope.contains(separator)
    };
    if given.len() > MOST_SCOPES || !given.iter().all(fits) {
        let reason = format!("at most {MOST_SCOPES}, each of visible ASCII without quotes and separators");
        return Err(AccountError::invalid("scopes", reason));
    }
    Ok(given)
}
