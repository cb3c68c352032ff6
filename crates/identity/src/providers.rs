//! The configured providers: what each says about itself, its keys, and its answers.

use std::time::{Duration, Instant};

use access_control::SignInAge;
use openidconnect::core::{CoreAuthenticationFlow, CoreClientAuthMethod, CoreGenderClaim, CoreJsonWebKeySet};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, SubjectIdentifier, TokenResponse as _, UserInfoClaims, UserInfoError,
};
use time::OffsetDateTime;
use tokio::sync::{Mutex, Semaphore};

use crate::id_token::{self, IdTokenError, Told};
use crate::openid::{Client, Metadata, MoreClaims};
use crate::provider_client::ProviderClient;
use crate::users::Profile;
use crate::{Provider, ProviderError, Reauthentication};

/// How long a discovery document counts.
const DISCOVERY_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long keys count without a look at the provider: no longer is a withdrawn key believed.
const KEYS_LIFE: Duration = Duration::from_secs(60);
/// How many times in [`REFETCH_WINDOW`] an unknown key makes us look again.
const REFETCHES: usize = 5;
const REFETCH_WINDOW: Duration = Duration::from_secs(60);
/// How many sign-ins may wait for one provider at a time.
const WAITING: usize = 64;

/// Every way to sign in, in the order of the operator's configuration.
#[derive(Debug)]
pub struct Providers {
    all: Vec<KnownProvider>,
}

/// A provider, and what it said about itself lately.
pub(crate) struct KnownProvider {
    pub(crate) provider: Provider,
    issuer: IssuerUrl,
    client: ProviderClient,
    known: Mutex<Known>,
    waiting: Semaphore,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Instant, Metadata)>,
    keys: Option<(Instant, CoreJsonWebKeySet)>,
    refetches: Vec<Instant>,
}

/// Who came back from a provider.
pub(crate) struct Identified {
    pub(crate) profile: Profile,
    /// When the person signed in there, by our clock, if the provider says so.
    pub(crate) signed_in_at: Option<OffsetDateTime>,
}

/// The three secrets of one sign-in.
pub(crate) struct Secrets<'a> {
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) pkce_verifier: &'a str,
}

/// Why a provider led to nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderFailure {
    #[error("the provider does not answer: {0}")]
    Unavailable(String),
    #[error("too many sign-ins are waiting for the provider")]
    Busy,
    #[error("the provider's answer is not acceptable: {0}")]
    Rejected(String),
    #[error("the provider names itself wrongly in its answer")]
    Issuer,
    #[error("the ID token is not believed: {0}")]
    IdToken(#[from] IdTokenError),
}

impl Providers {
    /// Checks the configuration. Nothing is fetched before the first sign-in.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub fn new(providers: Vec<Provider>) -> Result<Self, ProviderError> {
        let mut all: Vec<KnownProvider> = Vec::with_capacity(providers.len());
        for provider in providers {
            provider.check()?;
            if all.iter().any(|other| other.provider.id == provider.id) {
                return Err(ProviderError::Twice(provider.id));
            }
            let issuer = IssuerUrl::new(provider.issuer.clone())
                .map_err(|_| ProviderError::Issuer(provider.id.clone()))?;
            let client = ProviderClient::new(&provider)?;
            let waiting = Semaphore::new(WAITING);
            all.push(KnownProvider { provider, issuer, client, known: Mutex::default(), waiting });
        }
        Ok(Self { all })
    }

    /// Identifier and name of each, for the sign-in page.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|known| (known.provider.id.as_str(), known.provider.display_name.as_str()))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&KnownProvider> {
        self.all.iter().find(|known| known.provider.id == id)
    }
}

impl std::fmt::Debug for KnownProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.provider.fmt(formatter)
    }
}

impl KnownProvider {
    /// Where the browser goes to sign in; anew, if the last sign-in has to be recent (OpenID Connect Core
    /// 1.0, section 3.1.2.1).
    pub(crate) async fn address(
        &self,
        redirect: &str,
        secrets: &Secrets<'_>,
        within: Option<SignInAge>,
    ) -> Result<String, ProviderFailure> {
        let _waiting = self.waiting.try_acquire().map_err(|_| ProviderFailure::Busy)?;
        let client = self.openid_client(redirect).await?.0;
        let verifier = PkceCodeVerifier::new(secrets.pkce_verifier.to_owned());
        let (state, nonce) = (CsrfToken::new(secrets.state.to_owned()), Nonce::new(secrets.nonce.to_owned()));
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if let Some(age) = within {
            request = request.add_prompt(self.provider.prompt());
            if self.provider.reauthentication == Reauthentication::AuthTime {
                request = request.set_max_age(Duration::from_secs(u64::from(age.minutes()) * 60));
            }
        }
        // A hint for the provider's page; what counts is the signed claim.
        if let [domain] = self.provider.hosted_domains.as_slice() {
            request = request.add_extra_param("hd", domain.as_str());
        }
        Ok(request.url().0.to_string())
    }

    /// Who the person is that came back with this code.
    pub(crate) async fn identify(
        &self,
        redirect: &str,
        code: &str,
        secrets: &Secrets<'_>,
        named_issuer: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Identified, ProviderFailure> {
        let _waiting = self.waiting.try_acquire().map_err(|_| ProviderFailure::Busy)?;
        let (client, names_itself) = self.openid_client(redirect).await?;
        // RFC 9207: an answer that another provider could have sent is no answer.
        match named_issuer {
            Some(issuer) if issuer != self.provider.issuer => return Err(ProviderFailure::Issuer),
            None if names_itself => return Err(ProviderFailure::Issuer),
            _ => {}
        }
        let http = |request: HttpRequest| self.client.call(request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| ProviderFailure::Rejected(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.pkce_verifier.to_owned()))
            .request_async(&http)
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(error) => ProviderFailure::Unavailable(error.to_string()),
                RequestTokenError::ServerResponse(error) => {
                    ProviderFailure::Rejected(format!("{:?}", error.error()))
                }
                RequestTokenError::Parse(..) => ProviderFailure::Rejected("malformed".to_owned()),
                RequestTokenError::Other(error) => ProviderFailure::Rejected(error),
            })?;
        let token =
            answer.id_token().ok_or_else(|| ProviderFailure::Rejected("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(secrets.nonce.to_owned());
        let id = ClientId::new(self.provider.client_id.clone());
        let keys = self.keys(false).await?;
        let mut proved = match id_token::read(token, &self.issuer, &id, keys, &nonce, now) {
            Err(IdTokenError::Signature) => {
                let keys = self.keys(true).await?;
                id_token::read(token, &self.issuer, &id, keys, &nonce, now)?
            }
            read => read?,
        };
        let told = match proved.told.take() {
            Some(told) => told,
            None => self.ask(&client, answer.access_token(), &proved.subject).await?,
        };
        let signed_in_at = proved.signed_in_at;
        Ok(Identified { profile: proved.profile(&self.issuer, told)?, signed_in_at })
    }

    /// Asks the provider for what its ID token left out (OpenID Connect Core 1.0, section 5.3). The
    /// answer counts only for the subject that the token proved.
    async fn ask(
        &self,
        client: &Client,
        access_token: &AccessToken,
        subject: &str,
    ) -> Result<Told, ProviderFailure> {
        let subject = SubjectIdentifier::new(subject.to_owned());
        let http = |request: HttpRequest| self.client.call(request);
        let told: UserInfoClaims<MoreClaims, CoreGenderClaim> = client
            .user_info(access_token.clone(), Some(subject))
            .map_err(|_| IdTokenError::EmailUnverified)?
            .request_async(&http)
            .await
            .map_err(|error| match error {
                UserInfoError::Request(error) => ProviderFailure::Unavailable(error.to_string()),
                error => ProviderFailure::Rejected(error.to_string()),
            })?;
        Ok(Told {
            email: told.email().ok_or(IdTokenError::EmailUnverified)?.to_string(),
            email_verified: told.email_verified(),
            name: told.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            picture: told.picture().and_then(|picture| picture.get(None)).map(|picture| picture.to_string()),
        })
    }

    /// The client as discovery describes it, and whether the provider names itself in its answers.
    async fn openid_client(&self, redirect: &str) -> Result<(Client, bool), ProviderFailure> {
        let metadata = self.metadata().await?;
        let names_itself = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        let only_in_body = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let redirect = RedirectUrl::new(redirect.to_owned())
            .map_err(|error| ProviderFailure::Rejected(error.to_string()))?;
        let secret = self.provider.client_secret.as_ref().map(|secret| ClientSecret::new(secret.to_string()));
        let id = ClientId::new(self.provider.client_id.clone());
        let mut client = Client::from_provider_metadata(metadata, id, secret).set_redirect_uri(redirect);
        if only_in_body {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        Ok((client, names_itself))
    }

    async fn metadata(&self) -> Result<Metadata, ProviderFailure> {
        // Whoever waits for the lock waits for the same answer, and no longer than for one.
        let mut known = self.known().await?;
        if let Some((at, metadata)) = &known.metadata
            && at.elapsed() < DISCOVERY_LIFE
        {
            return Ok(metadata.clone());
        }
        let http = |request: HttpRequest| self.client.call(request);
        let metadata = Metadata::discover_async(self.issuer.clone(), &http).await.map_err(unavailable)?;
        let addresses = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(|endpoint| endpoint.url()),
            Some(metadata.jwks_uri().url()),
            metadata.userinfo_endpoint().map(|endpoint| endpoint.url()),
        ];
        if addresses.into_iter().flatten().any(|address| address.scheme() != "https") {
            return Err(ProviderFailure::Rejected("an address in its discovery is not https".to_owned()));
        }
        known.keys = Some((Instant::now(), metadata.jwks().clone()));
        known.metadata = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    /// The provider's keys; `anew` if a token was signed with one that is not among them.
    async fn keys(&self, anew: bool) -> Result<CoreJsonWebKeySet, ProviderFailure> {
        let address = self.metadata().await?.jwks_uri().clone();
        let mut known = self.known().await?;
        if anew {
            known.refetches.retain(|at| at.elapsed() < REFETCH_WINDOW);
        }
        let exhausted = known.refetches.len() >= REFETCHES;
        if let Some((at, keys)) = &known.keys
            && at.elapsed() < KEYS_LIFE
            && (!anew || exhausted)
        {
            return Ok(keys.clone());
        }
        if anew {
            known.refetches.push(Instant::now());
        }
        let http = |request: HttpRequest| self.client.call(request);
        let keys = CoreJsonWebKeySet::fetch_async(&address, &http).await.map_err(unavailable)?;
        known.keys = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    async fn known(&self) -> Result<tokio::sync::MutexGuard<'_, Known>, ProviderFailure> {
        tokio::time::timeout(self.provider.patience, self.known.lock())
            .await
            .map_err(|_| ProviderFailure::Unavailable("somebody else is waiting for it".to_owned()))
    }
}

fn unavailable<E: std::error::Error + 'static>(error: openidconnect::DiscoveryError<E>) -> ProviderFailure {
    ProviderFailure::Unavailable(error.to_string())
}
