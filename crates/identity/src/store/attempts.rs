//! Sign-ins that have begun.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{SWEPT_AT_ONCE, failed};
use crate::IdentityError;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: Vec<u8>,
    pub browser_hash: Vec<u8>,
    pub provider: String,
    pub nonce: String,
    pub pkce_verifier: String,
    pub return_to: String,
    pub expires_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn insert(connection: &impl ConnectionTrait, row: Model) -> Result<(), IdentityError> {
    let row = row.into_active_model().reset_all();
    Entity::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

/// Takes an attempt out. Of several that ask for the same one, exactly one gets it.
pub async fn take(
    connection: &impl ConnectionTrait,
    state_hash: Vec<u8>,
) -> Result<Option<Model>, IdentityError> {
    let Some(row) = Entity::find_by_id(state_hash.clone()).one(connection).await.map_err(failed)? else {
        return Ok(None);
    };
    let deleted = Entity::delete_by_id(state_hash).exec(connection).await.map_err(failed)?;
    Ok((deleted.rows_affected == 1).then_some(row))
}

/// Deletes what nobody came back for.
pub async fn sweep(connection: &impl ConnectionTrait, now: OffsetDateTime) -> Result<(), IdentityError> {
    let mut after = Vec::new();
    loop {
        let page: Vec<(Vec<u8>, OffsetDateTime)> = Entity::find()
            .select_only()
            .columns([Column::StateHash, Column::ExpiresAt])
            .filter(Column::StateHash.gt(after))
            .order_by_asc(Column::StateHash)
            .limit(SWEPT_AT_ONCE)
            .into_tuple()
            .all(connection)
            .await
            .map_err(failed)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.clone();
        let lapsed: Vec<_> =
            page.into_iter().filter(|(_, expires_at)| *expires_at <= now).map(|(key, _)| key).collect();
        if !lapsed.is_empty() {
            let lapsed = Entity::delete_many().filter(Column::StateHash.is_in(lapsed));
            lapsed.exec(connection).await.map_err(failed)?;
        }
    }
}
