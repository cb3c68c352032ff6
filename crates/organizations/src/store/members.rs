//! The table of members.

use std::collections::HashMap;

use access_control::Role;
use ids::{OrganizationId, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use time::OffsetDateTime;

use super::read;
use super::tables::{group, group_member, member};
use crate::{Member, OrganizationError};

fn member(row: &member::Model) -> Result<Member, OrganizationError> {
    Ok(Member {
        user: read("members", &row.user_id)?,
        role: read("members", &row.role)?,
        created_at: row.created_at,
    })
}

pub async fn insert(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    at: OffsetDateTime,
) -> Result<(), OrganizationError> {
    let row = member::ActiveModel {
        organization_id: Set(organization.to_string()),
        user_id: Set(user.to_string()),
        role: Set(role.to_string()),
        created_at: Set(at),
    };
    member::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| super::unless_unique(error, OrganizationError::AlreadyMember))?;
    Ok(())
}

pub async fn role(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<Role>, OrganizationError> {
    let row = member::Entity::find_by_id((organization.to_string(), user.to_string()))
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?;
    row.map(|row| read("members", &row.role)).transpose()
}

/// Everybody, in the order of joining.
pub async fn list(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Vec<Member>, OrganizationError> {
    let rows = member::Entity::find()
        .filter(member::Column::OrganizationId.eq(organization.to_string()))
        .order_by_asc(member::Column::CreatedAt)
        .order_by_asc(member::Column::UserId)
        .all(connection)
        .await
        .map_err(OrganizationError::Store)?;
    rows.iter().map(member).collect()
}

/// At most so many members after this one, in the order of their identifiers.
pub async fn page(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    role: Option<Role>,
    after: Option<UserId>,
    most: usize,
) -> Result<Vec<Member>, OrganizationError> {
    let mut query = member::Entity::find()
        .filter(member::Column::OrganizationId.eq(organization.to_string()))
        .order_by_asc(member::Column::UserId)
        .limit(most as u64);
    if let Some(role) = role {
        query = query.filter(member::Column::Role.eq(role.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(member::Column::UserId.gt(after.to_string()));
    }
    query.all(connection).await.map_err(OrganizationError::Store)?.iter().map(member).collect()
}

pub async fn owners(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<u64, OrganizationError> {
    member::Entity::find()
        .filter(member::Column::OrganizationId.eq(organization.to_string()))
        .filter(member::Column::Role.eq(Role::Owner.as_str()))
        .count(connection)
        .await
        .map_err(OrganizationError::Store)
}

pub async fn set_role(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    user: UserId,
    role: Role,
) -> Result<(), OrganizationError> {
    let row = member::ActiveModel {
        organization_id: Set(organization.to_string()),
        user_id: Set(user.to_string()),
        role: Set(role.to_string()),
        ..Default::default()
    };
    member::Entity::update(row)
        .exec_without_returning(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}

/// Deletes a membership and the person's places in the organization's groups.
pub async fn delete(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), OrganizationError> {
    let groups = sea_orm::sea_query::Query::select()
        .column(group::Column::Id)
        .from(group::Entity)
        .and_where(group::Column::OrganizationId.eq(organization.to_string()))
        .to_owned();
    group_member::Entity::delete_many()
        .filter(group_member::Column::UserId.eq(user.to_string()))
        .filter(group_member::Column::GroupId.in_subquery(groups))
        .exec(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    member::Entity::delete_by_id((organization.to_string(), user.to_string()))
        .exec(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}

/// Everybody with their roles.
pub async fn roles(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<HashMap<UserId, Role>, OrganizationError> {
    let all = list(connection, organization).await?;
    Ok(all.into_iter().map(|member| (member.user, member.role)).collect())
}
