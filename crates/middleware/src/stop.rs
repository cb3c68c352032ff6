//! Why a request is not forwarded, and what its sender is told.

use endpoint::http::StatusCode;
use endpoint::{Answer, Arrival, Problem, Sites};
use identity::HandOff;
use ids::AppId;

use crate::counters::Counters;
use crate::forward::Failure;
use crate::live_streams::Cut;
use crate::reach::ReachError;
use crate::upstream_pool::UpstreamError;

/// Why a request is not forwarded.
pub(crate) enum Stop {
    /// Nobody is signed in on this host.
    SignIn,
    /// Refused, or failed.
    Told(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Told(problem)
    }
}

/// Sends a browser to sign in. The same for hosts of apps that do not exist.
pub(crate) fn sign_in(arrival: &Arrival, target: &str, browser: Option<&str>, sites: &Sites) -> Answer {
    match HandOff::begin(&arrival.label, target, browser, sites) {
        Ok(departure) => Answer::found(&departure.location)
            .header("set-cookie", &departure.set_cookie)
            .header("x-request-id", &arrival.request.to_string()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "nobody can be sent to sign in");
            Problem::internal().answer(arrival.request, true)
        }
    }
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
