//! Whether a request may go to an app: one reading, the session, the app, the decision, in this order.
//! Nothing of the app is contacted here.

use std::cell::Cell;
use std::sync::Arc;

use access_control::{
    AppRequest, Decision, ExplainAccess, Facts as _, OrganizationFacts, Principal, Reason, SignInAge,
    authorize, decide, explain,
};
use apps::AppRecord;
use decisions::{Decided, Queue, in_words};
use endpoint::http::Request;
use endpoint::{Arrival, Problem, SESSION_COOKIE, cookie};
use identity::{CookieHost, LiveSession, SessionError};
use ids::{DecisionId, PathRuleId};
use time::OffsetDateTime;

use crate::middleware::Middleware;
use crate::own_pages;
use crate::reach::{Asked, Reach};
use crate::refusals::{RefusedRequest, Why};
use crate::stop::{self, Stop, unreadable};
use crate::tunnel::{self, Handshake};

/// A request that may be forwarded.
pub(crate) struct Admitted<'a> {
    pub(crate) session: Arc<LiveSession>,
    pub(crate) app: Arc<AppRecord>,
    pub(crate) reach: Reach<'a>,
    pub(crate) handshake: Handshake,
    pub(crate) now: OffsetDateTime,
}

/// Where the decision about one request is recorded, and its number once there is one.
pub(crate) struct Recording<'a> {
    queue: &'a Queue,
    number: Cell<Option<DecisionId>>,
}

impl<'a> Recording<'a> {
    pub(crate) fn new(queue: &'a Queue) -> Self {
        Self { queue, number: Cell::new(None) }
    }

    /// The decision, unless the request was stopped before there was one.
    pub(crate) fn number(&self) -> Option<DecisionId> {
        self.number.get()
    }
}

impl Middleware {
    /// Decides about a request.
    pub(crate) async fn admit<'a>(
        &self,
        request: &'a Request,
        arrival: &Arrival,
        recording: &Recording<'_>,
    ) -> Result<Admitted<'a>, Stop> {
        let now = clock::now();
        let (reach, handshake) = read(request).inspect_err(|_| self.counters.malformed.add_one())?;
        let session = self.session(request, arrival, now).await?;
        let app = self.app(arrival)?;
        let organization = self.organization(&app)?;
        let admitted = Admitted { session, app, reach, handshake, now };
        self.decide(&admitted, &organization, (request, arrival), recording)?;
        Ok(admitted)
    }

    /// The session that the one session cookie opens on this host.
    async fn session(
        &self,
        request: &Request,
        arrival: &Arrival,
        now: OffsetDateTime,
    ) -> Result<Arc<LiveSession>, Stop> {
        let cookie = cookie(request.head().headers(), SESSION_COOKIE).ok_or(Stop::SignIn)?;
        let host = CookieHost::App(&arrival.label);
        let sessions = &self.sessions;
        let opened = match sessions.cached(cookie, host, now) {
            Some(opened) => opened,
            None => sessions.open(cookie, host, now).await,
        };
        opened.map_err(|error| match error {
            SessionError::Invalid => Stop::SignIn,
            SessionError::Unavailable => self.undecided(),
        })
    }

    fn app(&self, arrival: &Arrival) -> Result<Arc<AppRecord>, Stop> {
        let app = self.directory.app_at(&arrival.label).map_err(|_| self.undecided())?;
        app.ok_or_else(|| self.refused(Problem::not_found()))
    }

    fn organization(&self, app: &AppRecord) -> Result<Arc<OrganizationFacts>, Stop> {
        let organization = self.directory.organization(app.organization()).map_err(|_| self.undecided())?;
        organization.ok_or_else(|| self.refused(Problem::not_found()))
    }

    fn decide(
        &self,
        admitted: &Admitted<'_>,
        organization: &Arc<OrganizationFacts>,
        (request, arrival): (&Request, &Arrival),
        recording: &Recording<'_>,
    ) -> Result<(), Stop> {
        let Admitted { session, app, reach, handshake, now } = admitted;
        let viewer = session.signed_in();
        let asked = AppRequest {
            viewer,
            organization,
            app: &app.facts,
            method: &reach.method,
            paths: &reach.paths,
            under_every_rule: reach.under_every_rule,
            now: *now,
        };
        let decision = decide(&asked);
        let why = match decision {
            Decision::Refuse(reason) => Some(Why::Decided(reason)),
            Decision::Allow(_) if self.is_from_elsewhere(*handshake, request, arrival) => {
                Some(Why::ForeignOrigin)
            }
            Decision::Allow(_) => None,
        };
        let number = recording.queue.record(why.is_some(), |id| Decided {
            id,
            at: *now,
            policy_version: self.directory.version(),
            organization: Arc::clone(organization),
            app: Arc::clone(&app.facts),
            viewer: viewer.clone(),
            request: arrival.request,
            method: reach.method.clone(),
            paths: reach.paths.iter().map(|path| path.forwarded().into()).collect(),
            under_every_rule: reach.under_every_rule,
            again: false,
            decision,
            foreign_origin: matches!(why, Some(Why::ForeignOrigin)),
        });
        recording.number.set(Some(number));
        let Some(why) = why else { return Ok(()) };
        RefusedRequest {
            user: viewer.user,
            organization: app.organization(),
            app: app.id(),
            request: arrival.request,
            decision: number,
            method: reach.method.as_str(),
            path: reach.forwarded_path(),
            why,
        }
        .record(&self.refusals);
        if let Why::Decided(Reason::SignInTooOld(rule)) = why
            && let Some(age) = age_asked_by(rule, app)
        {
            self.counters.refused.add_one();
            return Err(Stop::SignInAgain(age, stop::too_old(age, number)));
        }
        let problem = match why {
            Why::Decided(reason) if !reason.app_is_visible() => Problem::not_found(),
            _ => Problem::forbidden().decided(number).explained(self.explanation(&asked, why)),
        };
        Err(self.refused(problem))
    }

    /// What was looked at, in words, for those who may ask.
    fn explanation(&self, asked: &AppRequest<'_>, why: Why) -> Vec<String> {
        let person = Principal::User(asked.viewer.clone());
        if authorize::<ExplainAccess>(Some(&person), asked.app.id, &self.directory, asked.now).is_err() {
            return Vec::new();
        }
        let mut words = in_words(&explain(asked), asked.app.rules.as_slice());
        if let Why::ForeignOrigin = why {
            words.push("Refused all the same: the page of another host sent this request.".to_owned());
        }
        words
    }

    /// Whether the page of another origin sent this, and could do harm with it.
    fn is_from_elsewhere(&self, handshake: Handshake, request: &Request, arrival: &Arrival) -> bool {
        let headers = request.head().headers();
        let own = || self.sites.origin_of(&arrival.label);
        match handshake {
            Handshake::WebSocket => !tunnel::is_from_own_page(headers, &own()),
            _ => own_pages::is_sent_by_a_foreign_page(request.method(), headers, own),
        }
    }

    fn undecided(&self) -> Stop {
        self.counters.undecided.add_one();
        Problem::unavailable().into()
    }

    fn refused(&self, problem: Problem) -> Stop {
        self.counters.refused.add_one();
        problem.into()
    }
}

/// How recent a sign-in this rule asks for.
fn age_asked_by(rule: PathRuleId, app: &AppRecord) -> Option<SignInAge> {
    app.facts.rules.as_slice().iter().find(|known| known.id == rule)?.sign_in_within
}

/// The one reading of a request.
fn read(request: &Request) -> Result<(Reach<'_>, Handshake), Stop> {
    let headers = request.head().headers();
    let content_type: Vec<&[u8]> = headers.get_all("content-type").map(|value| value.as_bytes()).collect();
    let next_url: Vec<&[u8]> = headers.get_all("next-url").map(|value| value.as_bytes()).collect();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let reach = Reach::of(&Asked {
        method: request.method().as_str(),
        target,
        content_type: &content_type,
        next_action: headers.contains_key("next-action"),
        next_url: &next_url,
    })
    .map_err(|error| unreadable(&error))?;
    // What the platform itself answers on app hosts is never the app's, however it is spelled.
    let path = reach.paths.first().map_or("/", |path| path.judged());
    if path == "/.vybe" || path.starts_with("/.vybe/") {
        return Err(Problem::not_found().into());
    }
    match Handshake::of(request.method(), headers) {
        Handshake::Malformed => Err(Problem::malformed("This is not a WebSocket handshake.").into()),
        handshake => Ok((reach, handshake)),
    }
}
