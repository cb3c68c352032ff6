//! The table of events.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, QueryOrder, QuerySelect, Set, Statement,
};
use time::OffsetDateTime;

use crate::record::{self, Party, Record};
use crate::{Chain, ChainHash, Event};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub hash: Vec<u8>,
    pub id: String,
    pub at: OffsetDateTime,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub action: String,
    pub outcome: String,
    pub target_kind: String,
    pub target_id: Option<String>,
    pub request_id: Option<String>,
    pub decision_id: Option<String>,
    pub detail: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Both stores bind at most 32,767 values in a statement.
const ROWS_PER_STATEMENT: usize = 1000;

/// A record and its hash, as stored.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The record.
    pub record: Record,
    /// Its hash.
    pub hash: ChainHash,
}

/// The place of a record: its number and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub sequence: i64,
    pub hash: ChainHash,
}

impl Place {
    /// Before the first record.
    pub const START: Self = Self { sequence: 0, hash: ChainHash::START };

    /// The later one of two.
    pub fn later(self, other: Self) -> Self {
        if other.sequence > self.sequence { other } else { self }
    }
}

impl From<Model> for Linked {
    fn from(row: Model) -> Self {
        Self {
            hash: hash(&row.hash),
            record: Record {
                chain: row.chain,
                sequence: row.sequence,
                id: row.id,
                at: record::timestamp(row.at),
                actor: Party { kind: row.actor_kind, id: row.actor_id },
                action: row.action,
                outcome: row.outcome,
                target: Party { kind: row.target_kind, id: row.target_id },
                request: row.request_id,
                decision: row.decision_id,
                detail: record::raw(&row.detail),
            },
        }
    }
}

/// Adds events at the end of their chains, in their order. Each chain is locked until the transaction
/// ends, so that its numbers have no gaps and every hash covers the record before it. Says where they end.
pub async fn append(
    transaction: &DatabaseTransaction,
    events: &[Event],
) -> Result<BTreeMap<Chain, Place>, DbErr> {
    // In the order of their names: two changes of several chains each cannot wait for each other.
    let mut chains = BTreeMap::<Chain, Vec<&Event>>::new();
    for event in events {
        chains.entry(Chain::of(event)).or_default().push(event);
    }
    let mut ends = BTreeMap::new();
    for (chain, events) in chains {
        let mut place = lock(transaction, chain).await?;
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            let model = unlinked(chain, place.sequence + 1, event);
            let linked = Linked::from(model.clone());
            place = Place {
                sequence: place.sequence + 1,
                hash: place.hash.next(linked.record.text().as_bytes()),
            };
            let mut row = ActiveModel::from(model).reset_all();
            row.hash = Set(place.hash.as_bytes().to_vec());
            rows.push(row);
        }
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            Entity::insert_many(rows.iter().cloned()).exec_without_returning(transaction).await?;
        }
        ends.insert(chain, place);
    }
    Ok(ends)
}

/// Waits for everybody else who is adding to the chain, and says where it ends.
async fn lock(transaction: &DatabaseTransaction, chain: Chain) -> Result<Place, DbErr> {
    // SQLite has one writer at a time, and a change is one from its beginning.
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        // A statement of its own: what comes next has to see what the one before us committed.
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        let name = format!("audit chain {chain}");
        transaction
            .execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [name.into()]))
            .await?;
    }
    end(transaction, chain).await
}

/// The last record of a chain.
pub async fn end(connection: &impl ConnectionTrait, chain: Chain) -> Result<Place, DbErr> {
    let last = Entity::find()
        .select_only()
        .columns([Column::Sequence, Column::Hash])
        .filter(Column::Chain.eq(chain.to_string()))
        .order_by_desc(Column::Sequence)
        .limit(1)
        .into_tuple::<(i64, Vec<u8>)>()
        .one(connection)
        .await?;
    Ok(last.map_or(Place::START, |(sequence, bytes)| Place { sequence, hash: hash(&bytes) }))
}

/// The hash of one record.
pub async fn hash_at(
    connection: &impl ConnectionTrait,
    chain: Chain,
    sequence: i64,
) -> Result<Option<ChainHash>, DbErr> {
    let found = Entity::find_by_id((chain.to_string(), sequence))
        .select_only()
        .column(Column::Hash)
        .into_tuple::<Vec<u8>>()
        .one(connection)
        .await?;
    Ok(found.map(|bytes| hash(&bytes)))
}

/// Records from one number to another, both included, in order, at most so many.
pub async fn page(
    connection: &impl ConnectionTrait,
    chain: Chain,
    from: i64,
    to: i64,
    limit: u64,
) -> Result<Vec<Linked>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Chain.eq(chain.to_string()))
        .filter(Column::Sequence.between(from, to))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(Linked::from).collect())
}

/// `WITH chains AS …`: the chains of a table, found by leaps from one to the next in its index. `GROUP BY` would read every
/// record there is, at every start.
pub fn chains_of(table: &str) -> String {
    format!(
        "WITH RECURSIVE chains (chain) AS (SELECT MIN(chain) FROM {table} UNION ALL \
         SELECT (SELECT MIN(t.chain) FROM {table} t WHERE t.chain > chains.chain) FROM chains \
         WHERE chains.chain IS NOT NULL)"
    )
}

/// The chains whose last record no head has signed.
pub async fn grown_since_heads(connection: &impl ConnectionTrait) -> Result<Vec<Chain>, DbErr> {
    let sql = format!(
        "{} SELECT chain FROM chains WHERE chain IS NOT NULL AND \
         (SELECT MAX(e.sequence) FROM audit_events e WHERE e.chain = chains.chain) > \
         COALESCE((SELECT MAX(h.sequence) FROM audit_heads h WHERE h.chain = chains.chain), -1)",
        chains_of("audit_events")
    );
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await?;
    let mut chains = Vec::with_capacity(rows.len());
    for row in rows {
        // A name that is none was not written by us; an export of no chain would show it.
        chains.extend(row.try_get::<String>("", "chain")?.parse::<Chain>());
    }
    Ok(chains)
}

fn unlinked(chain: Chain, sequence: i64, event: &Event) -> Model {
    let (actor, target) = (record::actor(&event.actor), record::target(&event.target));
    Model {
        chain: chain.to_string(),
        sequence,
        hash: Vec::new(),
        id: event.id.to_string(),
        at: record::stored_precision(event.at),
        actor_kind: actor.kind,
        actor_id: actor.id,
        action: event.action.to_owned(),
        outcome: event.outcome.as_str().to_owned(),
        target_kind: target.kind,
        target_id: target.id,
        request_id: event.request.map(|id| id.to_string()),
        decision_id: event.decision.map(|id| id.to_string()),
        detail: record::visible(event.detail.to_string()),
    }
}

/// A hash of another length was not written by us, and equals none that was.
pub fn hash(bytes: &[u8]) -> ChainHash {
    ChainHash::from_bytes(bytes.try_into().unwrap_or([0xff; 32]))
}
