//! Connecting accounts: with what people give here, and with what a service gave them. The second half of both is the same.

use std::collections::BTreeSet;

use access_control::Permit;
use audit::{Change, Occasion};
use catalogue::{Authentication, Values};
use ids::{AccountId, OrganizationId, SecretId};
use secrets_vault::NewValue;
use service_client::{Granted, Secrets};

use crate::account_credentials::Proof;
use crate::accounts::{event, of};
use crate::given_account::{
    AccountDescription, GivenAccount, check_secrets, check_values, learned_values, values_again,
};
use crate::refresh::schedule;
use crate::store::accounts::{self, Times};
use crate::store::{clock, service_revocations};
use crate::trial::{self, Trial};
use crate::{
    Account, AccountAction, AccountError, AccountHolder, AccountState, Accounts, KnownService,
    ManagesAccounts,
};

/// The most shared accounts of an organization.
const MOST_SHARED: u64 = 20_000;
/// The most accounts of one person in an organization.
const MOST_OWN: u64 = 500;

/// The code of [`service_client::CallError`] for a host with an address that may not be connected to.
const ADDRESS_REFUSED: &str = "address_refused";

/// What a connection is made of, once the service or a person gave what proves it.
pub(crate) struct Connection {
    pub(crate) proof: Proof,
    pub(crate) values: Values,
    pub(crate) asked_scopes: BTreeSet<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) times: Times,
}

impl Accounts {
    /// Connects an account with what proves it. Where a token is made from that, one is got; where the entry has a call to
    /// try it with, it is tried: what the service does not take is not kept.
    ///
    /// # Errors
    /// There is no such service, or people consent there; what was given is not acceptable to us or to the service; there
    /// are too many.
    pub async fn connect<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        given: GivenAccount,
        occasion: Occasion,
    ) -> Result<(Account, Trial), AccountError> {
        let GivenAccount { service, description, values, secrets, tested } = given;
        let known = self.credentials.services().find(permit.organization(), &service).await?;
        let known = known.ok_or(AccountError::UnknownService)?;
        let _turn = self.turns.take(permit.organization()).ok_or(AccountError::TrialsBusy)?;
        let values = check_values(&known.service, values)?;
        let (connection, trial) = self.proved(known, values, secrets, tested).await?;
        Ok((self.keep(permit, description, connection, occasion).await?, trial))
    }

    /// Proves an account anew, with what a person gives. It keeps its identifier, and what people say of it.
    ///
    /// # Errors
    /// There is no such account; as with [`Accounts::connect`].
    pub async fn prove_again<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        values: Values,
        secrets: Secrets,
        tested: bool,
        occasion: Occasion,
    ) -> Result<(Account, Trial), AccountError> {
        let account = self.read(permit, id).await?;
        let _turn = self.turns.take(permit.organization()).ok_or(AccountError::TrialsBusy)?;
        let known = self.credentials.services().find(permit.organization(), &account.service).await?;
        let known = known.ok_or(AccountError::UnknownService)?;
        let values = values_again(&known.service, &account.values, values)?;
        let (connection, trial) = self.proved(known, values, secrets, tested).await?;
        Ok((self.keep_again(permit, id, connection, occasion).await?, trial))
    }

    /// Tries an account.
    ///
    /// # Errors
    /// There is no such account, or it cannot be opened.
    pub async fn test<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
    ) -> Result<Trial, AccountError> {
        let account = self.read(permit, id).await?;
        let _turn = self.turns.take(permit.organization()).ok_or(AccountError::TrialsBusy)?;
        let opened = self.tokens.of(&account).await?;
        let (service, client) = (&opened.service, opened.client.as_ref());
        Ok(trial::attempt(&self.client, service, &opened.values, &opened.credentials, client).await)
    }

    async fn proved(
        &self,
        known: KnownService,
        values: Values,
        secrets: Secrets,
        tested: bool,
    ) -> Result<(Connection, Trial), AccountError> {
        let service = &known.service;
        let credentials = check_secrets(service, secrets)?;
        // Before the request, so that a token is not taken to live longer than it does.
        let asked_at = clock::now(self.credentials.store().database()).await?;
        let granted = match service.authentication {
            Authentication::Oauth2ClientCredentials(_)
            | Authentication::Oauth2JwtBearer(_)
            | Authentication::TwoStep(_) => self.client.refresh(service, None, &values, &credentials).await?,
            _ => Granted { credentials, expires_in: None, scopes: None, learned: Values::new() },
        };
        let connection = connection(known, None, values, Default::default(), granted, asked_at)?;
        let Connection { proof: Proof { credentials, service, .. }, values, .. } = &connection;
        let trial = if tested {
            trial::attempt(&self.client, &service.service, values, credentials, None).await
        } else {
            Trial::Untried
        };
        if let Some(status) = trial.refused() {
            return Err(AccountError::NotTaken(status));
        }
        if trial == Trial::NoAnswer(ADDRESS_REFUSED) {
            return Err(AccountError::Address);
        }
        Ok((connection, trial))
    }

    /// Keeps a new account.
    pub(crate) async fn keep<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        description: AccountDescription,
        connection: Connection,
        occasion: Occasion,
    ) -> Result<Account, AccountError> {
        let now = occasion.now;
        let AccountDescription { name, usable_by, from_pages } = description;
        let Connection { proof, values, asked_scopes, scopes, times } = connection;
        let account = Account {
            id: AccountId::generate(),
            organization: permit.organization(),
            service: proof.service.service.id.clone(),
            holder: A::holder(permit),
            name,
            values,
            asked_scopes,
            scopes,
            usable_by: self.usable_by(permit, usable_by, None, now)?,
            from_pages,
            state: AccountState::Active,
            version: 1,
            credentials: SecretId::generate(),
            generation: 1,
            expires_at: times.expires_at,
            failure: None,
            consented_at: now,
            created_by: permit.user(),
            created_at: now,
            updated_by: permit.user(),
            updated_at: now,
        };
        self.credentials.vault().prepare(account.owner()).await?;
        let change = self.credentials.store().journal().begin().await?;
        self.credentials.seal(&change, &account, &proof, now).await?;
        self.is_still_described_so(&change, permit.organization(), &proof).await?;
        accounts::insert(change.transaction(), &account, times).await?;
        // Sealing has locked the organization, so that no other transaction adds one at the same time.
        let most = most::<A>(permit);
        if accounts::count(change.transaction(), of(permit)).await? > most {
            return Err(AccountError::TooMany(most));
        }
        change.commit(event(permit, occasion, None, Some(&account))).await?;
        self.shown(permit, account, now)
    }

    /// Keeps what proves an account anew. A refresh that is under way writes nothing any more.
    pub(crate) async fn keep_again<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        connection: Connection,
        occasion: Occasion,
    ) -> Result<Account, AccountError> {
        let now = occasion.now;
        let Connection { proof, values, asked_scopes, scopes, times } = connection;
        let NewValue { owner, .. } = self.read(permit, id).await?.place();
        let vault = self.credentials.vault();
        vault.prepare(owner).await?;
        let change = self.credentials.store().journal().begin().await?;
        vault.keep_owner(&change, owner).await?;
        let before = accounts::lock(change.transaction(), permit.organization(), id).await?;
        let before = before.filter(|account| account.holder == A::holder(permit));
        let before = before.ok_or(AccountError::NotFound)?;
        if before.service != proof.service.service.id {
            return Err(AccountError::Changed);
        }
        // What proved it until now would be forgotten before it is revoked.
        if let Some(revocation) = service_revocations::awaits(change.transaction(), id).await? {
            return Err(AccountError::RevocationUnderWay(revocation));
        }
        let mut after = Account {
            values,
            asked_scopes,
            scopes,
            state: AccountState::Active,
            version: before.version + 1,
            generation: before.generation + 1,
            expires_at: times.expires_at,
            failure: None,
            consented_at: now,
            ..before.clone()
        };
        (after.updated_by, after.updated_at) = (permit.user(), now);
        self.credentials.reseal_anew(&change, &before, &after, &proof, now).await?;
        self.is_still_described_so(&change, permit.organization(), &proof).await?;
        accounts::reconnect(change.transaction(), &after, times).await?;
        change.commit(event(permit, occasion, Some(&before), Some(&after))).await?;
        self.shown(permit, after, now)
    }

    /// A service of the organization's own may have been imported again while somebody consented: the account would not be
    /// among those that are connected again.
    async fn is_still_described_so(
        &self,
        change: &Change,
        organization: OrganizationId,
        proof: &Proof,
    ) -> Result<(), AccountError> {
        let KnownService { service, imported } = &proof.service;
        let services = self.credentials.services();
        let known = services.find_in(change.transaction(), organization, &service.id).await?;
        match known {
            Some(known) if known.imported == *imported => Ok(()),
            Some(_) => Err(AccountError::ServiceChanged),
            None => Err(AccountError::UnknownService),
        }
    }
}

/// What was granted, as a connection.
pub(crate) fn connection(
    service: KnownService,
    client_id: Option<String>,
    values: Values,
    asked_scopes: BTreeSet<String>,
    granted: Granted,
    asked_at: i64,
) -> Result<Connection, AccountError> {
    let Granted { credentials, expires_in, scopes, learned } = granted;
    let values = learned_values(&service.service, values, learned)?;
    let times = schedule::times(&service.service, &credentials, expires_in, asked_at);
    // A service that says nothing granted what it was asked for (RFC 6749, 5.1).
    let scopes = scopes.unwrap_or_else(|| asked_scopes.clone());
    Ok(Connection { proof: Proof { credentials, service, client_id }, values, asked_scopes, scopes, times })
}

fn most<A: AccountAction>(permit: &Permit<A>) -> u64 {
    match A::holder(permit) {
        AccountHolder::Shared => MOST_SHARED,
        AccountHolder::Personal(_) => MOST_OWN,
    }
}
