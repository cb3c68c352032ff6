//! Sign-ins that have begun.

use sea_orm::entity::prelude::*;
use time::OffsetDateTime;

use super::single_use::SingleUse;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: Vec<u8>,
    pub browser_hash: Vec<u8>,
    pub provider: String,
    pub nonce: String,
    pub pkce_verifier: String,
    pub return_to: String,
    pub sign_in_within: Option<i32>,
    pub expires_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl SingleUse for Entity {
    const HASH: Column = Column::StateHash;
    const EXPIRES_AT: Column = Column::ExpiresAt;
}
