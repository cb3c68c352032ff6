//! The table of slugs whose organizations were deleted.

use ids::OrganizationSlug;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};
use time::OffsetDateTime;

use super::tables::retired_slug;
use crate::OrganizationError;

/// Keeps a slug from being used again.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    slug: &OrganizationSlug,
    at: OffsetDateTime,
) -> Result<(), OrganizationError> {
    let row = retired_slug::ActiveModel { slug: Set(slug.to_string()), retired_at: Set(at) };
    retired_slug::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}

/// When a slug was retired.
pub async fn retired_at(
    connection: &impl ConnectionTrait,
    slug: &OrganizationSlug,
) -> Result<Option<OffsetDateTime>, OrganizationError> {
    let row = retired_slug::Entity::find_by_id(slug.to_string())
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(row.map(|row| row.retired_at))
}

/// Forgets that a slug was retired.
pub async fn delete(
    transaction: &impl ConnectionTrait,
    slug: &OrganizationSlug,
) -> Result<(), OrganizationError> {
    retired_slug::Entity::delete_by_id(slug.to_string())
        .exec(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}
