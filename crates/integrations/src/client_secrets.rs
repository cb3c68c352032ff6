//! Sealing and opening the secrets of OAuth clients.

use audit::{Change, Target};
use catalogue::ServiceKey;
use cryptography::SecretBytes;
use ids::OrganizationId;
use secrets_vault::{Kind, Vault, VaultError, join_fields, split_fields};
use serde::{Deserialize, Serialize};
use service_client::SecretText;
use time::OffsetDateTime;

use crate::alarms::Alarms;
use crate::store::{ConnectionTrait, oauth_clients};
use crate::{AccountError, KnownService, OauthClient, Store};

/// The audit trail's name for a client that is not what was sealed.
const ALARM: &str = "oauth_clients.tampering_detected";

/// The secrets of OAuth clients. Each is sealed with the client and the service that it is for: whoever writes to the
/// tables cannot make it go elsewhere.
#[derive(Clone)]
pub(crate) struct ClientSecrets {
    vault: Vault,
    alarms: Alarms,
}

/// What a secret is for.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientUse {
    service: ServiceKey,
    client_id: String,
    /// For a service of the organization's own: where credentials go.
    imported: Option<String>,
}

impl ClientUse {
    fn of(client: &OauthClient, service: &KnownService) -> Self {
        Self {
            service: client.service.clone(),
            client_id: client.client_id.clone(),
            imported: service.imported.clone(),
        }
    }
}

impl ClientSecrets {
    pub(crate) fn new(store: &Store, vault: Vault) -> Self {
        Self { vault, alarms: Alarms::new(store.journal().clone()) }
    }

    /// Seals the secret of a new client; none for a public one (RFC 6749, 2.1).
    pub(crate) async fn seal(
        &self,
        change: &Change,
        client: &OauthClient,
        service: &KnownService,
        secret: Option<&SecretText>,
        now: OffsetDateTime,
    ) -> Result<(), AccountError> {
        let sealed = sealed(&ClientUse::of(client, service), secret)?;
        Ok(self.vault.seal(change, client.place(), &sealed, now).await?)
    }

    /// Seals another secret in place of one.
    pub(crate) async fn seal_again(
        &self,
        change: &Change,
        client: &OauthClient,
        service: &KnownService,
        secret: Option<&SecretText>,
        now: OffsetDateTime,
    ) -> Result<(), AccountError> {
        let sealed = sealed(&ClientUse::of(client, service), secret)?;
        self.vault.replace(change, client.place(), &sealed, now).await?;
        self.alarms.forget(&client.id);
        Ok(())
    }

    /// The organization's client at a service, with its secret.
    pub(crate) async fn open(
        &self,
        database: &impl ConnectionTrait,
        organization: OrganizationId,
        service: &KnownService,
    ) -> Result<Option<service_client::OauthClient>, AccountError> {
        let found = oauth_clients::at_service(database, organization, &service.service.id).await?;
        let Some(client) = found else { return Ok(None) };
        let value =
            self.vault.open_in(database, client.secret, client.owner(), Kind::OauthClientSecret).await;
        let value = value.map_err(|error| match error {
            VaultError::Tampered(_) => AccountError::ClientTampered,
            error => error.into(),
        })?;
        let Some((used_for, secret)) = read(&value) else {
            return Err(self.tampered(&client, &["secret"]));
        };
        let row = ClientUse::of(&client, service);
        if used_for.imported != row.imported {
            return Err(AccountError::ServiceChanged);
        }
        if used_for != row {
            // The row may have been read before a change, and the sealed value after it.
            let again = oauth_clients::find(database, organization, client.id).await?;
            return Err(match again {
                None => AccountError::NotFound,
                Some(again) if again.version != client.version => AccountError::Changed,
                Some(_) => self.tampered(&client, &["clientId"]),
            });
        }
        Ok(Some(service_client::OauthClient { client_id: client.client_id, secret }))
    }

    fn tampered(&self, client: &OauthClient, differs: &[&'static str]) -> AccountError {
        self.alarms.raise(ALARM, Target::OauthClient(client.id), &client.id, client.organization, differs);
        AccountError::ClientTampered
    }
}

fn sealed(used_for: &ClientUse, secret: Option<&SecretText>) -> Result<SecretBytes, AccountError> {
    let used_for = serde_json::to_vec(used_for)?;
    let mut fields = vec![used_for.as_slice()];
    fields.extend(secret.map(|secret| secret.reveal().as_bytes()));
    Ok(join_fields(&fields))
}

fn read(value: &SecretBytes) -> Option<(ClientUse, Option<SecretText>)> {
    let fields = split_fields(value)?;
    let (used_for, secret) = match fields.as_slice() {
        [used_for] => (used_for, None),
        [used_for, secret] => (used_for, Some(SecretText::try_from(SecretBytes::copy_of(secret)).ok()?)),
        _ => return None,
    };
    Some((serde_json::from_slice(used_for).ok()?, secret))
}
