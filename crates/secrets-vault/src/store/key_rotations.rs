//! Rotations of keys. What a rotation has still to do is read from the keys and values themselves.

use ids::{KeyRotationId, LeaseId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{failed, read};
use crate::{Holder, Rotation, RotationState, Subject, VaultError};

const TABLE: &str = "key_rotations";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_rotations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub subject: String,
    pub state: String,
    pub successor: String,
    pub total: i64,
    pub done: i64,
    pub started_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
    pub outcome: Option<String>,
    pub lease: Option<String>,
    pub leased_until: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A process's turn at a rotation: nobody else works on it until then.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub rotation: KeyRotationId,
    pub lease: LeaseId,
    pub until: OffsetDateTime,
}

/// Adds a rotation that begins, unless one of the same subject is under way.
pub async fn insert(transaction: &impl ConnectionTrait, rotation: &Rotation) -> Result<(), VaultError> {
    let model = ActiveModel {
        id: Set(rotation.id.to_string()),
        subject: Set(rotation.subject.to_string()),
        state: Set(rotation.state.as_str().to_owned()),
        successor: Set(rotation.successor.clone()),
        total: Set(count(rotation.total)),
        done: Set(count(rotation.done)),
        started_at: Set(rotation.started_at),
        finished_at: Set(None),
        outcome: Set(None),
        lease: Set(None),
        leased_until: Set(rotation.leased_until),
    };
    let inserted = Entity::insert(model)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    if inserted == 0 { Err(VaultError::RotationUnderWay) } else { Ok(()) }
}

/// Says how much there is to do.
pub async fn set_total(
    transaction: &impl ConnectionTrait,
    id: KeyRotationId,
    total: u64,
) -> Result<(), VaultError> {
    Entity::update_many()
        .col_expr(Column::Total, Expr::value(count(total)))
        .filter(Column::Id.eq(id.to_string()))
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Says which key takes over.
pub async fn set_successor(
    database: &impl ConnectionTrait,
    turn: Turn,
    successor: &str,
) -> Result<(), VaultError> {
    Entity::update_many()
        .col_expr(Column::Successor, Expr::value(successor))
        .filter(mine(turn))
        .exec(database)
        .await
        .map_err(failed)?;
    Ok(())
}

/// The rotation.
pub async fn find(
    database: &impl ConnectionTrait,
    id: KeyRotationId,
) -> Result<Option<Rotation>, VaultError> {
    let row = Entity::find_by_id(id.to_string()).one(database).await.map_err(failed)?;
    row.map(assemble).transpose()
}

/// The rotation of this subject that is under way.
pub async fn running_of(
    database: &impl ConnectionTrait,
    subject: Subject,
) -> Result<Option<Rotation>, VaultError> {
    let filter = Column::Subject.eq(subject.to_string());
    let row = Entity::find().filter(filter).filter(Column::FinishedAt.is_null()).one(database).await;
    row.map_err(failed)?.map(assemble).transpose()
}

/// Whether a rotation of this subject has ended well after that instant.
pub async fn finished_since(
    database: &impl ConnectionTrait,
    subject: Subject,
    instant: OffsetDateTime,
) -> Result<bool, VaultError> {
    let found = Entity::find()
        .filter(Column::Subject.eq(subject.to_string()))
        .filter(Column::State.eq("finished"))
        .filter(Column::FinishedAt.gt(instant))
        .count(database)
        .await
        .map_err(failed)?;
    Ok(found > 0)
}

/// Every rotation that is under way, oldest first.
pub async fn running(database: &impl ConnectionTrait) -> Result<Vec<Rotation>, VaultError> {
    let rows = Entity::find().filter(Column::FinishedAt.is_null()).order_by_asc(Column::Id).all(database);
    rows.await.map_err(failed)?.into_iter().map(assemble).collect()
}

/// Those under way, and those that failed and were not started again since, oldest first.
pub async fn unfinished(database: &impl ConnectionTrait) -> Result<Vec<Rotation>, VaultError> {
    let rows = Entity::find().order_by_asc(Column::Id).all(database).await.map_err(failed)?;
    let mut latest = std::collections::BTreeMap::new();
    for row in rows {
        latest.insert(row.subject.clone(), row);
    }
    let rotations = latest.into_values().map(assemble).collect::<Result<Vec<_>, _>>()?;
    Ok(rotations
        .into_iter()
        .filter(|rotation| !matches!(rotation.state, RotationState::Finished(_)))
        .collect())
}

/// The latest rotations of this subject, newest first.
pub async fn latest(
    database: &impl ConnectionTrait,
    subject: Subject,
    most: u64,
) -> Result<Vec<Rotation>, VaultError> {
    let rows = Entity::find()
        .filter(Column::Subject.eq(subject.to_string()))
        .order_by_desc(Column::Id)
        .limit(most)
        .all(database)
        .await
        .map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// Takes the turn at a rotation that is under way and that nobody has to themselves.
pub async fn claim(
    database: &impl ConnectionTrait,
    turn: Turn,
    now: OffsetDateTime,
) -> Result<bool, VaultError> {
    let free = Column::Lease.is_null().or(Column::LeasedUntil.lt(now));
    let updated = Entity::update_many()
        .col_expr(Column::Lease, Expr::value(turn.lease.to_string()))
        .col_expr(Column::LeasedUntil, Expr::value(turn.until))
        .filter(Column::Id.eq(turn.rotation.to_string()))
        .filter(Column::FinishedAt.is_null())
        .filter(free)
        .exec(database)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected > 0)
}

/// Keeps the turn for longer, and counts what was done in it. Until the transaction ends nobody takes it over.
pub async fn keep(database: &impl ConnectionTrait, turn: Turn, done: u64) -> Result<(), VaultError> {
    let updated = Entity::update_many()
        .col_expr(Column::Done, Expr::col(Column::Done).add(count(done)))
        .col_expr(Column::LeasedUntil, Expr::value(turn.until))
        .filter(mine(turn))
        .exec(database)
        .await
        .map_err(failed)?;
    if updated.rows_affected == 0 { Err(VaultError::TurnLost) } else { Ok(()) }
}

/// Leaves the rotation to whoever comes next.
pub async fn release(database: &impl ConnectionTrait, turn: Turn) -> Result<(), VaultError> {
    Entity::update_many()
        .col_expr(Column::Lease, Expr::value(None::<String>))
        .filter(mine(turn))
        .exec(database)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Ends the rotation.
pub async fn end(
    transaction: &impl ConnectionTrait,
    turn: Turn,
    state: &RotationState,
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    let outcome = match state {
        RotationState::Running => None,
        RotationState::Finished(proof) => serde_json::to_string(proof).ok(),
        RotationState::Failed(broken) => serde_json::to_string(broken).ok(),
    };
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(Column::FinishedAt, Expr::value(now))
        .col_expr(Column::Outcome, Expr::value(outcome))
        .col_expr(Column::Lease, Expr::value(None::<String>))
        .filter(mine(turn))
        .exec(transaction)
        .await
        .map_err(failed)?;
    if updated.rows_affected == 0 { Err(VaultError::TurnLost) } else { Ok(()) }
}

/// Deletes every rotation of the holder's keys.
pub async fn delete_of(transaction: &impl ConnectionTrait, holder: Holder) -> Result<(), VaultError> {
    let filter = Column::Subject.eq(Subject::KeyOf(holder).to_string());
    Entity::delete_many().filter(filter).exec(transaction).await.map_err(failed)?;
    Ok(())
}

fn mine(turn: Turn) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(Column::Id.eq(turn.rotation.to_string()))
        .add(Column::Lease.eq(turn.lease.to_string()))
        .add(Column::FinishedAt.is_null())
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn assemble(row: Model) -> Result<Rotation, VaultError> {
    let unreadable = || VaultError::Unreadable(TABLE);
    let outcome = row.outcome.as_deref().unwrap_or_default();
    let state = match row.state.as_str() {
        "running" => RotationState::Running,
        "finished" => RotationState::Finished(serde_json::from_str(outcome).map_err(|_| unreadable())?),
        "failed" => RotationState::Failed(serde_json::from_str(outcome).map_err(|_| unreadable())?),
        _ => return Err(unreadable()),
    };
    let number = |number: i64| u64::try_from(number).map_err(|_| unreadable());
    Ok(Rotation {
        id: read(TABLE, &row.id)?,
        subject: read(TABLE, &row.subject)?,
        state,
        successor: row.successor,
        total: number(row.total)?,
        done: number(row.done)?,
        started_at: row.started_at,
        finished_at: row.finished_at,
        leased_until: row.leased_until,
    })
}
