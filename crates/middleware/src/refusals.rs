//! What the audit trail says of a refused request.

use access_control::Reason;
use audit::{Actor, Event, Refusals, Target};
use ids::{AppId, DecisionId, OrganizationId, RequestId, UserId};
use serde_json::json;

/// The action that refused requests are recorded under.
pub const ACTION: &str = "app.request";

/// One refused request.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
    pub(crate) app: AppId,
    pub(crate) request: RequestId,
    pub(crate) decision: DecisionId,
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

impl RefusedRequest<'_> {
    /// Hands it in.
    pub(crate) fn record(&self, refusals: &Refusals) {
        let event = Event::refused(Actor::Person(self.user), ACTION, Target::App(self.app))
            .in_request(self.request)
            .decided(self.decision)
            .with(json!({ "method": self.method, "path": self.path, "reason": self.why }));
        refusals.record(match self.why {
            // A stranger writes into no organization's trail, only into the platform's.
            Why::Decided(Reason::NotAMember) => event,
            _ => event.of(self.organization),
        });
    }
}
