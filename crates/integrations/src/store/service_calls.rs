//! Records of calls. They are not written through the journal: they change nothing, and there are many.

use std::time::Duration;

use ids::{AccountId, AppId, CustomApiId, OrganizationId, ServiceCallId, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, Statement, TransactionTrait as _};
use time::OffsetDateTime;
use usage_records::RecordStore;

use super::{Store, StoreError, failed, read};
use crate::service_call::{CallOutcome, CallVia, Called, CalledWith, ServiceCall};

const TABLE: &str = "service_calls";

/// How many rows one statement inserts: SQLite takes 32,766 values.
const AT_ONCE: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service_calls")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub at: i64,
    pub organization_id: String,
    pub app_id: String,
    pub user_id: Option<String>,
    pub via: String,
    pub account_id: Option<String>,
    pub custom_api_id: Option<String>,
    pub service: String,
    pub host: String,
    pub method: String,
    pub outcome: String,
    pub status: Option<i32>,
    pub count: i64,
    pub microseconds: i64,
    pub longest_microseconds: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a list can be narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceCallFilter {
    /// Of this app.
    pub app: Option<AppId>,
    /// With this account.
    pub account: Option<AccountId>,
    /// With this custom API.
    pub custom_api: Option<CustomApiId>,
    /// Of this service, by its key, or of custom APIs of this name.
    pub service: Option<String>,
    /// For this person.
    pub user: Option<UserId>,
    /// With this outcome.
    pub outcome: Option<CallOutcome>,
}

impl Store {
    /// Records of an organization, newest first, older than `before` and at most `most`.
    pub(crate) async fn list_service_calls(
        &self,
        organization: OrganizationId,
        filter: &ServiceCallFilter,
        before: Option<ServiceCallId>,
        most: usize,
    ) -> Result<Vec<ServiceCall>, StoreError> {
        let mut select = Entity::find().filter(Column::OrganizationId.eq(organization.to_string()));
        let ServiceCallFilter { app, account, custom_api, service, user, outcome } = filter;
        for (column, wanted) in [
            (Column::AppId, app.map(|id| id.to_string())),
            (Column::AccountId, account.map(|id| id.to_string())),
            (Column::CustomApiId, custom_api.map(|id| id.to_string())),
            (Column::Service, service.clone()),
            (Column::UserId, user.map(|id| id.to_string())),
            (Column::Outcome, outcome.map(|outcome| outcome.as_str().to_owned())),
        ] {
            if let Some(wanted) = wanted {
                select = select.filter(column.eq(wanted));
            }
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
    type Record = ServiceCall;
    type Error = StoreError;

    async fn write(&self, records: &[ServiceCall]) -> Result<(), StoreError> {
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
        let border = ServiceCallId::first_of(u64::try_from(milliseconds).unwrap_or_default());
        let sql = format!(
            "DELETE FROM service_calls WHERE id IN \
             (SELECT id FROM service_calls WHERE id < $1 ORDER BY id LIMIT {most})"
        );
        let database = self.database();
        let values = [border.to_string().into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        Ok(database.execute_raw(statement).await.map_err(failed)?.rows_affected())
    }
}

fn row(record: &ServiceCall) -> ActiveModel {
    let Called { organization, app, user, via, with, service, host, method } = &record.called;
    ActiveModel {
        id: Set(record.id.to_string()),
        at: Set(record.at.unix_timestamp()),
        organization_id: Set(organization.to_string()),
        app_id: Set(app.to_string()),
        user_id: Set(user.map(|id| id.to_string())),
        via: Set(via.as_str().to_owned()),
        account_id: Set(with.account().map(|id| id.to_string())),
        custom_api_id: Set(with.custom_api().map(|id| id.to_string())),
        service: Set(service.clone()),
        host: Set(host.clone()),
        method: Set(method.clone()),
        outcome: Set(record.outcome.as_str().to_owned()),
        status: Set(record.status.map(i32::from)),
        count: Set(i64::try_from(record.count).unwrap_or(i64::MAX)),
        microseconds: Set(microseconds(record.duration)),
        longest_microseconds: Set(microseconds(record.longest)),
    }
}

fn assemble(row: Model) -> Result<ServiceCall, StoreError> {
    let via = CallVia::ALL.into_iter().find(|via| via.as_str() == row.via);
    let outcome = CallOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == row.outcome);
    let unreadable = || StoreError::Unreadable(TABLE);
    let unsigned = |number: i64| u64::try_from(number).map_err(|_| unreadable());
    let with = match (&row.account_id, &row.custom_api_id) {
        (Some(id), None) => CalledWith::Account(read(TABLE, id)?),
        (None, Some(id)) => CalledWith::CustomApi(read(TABLE, id)?),
        _ => return Err(unreadable()),
    };
    Ok(ServiceCall {
        id: read(TABLE, &row.id)?,
        at: OffsetDateTime::from_unix_timestamp(row.at).map_err(|_| unreadable())?,
        called: Called {
            organization: read(TABLE, &row.organization_id)?,
            app: read(TABLE, &row.app_id)?,
            user: row.user_id.as_deref().map(|id| read(TABLE, id)).transpose()?,
            via: via.ok_or_else(unreadable)?,
            with,
            service: row.service,
            host: row.host,
            method: row.method,
        },
        outcome: outcome.ok_or_else(unreadable)?,
        status: row.status.map(u16::try_from).transpose().map_err(|_| unreadable())?,
        count: unsigned(row.count)?,
        duration: Duration::from_micros(unsigned(row.microseconds)?),
        longest: Duration::from_micros(unsigned(row.longest_microseconds)?),
    })
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
