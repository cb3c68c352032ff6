//! A token endpoint as `oauth2` sees it: what the standard wants goes in, what the service wants goes out.

use std::sync::{Mutex, PoisonError};

use catalogue::ClientAuthentication;
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use oauth2::basic::{BasicClient, BasicRequestTokenError, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, TokenUrl,
};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::connections::Connections;
use crate::token_call::TokenCall;
use crate::{OauthClient, TokenError};

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// The organization's client at this token endpoint, proved so.
pub(crate) fn client_for(proof: ClientAuthentication, client: &OauthClient, token_url: &Url) -> Client {
    let mut standard = BasicClient::new(ClientId::new(client.client_id.clone()))
        .set_token_uri(TokenUrl::from_url(token_url.clone()))
        .set_auth_type(match proof {
            ClientAuthentication::Basic => AuthType::BasicAuth,
            ClientAuthentication::Body | ClientAuthentication::None => AuthType::RequestBody,
        });
    if let Some(secret) = &client.secret
        && proof != ClientAuthentication::None
    {
        standard = standard.set_client_secret(ClientSecret::new(secret.reveal().to_owned()));
    }
    standard
}

/// Writes requests and reads answers for `oauth2`.
pub(crate) struct TokenEndpoint<'a> {
    connections: &'a Connections,
    call: TokenCall<'a>,
    answer: Mutex<Option<Value>>,
}

impl<'a> TokenEndpoint<'a> {
    pub(crate) const fn new(connections: &'a Connections, call: TokenCall<'a>) -> Self {
        Self { connections, call, answer: Mutex::new(None) }
    }

    async fn forward(&self, request: HttpRequest) -> Result<HttpResponse, TokenError> {
        let parameters = form_urlencoded::parse(request.body()).into_owned().collect();
        let authorization = request.headers().get(AUTHORIZATION).cloned();
        let answer = self.call.send(self.connections, parameters, authorization).await?;
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        // The service's answer has another shape than the standard's, and was read already.
        let body = json!({ "access_token": "", "token_type": "bearer" }).to_string();
        http::Response::builder().body(body.into_bytes()).map_err(|_| TokenError::Unreadable)
    }

    /// What the service answered.
    pub(crate) fn outcome(
        &self,
        result: Result<BasicTokenResponse, BasicRequestTokenError<TokenError>>,
    ) -> Result<Value, TokenError> {
        match result {
            Ok(_) => self
                .answer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .ok_or(TokenError::Unreadable),
            Err(BasicRequestTokenError::Request(error)) => Err(error),
            Err(_) => Err(TokenError::Unreadable),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for TokenEndpoint<'_> {
    type Error = TokenError;
    type Future = BoxFuture<'c, Result<HttpResponse, TokenError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.forward(request))
    }
}
