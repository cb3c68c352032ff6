//! What proves an account, sealed together with what it may be used for.

use access_control::UsableBy;
use catalogue::{ServiceKey, Values};
use cryptography::SecretBytes;
use ids::AccountId;
use secrets_vault::{join_fields, split_fields};
use serde::{Deserialize, Serialize};
use service_client::Credentials;

use crate::{Account, KnownService};

/// What an account may be used for: whoever writes to the tables cannot make its credentials go to another service, into
/// the hands of another app, or back to an older generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountUse {
    account: AccountId,
    service: ServiceKey,
    values: Values,
    usable_by: UsableBy,
    from_pages: bool,
    generation: i64,
    /// The client that the service gave the tokens to.
    pub(crate) client_id: Option<String>,
    /// For a service of the organization's own: where credentials go.
    pub(crate) imported: Option<String>,
}

/// Credentials, and what they may be used for. They cannot be printed or compared.
pub(crate) struct SealedAccount {
    pub(crate) used_for: AccountUse,
    pub(crate) credentials: Credentials,
}

impl AccountUse {
    /// What this account may be used for.
    pub(crate) fn of(account: &Account, service: &KnownService, client_id: Option<String>) -> Self {
        Self { client_id, imported: service.imported.clone(), ..Self::shown(account) }
    }

    /// The same with what the row says, for this client and description of the service.
    pub(crate) fn again(&self, account: &Account) -> Self {
        Self { client_id: self.client_id.clone(), imported: self.imported.clone(), ..Self::shown(account) }
    }

    /// What of a row is not what was sealed, in the words of the API. Apps that are gone since then are no difference.
    pub(crate) fn differences(&self, account: &Account) -> Vec<&'static str> {
        let row = Self::shown(account);
        [
            ("id", row.account == self.account),
            ("service", row.service == self.service),
            ("values", row.values == self.values),
            ("apps", row.usable_by.is_or_was(&self.usable_by)),
            ("fromPages", row.from_pages == self.from_pages),
            ("generation", row.generation == self.generation),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }

    fn shown(account: &Account) -> Self {
        Self {
            account: account.id,
            service: account.service.clone(),
            values: account.values.clone(),
            usable_by: account.usable_by.clone(),
            from_pages: account.from_pages,
            generation: account.generation,
            client_id: None,
            imported: None,
        }
    }
}

impl SealedAccount {
    /// As it is sealed.
    pub(crate) fn to_bytes(
        used_for: &AccountUse,
        credentials: &Credentials,
    ) -> Result<SecretBytes, serde_json::Error> {
        let used_for = serde_json::to_vec(used_for)?;
        Ok(join_fields(&[used_for.as_slice(), credentials.to_bytes().reveal()]))
    }

    /// What was sealed.
    pub(crate) fn read(value: &SecretBytes) -> Option<Self> {
        let fields = split_fields(value)?;
        let [used_for, credentials] = fields.as_slice() else { return None };
        let used_for = serde_json::from_slice(used_for).ok()?;
        let credentials = Credentials::from_bytes(&SecretBytes::copy_of(credentials)).ok()?;
        Some(Self { used_for, credentials })
    }
}
