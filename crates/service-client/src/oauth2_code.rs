//! The authorization code grant (RFC 6749, 4.1; RFC 7636), its refresh (6), and grants without a person.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use catalogue::{
    ClientAuthentication, ClientCredentials, Extension, LearnedFrom, Lifetime, Oauth2Code, Pkce, Service,
    TokenRequest, TokenRequestBody, Values,
};
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use oauth2::basic::{BasicClient, BasicRequestTokenError, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    TokenUrl,
};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::connections::Connections;
use crate::token_answer::{Reading, learned, lives, read, scopes, text_at};
use crate::token_call::{Occasion, TokenCall, filled, written};
use crate::{
    AuthorizationRequest, Credentials, Granted, NotSent, OauthClient, SecretText, Secrets, TokenError, Tokens,
};

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Some services want the redirect of the first request again in every refresh; then it is kept with the tokens.
const OF_REDIRECT: &str = "{redirect_uri}";

/// Where a person consents.
pub(crate) fn authorization(
    oauth: &Oauth2Code,
    client: &OauthClient,
    values: &Values,
    scopes: &BTreeSet<String>,
    redirect: &Url,
    state: &str,
) -> Result<AuthorizationRequest, NotSent> {
    let fill = filling(values, Some(client));
    let page = BasicClient::new(ClientId::new(client.client_id.clone()))
        .set_auth_uri(AuthUrl::from_url(oauth.authorize_url.url(values)?))
        .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
    let mut request = page.authorize_url(|| CsrfToken::new(state.to_owned()));
    let mut verifier = None;
    if oauth.pkce == Pkce::S256 {
        let (challenge, secret) = PkceCodeChallenge::new_random_sha256();
        request = request.set_pkce_challenge(challenge);
        verifier = Some(SecretText::from(secret.into_secret()));
    }
    let chosen: BTreeSet<&String> = if scopes.is_empty() {
        oauth.default_scopes.iter().chain(&oauth.required_scopes).collect()
    } else {
        scopes.iter().chain(&oauth.required_scopes).collect()
    };
    let asked = joined(chosen, &oauth.scope_separator, &fill)?;
    if !asked.is_empty() {
        request = request.add_extra_param(oauth.scope_parameter.clone(), asked);
    }
    let (mut url, _) = request.url();
    // What the entry says wins over the standard, and names change last.
    let own: Vec<(String, String)> = oauth
        .authorize_parameters
        .iter()
        .map(|(name, value)| Ok((name.clone(), filled(value, &fill)?)))
        .collect::<Result<_, NotSent>>()?;
    let kept =
        url.query_pairs().into_owned().filter(|(name, _)| !oauth.authorize_parameters.contains_key(name));
    let pairs: Vec<(String, String)> = kept
        .chain(own)
        .map(|(name, value)| (oauth.token_request.renamed.get(&name).cloned().unwrap_or(name), value))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    Ok(AuthorizationRequest { url, verifier })
}

/// Tokens for a code, and what the answer says about the account.
pub(crate) async fn exchange(
    connections: &Connections,
    service: &Service,
    oauth: &Oauth2Code,
    client: &OauthClient,
    values: &Values,
    (redirect, verifier, code): (&Url, Option<&SecretText>, &str),
) -> Result<Granted, TokenError> {
    let fill = filling(values, Some(client));
    let url = oauth.token_url.url(values).map_err(NotSent::from)?;
    let standard = client_for(&oauth.token_request, client, &url)
        .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
    let mut request = standard.exchange_code(AuthorizationCode::new(code.to_owned()));
    if oauth.pkce == Pkce::S256 {
        let verifier = verifier.ok_or(NotSent::Code)?;
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.reveal().to_owned()));
    }
    let call = TokenCall { url, shape: &oauth.token_request, occasion: Occasion::Connect, fill: &fill };
    let endpoint = Endpoint::new(connections, call);
    let mut answer = endpoint.outcome(request.request_async(&endpoint).await)?;
    let mut said = of_answer(service, &answer);
    if let Some(extension) = &oauth.extension {
        answer = extended(connections, extension, &oauth.token_request, &fill, &answer).await?;
        said.extend(of_answer(service, &answer));
    }
    let mut kept = Secrets::new();
    if oauth.token_request.refresh_parameters.values().any(|value| value.contains(OF_REDIRECT)) {
        kept.insert("redirect_uri".to_owned(), redirect.as_str().into());
    }
    Ok(Granted { learned: said, ..granted(&answer, Grant::of_code(oauth), None, &kept)? })
}

/// The next access token.
pub(crate) async fn refresh(
    connections: &Connections,
    service: &Service,
    oauth: &Oauth2Code,
    client: &OauthClient,
    values: &Values,
    tokens: &Tokens,
) -> Result<Granted, TokenError> {
    let token = tokens.refresh.as_ref().ok_or(NotSent::Credentials)?;
    let mut fill = filling(values, Some(client));
    fill.extend(tokens.secrets.iter().map(|(name, kept)| (name.clone(), kept.reveal().to_owned())));
    let url = oauth.refresh_url.as_ref().unwrap_or(&oauth.token_url).url(values).map_err(NotSent::from)?;
    let standard = client_for(&oauth.token_request, client, &url);
    let old = RefreshToken::new(token.reveal().to_owned());
    let call = TokenCall { url, shape: &oauth.token_request, occasion: Occasion::Refresh, fill: &fill };
    let endpoint = Endpoint::new(connections, call);
    let answer = endpoint.outcome(standard.exchange_refresh_token(&old).request_async(&endpoint).await)?;
    let learned = of_answer(service, &answer);
    // An answer without a new refresh token leaves the old one in force (RFC 6749, 6).
    Ok(Granted { learned, ..granted(&answer, Grant::of_code(oauth), Some(token), &tokens.secrets)? })
}

/// A token for a client that proves itself.
pub(crate) async fn client_credentials(
    connections: &Connections,
    service: &Service,
    grant: &ClientCredentials,
    values: &Values,
    secrets: &Secrets,
) -> Result<Granted, TokenError> {
    let client = OauthClient {
        client_id: secrets.get("client_id").ok_or(NotSent::Credentials)?.reveal().to_owned(),
        secret: secrets.get("client_secret").cloned(),
    };
    let fill = filling(values, Some(&client));
    let url = grant.token_url.url(values).map_err(NotSent::from)?;
    let standard = client_for(&grant.token_request, &client, &url);
    let mut request = standard.exchange_client_credentials();
    let asked = joined(&grant.default_scopes, &grant.scope_separator, &fill)?;
    if !asked.is_empty() {
        request = request.add_extra_param("scope", asked);
    }
    let call = TokenCall { url, shape: &grant.token_request, occasion: Occasion::Given, fill: &fill };
    let endpoint = Endpoint::new(connections, call);
    let answer = endpoint.outcome(request.request_async(&endpoint).await)?;
    let learned = of_answer(service, &answer);
    let shape =
        Grant { request: &grant.token_request, lifetime: &grant.lifetime, separator: &grant.scope_separator };
    Ok(Granted { learned, ..granted(&answer, shape, None, secrets)?.without_refresh() })
}

/// What differs from grant to grant in reading an answer.
pub(crate) struct Grant<'a> {
    pub(crate) request: &'a TokenRequest,
    pub(crate) lifetime: &'a Lifetime,
    pub(crate) separator: &'a str,
}

impl<'a> Grant<'a> {
    fn of_code(oauth: &'a Oauth2Code) -> Self {
        Self { request: &oauth.token_request, lifetime: &oauth.lifetime, separator: &oauth.scope_separator }
    }
}

impl Granted {
    /// The same without a refresh token: what was given gets the next token (RFC 6749, 4.4.3).
    pub(crate) fn without_refresh(mut self) -> Self {
        if let Credentials::Tokens(tokens) = &mut self.credentials {
            tokens.refresh = None;
        }
        self
    }
}

/// What an answer gives.
pub(crate) fn granted(
    answer: &Value,
    grant: Grant<'_>,
    old_refresh: Option<&SecretText>,
    secrets: &Secrets,
) -> Result<Granted, TokenError> {
    let shape = grant.request;
    let access = text_at(answer, &shape.access_token).ok_or(TokenError::Unreadable)?;
    let refresh = text_at(answer, &shape.refresh_token).map(SecretText::from);
    Ok(Granted {
        credentials: Credentials::Tokens(Tokens {
            access: access.into(),
            refresh: refresh.or_else(|| old_refresh.cloned()),
            secrets: secrets.clone(),
        }),
        expires_in: lives(answer, Some(&shape.expires_in), grant.lifetime),
        scopes: scopes(answer, &shape.scope, grant.separator),
        learned: Values::new(),
    })
}

/// What the answer to a token request says about the account.
pub(crate) fn of_answer(service: &Service, answer: &Value) -> Values {
    learned(&service.learned, LearnedFrom::TokenAnswer, |learned| text_at(answer, &learned.pointer))
}

/// What the entry's texts are filled with.
pub(crate) fn filling(values: &Values, client: Option<&OauthClient>) -> Values {
    let mut fill = values.clone();
    if let Some(client) = client {
        fill.insert("client_id".to_owned(), client.client_id.clone());
        if let Some(secret) = &client.secret {
            fill.insert("client_secret".to_owned(), secret.reveal().to_owned());
        }
    }
    fill
}

fn client_for(shape: &TokenRequest, client: &OauthClient, token_url: &Url) -> Client {
    let mut standard = BasicClient::new(ClientId::new(client.client_id.clone()))
        .set_token_uri(TokenUrl::from_url(token_url.clone()))
        .set_auth_type(match shape.client_authentication {
            ClientAuthentication::Basic => AuthType::BasicAuth,
            ClientAuthentication::Body | ClientAuthentication::None => AuthType::RequestBody,
        });
    if let Some(secret) = &client.secret
        && shape.client_authentication != ClientAuthentication::None
    {
        standard = standard.set_client_secret(ClientSecret::new(secret.reveal().to_owned()));
    }
    standard
}

/// Scopes as they are asked for.
fn joined<'a>(
    scopes: impl IntoIterator<Item = &'a String>,
    separator: &str,
    fill: &Values,
) -> Result<String, NotSent> {
    let scopes: Vec<String> =
        scopes.into_iter().map(|scope| filled(scope, fill)).collect::<Result<_, _>>()?;
    Ok(scopes.join(separator))
}

/// Changes a short-lived token for one that lives longer.
async fn extended(
    connections: &Connections,
    extension: &Extension,
    shape: &TokenRequest,
    fill: &Values,
    answer: &Value,
) -> Result<Value, TokenError> {
    let mut fill = fill.clone();
    let token = text_at(answer, &shape.access_token).ok_or(TokenError::Unreadable)?;
    fill.insert("token".to_owned(), token);
    let parameters = extension
        .parameters
        .iter()
        .map(|(name, value)| Ok((name.clone(), filled(value, &fill)?)))
        .collect::<Result<Vec<_>, NotSent>>()?;
    let url = extension.url.url(&fill).map_err(NotSent::from)?;
    let reading = Reading::of(shape);
    read(connections.exchange(written(url, TokenRequestBody::Query, parameters)?).await, &reading)
}

/// A token endpoint as `oauth2` sees it: what the standard wants goes in, what the service wants goes out.
struct Endpoint<'a> {
    connections: &'a Connections,
    call: TokenCall<'a>,
    answer: Mutex<Option<Value>>,
}

impl<'a> Endpoint<'a> {
    const fn new(connections: &'a Connections, call: TokenCall<'a>) -> Self {
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
    fn outcome(
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

impl<'c> AsyncHttpClient<'c> for Endpoint<'_> {
    type Error = TokenError;
    type Future = BoxFuture<'c, Result<HttpResponse, TokenError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.forward(request))
    }
}
