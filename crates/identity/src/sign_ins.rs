//! Signing in: a browser leaves for a provider and comes back, once, within ten minutes.

use std::sync::Arc;

use access_control::{Action, Permit, SignIn, SignInAge};
use audit::{Actor, Event, Journal, Target};
use cryptography::Token;
use ids::{RequestId, UserId};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::id_token::IdTokenError;
use crate::providers::{Identified, KnownProvider, ProviderFailure, Secrets};
use crate::sessions::NewSession;
use crate::store::attempts::Model as Attempt;
use crate::store::{self, Store};
use crate::users::{Profile, Recognised};
use crate::{
    CookieHost, IdentityError, Person, Providers, Reauthentication, SIGN_IN_COOKIE, Sessions, Users,
    set_cookie,
};

/// How long a sign-in may take.
const ATTEMPT_LIFE: Duration = Duration::minutes(10);

/// Signs people in.
pub struct SignIns {
    store: Store,
    journal: Journal,
    providers: Providers,
    users: Users,
    sessions: Arc<Sessions>,
    platform_origin: String,
}

/// What somebody signs in for.
#[derive(Clone, Copy, Debug)]
pub struct SignInWish<'a> {
    /// A path on the platform.
    pub return_to: &'a str,
    /// How recent the sign-in at the provider has to be, if that matters.
    pub sign_in_within: Option<SignInAge>,
}

impl<'a> From<&'a str> for SignInWish<'a> {
    fn from(return_to: &'a str) -> Self {
        Self { return_to, sign_in_within: None }
    }
}

/// What a browser is told that begins to sign in.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The provider's page.
    pub location: String,
    /// The cookie that will recognise the browser when it comes back.
    pub set_cookie: String,
}

/// What a browser brought back from a provider. All of it is the caller's word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Callback<'a> {
    /// The state that the sign-in began with.
    pub state: Option<&'a str>,
    /// The code to exchange.
    pub code: Option<&'a str>,
    /// The provider's name for itself (RFC 9207).
    pub issuer: Option<&'a str>,
    /// The provider refused, or the person did.
    pub error: Option<&'a str>,
}

/// What the browser sent along, whatever it brought back.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The value of its [`SIGN_IN_COOKIE`].
    pub sign_in_cookie: Option<&'a str>,
    /// The value of the session cookie it had before.
    pub session_cookie: Option<&'a str>,
    /// What it calls itself.
    pub user_agent: &'a str,
}

/// Somebody is signed in.
#[derive(Clone, Debug)]
pub struct SignedInNow {
    /// The platform's session cookie.
    pub set_cookie: String,
    /// The path on the platform that the sign-in was begun for.
    pub return_to: String,
    /// Who it is.
    pub person: Person,
}

/// Why nobody is signed in. Nothing of what the provider wrote is in here.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such provider.
    #[error("there is no such provider")]
    UnknownProvider,
    /// The provider does not answer in time, or not in a way that can be read.
    #[error("the identity provider does not answer")]
    ProviderUnavailable,
    /// No such sign-in, or used, expired, or begun in another browser. Which one is not said.
    #[error("the sign-in is not known")]
    UnknownAttempt,
    /// The provider says that it was refused or cancelled.
    #[error("the identity provider refused or the person cancelled")]
    Cancelled,
    /// The provider's answer does not prove who it is.
    #[error("the identity provider's answer is not acceptable")]
    NotProved,
    /// The e-mail address is not verified, or malformed.
    #[error("the e-mail address is not verified")]
    EmailNotVerified,
    /// The provider did not sign a hosted domain that is let in.
    #[error("the account's domain is not let in")]
    ForeignDomain,
    /// The e-mail address belongs to another account.
    #[error("the e-mail address belongs to another account")]
    EmailTaken,
    /// The provider does not say when the person signed in there, and was asked.
    #[error("the provider does not say when the person signed in")]
    NoSignInTime,
    /// The provider let the person through on an old sign-in, and was asked for a new one.
    #[error("the sign-in at the provider is too old")]
    OldSignIn,
    /// The account is shut out.
    #[error("the account is suspended")]
    Suspended(UserId),
    /// The store or the keys failed.
    #[error(transparent)]
    Failed(#[from] IdentityError),
}

impl SignIns {
    /// `platform_origin` is where providers send browsers back to.
    #[must_use]
    pub fn new(
        store: Store,
        journal: Journal,
        providers: Providers,
        sessions: Arc<Sessions>,
        platform_origin: &str,
    ) -> Self {
        let users = Users::new(store.clone(), journal.clone());
        Self { store, journal, providers, users, sessions, platform_origin: platform_origin.to_owned() }
    }

    /// The configured providers.
    #[must_use]
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// Sends a browser to a provider. `cookie` is the value of the browser's [`SIGN_IN_COOKIE`], if it has
    /// one: several tabs share it.
    ///
    /// # Errors
    /// There is no such provider, it does not answer, or the store does not.
    pub async fn begin<'a>(
        &self,
        _: &Permit<SignIn>,
        provider: &str,
        wish: impl Into<SignInWish<'a>>,
        cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Begun, SignInError> {
        let wish = wish.into();
        let known = self.providers.get(provider).ok_or(SignInError::UnknownProvider)?;
        let token = || Token::generate().map_err(IdentityError::from);
        let browser = match cookie.and_then(Token::parse) {
            Some(browser) => browser,
            None => token()?,
        };
        let (state, nonce, pkce_verifier) = (token()?, token()?.reveal(), token()?.reveal());
        let secrets = Secrets { state: &state.reveal(), nonce: &nonce, pkce_verifier: &pkce_verifier };
        let redirect = self.redirect(provider);
        let location = known.address(&redirect, &secrets, wish.sign_in_within).await.map_err(|failure| {
            tracing::warn!(provider, %failure, "a sign-in could not begin");
            SignInError::ProviderUnavailable
        })?;
        let row = Attempt {
            state_hash: state.hash(),
            browser_hash: browser.hash(),
            provider: provider.to_owned(),
            nonce: nonce.to_string(),
            pkce_verifier: pkce_verifier.to_string(),
            return_to: wish.return_to.to_owned(),
            sign_in_within: wish.sign_in_within.and_then(|age| age.minutes().try_into().ok()),
            expires_at: now + ATTEMPT_LIFE,
        };
        store::single_use::insert::<store::attempts::Entity>(&self.store.database, row).await?;
        let set_cookie = set_cookie(SIGN_IN_COOKIE, &browser.reveal(), ATTEMPT_LIFE.whole_seconds());
        Ok(Begun { location, set_cookie })
    }

    /// Signs in whoever came back, with a new session in any case; the browser's old one ends.
    ///
    /// # Errors
    /// See [`SignInError`]. The attempt is used up either way.
    pub async fn complete(
        &self,
        _: &Permit<SignIn>,
        provider: &str,
        callback: Callback<'_>,
        browser: Browser<'_>,
        request: RequestId,
        now: OffsetDateTime,
    ) -> Result<SignedInNow, SignInError> {
        let known = self.providers.get(provider).ok_or(SignInError::UnknownProvider)?;
        let attempt = self.take_attempt(provider, callback.state, browser.sign_in_cookie, now).await?;
        match self.sign_in(known, &attempt, callback, browser, request, now).await {
            Ok((set_cookie, person)) => Ok(SignedInNow { set_cookie, return_to: attempt.return_to, person }),
            Err(refused) => {
                self.record(provider, &refused, request).await;
                Err(refused)
            }
        }
    }

    /// Deletes attempts that nobody came back for. To be run every few minutes.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        store::single_use::sweep::<store::attempts::Entity>(&self.store.database, now).await
    }

    /// Takes out the attempt that this browser began with this provider.
    async fn take_attempt(
        &self,
        provider: &str,
        state: Option<&str>,
        cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Attempt, SignInError> {
        let state = state.and_then(Token::parse).ok_or(SignInError::UnknownAttempt)?;
        let attempt =
            store::single_use::take::<store::attempts::Entity>(&self.store.database, state.hash()).await?;
        let attempt = attempt.ok_or(SignInError::UnknownAttempt)?;
        let mine = cookie.and_then(Token::parse);
        let mine = mine.is_some_and(|token| cryptography::same(&token.hash(), &attempt.browser_hash));
        if !mine || attempt.provider != provider || attempt.expires_at <= now {
            return Err(SignInError::UnknownAttempt);
        }
        Ok(attempt)
    }

    /// From the provider's answer to a session.
    async fn sign_in(
        &self,
        known: &KnownProvider,
        attempt: &Attempt,
        callback: Callback<'_>,
        browser: Browser<'_>,
        request: RequestId,
        now: OffsetDateTime,
    ) -> Result<(String, Person), SignInError> {
        let provider = &attempt.provider;
        let (Some(code), None) = (callback.code, callback.error) else {
            return Err(SignInError::Cancelled);
        };
        let secrets = Secrets { state: "", nonce: &attempt.nonce, pkce_verifier: &attempt.pkce_verifier };
        let Identified { profile, signed_in_at } = known
            .identify(&self.redirect(provider), code, &secrets, callback.issuer, now)
            .await
            .map_err(|failure| refusal(provider, &failure))?;
        if !known.provider.admits(profile.hosted_domain.as_deref()) {
            return Err(SignInError::ForeignDomain);
        }
        let authenticated_at = authenticated_at(known, attempt, signed_in_at, now)?;
        let (profile, person) = self.recognise(profile, request, now).await?;
        let new = NewSession {
            detail: json!({ "provider": provider, "hosted_domain": profile.hosted_domain }),
            person,
            hosted_domain: profile.hosted_domain,
            authenticated_at,
            user_agent: browser.user_agent,
            request,
        };
        self.begin_session(new, browser, now).await
    }

    async fn recognise(
        &self,
        profile: Profile,
        request: RequestId,
        now: OffsetDateTime,
    ) -> Result<(Profile, Person), SignInError> {
        match self.users.recognise(&profile, request, now).await? {
            Recognised::Suspended(user) => Err(SignInError::Suspended(user)),
            Recognised::EmailTaken => Err(SignInError::EmailTaken),
            Recognised::Person { person, changed } => {
                if changed {
                    self.sessions.describe(&person);
                }
                Ok((profile, person))
            }
        }
    }

    async fn begin_session(
        &self,
        new: NewSession<'_>,
        browser: Browser<'_>,
        now: OffsetDateTime,
    ) -> Result<(String, Person), SignInError> {
        if let Some(cookie) = browser.session_cookie
            && let Ok(old) = self.sessions.open(cookie, CookieHost::Platform, now).await
        {
            self.sessions.replace(&old, new.request).await?;
        }
        let person = new.person.clone();
        let (id, token) = self.sessions.begin(new, now).await?;
        let value = self.sessions.cookie(id, &token, CookieHost::Platform).map_err(IdentityError::from)?;
        let seconds = self.sessions.lifetimes().absolute.whole_seconds();
        Ok((set_cookie(endpoint::SESSION_COOKIE, &value, seconds), person))
    }

    /// A sign-in that began and led to nobody is worth a line; that the line could not be written does
    /// not let anybody in.
    async fn record(&self, provider: &str, refused: &SignInError, request: RequestId) {
        let target = match refused {
            SignInError::Suspended(user) => Target::User(*user),
            SignInError::Failed(_) => return,
            _ => Target::Platform,
        };
        let event = Event::refused(Actor::System, SignIn::NAME, target)
            .in_request(request)
            .with(json!({ "provider": provider, "reason": refused.to_string() }));
        if let Err(error) = self.journal.record(&event).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a refused sign-in was not recorded");
        }
    }

    fn redirect(&self, provider: &str) -> String {
        format!("{}/login/{provider}/callback", self.platform_origin)
    }
}

/// When the person last proved who they are. Unless the provider was asked for a recent sign-in, it may
/// have let them through on an old one: without its word that counts as one of 1970.
fn authenticated_at(
    known: &KnownProvider,
    attempt: &Attempt,
    signed_in_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, SignInError> {
    let Some(minutes) = attempt.sign_in_within else {
        return Ok(signed_in_at.unwrap_or(OffsetDateTime::UNIX_EPOCH));
    };
    if known.provider.reauthentication == Reauthentication::Prompt {
        return Ok(now);
    }
    let at = signed_in_at.ok_or(SignInError::NoSignInTime)?;
    let age = u32::try_from(minutes).ok().and_then(|minutes| SignInAge::try_from(minutes).ok());
    if age.is_some_and(|age| age.covers(at, now)) { Ok(at) } else { Err(SignInError::OldSignIn) }
}

fn refusal(provider: &str, failure: &ProviderFailure) -> SignInError {
    tracing::warn!(provider, %failure, "a sign-in led to nobody");
    match failure {
        ProviderFailure::Unavailable(_) | ProviderFailure::Busy => SignInError::ProviderUnavailable,
        ProviderFailure::IdToken(IdTokenError::EmailUnverified | IdTokenError::EmailMalformed) => {
            SignInError::EmailNotVerified
        }
        ProviderFailure::Rejected(_) | ProviderFailure::Issuer | ProviderFailure::IdToken(_) => {
            SignInError::NotProved
        }
    }
}
