//! From a query to the writer of records. A query has a place in the queue before it begins, so that no query is run
//! that is not recorded: while the store does not keep up, callers wait.

use std::time::{Duration, Instant};

use databases::Summary;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::RunError;
use crate::query_record::{Asked, Outcome};

/// How many queries are under way or wait to be written.
const PLACES: usize = 16_384;

/// How long a query waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where queries are handed in.
#[derive(Clone)]
pub struct QueryRecorder {
    places: mpsc::Sender<Ended>,
}

/// A query that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub at: OffsetDateTime,
    pub asked: Asked,
    pub outcome: Outcome,
    pub summary: Summary,
    pub took: Duration,
}

/// A query that has begun. Dropped without [`Begun::end`], it was abandoned.
pub(crate) struct Begun {
    place: Option<mpsc::OwnedPermit<Ended>>,
    at: OffsetDateTime,
    since: Instant,
    pub asked: Asked,
    pub summary: Summary,
}

impl QueryRecorder {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ended>) {
        let (places, ended) = mpsc::channel(PLACES);
        (Self { places }, ended)
    }

    pub(crate) async fn begin(&self, asked: Asked) -> Result<Begun, RunError> {
        let place = match self.places.clone().try_reserve_owned() {
            Ok(place) => place,
            Err(_) => tokio::time::timeout(PATIENCE, self.places.clone().reserve_owned())
                .await
                .map_err(|_| RunError::Unavailable)?
                .map_err(|_| RunError::Unavailable)?,
        };
        Ok(Begun {
            place: Some(place),
            at: OffsetDateTime::now_utc(),
            since: Instant::now(),
            asked,
            summary: Summary::default(),
        })
    }
}

impl Begun {
    /// It has ended like this.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.hand_in(outcome);
    }

    fn hand_in(&mut self, outcome: Outcome) {
        if let Some(place) = self.place.take() {
            let took = self.since.elapsed();
            let kind = std::mem::take(&mut self.asked.kind);
            let fingerprint = std::mem::take(&mut self.asked.fingerprint);
            place.send(Ended {
                at: self.at,
                asked: Asked { kind, fingerprint, ..self.asked },
                outcome,
                summary: self.summary,
                took,
            });
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.hand_in(Outcome::Abandoned);
    }
}
