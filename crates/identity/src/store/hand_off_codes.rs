//! Codes that carry a session to an app host.

use sea_orm::entity::prelude::*;
use time::OffsetDateTime;

use super::single_use::SingleUse;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hand_off_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: Vec<u8>,
    pub session_id: String,
    pub host_label: String,
    pub browser_hash: Vec<u8>,
    pub sealed_token: Vec<u8>,
    pub return_path: String,
    pub expires_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl SingleUse for Entity {
    const HASH: Column = Column::CodeHash;
    const EXPIRES_AT: Column = Column::ExpiresAt;
}
