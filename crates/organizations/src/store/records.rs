//! What the directory keeps in memory, read in a fixed number of queries whatever the size.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{MemberFacts, OrganizationFacts};
use ids::{GroupId, OrganizationId, UserId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};

use super::read;
use super::tables::{group, group_member, member, organization};
use crate::{OrganizationError, OrganizationRecord};

/// Reads one organization, unless it does not exist. Three queries.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn load(
    database: &impl ConnectionTrait,
    id: OrganizationId,
) -> Result<Option<OrganizationRecord>, OrganizationError> {
    let key = id.to_string();
    let rows =
        organization::Entity::find_by_id(&key).all(database).await.map_err(OrganizationError::Store)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let members = members()
        .filter(member::Column::OrganizationId.eq(&key))
        .into_tuple()
        .all(database)
        .await
        .map_err(OrganizationError::Store)?;
    let groups = groups()
        .filter(group::Column::OrganizationId.eq(&key))
        .into_tuple()
        .all(database)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(assemble(rows, members, groups)?.pop())
}

/// Reads every organization. Three queries.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn load_all(database: &impl ConnectionTrait) -> Result<Vec<OrganizationRecord>, OrganizationError> {
    let rows = organization::Entity::find()
        .order_by_asc(organization::Column::Id)
        .all(database)
        .await
        .map_err(OrganizationError::Store)?;
    let members = members().into_tuple().all(database).await.map_err(OrganizationError::Store)?;
    let groups = groups().into_tuple().all(database).await.map_err(OrganizationError::Store)?;
    assemble(rows, members, groups)
}

/// Organization, person and role of every membership.
fn members() -> sea_orm::Select<member::Entity> {
    member::Entity::find().select_only().columns([
        member::Column::OrganizationId,
        member::Column::UserId,
        member::Column::Role,
    ])
}

/// Organization, group and person of every group membership.
fn groups() -> sea_orm::Select<group_member::Entity> {
    group_member::Entity::find()
        .select_only()
        .column(group::Column::OrganizationId)
        .column(group_member::Column::GroupId)
        .column(group_member::Column::UserId)
        .join(JoinType::InnerJoin, group_member::Relation::Group.def())
}

fn assemble(
    organizations: Vec<organization::Model>,
    members: Vec<(String, String, String)>,
    groups: Vec<(String, String, String)>,
) -> Result<Vec<OrganizationRecord>, OrganizationError> {
    let mut by_organization: HashMap<OrganizationId, HashMap<UserId, MemberFacts>> =
        HashMap::with_capacity(organizations.len());
    for (organization, user, role) in members {
        by_organization.entry(read("members", &organization)?).or_default().insert(
            read("members", &user)?,
            MemberFacts { role: read("members", &role)?, groups: Vec::new() },
        );
    }
    for (organization, group, user) in groups {
        let organization: OrganizationId = read("groups", &organization)?;
        let group: GroupId = read("group_members", &group)?;
        let user: UserId = read("group_members", &user)?;
        // Somebody who left between the queries is in no group.
        if let Some(member) = by_organization.get_mut(&organization).and_then(|found| found.get_mut(&user)) {
            member.groups.push(group);
        }
    }
    organizations
        .into_iter()
        .map(|row| {
            let id = read("organizations", &row.id)?;
            Ok(OrganizationRecord {
                facts: Arc::new(OrganizationFacts {
                    id,
                    hosted_domain: row.hosted_domain.map(Arc::from),
                    members: by_organization.remove(&id).unwrap_or_default(),
                }),
                slug: read("organizations", &row.slug)?,
                name: read("organizations", &row.name)?,
                personal_accounts_in_apps: row.personal_accounts_in_apps,
            })
        })
        .collect()
}
