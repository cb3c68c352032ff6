//! What proves the calls of a custom API, sealed together with what it may be used for.

use cryptography::SecretBytes;
use secrets_vault::{join_fields, split_fields};
use service_client::{Credentials, SecretText};

use crate::custom_api::{CustomApiAuthentication, CustomApiDefinition, CustomApiDefinitionError};

/// The longest key, token, user name or password, in bytes.
const LONGEST: usize = 16 * 1024;

/// The key, token or password of a custom API, as it is given. It cannot be printed or compared.
#[derive(Default)]
pub struct GivenCredential {
    /// The key (`api_key`) or the token (`bearer_token`).
    pub value: Option<SecretBytes>,
    /// The user name (`basic`).
    pub user: Option<String>,
    /// The password (`basic`).
    pub password: Option<SecretBytes>,
}

/// What was sealed.
pub(crate) struct OpenedCustomApi {
    /// What the credentials may be used for.
    pub definition: CustomApiDefinition,
    /// What they are.
    pub credentials: Credentials,
}

impl std::fmt::Debug for GivenCredential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("GivenCredential").finish_non_exhaustive()
    }
}

impl GivenCredential {
    /// The credentials; none if nothing is given.
    ///
    /// # Errors
    /// Something is missing, does not belong to this kind, or cannot be sent.
    pub(crate) fn read(
        self,
        authentication: CustomApiAuthentication,
    ) -> Result<Option<Credentials>, CustomApiDefinitionError> {
        let Self { value, user, password } = self;
        let other = |text| Err(CustomApiDefinitionError::OtherKind(text));
        match (authentication, value, user, password) {
            (_, None, None, None) => Ok(None),
            (CustomApiAuthentication::ApiKey, Some(value), None, None) => {
                Ok(Some(Credentials::ApiKey(fit("value", value, false)?)))
            }
            (CustomApiAuthentication::BearerToken, Some(value), None, None) => {
                Ok(Some(Credentials::Bearer(fit("value", value, false)?)))
            }
            (CustomApiAuthentication::Basic, None, Some(user), Some(password)) => {
                let is_user = !user.is_empty()
                    && user.len() <= LONGEST
                    // It would end where the password begins (RFC 7617, section 2).
                    && !user.chars().any(|character| character.is_control() || character == ':');
                if !is_user {
                    return Err(CustomApiDefinitionError::Credential("user"));
                }
                Ok(Some(Credentials::Basic { user, password: fit("password", password, true)? }))
            }
            (CustomApiAuthentication::Basic, ..) => {
                other("user and password belong to basic, and nothing else does")
            }
            (CustomApiAuthentication::ApiKey | CustomApiAuthentication::BearerToken, ..) => {
                other("value belongs to api_key and bearer_token, and nothing else does")
            }
        }
    }
}

fn fit(
    name: &'static str,
    value: SecretBytes,
    may_be_empty: bool,
) -> Result<SecretText, CustomApiDefinitionError> {
    let is_fit = value.reveal_text().is_some_and(|text| {
        (may_be_empty || !text.is_empty())
            && text.len() <= LONGEST
            && !text.chars().any(char::is_control)
            && text.trim() == text
    });
    let unfit = || CustomApiDefinitionError::Credential(name);
    if !is_fit {
        return Err(unfit());
    }
    SecretText::try_from(value).map_err(|_| unfit())
}

impl OpenedCustomApi {
    /// As it is sealed.
    pub(crate) fn sealed(
        definition: &CustomApiDefinition,
        credentials: &Credentials,
    ) -> Result<SecretBytes, serde_json::Error> {
        let definition = serde_json::to_vec(definition)?;
        Ok(join_fields(&[&definition, credentials.to_bytes().reveal()]))
    }

    /// What was sealed.
    pub(crate) fn read(value: &SecretBytes) -> Option<Self> {
        let fields = split_fields(value)?;
        let [definition, credentials] = fields.as_slice() else { return None };
        let definition: CustomApiDefinition = serde_json::from_slice(definition).ok()?;
        let credentials = Credentials::from_bytes(&SecretBytes::copy_of(credentials)).ok()?;
        let is_of_its_kind = matches!(
            (definition.authentication, &credentials),
            (CustomApiAuthentication::ApiKey, Credentials::ApiKey(_))
                | (CustomApiAuthentication::BearerToken, Credentials::Bearer(_))
                | (CustomApiAuthentication::Basic, Credentials::Basic { .. })
        );
        is_of_its_kind.then_some(Self { definition, credentials })
    }
}
