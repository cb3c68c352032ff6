//! People. One row for each (issuer, subject), never for an e-mail address.

use ids::{EmailAddress, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QuerySelect as _};
use time::OffsetDateTime;

use super::{failed, parsed};
use crate::{IdentityError, Person};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub issuer: String,
    pub subject: String,
    pub email: String,
    pub name: String,
    pub picture: Option<String>,
    pub created_at: OffsetDateTime,
    pub suspended_at: Option<OffsetDateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub fn person(self) -> Result<Person, IdentityError> {
        Ok(Person {
            id: parsed(&self.id, "users")?,
            email: parsed(&self.email, "users")?,
            name: self.name,
            picture: self.picture,
        })
    }
}

pub async fn by_account(
    connection: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
) -> Result<Option<Model>, IdentityError> {
    Entity::find()
        .filter(Column::Issuer.eq(issuer))
        .filter(Column::Subject.eq(subject))
        .one(connection)
        .await
        .map_err(failed)
}

pub async fn by_id(connection: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, IdentityError> {
    Entity::find_by_id(id.to_string()).one(connection).await.map_err(failed)
}

/// Nobody else who locks this person goes on until the transaction ends.
pub async fn lock(connection: &impl ConnectionTrait, id: UserId) -> Result<(), IdentityError> {
    // SQLite has one writer at a time, and leaves the lock out.
    let locked = Entity::find_by_id(id.to_string()).lock_exclusive();
    locked.one(connection).await.map_err(failed)?;
    Ok(())
}

pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Model>, IdentityError> {
    let mut rows = Vec::with_capacity(ids.len());
    // Both stores bound the number of parameters of one statement.
    for some in ids.chunks(500) {
        let ids = some.iter().map(UserId::to_string);
        rows.extend(Entity::find().filter(Column::Id.is_in(ids)).all(connection).await.map_err(failed)?);
    }
    Ok(rows)
}

pub async fn by_email(
    connection: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Option<Model>, IdentityError> {
    Entity::find().filter(Column::Email.eq(email.as_str())).one(connection).await.map_err(failed)
}

pub async fn insert(
    connection: &impl ConnectionTrait,
    person: &Person,
    issuer: &str,
    subject: &str,
    created_at: OffsetDateTime,
) -> Result<(), IdentityError> {
    let row = ActiveModel {
        id: Set(person.id.to_string()),
        issuer: Set(issuer.to_owned()),
        subject: Set(subject.to_owned()),
        email: Set(person.email.to_string()),
        name: Set(person.name.clone()),
        picture: Set(person.picture.clone()),
        created_at: Set(created_at),
        suspended_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

pub async fn describe(connection: &impl ConnectionTrait, person: &Person) -> Result<(), IdentityError> {
    Entity::update_many()
        .col_expr(Column::Email, person.email.as_str().into())
        .col_expr(Column::Name, person.name.as_str().into())
        .col_expr(Column::Picture, person.picture.clone().into())
        .filter(Column::Id.eq(person.id.to_string()))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

pub async fn suspend(
    connection: &impl ConnectionTrait,
    id: UserId,
    suspended_at: Option<OffsetDateTime>,
) -> Result<bool, IdentityError> {
    let changed = Entity::update_many()
        .col_expr(Column::SuspendedAt, suspended_at.into())
        .filter(Column::Id.eq(id.to_string()))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(changed.rows_affected == 1)
}
