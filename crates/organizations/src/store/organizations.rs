//! The table of organizations.

use access_control::Role;
use ids::{OrganizationId, OrganizationSlug, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::tables::{group, invitation, member, organization};
use super::{read, unless_unique};
use crate::{Organization, OrganizationError};

fn organization(row: &organization::Model) -> Result<Organization, OrganizationError> {
    Ok(Organization {
        id: read("organizations", &row.id)?,
        slug: read("organizations", &row.slug)?,
        name: read("organizations", &row.name)?,
        hosted_domain: row.hosted_domain.as_deref().map(|text| read("organizations", text)).transpose()?,
        personal_accounts_in_apps: row.personal_accounts_in_apps,
        created_at: row.created_at,
    })
}

pub async fn insert(
    transaction: &impl ConnectionTrait,
    organization: &Organization,
) -> Result<(), OrganizationError> {
    let row = organization::ActiveModel {
        id: Set(organization.id.to_string()),
        slug: Set(organization.slug.to_string()),
        name: Set(organization.name.to_string()),
        hosted_domain: Set(organization.hosted_domain.as_ref().map(ToString::to_string)),
        personal_accounts_in_apps: Set(organization.personal_accounts_in_apps),
        created_at: Set(organization.created_at),
    };
    organization::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| unless_unique(error, OrganizationError::SlugTaken))?;
    Ok(())
}

/// Waits until no other change of this organization is under way. PostgreSQL locks the row; SQLite has
/// one writer at a time anyway.
pub async fn lock(transaction: &impl ConnectionTrait, id: OrganizationId) -> Result<(), OrganizationError> {
    organization::Entity::find_by_id(id.to_string())
        .lock_exclusive()
        .one(transaction)
        .await
        .map_err(OrganizationError::Store)?
        .map(|_| ())
        .ok_or(OrganizationError::NotFound)
}

pub async fn find(
    connection: &impl ConnectionTrait,
    id: OrganizationId,
) -> Result<Organization, OrganizationError> {
    let row = organization::Entity::find_by_id(id.to_string())
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?
        .ok_or(OrganizationError::NotFound)?;
    organization(&row)
}

pub async fn slug_exists(
    connection: &impl ConnectionTrait,
    slug: &OrganizationSlug,
) -> Result<bool, OrganizationError> {
    let row = organization::Entity::find()
        .filter(organization::Column::Slug.eq(slug.as_str()))
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(row.is_some())
}

pub async fn any_exists(connection: &impl ConnectionTrait) -> Result<bool, OrganizationError> {
    let row =
        organization::Entity::find().limit(1).one(connection).await.map_err(OrganizationError::Store)?;
    Ok(row.is_some())
}

pub async fn update(
    transaction: &impl ConnectionTrait,
    organization: &Organization,
) -> Result<(), OrganizationError> {
    let row = organization::ActiveModel {
        id: Set(organization.id.to_string()),
        name: Set(organization.name.to_string()),
        hosted_domain: Set(organization.hosted_domain.as_ref().map(ToString::to_string)),
        personal_accounts_in_apps: Set(organization.personal_accounts_in_apps),
        ..Default::default()
    };
    organization::Entity::update(row)
        .exec_without_returning(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}

/// The organizations a person is a member of, oldest first, with the person's role.
pub async fn of_user(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<(Organization, Role)>, OrganizationError> {
    let memberships = member::Entity::find()
        .filter(member::Column::UserId.eq(user.to_string()))
        .all(connection)
        .await
        .map_err(OrganizationError::Store)?;
    let rows = organization::Entity::find()
        .filter(
            organization::Column::Id.is_in(memberships.iter().map(|membership| &membership.organization_id)),
        )
        .order_by_asc(organization::Column::Id)
        .all(connection)
        .await
        .map_err(OrganizationError::Store)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(membership) = memberships.iter().find(|membership| membership.organization_id == row.id) {
            found.push((organization(&row)?, read("members", &membership.role)?));
        }
    }
    Ok(found)
}

/// Deletes an organization with its members, invitations and groups. Its apps are gone already.
pub async fn delete(transaction: &impl ConnectionTrait, id: OrganizationId) -> Result<(), OrganizationError> {
    let text = id.to_string();
    let delete = async {
        group::Entity::delete_many()
            .filter(group::Column::OrganizationId.eq(text.as_str()))
            .exec(transaction)
            .await?;
        invitation::Entity::delete_many()
            .filter(invitation::Column::OrganizationId.eq(text.as_str()))
            .exec(transaction)
            .await?;
        member::Entity::delete_many()
            .filter(member::Column::OrganizationId.eq(text.as_str()))
            .exec(transaction)
            .await?;
        organization::Entity::delete_by_id(text.clone()).exec(transaction).await
    };
    delete.await.map_err(OrganizationError::Store)?;
    Ok(())
}
