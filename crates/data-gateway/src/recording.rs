//! How queries become records.

use std::mem::take;

use databases::Summary;
use ids::QueryRecordId;
use time::OffsetDateTime;
use usage_records::{NoPlace, Record, Recorder, Uses, Writer};

use crate::query_record::{Asked, Outcome, QueryRecord};
use crate::{RunError, Store};

/// Where queries begin.
pub type QueryRecorder = Recorder<QueryRecord>;

/// Writes records of queries.
pub type QueryRecordWriter = Writer<Store>;

/// A query that has begun.
pub(crate) type Begun = usage_records::Begun<QueryRecord>;

impl Record for QueryRecord {
    const USES: &'static str = "queries";
    const ABANDONED: Outcome = Outcome::Abandoned;

    type Known = Asked;
    type Outcome = Outcome;
    type Amount = Summary;

    fn take(known: &mut Asked) -> Asked {
        Asked { kind: take(&mut known.kind), fingerprint: take(&mut known.fingerprint), ..*known }
    }

    fn add(amount: &mut Summary, more: Summary) {
        amount.rows = amount.rows.saturating_add(more.rows);
        amount.bytes = amount.bytes.saturating_add(more.bytes);
    }

    fn of(second: OffsetDateTime, asked: Asked, outcome: Outcome, uses: Uses<Self>) -> Self {
        let Uses { count, duration, longest, amount: Summary { rows, bytes, .. } } = uses;
        let id = QueryRecordId::generate();
        Self { id, at: second, asked, outcome, count, rows, bytes, duration, longest }
    }
}

impl From<NoPlace> for RunError {
    fn from(_: NoPlace) -> Self {
        Self::Unavailable
    }
}
