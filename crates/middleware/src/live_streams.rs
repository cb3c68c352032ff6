//! Answers and tunnels that last: what was allowed when they began is decided again whenever the facts
//! change, and they are cut when the session ends.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use access_control::{AppRequest, Decision, Facts, Method, RequestPath, decide};
use decisions::{Decided, Queue};
use identity::LiveSession;
use ids::{AppId, OrganizationId, RequestId};
use revocations::{Holder, OpenStream, OpenStreams};
use smallvec::SmallVec;
use time::OffsetDateTime;
use tokio::sync::watch;

/// How long facts may be unavailable, or a grant or a sign-in be past its end, before a stream notices: half
/// of the second that is promised, so that a busy machine keeps the promise, too.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// What decisions read, and how a worker learns that it changed.
pub(crate) struct Policy {
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) changed: watch::Receiver<u64>,
    /// Where this worker's decisions go.
    pub(crate) decisions: Queue,
    /// Where streams are counted.
    pub(crate) streams: OpenStreams,
}

/// Why a stream is allowed, so that it can be decided again.
pub(crate) struct Grounds {
    pub(crate) policy: Rc<Policy>,
    pub(crate) session: Arc<LiveSession>,
    pub(crate) app: AppId,
    pub(crate) organization: OrganizationId,
    pub(crate) request: RequestId,
    pub(crate) method: Method,
    pub(crate) paths: SmallVec<[RequestPath<'static>; 1]>,
    pub(crate) under_every_rule: bool,
}

/// Why a stream was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The person signed out, or the session lapsed or was revoked.
    SessionEnded,
    /// The person may not do this any more.
    NoLongerAllowed,
    /// Whether the person still may is not known.
    FactsUnavailable,
    /// Nothing moved for too long.
    Idle,
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::SessionEnded => "the session ended",
            Self::NoLongerAllowed => "access was withdrawn",
            Self::FactsUnavailable => "access cannot be checked at the moment",
            Self::Idle => "nothing was sent for too long",
        })
    }
}

impl Grounds {
    /// Waits until the stream has to end.
    pub(crate) async fn until_refused(self: Rc<Self>) -> Cut {
        let stream = self.noted();
        let cut = self.refused(&stream).await;
        stream.cut();
        cut
    }

    async fn refused(&self, stream: &OpenStream) -> Cut {
        let mut changed = self.policy.changed.clone();
        loop {
            // Looked at before waiting: much may have changed since the request was decided.
            let version = *changed.borrow_and_update();
            if let Some(cut) = self.refusal(clock::now()) {
                return cut;
            }
            stream.allowed_by(version);
            tokio::select! {
                () = self.session.ended().cancelled() => return Cut::SessionEnded,
                moved = changed.changed() => if moved.is_err() { return Cut::FactsUnavailable },
                () = tokio::time::sleep(LONGEST_WAIT) => {}
            }
        }
    }

    /// Counts it among the streams, for whoever revokes what it rests on.
    fn noted(&self) -> OpenStream {
        let signed_in = self.session.signed_in();
        let holder = Holder {
            user: signed_in.user,
            session: signed_in.session,
            app: self.app,
            organization: self.organization,
        };
        self.policy.streams.open(holder, self.session.ended().clone())
    }

    fn refusal(&self, now: OffsetDateTime) -> Option<Cut> {
        if self.session.ended().is_cancelled() || now >= self.session.ends_at() {
            return Some(Cut::SessionEnded);
        }
        let Ok(app) = self.policy.facts.app(self.app) else { return Some(Cut::FactsUnavailable) };
        let Some(app) = app else { return Some(Cut::NoLongerAllowed) };
        let Ok(organization) = self.policy.facts.organization(app.organization) else {
            return Some(Cut::FactsUnavailable);
        };
        let Some(organization) = organization else { return Some(Cut::NoLongerAllowed) };
        let decision = decide(&AppRequest {
            viewer: self.session.signed_in(),
            organization: &organization,
            app: &app,
            method: &self.method,
            paths: &self.paths,
            under_every_rule: self.under_every_rule,
            now,
        });
        if let Decision::Allow(_) = decision {
            return None;
        }
        self.policy.decisions.record(true, |id| Decided {
            id,
            at: now,
            policy_version: *self.policy.changed.borrow(),
            organization,
            app,
            viewer: self.session.signed_in().clone(),
            request: self.request,
            method: self.method.clone(),
            paths: self.paths.iter().map(|path| path.forwarded().into()).collect(),
            under_every_rule: self.under_every_rule,
            again: true,
            decision,
            foreign_origin: false,
        });
        Some(Cut::NoLongerAllowed)
    }
}
