//! Sessions, one row each, whatever the number of cookies made from it.

use std::collections::HashSet;

use access_control::{Means, SignedIn};
use ids::{Name, SessionId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, ExprTrait as _, QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{failed, parsed, users};
use crate::session::SessionParts;
use crate::{ApiToken, IdentityError};

const TABLE: &str = "sessions";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub user_id: String,
    pub means: String,
    pub name: Option<String>,
    pub token_hash: Vec<u8>,
    pub hosted_domain: Option<String>,
    pub user_agent: String,
    pub created_at: OffsetDateTime,
    pub authenticated_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
    /// The hour since 1970 in which it has lapsed if it is not used again: what a sweep begins with.
    pub lapse_hour: i64,
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
        row.token_hash.as_slice().try_into().map_err(|_| IdentityError::Unreadable { table: TABLE })?;
    let person = user.person()?;
    Ok(Some(SessionParts {
        signed_in: SignedIn {
            user: person.id,
            session: id,
            hosted_domain: row.hosted_domain.map(Into::into),
            authenticated_at: row.authenticated_at,
            means: means(&row.means)?,
        },
        person,
        token_hash,
        user_agent: row.user_agent,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        ends_at: row.ends_at,
    }))
}

/// `name` is what an API token is called, `lapse` when the session ends if it is not used.
pub async fn insert(
    connection: &impl ConnectionTrait,
    parts: &SessionParts,
    name: Option<&Name>,
    lapse: OffsetDateTime,
) -> Result<(), IdentityError> {
    let row = ActiveModel {
        id: Set(parts.signed_in.session.to_string()),
        user_id: Set(parts.signed_in.user.to_string()),
        means: Set(word(parts.signed_in.means).to_owned()),
        name: Set(name.map(|name| name.as_str().to_owned())),
        token_hash: Set(parts.token_hash.to_vec()),
        hosted_domain: Set(parts.signed_in.hosted_domain.as_deref().map(str::to_owned)),
        user_agent: Set(parts.user_agent.clone()),
        created_at: Set(parts.created_at),
        authenticated_at: Set(parts.signed_in.authenticated_at),
        last_seen_at: Set(parts.last_seen_at),
        ends_at: Set(parts.ends_at),
        lapse_hour: Set(hour_after(lapse)),
    };
    Entity::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

/// Whether there was such a session of this person and kind.
pub async fn delete(
    connection: &impl ConnectionTrait,
    id: SessionId,
    user: UserId,
    means: Means,
) -> Result<bool, IdentityError> {
    let deleted = Entity::delete_many()
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::UserId.eq(user.to_string()))
        .filter(Column::Means.eq(word(means)))
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

/// Writes the time of last use, and when the session ends if it is not used again. `false` if there is no such session
/// any more.
pub async fn seen(
    connection: &impl ConnectionTrait,
    id: SessionId,
    at: OffsetDateTime,
    lapse: OffsetDateTime,
) -> Result<bool, IdentityError> {
    let changed = Entity::update_many()
        .col_expr(Column::LastSeenAt, at.into())
        .col_expr(Column::LapseHour, hour_after(lapse).into())
        .filter(Column::Id.eq(id.to_string()))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(changed.rows_affected == 1)
}

/// A person's sessions in browsers, newest first.
pub async fn of_browsers(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<(SessionId, Model)>, IdentityError> {
    let rows = of_user(connection, user, Means::Browser).await?;
    rows.into_iter().map(|row| Ok((parsed(&row.id, TABLE)?, row))).collect()
}

/// A person's API tokens, newest first.
pub async fn api_tokens_of(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<ApiToken>, IdentityError> {
    let rows = of_user(connection, user, Means::ApiToken).await?;
    rows.into_iter()
        .map(|row| {
            Ok(ApiToken {
                id: parsed(&row.id, TABLE)?,
                name: parsed(row.name.as_deref().unwrap_or_default(), TABLE)?,
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                expires_at: row.ends_at,
            })
        })
        .collect()
}

async fn of_user(
    connection: &impl ConnectionTrait,
    user: UserId,
    means: Means,
) -> Result<Vec<Model>, IdentityError> {
    Entity::find()
        .filter(Column::UserId.eq(user.to_string()))
        .filter(Column::Means.eq(word(means)))
        .order_by_desc(Column::Id)
        .all(connection)
        .await
        .map_err(failed)
}

const fn word(means: Means) -> &'static str {
    match means {
        Means::Browser => "browser",
        Means::ApiToken => "api_token",
    }
}

/// What a row says of its kind.
pub fn means(text: &str) -> Result<Means, IdentityError> {
    let known = Means::ALL.into_iter().find(|means| word(*means) == text);
    known.ok_or(IdentityError::Unreadable { table: TABLE })
}

/// Some of the rows that may have lapsed, for sweeping: those after the row with this hour and id.
pub async fn page(
    connection: &impl ConnectionTrait,
    now: OffsetDateTime,
    after: &(i64, String),
    size: u64,
) -> Result<Vec<Model>, IdentityError> {
    let (hour, id) = after;
    let same_hour = Column::LapseHour.eq(*hour).and(Column::Id.gt(id));
    Entity::find()
        .filter(Column::LapseHour.lt(hour_after(now)))
        .filter(Column::LapseHour.gt(*hour).or(same_hour))
        .order_by_asc(Column::LapseHour)
        .order_by_asc(Column::Id)
        .limit(size)
        .all(connection)
        .await
        .map_err(failed)
}

/// The first hour since 1970 that begins after this instant. Whole hours, so that not every use of a session moves it
/// in the index.
fn hour_after(instant: OffsetDateTime) -> i64 {
    instant.unix_timestamp().div_euclid(3600) + 1
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

/// Which of these there are.
pub async fn existing(
    connection: &impl ConnectionTrait,
    ids: &[SessionId],
) -> Result<HashSet<SessionId>, IdentityError> {
    let rows = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids.iter().map(SessionId::to_string)))
        .into_tuple::<String>()
        .all(connection)
        .await
        .map_err(failed)?;
    Ok(rows.iter().filter_map(|id| id.parse().ok()).collect())
}
