//! The accounts of organizations and people: looked at, and changed in what people say of them.

use std::fmt;
use std::sync::Arc;

use access_control::{Action, Facts, InOrganization, Permit, UsableBy, VisibleApps};
use audit::{Actor, Event, Occasion, Target};
use catalogue::ServiceKey;
use ids::AccountId;
use serde_json::{Value, json};
use service_client::ServiceClient;
use time::OffsetDateTime;

use crate::given_account::AccountDescription;
use crate::organization_turns::OrganizationTurns;
use crate::store::accounts::{self, Of};
use crate::{
    AccessTokens, Account, AccountAction, AccountCredentials, AccountError, ManagesAccounts, SeesAccounts,
};

/// How many accounts are tried at once in each organization: everybody may, and each try keeps a connection to a service
/// open for seconds.
const TRIALS_AT_ONCE: usize = 16;

/// The accounts of all organizations. Each permit is for shared accounts or for those of one person; others do not exist
/// for it.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) credentials: AccountCredentials,
    pub(crate) tokens: AccessTokens,
    pub(crate) client: ServiceClient,
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) turns: OrganizationTurns,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts that these credentials prove and these tokens open, at services that `client` speaks to.
    #[must_use]
    pub fn new(
        credentials: AccountCredentials,
        tokens: AccessTokens,
        client: ServiceClient,
        facts: Arc<dyn Facts>,
    ) -> Self {
        Self { credentials, tokens, client, facts, turns: OrganizationTurns::new(TRIALS_AT_ONCE) }
    }

    /// The accounts in the order in which they were connected, at most so many after one, perhaps of one service. Of the
    /// apps that may use them, those that the person may see.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list<A: SeesAccounts>(
        &self,
        permit: &Permit<A>,
        service: Option<&ServiceKey>,
        after: Option<AccountId>,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<Account>, AccountError> {
        let database = self.credentials.store().database();
        let found = accounts::list(database, of(permit), service, after, most).await?;
        found.into_iter().map(|account| self.shown(permit, account, now)).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such account, or the store is not available.
    pub async fn find<A: SeesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        now: OffsetDateTime,
    ) -> Result<Account, AccountError> {
        let found = self.read(permit, id).await?;
        self.shown(permit, found, now)
    }

    /// Says anew what it is called and who may use it. Whoever does not see all apps that may use it does not let more use
    /// it.
    ///
    /// # Errors
    /// There is no such account; the person does not see an app; somebody else changed it first.
    pub async fn describe<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        description: AccountDescription,
        expected_version: Option<i64>,
        occasion: Occasion,
    ) -> Result<Account, AccountError> {
        let now = occasion.now;
        let seen = self.read(permit, id).await?;
        let AccountDescription { name, usable_by, from_pages } = description;
        let usable_by = self.usable_by(permit, usable_by, Some(&seen.usable_by), now)?;
        let vault = self.credentials.vault();
        vault.prepare(seen.owner()).await?;
        let change = self.credentials.store().journal().begin().await?;
        vault.keep_owner(&change, seen.owner()).await?;
        let before = accounts::lock(change.transaction(), seen.organization, id).await?;
        let before = before.ok_or(AccountError::NotFound)?;
        if expected_version.is_some_and(|expected| expected != before.version)
            || (before.usable_by != seen.usable_by || before.holder != seen.holder)
        {
            return Err(AccountError::Changed);
        }
        // Whoever connected it let these apps use it, of which the person does not even see all.
        let gives_more = usable_by.gives_more_than(&before.usable_by) || (from_pages && !before.from_pages);
        if gives_more && !self.visible_apps(permit, now).sees_all(&before.usable_by)? {
            return Err(AccountError::HiddenApps);
        }
        let mut after =
            Account { name, usable_by, from_pages, version: before.version + 1, ..before.clone() };
        (after.updated_by, after.updated_at) = (permit.user(), now);
        self.credentials.reseal(&change, &before, &after, None, now).await?;
        accounts::update(change.transaction(), &after).await?;
        change.commit(event(permit, occasion, Some(&before), Some(&after))).await?;
        self.shown(permit, after, now)
    }

    /// One of the permit's accounts, with all apps.
    pub(crate) async fn read<A: AccountAction>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
    ) -> Result<Account, AccountError> {
        let database = self.credentials.store().database();
        let found = accounts::find(database, permit.organization(), id).await?;
        found.filter(|account| account.holder == A::holder(permit)).ok_or(AccountError::NotFound)
    }

    /// Who may use an account from now on.
    pub(crate) fn usable_by<A: AccountAction>(
        &self,
        permit: &Permit<A>,
        given: UsableBy,
        before: Option<&UsableBy>,
        now: OffsetDateTime,
    ) -> Result<UsableBy, AccountError> {
        self.visible_apps(permit, now).given(given, before)?.ok_or(AccountError::UnknownApp)
    }

    /// The same without apps that the person does not see.
    pub(crate) fn shown<A: AccountAction>(
        &self,
        permit: &Permit<A>,
        mut account: Account,
        now: OffsetDateTime,
    ) -> Result<Account, AccountError> {
        account.usable_by = self.visible_apps(permit, now).shown(account.usable_by)?;
        Ok(account)
    }

    fn visible_apps<A: AccountAction>(&self, permit: &Permit<A>, now: OffsetDateTime) -> VisibleApps<'_> {
        VisibleApps::of(permit, &*self.facts, now)
    }
}

/// Which accounts a permit is for.
pub(crate) fn of<A: AccountAction>(permit: &Permit<A>) -> Of {
    Of { organization: permit.organization(), holder: A::holder(permit) }
}

/// What the audit trail says of a change.
pub(crate) fn event<A: Action<Scope = InOrganization>>(
    permit: &Permit<A>,
    occasion: Occasion,
    before: Option<&Account>,
    after: Option<&Account>,
) -> Event {
    let id = after.or(before).map(|account| account.id);
    let target = id.map_or(Target::Organization(permit.organization()), Target::Account);
    let described = |account: Option<&Account>| account.map_or(Value::Null, described);
    Event::done(Actor::Person(permit.user()), A::NAME, target)
        .of(permit.organization())
        .during(occasion)
        .with(json!({ "before": described(before), "after": described(after) }))
}

/// What the audit trail says of an account: all that makes it what it is, nothing that proves it.
pub(crate) fn described(account: &Account) -> Value {
    json!({
        "name": account.name,
        "service": account.service,
        "holder": account.holder.as_str(),
        "user": account.holder.user(),
        "values": account.values,
        "askedScopes": account.asked_scopes,
        "scopes": account.scopes,
        "usableBy": account.usable_by,
        "fromPages": account.from_pages,
        "state": account.state.as_str(),
        "cause": account.state.cause().map(crate::ReconnectCause::as_str),
        "version": account.version,
        "generation": account.generation,
    })
}
