//! Why a request is not forwarded, and what its sender is told.

use access_control::SignInAge;
use endpoint::http::StatusCode;
use endpoint::{Answer, Arrival, Problem, Sites};
use identity::HandOff;
use ids::{AppId, DecisionId};

use crate::counters::Counters;
use crate::forward::Failure;
use crate::live_streams::Cut;
use crate::reach::ReachError;
use crate::upstream_pool::UpstreamError;

/// Why a request is not forwarded.
pub(crate) enum Stop {
    /// Nobody is signed in on this host.
    SignIn,
    /// Somebody is, and has to sign in again: so recently; others than pages are told this.
    SignInAgain(SignInAge, Problem),
    /// Refused, or failed.
    Told(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Told(problem)
    }
}

/// Sends a browser to sign in, perhaps anew. The same for hosts of apps that do not exist.
pub(crate) fn sign_in(
    arrival: &Arrival,
    target: &str,
    browser: Option<&str>,
    within: Option<SignInAge>,
    sites: &Sites,
) -> Answer {
    let departure = match within {
        None => HandOff::begin(&arrival.label, target, browser, sites),
        Some(age) => HandOff::begin_anew(&arrival.label, target, browser, age, sites),
    };
    match departure {
        Ok(departure) => Answer::found(&departure.location)
            .header("set-cookie", &departure.set_cookie)
            .header("x-request-id", &arrival.request.to_string()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "nobody can be sent to sign in");
            Problem::internal().answer(arrival.request, true)
        }
    }
}

/// What is told to whoever cannot be sent to sign in again.
pub(crate) fn too_old(age: SignInAge, decision: DecisionId) -> Problem {
    let minutes = age.minutes();
    let detail = format!("This asks for a sign-in of the last {minutes} minutes. Sign in again.");
    Problem::new(StatusCode::UNAUTHORIZED, "sign_in_too_old", detail).decided(decision)
}

/// A request that has no single reading.
pub(crate) fn unreadable(error: &ReachError) -> Stop {
    let detail = format!("The request cannot be forwarded: {error}.");
    match error {
        ReachError::Method => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).into()
        }
        _ => Problem::malformed(detail).into(),
    }
}

/// An app without an upstream.
pub(crate) fn not_running() -> Stop {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_running",
        "This app does not run anywhere yet. Tell whoever runs it.",
    )
    .into()
}

/// An exchange with an app that came to nothing. What went wrong is for the log only.
pub(crate) fn failed(failure: &Failure, app: AppId, arrival: &Arrival, counters: &Counters) -> Stop {
    let problem = match failure {
        Failure::BrokenUpload => {
            counters.malformed.add_one();
            return Problem::malformed("The body did not arrive whole.").into();
        }
        Failure::Cut(Cut::FactsUnavailable) => {
            counters.undecided.add_one();
            return Problem::unavailable().into();
        }
        Failure::Cut(cut) => {
            counters.refused.add_one();
            let ended = *cut == Cut::SessionEnded;
            return if ended { Problem::unauthenticated() } else { Problem::not_found() }.into();
        }
        Failure::Upstream(UpstreamError::AnswerTimeout) => {
            counters.upstream_late.add_one();
            Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "The app did not answer in time. Try again, or tell whoever runs the app.",
            )
        }
        Failure::Upstream(_) => {
            counters.upstream_failed.add_one();
            Problem::new(
                StatusCode::BAD_GATEWAY,
                "upstream_unreachable",
                "The app cannot be reached at the moment. Try again, or tell whoever runs the app.",
            )
        }
    };
    tracing::warn!(
        error = failure as &dyn std::error::Error,
        %app,
        request = %arrival.request,
        "an app did not answer"
    );
    problem.into()
}
