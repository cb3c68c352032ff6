//! The client for every service.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use catalogue::{Authentication, LearnedFrom, Service, Values};
use http::{HeaderMap, Method};
use url::Url;

use crate::connections::Connections;
use crate::exchange::{Request, Unanswered};
use crate::token_answer::learned;
use crate::token_error::unsaid;
use crate::{
    AuthorizationRequest, Call, CallAnswer, CallError, ClientError, ClientNetwork, Credentials, Granted,
    NotSent, OauthClient, RevokeError, SecretText, TokenError, assertion, client_credentials, discovery,
    oauth1, oauth2_code, revocation, sending, two_step,
};

/// The client for every service. Copies share their connections.
#[derive(Clone)]
pub struct ServiceClient {
    connections: Arc<Connections>,
}

impl ServiceClient {
    /// A client.
    ///
    /// # Errors
    /// TLS cannot be set up with these authorities.
    pub fn new(network: ClientNetwork) -> Result<Self, ClientError> {
        Ok(Self { connections: Arc::new(Connections::new(network)?) })
    }

    /// Where a person consents. OAuth 2.0: no request is made. OAuth 1.0a: temporary credentials are fetched first, and
    /// `state` is put into the query of the redirect. Without `scopes`, the entry's own are asked for.
    ///
    /// # Errors
    /// The entry's URLs cannot be filled, the kind has no such page; or, for OAuth 1.0a, what a token request gives.
    pub async fn authorize(
        &self,
        service: &Service,
        client: &OauthClient,
        values: &Values,
        scopes: &BTreeSet<String>,
        redirect: &Url,
        state: &str,
    ) -> Result<AuthorizationRequest, TokenError> {
        match &service.authentication {
            Authentication::Oauth2Code(oauth) => {
                Ok(oauth2_code::authorization(oauth, client, values, scopes, redirect, state)?)
            }
            Authentication::Oauth1(oauth) => {
                oauth1::authorization(&self.connections, oauth, client, values, redirect, state).await
            }
            _ => Err(NotSent::Credentials.into()),
        }
    }

    /// Tokens for what the redirect brought (`callback`: its whole query), and what the entry learns about the account.
    /// `redirect` and `verifier` are those of [`ServiceClient::authorize`].
    ///
    /// # Errors
    /// Why there are none.
    pub async fn exchange_code(
        &self,
        service: &Service,
        client: &OauthClient,
        values: &Values,
        redirect: &Url,
        verifier: Option<&SecretText>,
        callback: &Values,
    ) -> Result<Granted, TokenError> {
        let mut sent: Vec<&str> = callback.values().map(String::as_str).collect();
        sent.extend(verifier.iter().chain(&client.secret.as_ref()).map(|secret| secret.reveal()));
        // What the redirect says may be part of the token endpoint's host, so it has to look as it has to before.
        let mut said = learned(&service.learned, LearnedFrom::Callback, |learned| {
            callback.get(&learned.pointer).cloned()
        });
        let known = joined(values, &said);
        let granted = match &service.authentication {
            Authentication::Oauth2Code(oauth) => {
                let code = callback.get(&oauth.callback_code).ok_or(NotSent::Code)?;
                let brought = (redirect, verifier, code.as_str());
                oauth2_code::exchange(&self.connections, service, oauth, client, &known, brought).await
            }
            Authentication::Oauth1(oauth) => {
                oauth1::exchange(&self.connections, service, oauth, client, &known, (verifier, callback))
                    .await
            }
            _ => return Err(NotSent::Credentials.into()),
        };
        let mut granted = granted.map_err(|error| error.without(&sent))?;
        said.append(&mut granted.learned);
        let known = joined(values, &said);
        match self.completed(service, client, values, said, &granted.credentials).await {
            Ok(learned) => Ok(Granted { learned, ..granted }),
            Err(error) => {
                // Nobody will ever use these tokens. If the service does not take them back now, they end by themselves.
                let _ = self.revoke(service, Some(client), &known, &granted.credentials).await;
                Err(error)
            }
        }
    }

    /// Everything that the entry wants to know about an account.
    async fn completed(
        &self,
        service: &Service,
        client: &OauthClient,
        values: &Values,
        mut said: Values,
        credentials: &Credentials,
    ) -> Result<Values, TokenError> {
        if let Authentication::Oauth2Code(oauth) = &service.authentication {
            let known = joined(values, &said);
            said.extend(
                discovery::discover(&self.connections, service, oauth, client, &known, credentials).await?,
            );
        }
        discovery::missing(service, &said).map_or(Ok(said), |key| Err(TokenError::Unfit(key)))
    }

    /// The next access token: with the refresh token, or, where there is none, with the secrets that were given
    /// (`oauth2_client_credentials`, `oauth2_jwt_bearer`, `two_step`; also the first one, when an account is connected).
    ///
    /// # Errors
    /// Why there is none.
    pub async fn refresh(
        &self,
        service: &Service,
        client: Option<&OauthClient>,
        values: &Values,
        credentials: &Credentials,
    ) -> Result<Granted, TokenError> {
        let connections = &self.connections;
        let sent = sent(credentials, client);
        let secrets = || credentials.secrets().ok_or(NotSent::Credentials);
        let granted = match &service.authentication {
            Authentication::Oauth2Code(oauth) => {
                let client = client.ok_or(NotSent::Client)?;
                let Credentials::Tokens(tokens) = credentials else {
                    return Err(NotSent::Credentials.into());
                };
                oauth2_code::refresh(connections, service, oauth, client, values, tokens).await
            }
            Authentication::Oauth2ClientCredentials(grant) => {
                client_credentials::exchange(connections, service, grant, values, secrets()?).await
            }
            Authentication::Oauth2JwtBearer(grant) => {
                assertion::exchange(connections, service, grant, values, secrets()?).await
            }
            Authentication::TwoStep(call) => {
                two_step::log_in(connections, service, call, values, secrets()?).await
            }
            _ => return Err(NotSent::Credentials.into()),
        };
        granted.map_err(|error| error.without(&sent))
    }

    /// Ends the grant at the service.
    ///
    /// # Errors
    /// Why it may still live.
    pub async fn revoke(
        &self,
        service: &Service,
        client: Option<&OauthClient>,
        values: &Values,
        credentials: &Credentials,
    ) -> Result<(), RevokeError> {
        match (&service.authentication, credentials, client) {
            (Authentication::Oauth2Code(oauth), Credentials::Tokens(tokens), Some(client)) => {
                let sent = sent(credentials, Some(client));
                revocation::revoke(&self.connections, oauth, client, values, tokens).await.map_err(|error| {
                    match error {
                        RevokeError::Refused { word } => RevokeError::Refused { word: unsaid(word, &sent) },
                        other => other,
                    }
                })
            }
            _ => Err(RevokeError::NotRevocable),
        }
    }

    /// Makes a call with an account's credential. `client` is needed where calls are signed with its secret, too (OAuth
    /// 1.0a), or where the entry puts its identifier or its secret into calls.
    ///
    /// # Errors
    /// Why there is no answer. An answer of the service with any status is an answer.
    pub async fn send(
        &self,
        service: &Service,
        values: &Values,
        credentials: &Credentials,
        client: Option<&OauthClient>,
        call: Call,
    ) -> Result<CallAnswer, CallError> {
        sending::send(&self.connections, service, values, (credentials, client), call).await
    }

    /// A public document, without any credential: metadata, descriptions to import.
    ///
    /// # Errors
    /// It is not there (any status but 200), is larger than `most` bytes, or cannot be reached.
    pub async fn fetch(&self, url: &Url, most: usize) -> Result<Bytes, CallError> {
        let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        if !plain {
            return Err(CallError::Destination(catalogue::RenderError::NotHttps));
        }
        let request =
            Request { method: Method::GET, url: url.clone(), headers: HeaderMap::new(), body: None };
        match self.connections.exchange_up_to(request, most).await {
            Ok(answer) if answer.status == http::StatusCode::OK => Ok(answer.body),
            Ok(answer) => Err(CallError::Status(answer.status.as_u16())),
            Err(Unanswered::NotSent(reason)) => Err(CallError::NotSent(reason)),
            Err(Unanswered::Lost) => Err(CallError::NoAnswer),
            Err(Unanswered::TooLarge) => Err(CallError::TooLarge { most_bytes: most as u64 }),
        }
    }
}

/// What is sent with a token request and must not come back in a word.
fn sent<'a>(credentials: &'a Credentials, client: Option<&'a OauthClient>) -> Vec<&'a str> {
    let secret = client.and_then(|client| client.secret.as_ref());
    credentials.hidden().into_iter().chain(secret).map(SecretText::reveal).collect()
}

/// The values that were given, and those that the service said. The service never replaces what a person gave.
fn joined(given: &Values, said: &Values) -> Values {
    let mut all = said.clone();
    all.extend(given.clone());
    all
}

impl std::fmt::Debug for ServiceClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ServiceClient")
    }
}
