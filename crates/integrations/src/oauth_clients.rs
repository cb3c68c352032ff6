//! What organizations are registered as at services: made, looked at, changed and deleted.

use std::collections::BTreeSet;
use std::fmt;

use access_control::{ListOauthClients, ManageOauthClients, Permit};
use audit::{Actor, Event, Occasion, Target};
use catalogue::ServiceKey;
use ids::{OauthClientId, SecretId};
use secrets_vault::Owner;
use serde_json::{Value, json};
use service_client::SecretText;

use crate::given_account::check_scopes;
use crate::store::{accounts, oauth_clients};
use crate::{AccountCredentials, AccountError, KnownService, OauthClient, ReconnectCause};

/// The most clients of an organization.
const MOST: u64 = 5_000;
/// The longest identifier of a client, in bytes.
const LONGEST_IDENTIFIER: usize = 1_000;
/// The longest secret, in bytes.
const LONGEST_SECRET: usize = 8_000;

/// The OAuth clients of all organizations.
#[derive(Clone)]
pub struct OauthClients {
    credentials: AccountCredentials,
}

/// A client as people give it.
#[derive(Clone, Debug)]
pub struct GivenClient {
    /// Its identifier at the service.
    pub client_id: String,
    /// Its secret.
    pub secret: GivenSecret,
    /// The scopes that are asked for; empty for those of the entry.
    pub scopes: BTreeSet<String>,
}

/// A secret as people give it.
#[derive(Clone, Debug)]
pub enum GivenSecret {
    /// The one that is known stays.
    Kept,
    /// There is none: a public client (RFC 6749, 2.1).
    None,
    /// This.
    Text(SecretText),
}

impl fmt::Debug for OauthClients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OauthClients").finish_non_exhaustive()
    }
}

impl OauthClients {
    /// The clients beside these accounts.
    #[must_use]
    pub const fn new(credentials: AccountCredentials) -> Self {
        Self { credentials }
    }

    /// The organization's clients in the order in which they were made, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListOauthClients>,
        after: Option<OauthClientId>,
        most: usize,
    ) -> Result<Vec<OauthClient>, AccountError> {
        let database = self.credentials.store().database();
        Ok(oauth_clients::list(database, permit.organization(), after, most).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such client, or the store is not available.
    pub async fn find(
        &self,
        permit: &Permit<ListOauthClients>,
        id: OauthClientId,
    ) -> Result<OauthClient, AccountError> {
        let database = self.credentials.store().database();
        oauth_clients::find(database, permit.organization(), id).await?.ok_or(AccountError::NotFound)
    }

    /// Says what the organization is registered as at a service.
    ///
    /// # Errors
    /// There is no such service, or it takes no clients; what was given is not acceptable; there is one already.
    pub async fn create(
        &self,
        permit: &Permit<ManageOauthClients>,
        service: &ServiceKey,
        given: GivenClient,
        occasion: Occasion,
    ) -> Result<OauthClient, AccountError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let known = self.service(permit, service).await?;
        let GivenClient { client_id, secret, scopes } = check(&known, given)?;
        let secret = match secret {
            GivenSecret::Kept => return Err(AccountError::invalid("clientSecret", "it is missing")),
            GivenSecret::None => None,
            GivenSecret::Text(text) => Some(text),
        };
        let client = OauthClient {
            id: OauthClientId::generate(),
            organization,
            service: service.clone(),
            client_id,
            scopes,
            version: 1,
            secret: SecretId::generate(),
            created_by: permit.user(),
            created_at: now,
            updated_by: permit.user(),
            updated_at: now,
        };
        self.credentials.vault().prepare(client.owner()).await?;
        let change = self.credentials.store().journal().begin().await?;
        self.credentials.clients().seal(&change, &client, &known, secret.as_ref(), now).await?;
        if let Err(error) = oauth_clients::insert(change.transaction(), &client).await {
            return Err(if error.is_taken() { AccountError::ClientTaken } else { error.into() });
        }
        // Sealing has locked the organization, so that no other transaction adds one at the same time.
        if oauth_clients::count(change.transaction(), organization).await? > MOST {
            return Err(AccountError::TooMany(MOST));
        }
        change.commit(event(permit, occasion, None, Some(&client), &[])).await?;
        Ok(client)
    }

    /// Puts another registration in the place of one. With another identifier, the secret is given again, and every account
    /// of the service has to be connected again: tokens are for the client that they were given to.
    ///
    /// # Errors
    /// There is no such client; what was given is not acceptable; the secret is missing; somebody else changed it first.
    pub async fn update(
        &self,
        permit: &Permit<ManageOauthClients>,
        id: OauthClientId,
        given: GivenClient,
        expected_version: Option<i64>,
        occasion: Occasion,
    ) -> Result<OauthClient, AccountError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let database = self.credentials.store().database();
        let seen = oauth_clients::find(database, organization, id).await?.ok_or(AccountError::NotFound)?;
        let known = self.service(permit, &seen.service).await?;
        let GivenClient { client_id, secret, scopes } = check(&known, given)?;
        let vault = self.credentials.vault();
        vault.prepare(seen.owner()).await?;
        let change = self.credentials.store().journal().begin().await?;
        vault.keep_owner(&change, seen.owner()).await?;
        let before = oauth_clients::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(AccountError::NotFound)?;
        if expected_version.is_some_and(|expected| expected != before.version) {
            return Err(AccountError::Changed);
        }
        let secret = match secret {
            GivenSecret::None => None,
            GivenSecret::Text(text) => Some(text),
            GivenSecret::Kept if client_id != before.client_id => return Err(AccountError::SecretNeeded),
            // Read from what is sealed: a table that names another client or place gets no secret sealed for it.
            GivenSecret::Kept => {
                match self.credentials.clients().open(change.transaction(), organization, &known).await {
                    Ok(Some(stored)) => stored.secret,
                    Ok(None) => return Err(AccountError::NotFound),
                    Err(AccountError::ServiceChanged) => return Err(AccountError::SecretNeeded),
                    Err(error) => return Err(error),
                }
            }
        };
        let mut after = OauthClient { client_id, scopes, version: before.version + 1, ..before.clone() };
        (after.updated_by, after.updated_at) = (permit.user(), now);
        self.credentials.clients().seal_again(&change, &after, &known, secret.as_ref(), now).await?;
        oauth_clients::update(change.transaction(), &after).await?;
        let broken = if after.client_id == before.client_id {
            Vec::new()
        } else {
            let cause = ReconnectCause::ClientChanged;
            accounts::need_reconnect(change.transaction(), organization, &before.service, cause).await?
        };
        change.commit(event(permit, occasion, Some(&before), Some(&after), &broken)).await?;
        Ok(after)
    }

    /// Deletes one. Accounts of the service have to be connected again, with the next one.
    ///
    /// # Errors
    /// There is no such client, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageOauthClients>,
        id: OauthClientId,
        occasion: Occasion,
    ) -> Result<(), AccountError> {
        let organization = permit.organization();
        let vault = self.credentials.vault();
        let change = self.credentials.store().journal().begin().await?;
        // In the order in which everybody locks: two that differ would wait for each other.
        vault.keep_owner(&change, Owner::Organization(organization)).await?;
        let before = oauth_clients::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(AccountError::NotFound)?;
        vault.delete(&change, before.secret).await?;
        let cause = ReconnectCause::ClientChanged;
        let broken =
            accounts::need_reconnect(change.transaction(), organization, &before.service, cause).await?;
        change.commit(event(permit, occasion, Some(&before), None, &broken)).await?;
        Ok(())
    }

    async fn service(
        &self,
        permit: &Permit<ManageOauthClients>,
        key: &ServiceKey,
    ) -> Result<KnownService, AccountError> {
        let known = self.credentials.services().find(permit.organization(), key).await?;
        let known = known.ok_or(AccountError::UnknownService)?;
        if known.service.authentication.needs_client() {
            Ok(known)
        } else {
            Err(AccountError::invalid("service", "accounts of this service are connected without a client"))
        }
    }
}

fn check(known: &KnownService, given: GivenClient) -> Result<GivenClient, AccountError> {
    let client_id = given.client_id.trim().to_owned();
    let fits = |text: &str| text.chars().all(|character| !character.is_control());
    if client_id.is_empty() || client_id.len() > LONGEST_IDENTIFIER || !fits(&client_id) {
        let reason = format!("1 to {LONGEST_IDENTIFIER} bytes without control characters");
        return Err(AccountError::invalid("clientId", reason));
    }
    if let GivenSecret::Text(text) = &given.secret {
        let text = text.reveal();
        if text.is_empty() || text.len() > LONGEST_SECRET || !fits(text) {
            let reason = format!("1 to {LONGEST_SECRET} bytes without control characters");
            return Err(AccountError::invalid("clientSecret", reason));
        }
    }
    Ok(GivenClient { client_id, scopes: check_scopes(&known.service, given.scopes)?, secret: given.secret })
}

/// What the audit trail says of a change: never the secret.
fn event(
    permit: &Permit<ManageOauthClients>,
    occasion: Occasion,
    before: Option<&OauthClient>,
    after: Option<&OauthClient>,
    broken: &[ids::AccountId],
) -> Event {
    let described = |client: Option<&OauthClient>| {
        client.map_or(Value::Null, |client| {
            json!({
                "service": client.service,
                "clientId": client.client_id,
                "scopes": client.scopes,
                "version": client.version,
            })
        })
    };
    let id = after.or(before).map(|client| client.id);
    let target = id.map_or(Target::Organization(permit.organization()), Target::OauthClient);
    let name = <ManageOauthClients as access_control::Action>::NAME;
    let detail = json!({
        "before": described(before),
        "after": described(after),
        "accountsToReconnect": broken.len(),
    });
    Event::done(Actor::Person(permit.user()), name, target)
        .of(permit.organization())
        .during(occasion)
        .with(detail)
}
