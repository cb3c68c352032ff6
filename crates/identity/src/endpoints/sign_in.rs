//! The sign-in page, the way to a provider and back, and the hand-off to app hosts.

use std::sync::Arc;

use access_control::{Permit, ReadSigningKeys, RedeemHandOff, SignIn, SignInAge};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem, SESSION_COOKIE, page};
use maud::html;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use url::form_urlencoded::Serializer;

use crate::{
    Browser, Callback, CookieHost, HAND_OFF_COOKIE, LiveSession, PublishedKey, ReturnTo, SIGN_IN_COOKIE,
    SessionError, SignInError, SignInWish,
};

use super::Identity;

/// What the query of the sign-in page may say.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(super) struct Wanted {
    return_to: Option<String>,
    hand_off: Option<String>,
    /// How many minutes ago the sign-in may have been.
    sign_in_within: Option<SignInAge>,
}

/// What a provider says when it sends the browser back (RFC 6749, section 4.1.2; RFC 9207).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(super) struct ProviderAnswer {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// What an app's host is sent.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(super) struct Code {
    code: Option<String>,
}

/// Where somebody wants to go, as the query of the sign-in page says.
struct Wish {
    target: ReturnTo,
    /// The hash of the cookie that the app host set when it sent the browser here.
    browser_hash: Option<String>,
    /// How recent the sign-in has to be.
    sign_in_within: Option<SignInAge>,
    /// Whether the query said anything.
    expressed: bool,
}

impl Wish {
    fn read(identity: &Identity, call: &Call) -> Result<Self, Problem> {
        let return_to = call.query("return_to")?;
        let browser_hash = call.query("hand_off")?;
        let known = |origin: &str| identity.sites.app_label_of_origin(origin);
        let target = return_to.as_deref().map_or_else(ReturnTo::start, |text| ReturnTo::parse(text, known));
        // A SHA-256 in base64url, or nothing that is worth carrying on.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let browser_hash = browser_hash.filter(|hash| hash.len() == 43 && hash.bytes().all(plain));
        // Refused, not forgotten: without it an old sign-in would do.
        let age = |text: String| SignInAge::try_from(text.parse::<u32>().ok()?).ok();
        let unreadable = || Problem::invalid("invalid_sign_in_age", "sign_in_within is a number of minutes.");
        let within = call.query("sign_in_within")?;
        let sign_in_within = within.map(|text| age(text).ok_or_else(unreadable)).transpose()?;
        Ok(Self { target, browser_hash, sign_in_within, expressed: return_to.is_some() })
    }

    /// The same wish as a query, from what was understood and not from what was sent.
    fn query(&self, identity: &Identity) -> String {
        let mut query = Serializer::new(String::new());
        match &self.target {
            ReturnTo::Platform(path) => query.append_pair("return_to", path),
            ReturnTo::App { label, path } => {
                query.append_pair("return_to", &format!("{}{path}", identity.sites.origin_of(label)))
            }
        };
        if let Some(hash) = &self.browser_hash {
            query.append_pair("hand_off", hash);
        }
        if let Some(age) = self.sign_in_within {
            query.append_pair("sign_in_within", &age.minutes().to_string());
        }
        query.finish()
    }

    fn is_met_by(&self, session: &LiveSession, now: OffsetDateTime) -> bool {
        let signed_in_at = session.signed_in().authenticated_at;
        self.sign_in_within.is_none_or(|age| age.covers(signed_in_at, now))
    }

    /// Where to go on the platform once somebody is signed in: for an app, this page again, which then
    /// hands off.
    fn on_the_platform(&self, identity: &Identity) -> String {
        match &self.target {
            ReturnTo::Platform(path) => path.clone(),
            ReturnTo::App { .. } => format!("/login?{}", self.query(identity)),
        }
    }
}

pub(super) async fn choose(
    identity: Identity,
    permit: Permit<SignIn>,
    call: Call,
) -> Result<Answer, Problem> {
    let wish = Wish::read(&identity, &call)?;
    if let Some(cookie) = call.cookie(SESSION_COOKIE) {
        match identity.sessions.open(cookie, CookieHost::Platform, call.now()).await {
            Ok(session) if wish.is_met_by(&session, call.now()) => {
                return onward(&identity, &permit, &call, &session, cookie, &wish).await;
            }
            // Signed in, and not recently enough: the old session stays until somebody signs in.
            Ok(_) => {}
            Err(SessionError::Invalid) => {}
            Err(SessionError::Unavailable) => return Err(Problem::unavailable()),
        }
    }
    let query = wish.query(&identity);
    let providers: Vec<_> = identity.sign_ins.providers().names().collect();
    if let ([(id, _)], true) = (providers.as_slice(), wish.expressed) {
        return Ok(Answer::found(&format!("/login/{id}?{query}")));
    }
    let content = html! {
        h1 { "Sign in" }
        @if providers.is_empty() {
            p { "No identity provider is configured. The operator has to add one." }
        }
        @for (id, name) in providers {
            p { a class="button" id={ "sign-in-" (id) } href={ "/login/" (id) "?" (query) } { "Sign in with " (name) } }
        }
    };
    Ok(Answer::page(StatusCode::OK, page("Sign in", content)))
}

/// Sends somebody who is signed in where they wanted to go.
async fn onward(
    identity: &Identity,
    permit: &Permit<SignIn>,
    call: &Call,
    session: &Arc<LiveSession>,
    cookie: &str,
    wish: &Wish,
) -> Result<Answer, Problem> {
    let (label, path) = match &wish.target {
        ReturnTo::Platform(path) => {
            return Ok(Answer::found(&format!("{}{path}", identity.sites.platform_origin())));
        }
        ReturnTo::App { label, path } => (label.as_str(), path.as_str()),
    };
    // What one may not see and what is not there look alike.
    if identity.authenticator.app_to_open(session.signed_in(), label)?.is_none() {
        return Err(Problem::not_found());
    }
    let origin = identity.sites.origin_of(label);
    let Some(browser_hash) = &wish.browser_hash else {
        // A link to the sign-in page that the app's host did not make: it will send the browser back.
        return Ok(Answer::found(&format!("{origin}{path}")));
    };
    let code =
        identity.hand_off.issue(permit, session, cookie, (label, path), browser_hash, call.now()).await?;
    Ok(Answer::found(&format!("{origin}/.vybe/session?code={code}")))
}

pub(super) async fn begin(identity: Identity, permit: Permit<SignIn>, call: Call) -> Result<Answer, Problem> {
    let wish = Wish::read(&identity, &call)?;
    let provider = call.path_text("provider").unwrap_or_default();
    let return_to = wish.on_the_platform(&identity);
    let sought = SignInWish { return_to: &return_to, sign_in_within: wish.sign_in_within };
    let begun =
        identity.sign_ins.begin(&permit, provider, sought, call.cookie(SIGN_IN_COOKIE), call.now()).await?;
    Ok(Answer::found(&begun.location).header("set-cookie", &begun.set_cookie))
}

pub(super) async fn complete(
    identity: Identity,
    permit: Permit<SignIn>,
    call: Call,
) -> Result<Answer, Problem> {
    let state = call.query("state")?;
    let code = call.query("code")?;
    let issuer = call.query("iss")?;
    let error = call.query("error")?;
    let callback = Callback {
        state: state.as_deref(),
        code: code.as_deref(),
        issuer: issuer.as_deref(),
        error: error.as_deref(),
    };
    let browser = Browser {
        sign_in_cookie: call.cookie(SIGN_IN_COOKIE),
        session_cookie: call.cookie(SESSION_COOKIE),
        user_agent: call.header("user-agent").unwrap_or_default(),
    };
    let provider = call.path_text("provider").unwrap_or_default();
    let done =
        identity.sign_ins.complete(&permit, provider, callback, browser, call.id(), call.now()).await?;
    let location = format!("{}{}", identity.sites.platform_origin(), done.return_to);
    Ok(Answer::found(&location).header("set-cookie", &done.set_cookie))
}

pub(super) async fn redeem(
    identity: Identity,
    permit: Permit<RedeemHandOff>,
    call: Call,
) -> Result<Answer, Problem> {
    let label = call.app_label().ok_or_else(Problem::not_found)?;
    let code = call.query("code")?.unwrap_or_default();
    let returned =
        identity.hand_off.redeem(&permit, label, &code, call.cookie(HAND_OFF_COOKIE), call.now()).await?;
    // With the origin in front, no path can lead to another host.
    let location = format!("{}{}", identity.sites.origin_of(label), returned.path);
    Ok(Answer::found(&location).header("set-cookie", &returned.set_cookie))
}

#[derive(Serialize, JsonSchema)]
pub(super) struct KeySet {
    keys: Vec<PublishedKey>,
}

pub(super) async fn keys(
    identity: Identity,
    _: Permit<ReadSigningKeys>,
    call: Call,
) -> Result<Answer, Problem> {
    let keys = identity.signing_keys.published(call.now());
    Ok(Answer::json(&KeySet { keys }).header("cache-control", "public, max-age=300"))
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let refused = |code, detail: &str| Self::new(StatusCode::FORBIDDEN, code, detail);
        match error {
            SignInError::UnknownProvider => Self::not_found(),
            SignInError::ProviderUnavailable => Self::new(
                StatusCode::BAD_GATEWAY,
                "identity_provider_unavailable",
                "The identity provider does not answer. Try again in a moment. Whoever is signed in stays signed in.",
            ),
            SignInError::UnknownAttempt => Self::new(
                StatusCode::BAD_REQUEST,
                "sign_in_unknown",
                "This sign-in has been used, took longer than ten minutes, or was begun in another browser. Begin again.",
            ),
            SignInError::Cancelled => refused(
                "sign_in_cancelled",
                "The identity provider reports that the sign-in was cancelled or refused. Begin again.",
            ),
            SignInError::NotProved => refused(
                "sign_in_not_proved",
                "The identity provider's answer does not prove who you are. Nobody was signed in. Begin again.",
            ),
            SignInError::EmailNotVerified => refused(
                "email_not_verified",
                "Your e-mail address is not verified at the identity provider. Verify it there and begin again.",
            ),
            SignInError::ForeignDomain => refused(
                "domain_not_admitted",
                "Your account does not belong to a domain that may sign in here. Use your work account.",
            ),
            SignInError::EmailTaken => refused(
                "email_belongs_to_another_account",
                "Your e-mail address belongs to another account here. An operator has to sort this out.",
            ),
            SignInError::NoSignInTime => refused(
                "sign_in_time_unknown",
                "This page asks for a recent sign-in, and your identity provider does not say when you signed in \
                 there. An operator has to sort this out.",
            ),
            SignInError::OldSignIn => refused(
                "sign_in_not_recent",
                "This page asks for a recent sign-in, and your identity provider let you through on an older one. \
                 Sign out there, and open the page again.",
            ),
            SignInError::Suspended(_) => {
                refused("account_suspended", "This account is suspended. Ask the operator.")
            }
            SignInError::Failed(error) => error.into(),
        }
    }
}
