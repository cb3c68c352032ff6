//! Sessions, one row each, whatever the number of cookies made from it.

use access_control::SignedIn;
use ids::{SessionId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{failed, parsed, users};
use crate::IdentityError;
use crate::session::SessionParts;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub user_id: String,
    pub token_hash: Vec<u8>,
    pub hosted_domain: Option<String>,
    pub user_agent: String,
    pub created_at: OffsetDateTime,
    pub authenticated_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::users::Entity", from = "Column::UserId", to = "super::users::Column::Id")]
    User,
}

impl Related<users::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// A session and its person, unless the person is suspended.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<SessionParts>, IdentityError> {
    let found = Entity::find_by_id(id.to_string())
        .find_also_related(users::Entity)
        .one(connection)
        .await
        .map_err(failed)?;
    let Some((row, Some(user))) = found else { return Ok(None) };
    if user.suspended_at.is_some() {
        return Ok(None);
    }
    let token_hash =
        row.token_hash.as_slice().try_into().map_err(|_| IdentityError::Unreadable { table: "sessions" })?;
    let person = user.person()?;
    Ok(Some(SessionParts {
        signed_in: SignedIn {
            user: person.id,
            session: id,
            hosted_domain: row.hosted_domain.map(Into::into),
            authenticated_at: row.authenticated_at,
            means: access_control::Means::Browser,
        },
        person,
        token_hash,
        user_agent: row.user_agent,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        ends_at: row.ends_at,
    }))
}

pub async fn insert(connection: &impl ConnectionTrait, parts: &SessionParts) -> Result<(), IdentityError> {
    let row = ActiveModel {
        id: Set(parts.signed_in.session.to_string()),
        user_id: Set(parts.signed_in.user.to_string()),
        token_hash: Set(parts.token_hash.to_vec()),
        hosted_domain: Set(parts.signed_in.hosted_domain.as_deref().map(str::to_owned)),
        user_agent: Set(parts.user_agent.clone()),
        created_at: Set(parts.created_at),
        authenticated_at: Set(parts.signed_in.authenticated_at),
        last_seen_at: Set(parts.last_seen_at),
        ends_at: Set(parts.ends_at),
    };
    Entity::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

/// Whether there was such a session of this person.
pub async fn delete(
    connection: &impl ConnectionTrait,
    id: SessionId,
    user: UserId,
) -> Result<bool, IdentityError> {
    let deleted = Entity::delete_many()
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::UserId.eq(user.to_string()))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(deleted.rows_affected == 1)
}

pub async fn delete_all_of(connection: &impl ConnectionTrait, user: UserId) -> Result<u64, IdentityError> {
    let deleted = Entity::delete_many()
        .filter(Column::UserId.eq(user.to_string()))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(deleted.rows_affected)
}

/// Writes the time of last use. `false` if there is no such session any more.
pub async fn seen(
    connection: &impl ConnectionTrait,
    id: SessionId,
    at: OffsetDateTime,
) -> Result<bool, IdentityError> {
    let changed = Entity::update_many()
        .col_expr(Column::LastSeenAt, at.into())
        .filter(Column::Id.eq(id.to_string()))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(changed.rows_affected == 1)
}

/// A person's sessions, newest first.
pub async fn of_user(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<(SessionId, Model)>, IdentityError> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(user.to_string()))
        .order_by_desc(Column::Id)
        .all(connection)
        .await
        .map_err(failed)?;
    rows.into_iter().map(|row| Ok((parsed(&row.id, "sessions")?, row))).collect()
}

/// Some rows in the order of their ids, for sweeping.
pub async fn page(
    connection: &impl ConnectionTrait,
    after: Option<&str>,
    size: u64,
) -> Result<Vec<Model>, IdentityError> {
    Entity::find()
        .filter(Column::Id.gt(after.unwrap_or_default()))
        .order_by_asc(Column::Id)
        .limit(size)
        .all(connection)
        .await
        .map_err(failed)
}

/// Deletes sessions that have lapsed by themselves.
pub async fn delete_lapsed(
    connection: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = String>,
) -> Result<u64, IdentityError> {
    let deleted =
        Entity::delete_many().filter(Column::Id.is_in(ids)).exec(connection).await.map_err(failed)?;
    Ok(deleted.rows_affected)
}
