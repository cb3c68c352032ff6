//! Refused requests on their way into the audit trail. Writing them never holds up a request.

use std::sync::Arc;

use access_control::Reason;
use audit::{Actor, Event, Journal, Target};
use ids::{AppId, DecisionId, OrganizationId, RequestId, UserId};
use serde_json::json;
use tokio::sync::mpsc;

use crate::counters::Counters;

/// How many refusals wait to be written. More than that at once are counted, and not written.
const QUEUE: usize = 4096;

/// The action that refused requests are recorded under.
pub const ACTION: &str = "app.request";

/// Where refused requests are handed in.
#[derive(Clone, Debug)]
pub struct Refusals {
    queue: mpsc::Sender<Event>,
    counters: Arc<Counters>,
}

/// Writes refused requests. Runs until every [`Refusals`] is gone and the queue is empty.
#[derive(Debug)]
pub struct RefusalWriter {
    queue: mpsc::Receiver<Event>,
    journal: Journal,
    counters: Arc<Counters>,
}

/// One refused request.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
    pub(crate) app: AppId,
    pub(crate) request: RequestId,
    pub(crate) method: &'a str,
    /// Percent-encoded, so that it is one line of plain characters.
    pub(crate) path: &'a str,
    pub(crate) why: Why,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// A WebSocket, or something that may change the app, from a page that is not the app's.
    ForeignOrigin,
    /// The decision.
    #[serde(untagged)]
    Decided(Reason),
}

impl Refusals {
    /// A queue, and who empties it.
    #[must_use]
    pub fn new(journal: Journal, counters: Arc<Counters>) -> (Self, RefusalWriter) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = RefusalWriter { queue: receiver, journal, counters: Arc::clone(&counters) };
        (Self { queue: sender, counters }, writer)
    }

    /// Hands in a refused request and numbers the decision.
    pub(crate) fn record(&self, refused: &RefusedRequest<'_>) -> DecisionId {
        let decision = DecisionId::generate();
        let event = Event::refused(Actor::Person(refused.user), ACTION, Target::App(refused.app))
            .of(refused.organization)
            .during(refused.request)
            .decided(decision)
            .with(json!({ "method": refused.method, "path": refused.path, "reason": refused.why }));
        if self.queue.try_send(event).is_err() {
            self.counters.unrecorded.add_one();
        }
        decision
    }
}

impl RefusalWriter {
    /// Writes until there is nothing more to come.
    pub async fn run(mut self) {
        while let Some(event) = self.queue.recv().await {
            if let Err(error) = self.journal.record(&event).await {
                self.counters.unrecorded.add_one();
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    decision = %event.decision.map(|decision| decision.to_string()).unwrap_or_default(),
                    "a refused request is missing from the audit trail"
                );
            }
        }
    }
}
