//! The client for every service.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use catalogue::{Service, Values};
use url::Url;

use crate::{
    AuthorizationRequest, Call, CallAnswer, CallError, ClientError, ClientNetwork, Credentials, Granted,
    OauthClient, RevokeError, SecretText, TokenError,
};

/// The client for every service. Copies share their connections.
#[derive(Clone)]
pub struct ServiceClient {
    pub(crate) network: Arc<ClientNetwork>,
}

impl ServiceClient {
    /// A client.
    ///
    /// # Errors
    /// TLS cannot be set up with these authorities.
    pub fn new(network: ClientNetwork) -> Result<Self, ClientError> {
        Ok(Self { network: Arc::new(network) })
    }

    /// Where a person consents. OAuth 2.0: no request is made. OAuth 1.0a: temporary credentials are fetched first, and
    /// `state` is put into the query of the redirect.
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
        let _ = (service, client, values, scopes, redirect, state);
        Err(TokenError::NoAnswer)
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
        let _ = (service, client, values, redirect, verifier, callback);
        Err(TokenError::NoAnswer)
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
        let _ = (service, client, values, credentials);
        Err(TokenError::NoAnswer)
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
        let _ = (service, client, values, credentials);
        Err(RevokeError::NotRevocable)
    }

    /// Makes a call with an account's credential. `client` is needed where calls are signed with its secret, too (OAuth
    /// 1.0a), or where the entry puts its identifier into calls.
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
        let _ = (service, values, credentials, client, call);
        Err(CallError::NoAnswer)
    }

    /// A public document, without any credential: metadata, descriptions to import.
    ///
    /// # Errors
    /// It is not there (any status but 200), is larger than `most` bytes, or cannot be reached.
    pub async fn fetch(&self, url: &Url, most: usize) -> Result<Bytes, CallError> {
        let _ = (url, most);
        Err(CallError::NoAnswer)
    }
}

impl std::fmt::Debug for ServiceClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServiceClient").field("network", &self.network).finish_non_exhaustive()
    }
}
