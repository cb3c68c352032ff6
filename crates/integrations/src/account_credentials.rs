//! Sealing and opening what proves accounts.

use std::sync::Arc;

use audit::{Change, Target};
use catalogue::{Authentication, Service, Values};
use cryptography::SecretBytes;
use secrets_vault::{Kind, Vault, VaultError};
use service_client::Credentials;
use time::OffsetDateTime;

use crate::alarms::Alarms;
use crate::sealed_account::{AccountUse, SealedAccount};
use crate::store::{ConnectionTrait, accounts};
use crate::{Account, AccountError, AccountState, ClientSecrets, KnownService, Services, Store};

/// The audit trail's name for an account that is not what was sealed.
const ALARM: &str = "accounts.tampering_detected";

/// What proves accounts. It takes no permits: those who use accounts decide, and open only what they use.
#[derive(Clone)]
pub struct AccountCredentials {
    store: Store,
    vault: Vault,
    services: Services,
    clients: ClientSecrets,
    alarms: Alarms,
}

/// An account, opened: what a call or a token request needs. It cannot be printed.
pub struct Unlocked {
    /// The service's entry.
    pub service: Arc<Service>,
    /// The account's values.
    pub values: Values,
    /// What proves it.
    pub credentials: Credentials,
    /// What the organization is registered as, where it is needed.
    pub client: Option<service_client::OauthClient>,
    /// Which generation of tokens this is.
    pub generation: i64,
}

/// What an account is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedFor {
    /// A call: the client is opened only if calls are signed with it, or carry its identifier.
    Calls,
    /// A token request or a revocation.
    Tokens,
}

/// What a person gave, or what the service gave them, and with what.
pub(crate) struct Proof {
    pub(crate) credentials: Credentials,
    /// The service as it was described then.
    pub(crate) service: KnownService,
    /// The client that the service gave it to.
    pub(crate) client_id: Option<String>,
}

impl Proof {
    fn sealed(&self, account: &Account) -> Result<SecretBytes, AccountError> {
        let used_for = AccountUse::of(account, &self.service, self.client_id.clone());
        Ok(SealedAccount::to_bytes(&used_for, &self.credentials)?)
    }
}

impl std::fmt::Debug for AccountCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AccountCredentials").finish_non_exhaustive()
    }
}

impl AccountCredentials {
    /// What proves the accounts in this store.
    #[must_use]
    pub fn new(store: Store, vault: Vault, services: Services) -> Self {
        let alarms = Alarms::new(store.journal().clone());
        let clients = ClientSecrets::new(&store, vault.clone());
        Self { store, vault, services, clients, alarms }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) const fn services(&self) -> &Services {
        &self.services
    }

    pub(crate) const fn clients(&self) -> &ClientSecrets {
        &self.clients
    }

    /// Opens an account that was just read. Whoever asked has decided that it may be used.
    ///
    /// # Errors
    /// It was changed meanwhile: read it and decide again ([`AccountError::Changed`]); it is not what was sealed; the
    /// service or the client is not the one that it was connected with; the store or the vault does not answer.
    pub async fn unlock(&self, account: &Account, opened_for: OpenedFor) -> Result<Unlocked, AccountError> {
        self.unlock_in(self.store.database(), account, opened_for).await
    }

    /// The same, inside of a transaction or beside one.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn unlock_in(
        &self,
        database: &impl ConnectionTrait,
        account: &Account,
        opened_for: OpenedFor,
    ) -> Result<Unlocked, AccountError> {
        let SealedAccount { used_for, credentials } = self.open(database, account).await?;
        let known = self.services.find_in(database, account.organization, &account.service).await?;
        let known = known.ok_or(AccountError::UnknownService)?;
        if known.imported != used_for.imported {
            return Err(self.service_changed(database, account).await?);
        }
        let mut client = None;
        if needs_client(&known.service, opened_for) {
            let found = self.clients.open(database, account.organization, &known).await?;
            let found = found.ok_or(AccountError::ClientChanged)?;
            if used_for.client_id.as_deref() != Some(found.client_id.as_str()) {
                return Err(AccountError::ClientChanged);
            }
            client = Some(found);
        }
        let (values, generation) = (account.values.clone(), account.generation);
        Ok(Unlocked { service: known.service, values, credentials, client, generation })
    }

    /// Seals what proves a new account, within the change that adds it.
    pub(crate) async fn seal(
        &self,
        change: &Change,
        account: &Account,
        proof: &Proof,
        now: OffsetDateTime,
    ) -> Result<(), AccountError> {
        Ok(self.vault.seal(change, account.place(), &proof.sealed(account)?, now).await?)
    }

    /// Seals what became of an account in place of what it was: with `credentials`, or else with those that it had.
    /// `before` is its row, locked in this change after the organization ([`Vault::keep_owner`]); it has to be what was
    /// sealed, or whoever writes to the tables would have it sealed for them.
    ///
    /// # Errors
    /// It is not what was sealed; the store or the vault does not answer.
    pub(crate) async fn reseal(
        &self,
        change: &Change,
        before: &Account,
        after: &Account,
        credentials: Option<&Credentials>,
        now: OffsetDateTime,
    ) -> Result<(), AccountError> {
        let sealed = self.open(change.transaction(), before).await?;
        let credentials = credentials.unwrap_or(&sealed.credentials);
        let sealed = SealedAccount::to_bytes(&sealed.used_for.again(after), credentials)?;
        self.vault.replace(change, before.place(), &sealed, now).await?;
        Ok(())
    }

    /// The same with what a person gave or consented to anew, at the service as it is described now.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn reseal_anew(
        &self,
        change: &Change,
        before: &Account,
        after: &Account,
        proof: &Proof,
        now: OffsetDateTime,
    ) -> Result<(), AccountError> {
        self.open(change.transaction(), before).await?;
        let sealed = proof.sealed(after)?;
        self.vault.replace(change, before.place(), &sealed, now).await?;
        Ok(())
    }

    async fn open(
        &self,
        database: &impl ConnectionTrait,
        account: &Account,
    ) -> Result<SealedAccount, AccountError> {
        let value = self
            .vault
            .open_in(database, account.credentials, account.owner(), Kind::AccountCredentials)
            .await;
        let value = value.map_err(|error| match error {
            VaultError::Tampered(_) => AccountError::Tampered(account.id),
            error => error.into(),
        })?;
        let opened = SealedAccount::read(&value).ok_or_else(|| self.tampered(account, &["credentials"]))?;
        let differences = opened.used_for.differences(account);
        if differences.is_empty() {
            return Ok(opened);
        }
        // The row may have been read before a change, and the sealed value after it.
        match accounts::find(database, account.organization, account.id).await? {
            None => Err(AccountError::NotFound),
            Some(again) if (again.version, again.generation) != (account.version, account.generation) => {
                Err(AccountError::Changed)
            }
            Some(_) => Err(self.tampered(account, &differences)),
        }
    }

    /// The service is described otherwise than when the account was connected. Whoever changes it here has its accounts
    /// connected again: one that still counts as connected was forgotten by somebody who changed the table.
    async fn service_changed(
        &self,
        database: &impl ConnectionTrait,
        account: &Account,
    ) -> Result<AccountError, AccountError> {
        // The account may have been read before the change, and the description after it.
        let again = accounts::find(database, account.organization, account.id).await?;
        if again.is_some_and(|again| again.state == AccountState::Active) {
            self.raise(account, &["service"]);
        }
        Ok(AccountError::ServiceChanged)
    }

    fn tampered(&self, account: &Account, differs: &[&'static str]) -> AccountError {
        self.raise(account, differs);
        AccountError::Tampered(account.id)
    }

    fn raise(&self, account: &Account, differs: &[&'static str]) {
        self.alarms.raise(ALARM, Target::Account(account.id), &account.id, account.organization, differs);
    }
}

fn needs_client(service: &Service, opened_for: OpenedFor) -> bool {
    service.authentication.needs_client()
        && match opened_for {
            OpenedFor::Tokens => true,
            OpenedFor::Calls => {
                let named = |placement: &catalogue::Placement| {
                    ["{client_id}", "{client_secret}"].iter().any(|name| placement.format.contains(name))
                };
                matches!(service.authentication, Authentication::Oauth1(_))
                    || service.api.credential.iter().any(named)
            }
        }
}
