//! Whether a request may go to an app: one reading, the session, the app, the decision, in this order.
//! Nothing of the app is contacted here.

use std::sync::Arc;

use access_control::{AppRequest, Decision, Facts as _, OrganizationFacts, decide};
use apps::AppRecord;
use endpoint::http::Request;
use endpoint::{Arrival, Problem, SESSION_COOKIE, cookie};
use identity::{CookieHost, LiveSession, SessionError};
use time::OffsetDateTime;

use crate::middleware::Middleware;
use crate::own_pages;
use crate::reach::{Asked, Reach};
use crate::refusals::{RefusedRequest, Why};
use crate::stop::{Stop, unreadable};
use crate::tunnel::{self, Handshake};

/// A request that may be forwarded.
pub(crate) struct Admitted<'a> {
    pub(crate) session: Arc<LiveSession>,
    pub(crate) app: Arc<AppRecord>,
    pub(crate) reach: Reach<'a>,
    pub(crate) handshake: Handshake,
    pub(crate) now: OffsetDateTime,
}

impl Middleware {
    /// Decides about a request.
    pub(crate) async fn admit<'a>(
        &self,
        request: &'a Request,
        arrival: &Arrival,
    ) -> Result<Admitted<'a>, Stop> {
        let now = OffsetDateTime::now_utc();
        let (reach, handshake) = read(request).inspect_err(|_| self.counters.malformed.add_one())?;
        let session = self.session(request, arrival, now).await?;
        let app = self.app(arrival)?;
        let organization = self.organization(&app)?;
        let admitted = Admitted { session, app, reach, handshake, now };
        self.decide(&admitted, &organization, request, arrival)?;
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
        organization: &OrganizationFacts,
        request: &Request,
        arrival: &Arrival,
    ) -> Result<(), Stop> {
        let Admitted { session, app, reach, handshake, now } = admitted;
        let decision = decide(&AppRequest {
            viewer: session.signed_in(),
            organization,
            app: &app.facts,
            method: &reach.method,
            paths: &reach.paths,
            under_every_rule: reach.under_every_rule,
            now: *now,
        });
        let (why, visible) = match decision {
            Decision::Refuse(reason) => (Why::Decided(reason), reason.app_is_visible()),
            Decision::Allow(_) if self.is_from_elsewhere(*handshake, request, arrival) => {
                (Why::ForeignOrigin, true)
            }
            Decision::Allow(_) => return Ok(()),
        };
        let number = RefusedRequest {
            user: session.signed_in().user,
            organization: app.organization(),
            app: app.id(),
            request: arrival.request,
            method: reach.method.as_str(),
            path: reach.forwarded_path(),
            why,
        }
        .record(&self.refusals);
        let problem = if visible { Problem::forbidden().decided(number) } else { Problem::not_found() };
        Err(self.refused(problem))
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
