//! How far each receiver has got. The only room that knows the table.

use audit::Chain;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseConnection, Set};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub receiver: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: String,
    pub sequence: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Where deliveries are remembered. Bookkeeping: losing it means that a receiver gets everything again.
#[derive(Clone, Debug)]
pub struct Store {
    database: DatabaseConnection,
}

impl Store {
    /// In this database.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    /// The number of the last record of a chain that a receiver has.
    pub(crate) async fn delivered(&self, receiver: &str, chain: Chain) -> Result<i64, DbErr> {
        let row = Entity::find_by_id((receiver.to_owned(), chain.to_string())).one(&self.database).await?;
        Ok(row.map_or(0, |row| row.sequence))
    }

    /// Remembers it.
    pub(crate) async fn deliver(&self, receiver: &str, chain: Chain, sequence: i64) -> Result<(), DbErr> {
        let row = ActiveModel {
            receiver: Set(receiver.to_owned()),
            chain: Set(chain.to_string()),
            sequence: Set(sequence),
        };
        let update =
            OnConflict::columns([Column::Receiver, Column::Chain]).update_column(Column::Sequence).to_owned();
        Entity::insert(row).on_conflict(update).exec_without_returning(&self.database).await?;
        Ok(())
    }
}
