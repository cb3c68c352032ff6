//! People: who they are to an identity provider, and whether they are let in.

use access_control::{Action, SignIn};
use audit::{Actor, Event, Journal, Target};
use ids::{EmailAddress, RequestId, UserId};
use serde_json::json;
use time::OffsetDateTime;

use crate::person::{tidy_name, tidy_picture};
use crate::store::{self, Store, parsed};
use crate::{IdentityError, Person};

/// The audit trail's name for shutting a person out.
pub(crate) const SUSPEND: &str = "users.suspend";
/// The audit trail's name for letting a person in again.
const RESTORE: &str = "users.restore";

/// Everybody who has ever signed in.
#[derive(Clone)]
pub struct Users {
    store: Store,
    journal: Journal,
}

/// What an identity provider says about a person, verified.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) email: EmailAddress,
    pub(crate) name: Option<String>,
    pub(crate) picture: Option<String>,
    pub(crate) hosted_domain: Option<String>,
}

/// What became of a profile.
pub(crate) enum Recognised {
    /// An account that exists, or did not until now.
    Person { person: Person, changed: bool },
    /// The account is shut out.
    Suspended(UserId),
    /// The e-mail address belongs to another account.
    EmailTaken,
}

impl Users {
    /// People in this store.
    #[must_use]
    pub fn new(store: Store, journal: Journal) -> Self {
        Self { store, journal }
    }

    /// Who this is.
    ///
    /// # Errors
    /// There is nobody of this identifier, or the store does not answer.
    pub async fn person(&self, id: UserId) -> Result<Person, IdentityError> {
        let row = store::users::by_id(&self.store.database, id).await?;
        row.ok_or(IdentityError::NotFound)?.person()
    }

    /// Who these are, as far as they exist, in no particular order.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, IdentityError> {
        let rows = store::users::by_ids(&self.store.database, ids).await?;
        rows.into_iter().map(store::users::Model::person).collect()
    }

    /// Who has this verified e-mail address.
    ///
    /// # Errors
    /// Nobody has, or the store does not answer.
    pub async fn by_email(&self, email: &EmailAddress) -> Result<Person, IdentityError> {
        let row = store::users::by_email(&self.store.database, email).await?;
        row.ok_or(IdentityError::NotFound)?.person()
    }

    /// The account of (issuer, subject), made before its person signs in for the first time. For the
    /// operator and the development platform: there is no endpoint, so no permit.
    ///
    /// # Errors
    /// The account is suspended, the e-mail address belongs to another one, or the store does not answer.
    pub async fn prepare(
        &self,
        issuer: &str,
        subject: &str,
        email: &EmailAddress,
        name: &str,
        now: OffsetDateTime,
    ) -> Result<Person, IdentityError> {
        let profile = Profile {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            email: email.clone(),
            name: Some(name.to_owned()),
            picture: None,
            hosted_domain: None,
        };
        match self.recognise(&profile, RequestId::generate(), now).await? {
            Recognised::Person { person, .. } => Ok(person),
            Recognised::Suspended(_) | Recognised::EmailTaken => Err(IdentityError::NotFound),
        }
    }

    /// Shuts a person out and ends all their sessions. For the operator: there is no endpoint, so no
    /// permit.
    ///
    /// # Errors
    /// There is nobody of this identifier, or the store does not answer.
    pub async fn suspend(&self, id: UserId, now: OffsetDateTime) -> Result<(), IdentityError> {
        let change = self.journal.begin().await?;
        if !store::users::suspend(change.transaction(), id, Some(now)).await? {
            return Err(IdentityError::NotFound);
        }
        store::sessions::delete_all_of(change.transaction(), id).await?;
        change.commit(Event::done(Actor::System, SUSPEND, Target::User(id))).await?;
        Ok(())
    }

    /// Lets a person in again. For the operator.
    ///
    /// # Errors
    /// There is nobody of this identifier, or the store does not answer.
    pub async fn restore(&self, id: UserId) -> Result<(), IdentityError> {
        let change = self.journal.begin().await?;
        if !store::users::suspend(change.transaction(), id, None).await? {
            return Err(IdentityError::NotFound);
        }
        change.commit(Event::done(Actor::System, RESTORE, Target::User(id))).await?;
        Ok(())
    }

    /// Finds or makes the account of (issuer, subject). An e-mail address identifies nobody here: it is
    /// only kept up to date, and only while nobody else has it.
    pub(crate) async fn recognise(
        &self,
        profile: &Profile,
        request: RequestId,
        now: OffsetDateTime,
    ) -> Result<Recognised, IdentityError> {
        let change = self.journal.begin().await?;
        let tables = change.transaction();
        let name = tidy_name(profile.name.as_deref(), &profile.email);
        let picture = tidy_picture(profile.picture.as_deref());
        let holder = store::users::by_email(tables, &profile.email).await?;
        let known = store::users::by_account(tables, &profile.issuer, &profile.subject).await?;
        let (person, detail) = match known {
            Some(row) if row.suspended_at.is_some() => {
                return Ok(Recognised::Suspended(parsed(&row.id, "users")?));
            }
            Some(row) => {
                let old = row.person()?;
                let email = if holder.is_none() { profile.email.clone() } else { old.email.clone() };
                let new = Person { id: old.id, email, name, picture };
                if new == old {
                    return Ok(Recognised::Person { person: old, changed: false });
                }
                store::users::describe(tables, &new).await?;
                let detail = json!({ "before": { "email": old.email }, "after": { "email": new.email } });
                (new, detail)
            }
            None if holder.is_some() => return Ok(Recognised::EmailTaken),
            None => {
                let person = Person { id: UserId::generate(), email: profile.email.clone(), name, picture };
                store::users::insert(tables, &person, &profile.issuer, &profile.subject, now).await?;
                let detail = json!({ "new": true, "email": person.email });
                (person, detail)
            }
        };
        let event = Event::done(Actor::Person(person.id), SignIn::NAME, Target::User(person.id))
            .in_request(request)
            .with(detail);
        change.commit(event).await?;
        Ok(Recognised::Person { person, changed: true })
    }
}
