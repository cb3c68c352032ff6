//! Rows that are good for one use: found by a hash, taken out once, swept when nobody came for them.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel, PrimaryKeyTrait, QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{SWEPT_AT_ONCE, failed};
use crate::IdentityError;

/// A table of such rows.
pub trait SingleUse: EntityTrait {
    /// The hash by which a row is found; the primary key.
    const HASH: Self::Column;
    /// The first instant at which a row no longer counts.
    const EXPIRES_AT: Self::Column;
}

pub async fn insert<E>(connection: &impl ConnectionTrait, row: E::Model) -> Result<(), IdentityError>
where
    E: SingleUse,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let row = row.into_active_model().reset_all();
    E::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

/// Takes a row out. Of several that ask for the same one, exactly one gets it.
pub async fn take<E>(
    connection: &impl ConnectionTrait,
    hash: Vec<u8>,
) -> Result<Option<E::Model>, IdentityError>
where
    E: SingleUse,
    <E::PrimaryKey as PrimaryKeyTrait>::ValueType: From<Vec<u8>>,
{
    let Some(row) = E::find_by_id(hash.clone()).one(connection).await.map_err(failed)? else {
        return Ok(None);
    };
    let deleted = E::delete_by_id(hash).exec(connection).await.map_err(failed)?;
    Ok((deleted.rows_affected == 1).then_some(row))
}

/// Deletes what nobody came back for.
pub async fn sweep<E: SingleUse>(
    connection: &impl ConnectionTrait,
    now: OffsetDateTime,
) -> Result<(), IdentityError> {
    let mut after = Vec::new();
    loop {
        let page: Vec<(Vec<u8>, OffsetDateTime)> = E::find()
            .select_only()
            .columns([E::HASH, E::EXPIRES_AT])
            .filter(E::HASH.gt(after))
            .order_by_asc(E::HASH)
            .limit(SWEPT_AT_ONCE)
            .into_tuple()
            .all(connection)
            .await
            .map_err(failed)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.clone();
        let lapsed: Vec<_> =
            page.into_iter().filter(|(_, expires_at)| *expires_at <= now).map(|(hash, _)| hash).collect();
        if !lapsed.is_empty() {
            let lapsed = E::delete_many().filter(E::HASH.is_in(lapsed));
            lapsed.exec(connection).await.map_err(failed)?;
        }
    }
}
