//! The provider over HTTP, and the pages of the mail catcher.

mod caught_mail;

use std::sync::Arc;

use access_control::{Permit, UseDevelopmentIssuer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem, Surface};
use maud::html;
use schemars::JsonSchema;
use serde_json::{Value, json};

pub use caught_mail::mail_endpoints;

use crate::Issuer;
use crate::issuer::{AuthorizationRequest, IssuerRefusal};

/// The provider's endpoints, for its own host.
#[must_use]
pub fn endpoints(issuer: &Arc<Issuer>) -> Vec<Endpoint> {
    let get = |path, name| {
        Endpoint::get(path, name).on(Surface::DevelopmentIssuer).requires::<UseDevelopmentIssuer>()
    };
    let post = |path, name| {
        Endpoint::post(path, name).on(Surface::DevelopmentIssuer).requires::<UseDevelopmentIssuer>()
    };
    let issuer = || Arc::clone(issuer);
    vec![
        get("/.well-known/openid-configuration", "read_issuer_metadata")
            .gives::<Value>(StatusCode::OK)
            .answers(issuer(), metadata),
        get("/jwks", "read_issuer_keys").gives::<Value>(StatusCode::OK).answers(issuer(), keys),
        get("/authorize", "choose_demo_user").query::<Authorization>().gives_page().answers(issuer(), choose),
        post("/authorize", "sign_in_demo_user")
            .takes_form::<Authorization>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .answers(issuer(), sign_in),
        post("/token", "exchange_code")
            .takes_form::<Exchange>()
            .gives::<Value>(StatusCode::OK)
            .gives::<Value>(StatusCode::BAD_REQUEST)
            .gives::<Value>(StatusCode::UNAUTHORIZED)
            .answers(issuer(), token),
    ]
}

/// An authorization request (OpenID Connect Core 1.0, section 3.1.2.1), and the person who was chosen.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
struct Authorization {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    scope: String,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    max_age: Option<u32>,
    prompt: Option<String>,
    user: Option<String>,
}

/// A token request (RFC 6749, section 4.1.3; RFC 7636).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

type Anybody = Permit<UseDevelopmentIssuer>;

async fn metadata(issuer: Arc<Issuer>, _: Anybody, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::json(&issuer.metadata()))
}

async fn keys(issuer: Arc<Issuer>, _: Anybody, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::json(&issuer.key_set()))
}

async fn choose(issuer: Arc<Issuer>, _: Anybody, call: Call) -> Result<Answer, Problem> {
    let mut parameters = Vec::new();
    for name in PARAMETERS {
        if let Some(value) = call.query(name)? {
            parameters.push((name.to_owned(), value));
        }
    }
    check(&issuer, &parameters)?;
    let content = html! {
        h1 { "Sign in as" }
        p { "This OpenID provider is part of the development platform. It asks for no password." }
        form method="post" action="/authorize" {
            @for (name, value) in &parameters {
                input type="hidden" name=(name) value=(value);
            }
            @for user in issuer.users() {
                button.quiet type="submit" name="user" value=(user.subject) {
                    (user.name) " · " (user.email) " · " (user.purpose)
                }
            }
        }
    };
    Ok(Answer::page(StatusCode::OK, endpoint::page("Development sign-in", content)))
}

async fn sign_in(issuer: Arc<Issuer>, _: Anybody, mut call: Call) -> Result<Answer, Problem> {
    let form = call.form().await?;
    let request = check(&issuer, &form)?;
    let user = field(&form, "user").unwrap_or_default();
    let address = issuer.sign_in(&request, &user, call.now()).map_err(refused)?;
    Ok(Answer::see_other(&address))
}

async fn token(issuer: Arc<Issuer>, _: Anybody, mut call: Call) -> Result<Answer, Problem> {
    let basic = call.header("authorization").and_then(basic_credentials);
    let form = call.form().await?;
    let posted = || Some((field(&form, "client_id")?, field(&form, "client_secret")?));
    let known = basic.or_else(posted).is_some_and(|(id, secret)| issuer.knows(&id, &secret));
    let granted = if !known {
        Err(IssuerRefusal("invalid_client"))
    } else if field(&form, "grant_type").as_deref() != Some("authorization_code") {
        Err(IssuerRefusal("unsupported_grant_type"))
    } else {
        let text = |name| field(&form, name).unwrap_or_default();
        issuer.redeem(&text("code"), &text("code_verifier"), &text("redirect_uri"), call.now())
    };
    Ok(match granted {
        Ok(tokens) => Answer::json(&tokens),
        Err(IssuerRefusal(error)) => {
            let status =
                if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
            Answer::json_with(status, &json!({ "error": error }))
        }
    })
}

const PARAMETERS: [&str; 10] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "max_age",
    "prompt",
];

fn check(issuer: &Issuer, parameters: &[(String, String)]) -> Result<AuthorizationRequest, Problem> {
    issuer.check(|name| field(parameters, name)).map_err(refused)
}

fn refused(IssuerRefusal(error): IssuerRefusal) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, error, "The sign-in request is not one that this provider answers.")
}

fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

/// RFC 6749, section 2.3.1: both halves are form-encoded before they are joined.
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode =
        |half: &str| url::form_urlencoded::parse(half.as_bytes()).next().map(|(key, _)| key.into_owned());
    Some((decode(id)?, decode(secret)?))
}
