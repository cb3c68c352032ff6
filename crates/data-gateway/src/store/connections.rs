//! Connections, and which apps may use them.

use std::collections::{BTreeMap, BTreeSet};

use access_control::UsableBy;
use ids::{AppId, ConnectionId, OrganizationId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::{StoreError, failed, read};
use crate::{ChangedHostKey, Connection, ConnectionKind, Definition};

const TABLE: &str = "database_connections";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "database_connections")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub kind: String,
    pub app_id: Option<String>,
    pub name: String,
    pub slot: String,
    pub destination: String,
    pub limits: String,
    pub read_only: bool,
    pub every_app: bool,
    pub version: i64,
    pub credentials: String,
    pub changed_hop: Option<i32>,
    pub changed_host_key: Option<String>,
    pub changed_at: Option<OffsetDateTime>,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

mod users {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "database_connection_apps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub connection_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The organization's connections by identifier, at most so many after one.
pub async fn list(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Option<ConnectionId>,
    most: usize,
) -> Result<Vec<Connection>, StoreError> {
    let mut select = Entity::find().filter(Column::OrganizationId.eq(organization.to_string()));
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    assemble_all(database, rows).await
}

/// One of the organization's connections.
pub async fn find(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let row = Entity::find_by_id(id.to_string()).filter(filter).one(database).await.map_err(failed)?;
    Ok(assemble_all(database, row.into_iter().collect()).await?.pop())
}

/// The same, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let select = Entity::find_by_id(id.to_string()).filter(filter).lock_exclusive();
    let row = select.one(transaction).await.map_err(failed)?;
    Ok(assemble_all(transaction, row.into_iter().collect()).await?.pop())
}

/// The organization's connection of this kind (of [`ConnectionKind::as_str`]) and slot.
pub async fn find_named(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    kind: &str,
    slot: &str,
) -> Result<Option<Connection>, StoreError> {
    let row = Entity::find()
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::Kind.eq(kind))
        .filter(Column::Slot.eq(slot))
        .one(database)
        .await
        .map_err(failed)?;
    Ok(assemble_all(database, row.into_iter().collect()).await?.pop())
}

/// The app's own database.
pub async fn find_internal(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    app: AppId,
) -> Result<Option<Connection>, StoreError> {
    let row = Entity::find()
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::AppId.eq(app.to_string()))
        .one(database)
        .await
        .map_err(failed)?;
    Ok(assemble_all(database, row.into_iter().collect()).await?.pop())
}

/// How many the organization has.
pub async fn count(database: &impl ConnectionTrait, organization: OrganizationId) -> Result<u64, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    Entity::find().filter(filter).count(database).await.map_err(failed)
}

/// Adds one.
pub async fn insert(transaction: &impl ConnectionTrait, connection: &Connection) -> Result<(), StoreError> {
    let model = ActiveModel {
        id: Set(connection.id.to_string()),
        organization_id: Set(connection.organization.to_string()),
        kind: Set(connection.definition.kind.as_str().to_owned()),
        app_id: Set(connection.definition.kind.app().map(|app| app.to_string())),
        credentials: Set(connection.credentials.to_string()),
        created_by: Set(connection.created_by.to_string()),
        created_at: Set(connection.created_at),
        ..changing(connection)?
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    insert_users(transaction, connection).await
}

/// Writes down what may change of one.
pub async fn update(transaction: &impl ConnectionTrait, connection: &Connection) -> Result<(), StoreError> {
    let model = ActiveModel { id: Unchanged(connection.id.to_string()), ..changing(connection)? };
    model.update(transaction).await.map_err(failed)?;
    let filter = users::Column::ConnectionId.eq(connection.id.to_string());
    users::Entity::delete_many().filter(filter).exec(transaction).await.map_err(failed)?;
    insert_users(transaction, connection).await
}

/// Writes down that a host key is another one, or that this is settled.
pub async fn set_changed_host_key(
    transaction: &impl ConnectionTrait,
    id: ConnectionId,
    changed: Option<&ChangedHostKey>,
) -> Result<(), StoreError> {
    let (changed_hop, changed_host_key, changed_at) = changed_columns(changed)?;
    let model = ActiveModel {
        id: Unchanged(id.to_string()),
        changed_hop: Set(changed_hop),
        changed_host_key: Set(changed_host_key),
        changed_at: Set(changed_at),
        ..<ActiveModel as ActiveModelTrait>::default()
    };
    model.update(transaction).await.map_err(failed)?;
    Ok(())
}

fn changing(connection: &Connection) -> Result<ActiveModel, StoreError> {
    let definition = &connection.definition;
    let (changed_hop, changed_host_key, changed_at) = changed_columns(connection.changed_host_key.as_ref())?;
    Ok(ActiveModel {
        id: NotSet,
        organization_id: NotSet,
        kind: NotSet,
        app_id: NotSet,
        name: Set(definition.name.to_string()),
        slot: Set(definition.slot()),
        destination: Set(to_json(&definition.destination)?),
        limits: Set(to_json(&definition.limits)?),
        read_only: Set(definition.read_only),
        every_app: Set(definition.usable_by == UsableBy::EveryApp),
        version: Set(connection.version),
        credentials: NotSet,
        changed_hop: Set(changed_hop),
        changed_host_key: Set(changed_host_key),
        changed_at: Set(changed_at),
        created_by: NotSet,
        created_at: NotSet,
        updated_by: Set(connection.updated_by.to_string()),
        updated_at: Set(connection.updated_at),
    })
}

type ChangedColumns = (Option<i32>, Option<String>, Option<OffsetDateTime>);

fn changed_columns(changed: Option<&ChangedHostKey>) -> Result<ChangedColumns, StoreError> {
    let Some(changed) = changed else { return Ok((None, None, None)) };
    let hop = i32::try_from(changed.hop).map_err(|_| StoreError::Unreadable(TABLE))?;
    Ok((Some(hop), Some(changed.presented.to_string()), Some(changed.seen_at)))
}

async fn insert_users(transaction: &impl ConnectionTrait, connection: &Connection) -> Result<(), StoreError> {
    let UsableBy::Apps(apps) = &connection.definition.usable_by else { return Ok(()) };
    let rows: Vec<users::ActiveModel> = apps
        .iter()
        .map(|app| users::ActiveModel {
            connection_id: Set(connection.id.to_string()),
            app_id: Set(app.to_string()),
        })
        .collect();
    if !rows.is_empty() {
        users::Entity::insert_many(rows).exec_without_returning(transaction).await.map_err(failed)?;
    }
    Ok(())
}

async fn assemble_all(
    database: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<Connection>, StoreError> {
    let named: Vec<String> = rows.iter().filter(|row| !row.every_app).map(|row| row.id.clone()).collect();
    let mut apps: BTreeMap<String, BTreeSet<AppId>> = BTreeMap::new();
    if !named.is_empty() {
        let filter = users::Column::ConnectionId.is_in(named);
        for user in users::Entity::find().filter(filter).all(database).await.map_err(failed)? {
            apps.entry(user.connection_id).or_default().insert(read(TABLE, &user.app_id)?);
        }
    }
    rows.into_iter()
        .map(|row| {
            let named = apps.remove(&row.id).unwrap_or_default();
            assemble(row, named)
        })
        .collect()
}

fn assemble(row: Model, named: BTreeSet<AppId>) -> Result<Connection, StoreError> {
    let app = row.app_id.as_deref().map(|app| read::<AppId>(TABLE, app)).transpose()?;
    let kind = match (row.kind.as_str(), app) {
        ("external", None) => ConnectionKind::External,
        ("organization", None) => ConnectionKind::Organization,
        ("internal", Some(app)) => ConnectionKind::Internal { app },
        _ => return Err(StoreError::Unreadable(TABLE)),
    };
    let changed_host_key = match (row.changed_hop, row.changed_host_key, row.changed_at) {
        (None, None, None) => None,
        (Some(hop), Some(presented), Some(seen_at)) => Some(ChangedHostKey {
            hop: usize::try_from(hop).map_err(|_| StoreError::Unreadable(TABLE))?,
            presented: read(TABLE, &presented)?,
            seen_at,
        }),
        _ => return Err(StoreError::Unreadable(TABLE)),
    };
    let definition = Definition {
        kind,
        name: read(TABLE, &row.name)?,
        destination: from_json(&row.destination)?,
        read_only: row.read_only,
        limits: from_json(&row.limits)?,
        usable_by: if row.every_app { UsableBy::EveryApp } else { UsableBy::Apps(named) },
    };
    // Else one could be found by another's name.
    if definition.slot() != row.slot {
        return Err(StoreError::Unreadable(TABLE));
    }
    Ok(Connection {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        definition,
        version: row.version,
        credentials: read(TABLE, &row.credentials)?,
        changed_host_key,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
    })
}

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unreadable(TABLE))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable(TABLE))
}
