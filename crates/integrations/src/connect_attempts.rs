//! Connecting accounts at the service: a browser leaves to consent and comes back, once, within ten minutes, in the session
//! that it left in.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use access_control::{
    CompleteConnectAttempt, ManageAccounts, ManageOwnAccounts, Means, Permit, Principal, authorize,
};
use audit::Occasion;
use catalogue::{ServiceKey, Values};
use cryptography::{SealingKey, Token, digest, hexadecimal};
use ids::{AccountId, Name, OrganizationId};
use serde_json::json;
use service_client::{Granted, SecretText};
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::connect_texts::{check_issuer, check_return_to, refusal};
use crate::connecting::connection;
use crate::given_account::{AccountDescription, GivenAttempt, asked_scopes, check_values, values_again};
use crate::sealed_attempt::SealedAttempt;
use crate::store::connect_attempts::Row;
use crate::store::{clock, connect_attempts, oauth_clients};
use crate::{Account, AccountError, AccountHolder, Accounts, KnownService, ManagesAccounts};

/// How long an attempt may take.
const LIFE: Duration = Duration::minutes(10);
/// The most attempts that a person has begun and not ended.
const MOST: u64 = 50;
/// Where services of the catalogue send browsers back to, on the platform's origin.
pub const CALLBACK_PATH: &str = "/integrations/callback";
/// Where organizations' own services do; each has a place of its own ([`ConnectAttempts::redirect`]). It is not
/// below [`CALLBACK_PATH`]: there are services that take every path below the one that is registered.
pub(crate) const IMPORTED_CALLBACK_PATH: &str = "/integrations/imported-callback/{place}";
/// How long the name of a place is, in hexadecimal digits.
const PLACE: usize = 32;

/// Attempts to connect accounts.
#[derive(Clone)]
pub struct ConnectAttempts {
    accounts: Accounts,
    sealing: Arc<SealingKey>,
    redirect: Url,
}

/// What a browser is told that begins.
#[derive(Clone, Debug)]
pub struct BegunAttempt {
    /// The service's page.
    pub url: Url,
    /// Until when the browser has to be back.
    pub expires_at: OffsetDateTime,
}

/// An account that is connected now.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The account.
    pub account: Account,
    /// The service's name for people.
    pub service_name: String,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: BTreeSet<String>,
    /// Where on the platform the person goes on.
    pub return_to: Option<String>,
}

impl fmt::Debug for ConnectAttempts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConnectAttempts").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

impl ConnectAttempts {
    /// Attempts to connect these accounts, sealed with `sealing`. `redirect` is the whole address of [`CALLBACK_PATH`].
    #[must_use]
    pub fn new(accounts: Accounts, sealing: SealingKey, redirect: Url) -> Self {
        Self { accounts, sealing: Arc::new(sealing), redirect }
    }

    /// The address that has to be registered at a service. An organization's own service has one of its own, and another
    /// when credentials go elsewhere: otherwise it could lead people on to an honest service, and be sent the code that
    /// that one gives (RFC 9700, 4.4.2).
    #[must_use]
    pub fn redirect(&self, organization: OrganizationId, service: &KnownService) -> Url {
        let mut redirect = self.redirect.clone();
        if let Some(imported) = &service.imported {
            let place = place(organization, &service.service.id, imported);
            redirect.set_path(&IMPORTED_CALLBACK_PATH.replace("{place}", &place));
        }
        redirect
    }

    /// Begins to connect a new account.
    ///
    /// # Errors
    /// There is no such service, or nobody consents there; the organization has no client; what was given is not acceptable.
    pub async fn begin<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        given: GivenAttempt,
        occasion: Occasion,
    ) -> Result<BegunAttempt, AccountError> {
        let known = self.service(permit.organization(), &given.service).await?;
        let values = check_values(&known.service, given.values.clone())?;
        // Now, and not only when the person comes back.
        let usable_by = given.description.usable_by.clone();
        self.accounts.usable_by(permit, usable_by, None, occasion.now)?;
        self.begin_at(permit, known, None, GivenAttempt { values, ..given }, occasion).await
    }

    /// Begins to connect an account again. It keeps its identifier, and what people say of it.
    ///
    /// # Errors
    /// There is no such account; as with [`ConnectAttempts::begin`].
    pub async fn begin_again<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        values: Values,
        scopes: Option<BTreeSet<String>>,
        return_to: Option<String>,
        occasion: Occasion,
    ) -> Result<BegunAttempt, AccountError> {
        let account = self.accounts.read(permit, id).await?;
        let known = self.service(permit.organization(), &account.service).await?;
        let values = values_again(&known.service, &account.values, values)?;
        let again = Some(account.asked_scopes).filter(|asked| !asked.is_empty());
        let given = GivenAttempt {
            service: account.service,
            description: AccountDescription {
                name: account.name,
                usable_by: account.usable_by,
                from_pages: account.from_pages,
            },
            values,
            scopes: scopes.or(again),
            return_to,
        };
        self.begin_at(permit, known, Some(id), given, occasion).await
    }

    async fn begin_at<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        known: KnownService,
        account: Option<AccountId>,
        given: GivenAttempt,
        occasion: Occasion,
    ) -> Result<BegunAttempt, AccountError> {
        let actor = permit.actor();
        if actor.means != Means::Browser {
            return Err(AccountError::BrowserNeeded);
        }
        let return_to = given.return_to.map(check_return_to).transpose()?;
        let (credentials, organization) = (&self.accounts.credentials, permit.organization());
        let database = credentials.store().database();
        if connect_attempts::count(database, actor.user).await? >= MOST {
            connect_attempts::sweep(database, occasion.now).await?;
            if connect_attempts::count(database, actor.user).await? >= MOST {
                return Err(AccountError::TooMany(MOST));
            }
        }
        let row = oauth_clients::at_service(database, organization, &given.service).await?;
        let row = row.ok_or(AccountError::NoClient)?;
        let client = credentials.clients().open(database, organization, &known).await?;
        let client = client.ok_or(AccountError::NoClient)?;
        let scopes = asked_scopes(&known.service, &row.scopes, given.scopes)?;
        let redirect = self.redirect(organization, &known);
        let state = Token::generate()?;
        let request = self
            .accounts
            .client
            .authorize(&known.service, &client, &given.values, &scopes, &redirect, &state.reveal())
            .await?;
        let begun = SealedAttempt {
            shared: A::holder(permit) == AccountHolder::Shared,
            service: given.service,
            imported: known.imported,
            client_id: client.client_id,
            name: given.description.name.to_string(),
            usable_by: given.description.usable_by,
            from_pages: given.description.from_pages,
            values: given.values,
            scopes,
            verifier: request.verifier.map(|verifier| verifier.reveal().to_owned()),
            return_to,
        };
        let expires_at = occasion.now + LIFE;
        let (user, session) = (actor.user, actor.session);
        let state_hash = state.hash();
        let mut row =
            Row { state_hash, organization, user, session, account, sealed: Vec::new(), expires_at };
        row.sealed = begun.seal(&self.sealing, &row)?;
        connect_attempts::insert(database, &row).await?;
        Ok(BegunAttempt { url: request.url, expires_at })
    }

    /// Connects what a browser came back for. `came_to` is the place of an organization's own service that it came to, none
    /// for [`CALLBACK_PATH`], and `callback` the whole query of the redirect.
    ///
    /// # Errors
    /// The attempt is not known, was begun by somebody else or in another session, or is of a service with another address;
    /// the person may not connect accounts there any more; the service refused. The attempt is used up either way.
    pub async fn complete(
        &self,
        permit: &Permit<CompleteConnectAttempt>,
        came_to: Option<&str>,
        callback: &Values,
        occasion: Occasion,
    ) -> Result<Connected, AccountError> {
        let (row, begun) = self.take(permit, callback, occasion.now).await?;
        let place =
            begun.imported.as_deref().map(|imported| place(row.organization, &begun.service, imported));
        if came_to != place.as_deref() {
            tracing::warn!(organization = %row.organization, service = %begun.service, "a browser came back at another service's address");
            return Err(AccountError::UnknownAttempt);
        }
        let facts = &*self.accounts.facts;
        let person = Principal::User(permit.actor().clone());
        // The leave to connect accounts is that of now, not that of when it began.
        if begun.shared {
            let permit = authorize::<ManageAccounts>(Some(&person), row.organization, facts, occasion.now)?;
            self.connect(&permit, row.account, begun, callback, occasion).await
        } else {
            let permit =
                authorize::<ManageOwnAccounts>(Some(&person), row.organization, facts, occasion.now)?;
            self.connect(&permit, row.account, begun, callback, occasion).await
        }
    }

    /// Deletes attempts that nobody came back for. To be run every few minutes.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<(), AccountError> {
        Ok(connect_attempts::sweep(self.accounts.credentials.store().database(), now).await?)
    }

    /// Takes out the attempt that this person began in this session.
    async fn take(
        &self,
        permit: &Permit<CompleteConnectAttempt>,
        callback: &Values,
        now: OffsetDateTime,
    ) -> Result<(Row, SealedAttempt), AccountError> {
        let state = callback.get("state").and_then(|state| Token::parse(state));
        let state = state.ok_or(AccountError::UnknownAttempt)?;
        let database = self.accounts.credentials.store().database();
        let row = connect_attempts::take(database, &state.hash()).await?;
        let row = row.ok_or(AccountError::UnknownAttempt)?;
        let actor = permit.actor();
        let mine = row.user == actor.user && row.session == actor.session;
        if !mine || row.expires_at <= now {
            return Err(AccountError::UnknownAttempt);
        }
        let begun = SealedAttempt::open(&self.sealing, &row);
        let Some(begun) = begun else {
            tracing::error!(organization = %row.organization, "an attempt to connect does not open where it is");
            return Err(AccountError::UnknownAttempt);
        };
        Ok((row, begun))
    }

    async fn connect<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        again: Option<AccountId>,
        begun: SealedAttempt,
        callback: &Values,
        occasion: Occasion,
    ) -> Result<Connected, AccountError> {
        let (credentials, organization) = (&self.accounts.credentials, permit.organization());
        let known = self.service(organization, &begun.service).await?;
        if known.imported != begun.imported {
            return Err(AccountError::ServiceChanged);
        }
        check_issuer(&known.service, callback)?;
        if let Some(refused) = refusal(callback) {
            return Err(refused);
        }
        let database = credentials.store().database();
        let client = credentials.clients().open(database, organization, &known).await?;
        let client = client.ok_or(AccountError::NoClient)?;
        if client.client_id != begun.client_id {
            return Err(AccountError::ClientChanged);
        }
        let verifier = begun.verifier.map(SecretText::from);
        // Before the request, so that a token is not taken to live longer than it does.
        let asked_at = clock::now(database).await?;
        let redirect = self.redirect(organization, &known);
        let service = Arc::clone(&known.service);
        let granted = self
            .accounts
            .client
            .exchange_code(&service, &client, &begun.values, &redirect, verifier.as_ref(), callback)
            .await?;
        let for_revocation = granted.clone();
        let (values, client_id) = (begun.values.clone(), Some(client.client_id.clone()));
        let kept = match connection(known, client_id, values, begun.scopes, granted, asked_at) {
            Err(error) => Err(error),
            Ok(connection) => match again {
                Some(id) => self.accounts.keep_again(permit, id, connection, occasion).await,
                None => match begun.name.parse::<Name>() {
                    Ok(name) => {
                        let (usable_by, from_pages) = (begun.usable_by, begun.from_pages);
                        let description = AccountDescription { name, usable_by, from_pages };
                        self.accounts.keep(permit, description, connection, occasion).await
                    }
                    Err(error) => Err(AccountError::invalid("name", error)),
                },
            },
        };
        let account = match kept {
            Ok(account) => account,
            Err(error) => {
                // Nobody else knows of the grant; what stays at the service can be taken back there.
                let Granted { credentials, .. } = for_revocation;
                let revoked =
                    self.accounts.client.revoke(&service, Some(&client), &begun.values, &credentials).await;
                if let Err(reason) = revoked {
                    tracing::warn!(%reason, service = %service.id, "a grant that could not be kept was not revoked");
                }
                return Err(error);
            }
        };
        let missing_scopes = account.asked_scopes.difference(&account.scopes).cloned().collect();
        let service_name = service.name.clone();
        Ok(Connected { account, service_name, missing_scopes, return_to: begun.return_to })
    }

    async fn service(
        &self,
        organization: OrganizationId,
        key: &ServiceKey,
    ) -> Result<KnownService, AccountError> {
        let known = self.accounts.credentials.services().find(organization, key).await?;
        let known = known.ok_or(AccountError::UnknownService)?;
        if known.service.authentication.needs_client() {
            Ok(known)
        } else {
            Err(AccountError::CredentialsNeeded)
        }
    }
}

/// The name of the place that an organization's own service has, as long as credentials go where they go.
fn place(organization: OrganizationId, key: &ServiceKey, imported: &str) -> String {
    let text = json!([organization.to_string(), key, imported]).to_string();
    let mut place = hexadecimal::encode(&digest(text.as_bytes()));
    place.truncate(PLACE);
    place
}
