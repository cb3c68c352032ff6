//! From a call to the writer of records. A call has a place in the queue before it begins, so that no call is made that
//! is not recorded: while the store does not keep up, callers wait.

use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::ExecuteError;
use crate::service_call::{CallOutcome, Called};

/// How many calls are under way or wait to be written.
const PLACES: usize = 16_384;

/// How long a call waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where calls are handed in.
#[derive(Clone)]
pub struct ServiceCallRecorder {
    places: mpsc::Sender<Ended>,
}

/// A call that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub at: OffsetDateTime,
    pub called: Called,
    pub outcome: CallOutcome,
    pub status: Option<u16>,
    pub took: Duration,
}

/// A call that has begun. Dropped without [`Begun::end`], it was abandoned.
pub(crate) struct Begun {
    place: Option<mpsc::OwnedPermit<Ended>>,
    at: OffsetDateTime,
    since: Instant,
    pub called: Called,
    pub status: Option<u16>,
}

impl ServiceCallRecorder {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ended>) {
        let (places, ended) = mpsc::channel(PLACES);
        (Self { places }, ended)
    }

    pub(crate) async fn begin(&self, called: Called) -> Result<Begun, ExecuteError> {
        let place = match self.places.clone().try_reserve_owned() {
            Ok(place) => place,
            Err(_) => tokio::time::timeout(PATIENCE, self.places.clone().reserve_owned())
                .await
                .map_err(|_| ExecuteError::Unavailable)?
                .map_err(|_| ExecuteError::Unavailable)?,
        };
        Ok(Begun {
            place: Some(place),
            at: OffsetDateTime::now_utc(),
            since: Instant::now(),
            called,
            status: None,
        })
    }
}

impl Begun {
    /// It has ended like this.
    pub(crate) fn end(mut self, outcome: CallOutcome) {
        self.hand_in(outcome);
    }

    fn hand_in(&mut self, outcome: CallOutcome) {
        if let Some(place) = self.place.take() {
            place.send(Ended {
                at: self.at,
                called: self.called.clone(),
                outcome,
                status: self.status,
                took: self.since.elapsed(),
            });
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.hand_in(CallOutcome::Abandoned);
    }
}
