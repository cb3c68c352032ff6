//! The tables of groups and of who is in them.

use std::collections::HashMap;

use ids::{GroupId, Name, OrganizationId, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use super::tables::{group, group_member};
use super::{read, unless_unique};
use crate::{Group, OrganizationError};

pub async fn insert(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    created: &Group,
) -> Result<(), OrganizationError> {
    let row = group::ActiveModel {
        id: Set(created.id.to_string()),
        organization_id: Set(organization.to_string()),
        name: Set(created.name.to_string()),
        created_at: Set(created.created_at),
    };
    group::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| unless_unique(error, OrganizationError::GroupNameTaken))?;
    Ok(())
}

/// The groups by name, with their members. Two queries.
pub async fn list(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Vec<Group>, OrganizationError> {
    with_members(connection, by_name(organization)).await
}

/// At most so many groups by name after this name, with their members. Two queries.
pub async fn page(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<Group>, OrganizationError> {
    let mut query = by_name(organization).limit(most as u64);
    if let Some(after) = after {
        query = query.filter(group::Column::Name.gt(after));
    }
    with_members(connection, query).await
}

fn by_name(organization: OrganizationId) -> Select<group::Entity> {
    group::Entity::find()
        .filter(group::Column::OrganizationId.eq(organization.to_string()))
        .order_by_asc(group::Column::Name)
}

async fn with_members(
    connection: &impl ConnectionTrait,
    query: Select<group::Entity>,
) -> Result<Vec<Group>, OrganizationError> {
    let rows = query.clone().all(connection).await.map_err(OrganizationError::Store)?;
    let chosen = query.select_only().column(group::Column::Id).as_query().to_owned();
    let places = group_member::Entity::find()
        .filter(group_member::Column::GroupId.in_subquery(chosen))
        .order_by_asc(group_member::Column::UserId)
        .all(connection)
        .await
        .map_err(OrganizationError::Store)?;
    let mut members: HashMap<String, Vec<UserId>> = HashMap::new();
    for place in places {
        members.entry(place.group_id).or_default().push(read("group_members", &place.user_id)?);
    }
    rows.into_iter()
        .map(|row| {
            Ok(Group {
                id: read("groups", &row.id)?,
                name: read("groups", &row.name)?,
                members: members.remove(&row.id).unwrap_or_default(),
                created_at: row.created_at,
            })
        })
        .collect()
}

/// The name of a group of this organization.
pub async fn name(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    id: GroupId,
) -> Result<Name, OrganizationError> {
    let row = group::Entity::find_by_id(id.to_string())
        .filter(group::Column::OrganizationId.eq(organization.to_string()))
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?
        .ok_or(OrganizationError::NotFound)?;
    read("groups", &row.name)
}

pub async fn rename(
    transaction: &impl ConnectionTrait,
    id: GroupId,
    name: &Name,
) -> Result<(), OrganizationError> {
    let row =
        group::ActiveModel { id: Set(id.to_string()), name: Set(name.to_string()), ..Default::default() };
    group::Entity::update(row)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| unless_unique(error, OrganizationError::GroupNameTaken))?;
    Ok(())
}

/// Deletes a group; its places go with it.
pub async fn delete(transaction: &impl ConnectionTrait, id: GroupId) -> Result<(), OrganizationError> {
    group::Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(OrganizationError::Store)?;
    Ok(())
}

/// Puts a person into a group; `false` if already there.
pub async fn add(
    transaction: &impl ConnectionTrait,
    group: GroupId,
    user: UserId,
) -> Result<bool, OrganizationError> {
    let key = (group.to_string(), user.to_string());
    let present = group_member::Entity::find_by_id(key.clone())
        .one(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    if present.is_some() {
        return Ok(false);
    }
    let row = group_member::ActiveModel { group_id: Set(key.0), user_id: Set(key.1) };
    group_member::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(true)
}

/// Takes a person out of a group; `false` if not there.
pub async fn remove(
    transaction: &impl ConnectionTrait,
    group: GroupId,
    user: UserId,
) -> Result<bool, OrganizationError> {
    let deleted = group_member::Entity::delete_by_id((group.to_string(), user.to_string()))
        .exec(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(deleted.rows_affected == 1)
}
