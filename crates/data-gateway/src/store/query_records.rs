//! Records of queries. They are not written through the journal: they change nothing, and there are many.

use std::time::Duration;

use ids::{AppId, ConnectionId, OrganizationId, QueryRecordId, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, Statement, TransactionTrait as _};
use time::OffsetDateTime;
use usage_records::RecordStore;

use super::{Store, StoreError, failed, read};
use crate::query_record::{Asked, Outcome, QueryRecord, Via};

const TABLE: &str = "query_records";

/// How many rows one statement inserts: SQLite takes 32,766 values.
const AT_ONCE: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "query_records")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub at: i64,
    pub organization_id: String,
    pub app_id: String,
    pub user_id: Option<String>,
    pub via: String,
    pub connection_id: String,
    pub data_query_id: Option<String>,
    pub kind: String,
    pub fingerprint: String,
    pub outcome: String,
    pub count: i64,
    pub rows: i64,
    pub bytes: i64,
    pub microseconds: i64,
    pub longest_microseconds: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a list can be narrowed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryRecordFilter {
    /// Of this app.
    pub app: Option<AppId>,
    /// On this connection.
    pub connection: Option<ConnectionId>,
    /// For this person.
    pub user: Option<UserId>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
}

impl Store {
    /// Records of an organization, newest first, older than `before` and at most `most`.
    pub(crate) async fn list_query_records(
        &self,
        organization: OrganizationId,
        filter: &QueryRecordFilter,
        before: Option<QueryRecordId>,
        most: usize,
    ) -> Result<Vec<QueryRecord>, StoreError> {
        let mut select = Entity::find().filter(Column::OrganizationId.eq(organization.to_string()));
        if let Some(app) = filter.app {
            select = select.filter(Column::AppId.eq(app.to_string()));
        }
        if let Some(connection) = filter.connection {
            select = select.filter(Column::ConnectionId.eq(connection.to_string()));
        }
        if let Some(user) = filter.user {
            select = select.filter(Column::UserId.eq(user.to_string()));
        }
        if let Some(outcome) = filter.outcome {
            select = select.filter(Column::Outcome.eq(outcome.as_str()));
        }
        if let Some(before) = before {
            select = select.filter(Column::Id.lt(before.to_string()));
        }
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let rows = select.order_by_desc(Column::Id).limit(most).all(self.database()).await.map_err(failed)?;
        rows.into_iter().map(assemble).collect()
    }
}

impl RecordStore for Store {
    type Record = QueryRecord;
    type Error = StoreError;

    async fn write(&self, records: &[QueryRecord]) -> Result<(), StoreError> {
        let transaction = self.database().begin().await.map_err(failed)?;
        for some in records.chunks(AT_ONCE) {
            Entity::insert_many(some.iter().map(row))
                .exec_without_returning(&transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    async fn delete(&self, border: OffsetDateTime, most: u64) -> Result<u64, StoreError> {
        let milliseconds = border.unix_timestamp_nanos().div_euclid(1_000_000);
        let border = QueryRecordId::first_of(u64::try_from(milliseconds).unwrap_or_default());
        let sql = format!(
            "DELETE FROM query_records WHERE id IN \
             (SELECT id FROM query_records WHERE id < $1 ORDER BY id LIMIT {most})"
        );
        let database = self.database();
        let values = [border.to_string().into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        Ok(database.execute_raw(statement).await.map_err(failed)?.rows_affected())
    }
}

fn row(record: &QueryRecord) -> ActiveModel {
    let Asked { organization, app, user, via, connection, data_query, kind, fingerprint } = &record.asked;
    ActiveModel {
        id: Set(record.id.to_string()),
        at: Set(record.at.unix_timestamp()),
        organization_id: Set(organization.to_string()),
        app_id: Set(app.to_string()),
        user_id: Set(user.map(|id| id.to_string())),
        via: Set(via.as_str().to_owned()),
        connection_id: Set(connection.to_string()),
        data_query_id: Set(data_query.map(|id| id.to_string())),
        kind: Set(kind.clone()),
        fingerprint: Set(fingerprint.clone()),
        outcome: Set(record.outcome.as_str().to_owned()),
        count: Set(number(record.count)),
        rows: Set(number(record.rows)),
        bytes: Set(number(record.bytes)),
        microseconds: Set(microseconds(record.duration)),
        longest_microseconds: Set(microseconds(record.longest)),
    }
}

fn assemble(row: Model) -> Result<QueryRecord, StoreError> {
    let via = Via::ALL.into_iter().find(|via| via.as_str() == row.via);
    let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == row.outcome);
    let unreadable = || StoreError::Unreadable(TABLE);
    let unsigned = |number: i64| u64::try_from(number).map_err(|_| unreadable());
    Ok(QueryRecord {
        id: read(TABLE, &row.id)?,
        at: OffsetDateTime::from_unix_timestamp(row.at).map_err(|_| unreadable())?,
        asked: Asked {
            organization: read(TABLE, &row.organization_id)?,
            app: read(TABLE, &row.app_id)?,
            user: row.user_id.as_deref().map(|id| read(TABLE, id)).transpose()?,
            via: via.ok_or_else(unreadable)?,
            connection: read(TABLE, &row.connection_id)?,
            data_query: row.data_query_id.as_deref().map(|id| read(TABLE, id)).transpose()?,
            kind: row.kind,
            fingerprint: row.fingerprint,
        },
        outcome: outcome.ok_or_else(unreadable)?,
        count: unsigned(row.count)?,
        rows: unsigned(row.rows)?,
        bytes: unsigned(row.bytes)?,
        duration: Duration::from_micros(unsigned(row.microseconds)?),
        longest: Duration::from_micros(unsigned(row.longest_microseconds)?),
    })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
