//! The table of signed heads.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, ConnectionTrait, QueryOrder, Set};
use time::OffsetDateTime;

use super::events::{chains_of, hash};
use crate::{Chain, Head, SignedHead, record};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_heads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub hash: Vec<u8>,
    pub at: OffsetDateTime,
    pub key_id: String,
    pub signature: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A row whose chain is none was not written by us: it is left out.
fn signed(row: Model) -> Option<SignedHead> {
    let head = Head {
        chain: row.chain.parse().ok()?,
        sequence: row.sequence,
        hash: hash(&row.hash),
        at: record::timestamp(row.at),
        key: row.key_id,
        content: None,
    };
    Some(SignedHead::stored(head, row.signature.try_into().unwrap_or([0; 64])))
}

/// Adds a head, unless another process of ours did.
pub async fn insert(
    connection: &impl ConnectionTrait,
    signed: &SignedHead,
    at: OffsetDateTime,
) -> Result<(), DbErr> {
    let head = &signed.head;
    let row = ActiveModel {
        chain: Set(head.chain.to_string()),
        sequence: Set(head.sequence),
        hash: Set(head.hash.as_bytes().to_vec()),
        at: Set(at),
        key_id: Set(head.key.clone()),
        signature: Set(signed.signature.to_vec()),
    };
    let there_already = OnConflict::columns([Column::Chain, Column::Sequence]).do_nothing().to_owned();
    Entity::insert(row).on_conflict(there_already).exec_without_returning(connection).await?;
    Ok(())
}

/// The last head of every chain.
pub async fn last_of_all(connection: &impl ConnectionTrait) -> Result<Vec<SignedHead>, DbErr> {
    let last = format!(
        "(chain, sequence) IN ({} SELECT chain, (SELECT MAX(h.sequence) FROM audit_heads h \
         WHERE h.chain = chains.chain) FROM chains)",
        chains_of("audit_heads")
    );
    let rows = Entity::find().filter(Condition::all().add(Expr::cust(last))).all(connection).await?;
    Ok(rows.into_iter().filter_map(signed).collect())
}

/// The heads from one number to another, both included, in order.
pub async fn between(
    connection: &impl ConnectionTrait,
    chain: Chain,
    from: i64,
    to: i64,
) -> Result<Vec<SignedHead>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Chain.eq(chain.to_string()))
        .filter(Column::Sequence.between(from, to))
        .order_by_asc(Column::Sequence)
        .all(connection)
        .await?;
    Ok(rows.into_iter().filter_map(signed).collect())
}
