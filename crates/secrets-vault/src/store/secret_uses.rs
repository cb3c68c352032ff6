//! Which app got which secret.

use ids::{AppId, SecretId};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use time::OffsetDateTime;

use super::{failed, read};
use crate::{SecretUse, VaultError};

const TABLE: &str = "secret_uses";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secret_uses")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub secret_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub app_id: String,
    pub version: i64,
    pub injected_by: String,
    pub injected_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The apps that got the secret, the latest first.
pub async fn list(database: &impl ConnectionTrait, secret: SecretId) -> Result<Vec<SecretUse>, VaultError> {
    let rows = Entity::find()
        .filter(Column::SecretId.eq(secret.to_string()))
        .order_by_desc(Column::InjectedAt)
        .order_by_asc(Column::AppId)
        .all(database)
        .await
        .map_err(failed)?;
    rows.into_iter()
        .map(|row| {
            Ok(SecretUse {
                app: read::<AppId>(TABLE, &row.app_id)?,
                version: row.version,
                injected_by: read(TABLE, &row.injected_by)?,
                injected_at: row.injected_at,
            })
        })
        .collect()
}

/// Says that an app got these.
pub async fn record(
    transaction: &impl ConnectionTrait,
    uses: &[(SecretId, SecretUse)],
) -> Result<(), VaultError> {
    for some in uses.chunks(super::MOST_AT_ONCE) {
        let models = some.iter().map(|(secret, used)| ActiveModel {
            secret_id: Set(secret.to_string()),
            app_id: Set(used.app.to_string()),
            version: Set(used.version),
            injected_by: Set(used.injected_by.to_string()),
            injected_at: Set(used.injected_at),
        });
        let newest = OnConflict::columns([Column::SecretId, Column::AppId])
            .update_columns([Column::Version, Column::InjectedBy, Column::InjectedAt])
            .to_owned();
        Entity::insert_many(models)
            .on_conflict(newest)
            .exec_without_returning(transaction)
            .await
            .map_err(failed)?;
    }
    Ok(())
}
