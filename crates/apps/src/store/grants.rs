//! Grants.

use std::collections::HashMap;

use ids::{AppId, OrganizationId, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::tables::grant;
use super::{is_foreign_key, read, unless};
use crate::{App, AppError, Grant};

/// The grants on one app, oldest first.
pub async fn list(database: &impl ConnectionTrait, app: AppId) -> Result<Vec<Grant>, AppError> {
    let rows = grant::Entity::find()
        .filter(grant::Column::AppId.eq(app.to_string()))
        .order_by_asc(grant::Column::CreatedAt)
        .order_by_asc(grant::Column::UserId)
        .all(database)
        .await
        .map_err(AppError::Store)?;
    rows.into_iter().map(assemble).collect()
}

/// The grants on every app of an organization, by app.
pub async fn of_organization(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<HashMap<AppId, Vec<Grant>>, AppError> {
    let rows = grant::Entity::find()
        .filter(grant::Column::OrganizationId.eq(organization.to_string()))
        .all(database)
        .await
        .map_err(AppError::Store)?;
    let mut found: HashMap<AppId, Vec<Grant>> = HashMap::new();
    for row in rows {
        let app = read("grants", &row.app_id)?;
        found.entry(app).or_default().push(assemble(row)?);
    }
    Ok(found)
}

/// Gives or replaces a grant. The store refuses one for somebody who is no member.
pub async fn put(transaction: &impl ConnectionTrait, app: &App, new: &Grant) -> Result<(), AppError> {
    let row = grant::ActiveModel {
        app_id: Set(app.id.to_string()),
        user_id: Set(new.user.to_string()),
        organization_id: Set(app.organization.to_string()),
        role: Set(new.role.to_string()),
        granted_by: Set(new.granted_by.to_string()),
        created_at: Set(new.created_at),
        expires_at: Set(new.expires_at),
    };
    let replace = OnConflict::columns([grant::Column::AppId, grant::Column::UserId])
        .update_columns([
            grant::Column::Role,
            grant::Column::GrantedBy,
            grant::Column::CreatedAt,
            grant::Column::ExpiresAt,
        ])
        .to_owned();
    grant::Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| unless(error, is_foreign_key, AppError::NotAMember))?;
    Ok(())
}

/// Takes a grant back.
pub async fn delete(transaction: &impl ConnectionTrait, app: AppId, user: UserId) -> Result<(), AppError> {
    grant::Entity::delete_by_id((app.to_string(), user.to_string()))
        .exec(transaction)
        .await
        .map_err(AppError::Store)?;
    Ok(())
}

/// Takes every grant back that a person has in an organization.
pub async fn delete_of_member(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), AppError> {
    grant::Entity::delete_many()
        .filter(grant::Column::OrganizationId.eq(organization.to_string()))
        .filter(grant::Column::UserId.eq(user.to_string()))
        .exec(transaction)
        .await
        .map_err(AppError::Store)?;
    Ok(())
}

fn assemble(row: grant::Model) -> Result<Grant, AppError> {
    Ok(Grant {
        user: read("grants", &row.user_id)?,
        role: read("grants", &row.role)?,
        granted_by: read("grants", &row.granted_by)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}
