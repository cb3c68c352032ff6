//! Host labels of deleted organizations, which nobody takes for a while.

use ids::HostLabel;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};
use time::OffsetDateTime;

use super::tables::retired_label;
use crate::{App, AppError};

/// Keeps the labels of these apps from being used again.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    apps: &[App],
    at: OffsetDateTime,
) -> Result<(), AppError> {
    // Both stores bound the number of parameters of one statement.
    for some in apps.chunks(500) {
        let rows = some
            .iter()
            .map(|app| retired_label::ActiveModel { label: Set(app.label.to_string()), retired_at: Set(at) });
        retired_label::Entity::insert_many(rows)
            .exec_without_returning(transaction)
            .await
            .map_err(AppError::Store)?;
    }
    Ok(())
}

/// When a label was retired.
pub async fn retired_at(
    transaction: &impl ConnectionTrait,
    label: &HostLabel,
) -> Result<Option<OffsetDateTime>, AppError> {
    let row = retired_label::Entity::find_by_id(label.to_string()).one(transaction).await;
    Ok(row.map_err(AppError::Store)?.map(|row| row.retired_at))
}

/// Forgets that a label was retired.
pub async fn delete(transaction: &impl ConnectionTrait, label: &HostLabel) -> Result<(), AppError> {
    retired_label::Entity::delete_by_id(label.to_string())
        .exec(transaction)
        .await
        .map_err(AppError::Store)?;
    Ok(())
}
