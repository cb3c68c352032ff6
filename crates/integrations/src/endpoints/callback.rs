//! Where services send browsers back to.

use access_control::{CompleteConnectAttempt, Permit};
use catalogue::Values;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem, page};
use maud::{Markup, html};
use schemars::JsonSchema;
use url::form_urlencoded;

use crate::connect_attempts::IMPORTED_CALLBACK_PATH;
use crate::{AccountHolder, CALLBACK_PATH, ConnectAttempts, Connected};

/// The most parameters that a service brings.
const MOST_PARAMETERS: usize = 50;

pub(super) fn endpoints(attempts: &ConnectAttempts) -> Vec<Endpoint> {
    let both = [
        (CALLBACK_PATH, "complete_connect_attempt"),
        (IMPORTED_CALLBACK_PATH, "complete_connect_attempt_at_imported_service"),
    ];
    let endpoint = |(path, name)| {
        Endpoint::get(path, name)
            .requires::<CompleteConnectAttempt>()
            .query::<ServiceAnswer>()
            .gives_page()
            .refuses(&[
                StatusCode::NOT_FOUND,
                StatusCode::CONFLICT,
                StatusCode::UNPROCESSABLE_ENTITY,
                StatusCode::BAD_GATEWAY,
            ])
            .answers(attempts.clone(), complete)
    };
    both.into_iter().map(endpoint).collect()
}

/// What a service brings (RFC 6749, 4.1.2), and what some bring besides it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the parameters of the query")]
struct ServiceAnswer {
    /// What the attempt began with.
    state: String,
    /// What the tokens are got with.
    code: Option<String>,
    /// Why there is none.
    error: Option<String>,
    /// The same for people.
    error_description: Option<String>,
    /// Which server it is from (RFC 9207).
    iss: Option<String>,
}

async fn complete(
    attempts: ConnectAttempts,
    permit: Permit<CompleteConnectAttempt>,
    call: Call,
) -> Result<Answer, Problem> {
    let callback = parameters(call.query_string())?;
    let connected = attempts.complete(&permit, call.path_text("place"), &callback, call.occasion()).await?;
    Ok(Answer::page(StatusCode::OK, page("Connected", shown(&connected))))
}

/// The whole query. A parameter given twice has no single reading.
fn parameters(query: &str) -> Result<Values, Problem> {
    let mut all = Values::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if all.len() >= MOST_PARAMETERS || all.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Problem::malformed("A parameter is given twice, or there are too many."));
        }
    }
    Ok(all)
}

fn shown(connected: &Connected) -> Markup {
    let Connected { account, service_name, missing_scopes, return_to } = connected;
    let usable = match account.holder {
        AccountHolder::Shared => "Apps of the organization use it as you said.",
        AccountHolder::Personal(_) => "Apps use it only on your behalf.",
    };
    html! {
        h1 { "Connected: " (account.name) }
        p id="service" { "An account at " (service_name) ". " (usable) }
        @if !account.scopes.is_empty() {
            h2 { "Granted" }
            ul id="granted" { @for scope in &account.scopes { li { (scope) } } }
        }
        @if !missing_scopes.is_empty() {
            h2 { "Asked for, and not granted" }
            p { "Calls that need these are refused by the service. Connect the account again to grant them." }
            ul id="missing" { @for scope in missing_scopes { li { (scope) } } }
        }
        @if let Some(path) = return_to {
            p { a class="button" id="go-on" href=(path) { "Go on" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_comes_twice_is_refused() {
        assert_eq!(parameters("state=a&code=b%20c").unwrap()["code"], "b c");
        assert!(parameters("state=a&code=b&state=c").is_err());
        let many: String = (0..=MOST_PARAMETERS).map(|number| format!("p{number}=&")).collect();
        assert!(parameters(&many).is_err());
    }
}
