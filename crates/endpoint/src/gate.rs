//! Credential, object, access: what happens before any handler.

use std::pin::Pin;
use std::sync::Arc;

use access_control::{
    Action, AgentCredential, AppCredential, Check, Credential, Facts, Means, PageCredential, Permit,
    Principal, Scope, SignedIn, authorize,
};
use actix_http::StatusCode;
use actix_web::HttpMessage as _;
use async_trait::async_trait;
use audit::Refusals;
use ids::AppId;

use crate::attempt::Attempt;
use crate::cross_origin::ApprovedOrigin;
use crate::object::ObjectFromPath;
use crate::request_fields::{navigates, only, sends_cookie};
use crate::{Allowance, Call, Origins, Problem, RateLimits, Sites};

/// The session cookie. `__Host-` keeps it on one host, over TLS, out of reach of sibling hosts.
pub const SESSION_COOKIE: &str = "__Host-vybe_session";

/// Why a credential does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Unknown, expired, revoked or malformed. Which one is not said.
    Invalid,
    /// It cannot be checked right now.
    Unavailable,
}

/// Turns credentials into principals. Implemented where identity and apps meet.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The person behind a session cookie of the platform's host.
    async fn session(&self, cookie: &str) -> Result<SignedIn, Rejected>;

    /// The app behind a server secret, and the person behind the user token that came with it. A user
    /// token that is not valid for this app makes the whole call invalid.
    async fn server_secret(&self, secret: &str, user_token: Option<&str>) -> Result<AppCredential, Rejected>;

    /// The person behind an API token.
    async fn api_token(&self, token: &str) -> Result<SignedIn, Rejected>;

    /// The app that a token of the coding agent is for, and who issued it.
    async fn agent_token(&self, token: &str) -> Result<AgentCredential, Rejected>;

    /// The app at this host label, if this person may open it.
    fn app_to_open(&self, person: &SignedIn, label: &str) -> Result<Option<AppId>, Rejected>;
}

/// Everything that stands between a request and a handler.
#[derive(Clone)]
pub struct Gate {
    /// Who checks credentials.
    pub authenticator: Arc<dyn Authenticator>,
    /// What decisions read.
    pub facts: Arc<dyn Facts>,
    /// Which hosts are ours.
    pub sites: Arc<Sites>,
    /// Where refused calls are recorded.
    pub refusals: Refusals,
    /// How often who may call.
    pub rate_limits: Arc<RateLimits>,
}

/// Runs the gate for one action.
pub(crate) async fn permit<A>(
    gate: &Gate,
    mut call: Call,
    origins: Origins,
    anonymous: Option<Allowance>,
) -> Result<(Permit<A>, Call, Attempt), Problem>
where
    A: Action,
    A::Scope: Check + ObjectFromPath,
{
    let principal = match principal::<A::Scope>(gate, &call).await {
        Ok(principal) => principal,
        Err(problem) => {
            let problem = Attempt::new::<A>(None, &call).refused_at_the_gate(gate, problem);
            return Err(counted_as_refused(gate, &call, problem));
        }
    };
    count::<A::Scope>(gate, &call, principal.as_ref(), anonymous)?;
    let attempt = Attempt::new::<A>(principal.as_ref(), &call);
    match decide::<A>(gate, &mut call, principal.as_ref(), origins) {
        Ok(permit) => {
            call.again = Some(Again { gate: gate.clone(), decide: decide_again::<A> });
            Ok((permit, call, attempt))
        }
        Err(problem) => Err(attempt.refused_at_the_gate(gate, problem)),
    }
}

/// Counts a call by whose it is, or else by where it comes from.
fn count<S: Scope>(
    gate: &Gate,
    call: &Call,
    principal: Option<&Principal>,
    anonymous: Option<Allowance>,
) -> Result<(), Problem> {
    let Some(anonymous) = anonymous else { return Ok(()) };
    let Some(principal) = principal else { return gate.rate_limits.admit(call.client(), anonymous) };
    let allowance = match S::CREDENTIAL {
        Credential::ServerSecret | Credential::AppOrItsPage => Allowance::AppCalls,
        Credential::Nothing | Credential::Session | Credential::AgentToken => Allowance::Api,
    };
    let standing = gate.rate_limits.admit_principal(principal, allowance)?;
    call.request.extensions_mut().insert(standing);
    Ok(())
}

/// Counts a call of nobody by where it comes from. What a browser sends by itself is worth nothing when it has
/// expired; a secret or token that is wrong is another matter.
fn counted_as_refused(gate: &Gate, call: &Call, problem: Problem) -> Problem {
    if problem.status() != StatusCode::UNAUTHORIZED {
        return problem;
    }
    let secrets = ["authorization", "vybe_server_secret", "vybe-server-secret", "x-vybe-user-token"];
    let allowance = match secrets.iter().any(|name| call.headers.contains_key(*name)) {
        true => Allowance::WrongCredentials,
        false => Allowance::Anonymous,
    };
    gate.rate_limits.admit(call.client(), allowance).err().unwrap_or(problem)
}

/// The decision about a call, to be made once more.
pub(crate) struct Again {
    gate: Gate,
    decide: for<'a> fn(&'a Gate, &'a Call) -> Decided<'a>,
}

type Decided<'a> = Pin<Box<dyn Future<Output = Result<(), Problem>> + 'a>>;

impl Again {
    pub(crate) async fn decide(&self, call: &Call) -> Result<(), Problem> {
        (self.decide)(&self.gate, call).await
    }
}

fn decide_again<'a, A>(gate: &'a Gate, call: &'a Call) -> Decided<'a>
where
    A: Action,
    A::Scope: Check + ObjectFromPath,
{
    Box::pin(async move {
        let principal = principal::<A::Scope>(gate, call).await?;
        let object = A::Scope::object(call)?;
        let refused = match authorize::<A>(principal.as_ref(), object, &*gate.facts, clock::now()) {
            Ok(_) => return Ok(()),
            Err(refusal) => Problem::from(refusal),
        };
        // Any other status is recorded where the handler's own are.
        Err(match refused.status() {
            StatusCode::NOT_FOUND => {
                Attempt::new::<A>(principal.as_ref(), call).refused_at_the_gate(gate, refused)
            }
            _ => refused,
        })
    })
}

async fn principal<S: Scope>(gate: &Gate, call: &Call) -> Result<Option<Principal>, Problem> {
    Ok(match S::CREDENTIAL {
        Credential::Nothing => None,
        Credential::Session => Some(Principal::User(person(gate, call).await?)),
        Credential::ServerSecret => Some(Principal::App(server_secret(gate, call).await?)),
        Credential::AppOrItsPage => Some(app_or_its_page(gate, call).await?),
        Credential::AgentToken => Some(Principal::Agent(agent_token(gate, call).await?)),
    })
}

fn decide<A>(
    gate: &Gate,
    call: &mut Call,
    principal: Option<&Principal>,
    origins: Origins,
) -> Result<Permit<A>, Problem>
where
    A: Action,
    A::Scope: Check + ObjectFromPath,
{
    match principal {
        Some(Principal::User(person)) if person.means == Means::Browser => {
            call.app_origin = calling_app(gate, call, origins, person)?;
        }
        Some(Principal::Page(_)) => call.app_origin = page_label(gate, call),
        _ => {}
    }
    if let Some(label) = &call.app_origin {
        call.request.extensions_mut().insert(ApprovedOrigin(label.clone()));
    }
    // A malformed identifier and a foreign one look alike, and neither is looked at for nobody.
    let object = A::Scope::object(call)?;
    Ok(authorize::<A>(principal, object, &*gate.facts, call.now)?)
}

/// The person behind the one credential that came: a cookie or an API token, never both.
async fn person(gate: &Gate, call: &Call) -> Result<SignedIn, Problem> {
    match bearer(call)? {
        None => session(gate, call).await,
        // No browser sends one by itself, so it comes from a program, and a program has neither.
        Some(_) if sent_by_a_browser(call) => Err(Problem::unauthenticated()),
        Some(token) => {
            // It may have to be looked up in the store. All others are recognised in memory, so that who knows one is not
            // held up by neighbours who do not.
            gate.rate_limits.check(call.client(), Allowance::WrongCredentials)?;
            gate.authenticator.api_token(token).await.map_err(Problem::from)
        }
    }
}

async fn agent_token(gate: &Gate, call: &Call) -> Result<AgentCredential, Problem> {
    match bearer(call)? {
        Some(token) if !sent_by_a_browser(call) => {
            gate.authenticator.agent_token(token).await.map_err(Problem::from)
        }
        _ => Err(Problem::unauthenticated()),
    }
}

/// The one bearer token of a call (RFC 6750, section 2.1), unless there is none.
fn bearer(call: &Call) -> Result<Option<&str>, Problem> {
    let headers = &call.headers;
    if !headers.contains_key("authorization") {
        return Ok(None);
    }
    let value = only(headers.get_all("authorization")).and_then(|value| value.to_str().ok());
    let (scheme, token) =
        value.and_then(|value| value.split_once(' ')).ok_or_else(Problem::unauthenticated)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token)) } else { Err(Problem::unauthenticated()) }
}

/// Whether it carries what only browsers send by themselves.
fn sent_by_a_browser(call: &Call) -> bool {
    let headers = &call.headers;
    ["cookie", "origin", "sec-fetch-site"].iter().any(|name| headers.contains_key(*name))
}

async fn session(gate: &Gate, call: &Call) -> Result<SignedIn, Problem> {
    let cookie = call.cookie(SESSION_COOKIE).ok_or_else(Problem::unauthenticated)?;
    gate.authenticator.session(cookie).await.map_err(Problem::from)
}

async fn server_secret(gate: &Gate, call: &Call) -> Result<AppCredential, Problem> {
    let headers = &call.headers;
    let both = headers.get_all("vybe_server_secret").chain(headers.get_all("vybe-server-secret"));
    let secret = only(both).and_then(|value| value.to_str().ok()).ok_or_else(Problem::unauthenticated)?;
    let mut tokens = headers.get_all("x-vybe-user-token");
    let token = match (tokens.next(), tokens.next()) {
        (None, _) => None,
        (Some(token), None) => Some(token.to_str().map_err(|_| Problem::unauthenticated())?),
        (Some(_), Some(_)) => return Err(Problem::unauthenticated()),
    };
    gate.authenticator.server_secret(secret, token).await.map_err(Problem::from)
}

/// An app with its secret, or a page of it with a person's session. A browser that sends a secret has taken it from a
/// server, and a server that sends a session has taken it from a browser: with both, neither counts.
async fn app_or_its_page(gate: &Gate, call: &Call) -> Result<Principal, Problem> {
    let of_an_app = ["vybe_server_secret", "vybe-server-secret", "x-vybe-user-token", "authorization"];
    if !of_an_app.iter().any(|name| call.headers.contains_key(*name)) {
        let person = session(gate, call).await?;
        // The platform's own pages are none of an app's, and neither is what does not say where it comes from.
        let label = page_label(gate, call).ok_or_else(Problem::unauthenticated)?;
        let app = gate.authenticator.app_to_open(&person, &label)?;
        let app =
            app.ok_or_else(|| foreign_origin("Only a page of an app that you may open may send this."))?;
        return Ok(Principal::Page(PageCredential { app, person }));
    }
    if sends_cookie(&call.headers, SESSION_COOKIE) {
        return Err(Problem::unauthenticated());
    }
    Ok(Principal::App(server_secret(gate, call).await?))
}

/// The label of the app at whose origin the calling page is.
fn page_label(gate: &Gate, call: &Call) -> Option<String> {
    gate.sites.app_label_of_origin(only(call.headers.get_all("origin"))?.to_str().ok()?)
}

fn foreign_origin(detail: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail)
}

/// Browsers say where a call comes from; app code on a sibling host must not act as the person on the
/// platform, and `SameSite` does not stop it (same site).
fn calling_app(
    gate: &Gate,
    call: &Call,
    origins: Origins,
    person: &SignedIn,
) -> Result<Option<String>, Problem> {
    let refused = || foreign_origin("Only the platform's own pages may send this request.");
    let headers = &call.headers;
    let method = call.request.method();
    let safe = method.is_safe();
    let origin = match headers.get("origin") {
        None => None,
        Some(value) => Some(value.to_str().map_err(|_| refused())?),
    };
    if let Some(origin) = origin
        && origin != gate.sites.platform_origin()
    {
        if origins != Origins::AppsToo {
            return Err(refused());
        }
        let label = gate.sites.app_label_of_origin(origin).ok_or_else(refused)?;
        let app = gate.authenticator.app_to_open(person, &label)?;
        return app.map(|_| Some(label)).ok_or_else(refused);
    }
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("unreadable"));
    match (site, origin) {
        // Typed, bookmarked, or from our own page.
        (Some("same-origin" | "none"), _) => Ok(None),
        // A link or redirect from elsewhere that shows a page and changes nothing.
        (Some(_), _) if safe && navigates(headers) => Ok(None),
        (Some(_), _) => Err(refused()),
        // No browser of today leaves out both on a request that changes something.
        (None, Some(_)) => Ok(None),
        (None, None) if safe => Ok(None),
        (None, None) => Err(refused()),
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Invalid => Self::unauthenticated(),
            Rejected::Unavailable => Self::unavailable(),
        }
    }
}
