//! From a use to the writer.

use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::Record;

/// How many uses are under way or wait to be written.
pub(crate) const PLACES: usize = 16_384;

/// How long a use waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where uses begin.
#[derive(Clone)]
pub struct Recorder<R: Record> {
    places: mpsc::Sender<Ended<R>>,
}

/// So many uses are under way or wait to be written that another one found no place in time, or nobody writes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("records are not written as fast as they come")]
pub struct NoPlace;

/// A use that has ended.
pub(crate) struct Ended<R: Record> {
    pub at: OffsetDateTime,
    pub took: Duration,
    pub known: R::Known,
    pub outcome: R::Outcome,
    pub amount: R::Amount,
}

/// A use that has begun. Dropped without [`Begun::end`], it was abandoned.
pub struct Begun<R: Record> {
    /// What is known of it so far.
    pub known: R::Known,
    /// What is added up of it so far.
    pub amount: R::Amount,
    place: Option<mpsc::OwnedPermit<Ended<R>>>,
    at: OffsetDateTime,
    since: Instant,
}

impl<R: Record> Recorder<R> {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ended<R>>) {
        let (places, ended) = mpsc::channel(PLACES);
        (Self { places }, ended)
    }

    /// Begins a use, as soon as there is a place for its record.
    ///
    /// # Errors
    /// There is none for ten seconds.
    pub async fn begin(&self, known: R::Known) -> Result<Begun<R>, NoPlace> {
        let place = match self.places.clone().try_reserve_owned() {
            Ok(place) => place,
            Err(_) => match tokio::time::timeout(PATIENCE, self.places.clone().reserve_owned()).await {
                Ok(Ok(place)) => place,
                Ok(Err(_)) | Err(_) => {
                    tracing::error!(of = R::USES, "no use begins: records are not written in time");
                    return Err(NoPlace);
                }
            },
        };
        let (at, since, amount) = (clock::now(), Instant::now(), R::Amount::default());
        Ok(Begun { known, amount, place: Some(place), at, since })
    }
}

impl<R: Record> Begun<R> {
    /// It has ended like this.
    pub fn end(mut self, outcome: R::Outcome) {
        self.hand_in(outcome);
    }

    fn hand_in(&mut self, outcome: R::Outcome) {
        if let Some(place) = self.place.take() {
            let (at, took) = (self.at, self.since.elapsed());
            let (known, amount) = (R::take(&mut self.known), std::mem::take(&mut self.amount));
            place.send(Ended { at, took, known, outcome, amount });
        }
    }
}

impl<R: Record> Drop for Begun<R> {
    fn drop(&mut self) {
        self.hand_in(R::ABANDONED);
    }
}
