//! Attempts to connect accounts that have begun.

use ids::{AccountId, OrganizationId, SessionId, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{StoreError, failed, read};

const TABLE: &str = "connect_attempts";
const SWEPT_AT_ONCE: u64 = 500;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: Vec<u8>,
    pub organization_id: String,
    pub user_id: String,
    pub session_id: String,
    pub account_id: Option<String>,
    pub sealed_request: Vec<u8>,
    pub expires_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An attempt as stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub state_hash: Vec<u8>,
    pub organization: OrganizationId,
    pub user: UserId,
    pub session: SessionId,
    /// The account that is connected again.
    pub account: Option<AccountId>,
    pub sealed: Vec<u8>,
    pub expires_at: OffsetDateTime,
}

/// Adds one.
pub async fn insert(database: &impl ConnectionTrait, row: &Row) -> Result<(), StoreError> {
    let model = ActiveModel {
        state_hash: Set(row.state_hash.clone()),
        organization_id: Set(row.organization.to_string()),
        user_id: Set(row.user.to_string()),
        session_id: Set(row.session.to_string()),
        account_id: Set(row.account.map(|account| account.to_string())),
        sealed_request: Set(row.sealed.clone()),
        expires_at: Set(row.expires_at),
    };
    Entity::insert(model).exec_without_returning(database).await.map_err(failed)?;
    Ok(())
}

/// How many a person has begun and not ended.
pub async fn count(database: &impl ConnectionTrait, user: UserId) -> Result<u64, StoreError> {
    Entity::find().filter(Column::UserId.eq(user.to_string())).count(database).await.map_err(failed)
}

/// Takes one out. Of several that ask for the same one, exactly one gets it.
pub async fn take(database: &impl ConnectionTrait, hash: &[u8]) -> Result<Option<Row>, StoreError> {
    let Some(row) = Entity::find_by_id(hash.to_vec()).one(database).await.map_err(failed)? else {
        return Ok(None);
    };
    let deleted = Entity::delete_by_id(hash.to_vec()).exec(database).await.map_err(failed)?;
    if deleted.rows_affected == 1 { assemble(row).map(Some) } else { Ok(None) }
}

/// Deletes what nobody came back for. The instants are compared here: SQLite keeps them as texts.
pub async fn sweep(database: &impl ConnectionTrait, now: OffsetDateTime) -> Result<(), StoreError> {
    let mut after = Vec::new();
    loop {
        let page: Vec<(Vec<u8>, OffsetDateTime)> = Entity::find()
            .select_only()
            .columns([Column::StateHash, Column::ExpiresAt])
            .filter(Column::StateHash.gt(after))
            .order_by_asc(Column::StateHash)
            .limit(SWEPT_AT_ONCE)
            .into_tuple()
            .all(database)
            .await
            .map_err(failed)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.clone();
        let lapsed: Vec<_> =
            page.into_iter().filter(|(_, expires_at)| *expires_at <= now).map(|(hash, _)| hash).collect();
        if !lapsed.is_empty() {
            let lapsed = Entity::delete_many().filter(Column::StateHash.is_in(lapsed));
            lapsed.exec(database).await.map_err(failed)?;
        }
    }
}

fn assemble(row: Model) -> Result<Row, StoreError> {
    Ok(Row {
        state_hash: row.state_hash,
        organization: read(TABLE, &row.organization_id)?,
        user: read(TABLE, &row.user_id)?,
        session: read(TABLE, &row.session_id)?,
        account: row.account_id.as_deref().map(|account| read(TABLE, account)).transpose()?,
        sealed: row.sealed_request,
        expires_at: row.expires_at,
    })
}
