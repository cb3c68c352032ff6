//! Looking through a chain. Every query is answered from an index, so that what it costs depends on what
//! it finds and not on how long the chain is.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect, Select, Statement};
use time::{Duration, OffsetDateTime};

use super::events::{Column, Entity, Linked, Model};
use crate::{Chain, Filter};

/// How far the clock and the order of a chain may be apart: an event that waited longer than this to be
/// written is not found by its time.
const DISORDER: Duration = Duration::hours(1);

/// SQLite compares instants as texts, which is right but for fractions of a second.
const FRACTION: Duration = Duration::seconds(1);

/// Part of a chain: numbers above `after` and below `before`.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub after: i64,
    pub before: i64,
}

/// The part of a chain in which everything between two instants is, and hardly more.
pub async fn range(
    connection: &impl ConnectionTrait,
    chain: Chain,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
) -> Result<Range, DbErr> {
    let mut range = Range { after: 0, before: i64::MAX };
    let numbers = || {
        let of_chain = Entity::find().filter(Column::Chain.eq(chain.to_string()));
        of_chain.select_only().column(Column::Sequence)
    };
    if let Some(bound) = since.and_then(|since| since.checked_sub(DISORDER)) {
        let last = numbers().filter(Column::At.lt(bound)).order_by_desc(Column::At).limit(1);
        range.after = last.into_tuple::<i64>().one(connection).await?.unwrap_or(range.after);
    }
    if let Some(bound) = until.and_then(|until| until.checked_add(DISORDER)) {
        let first = numbers().filter(Column::At.gt(bound)).order_by_asc(Column::At).limit(1);
        range.before = first.into_tuple::<i64>().one(connection).await?.unwrap_or(range.before);
    }
    Ok(range)
}

/// Records that the filter lets through, newest first, at most so many. Where the filter names a group of
/// actions, `action` is one of them.
pub async fn newest(
    connection: &impl ConnectionTrait,
    chain: Chain,
    filter: &Filter,
    action: Option<&str>,
    range: Range,
    limit: u64,
) -> Result<Vec<Linked>, DbErr> {
    let mut select = Entity::find()
        .filter(Column::Chain.eq(chain.to_string()))
        .filter(Column::Sequence.gt(range.after))
        .filter(Column::Sequence.lt(range.before));
    let texts = [
        (Column::ActorId, filter.actor.as_deref()),
        (Column::ActorKind, filter.actor_kind.as_deref()),
        (Column::Action, action),
        (Column::TargetId, filter.target.as_deref()),
        (Column::TargetKind, filter.target_kind.as_deref()),
        (Column::Outcome, filter.outcome.map(crate::Outcome::as_str)),
        (Column::RequestId, filter.request.as_deref()),
        (Column::DecisionId, filter.decision.as_deref()),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            select = select.filter(column.eq(text));
        }
    }
    select = at_about(select, filter);
    let rows = select.order_by_desc(Column::Sequence).limit(limit).all(connection).await?;
    Ok(rows.into_iter().map(Linked::from).collect())
}

fn at_about(mut select: Select<Entity>, filter: &Filter) -> Select<Entity> {
    if let Some(bound) = filter.since.and_then(|since| since.checked_sub(FRACTION)) {
        select = select.filter(Column::At.gte(bound));
    }
    if let Some(bound) = filter.until.and_then(|until| until.checked_add(FRACTION)) {
        select = select.filter(Column::At.lte(bound));
    }
    select
}

/// One record of a chain, by the event's identifier.
pub async fn by_id(
    connection: &impl ConnectionTrait,
    chain: Chain,
    id: &str,
) -> Result<Option<Linked>, DbErr> {
    let select = Entity::find().filter(Column::Id.eq(id)).filter(Column::Chain.eq(chain.to_string()));
    let row: Option<Model> = select.one(connection).await?;
    Ok(row.map(Linked::from))
}

/// The actions that a chain has records of. One step down an index for each.
pub async fn actions(connection: &impl ConnectionTrait, chain: Chain) -> Result<Vec<String>, DbErr> {
    let sql = "WITH RECURSIVE found (name) AS ( \
                 SELECT MIN(action) FROM audit_events WHERE chain = $1 \
                 UNION ALL \
                 SELECT (SELECT MIN(action) FROM audit_events WHERE chain = $1 AND action > found.name) \
                 FROM found WHERE found.name IS NOT NULL \
               ) SELECT name FROM found WHERE name IS NOT NULL";
    names(connection, sql, vec![chain.to_string().into()]).await
}

/// Every chain that has a record. One step down an index for each.
pub async fn chains(connection: &impl ConnectionTrait) -> Result<Vec<Chain>, DbErr> {
    let sql = "WITH RECURSIVE found (name) AS ( \
                 SELECT MIN(chain) FROM audit_events \
                 UNION ALL \
                 SELECT (SELECT MIN(chain) FROM audit_events WHERE chain > found.name) \
                 FROM found WHERE found.name IS NOT NULL \
               ) SELECT name FROM found WHERE name IS NOT NULL";
    let names = names(connection, sql, Vec::new()).await?;
    // A name that is none was not written by us.
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

async fn names(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection.query_all_raw(statement).await?.iter().map(|row| row.try_get("", "name")).collect()
}
