//! The authorization code grant (RFC 6749, 4.1; RFC 7636), and its refresh (6).

use std::collections::BTreeSet;

use catalogue::{Extension, Oauth2Code, Pkce, Service, TokenRequest, TokenRequestBody, Values};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RefreshToken,
};
use serde_json::Value;
use url::Url;

use crate::connections::Connections;
use crate::grant::{Grant, filling, granted, joined, of_answer};
use crate::token_answer::{Reading, read, text_at};
use crate::token_call::{Occasion, TokenCall, filled, written};
use crate::token_endpoint::{TokenEndpoint, client_for};
use crate::{AuthorizationRequest, Granted, NotSent, OauthClient, SecretText, Secrets, TokenError, Tokens};

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
    let standard = client_for(oauth.token_request.client_authentication, client, &url)
        .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
    let mut request = standard.exchange_code(AuthorizationCode::new(code.to_owned()));
    if oauth.pkce == Pkce::S256 {
        let verifier = verifier.ok_or(NotSent::Code)?;
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.reveal().to_owned()));
    }
    let call = TokenCall { url, shape: &oauth.token_request, occasion: Occasion::Connect, fill: &fill };
    let endpoint = TokenEndpoint::new(connections, call);
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
    let shape = &oauth.token_request;
    let proof = shape.refresh_client_authentication.unwrap_or(shape.client_authentication);
    let standard = client_for(proof, client, &url);
    let old = RefreshToken::new(token.reveal().to_owned());
    let call = TokenCall { url, shape, occasion: Occasion::Refresh, fill: &fill };
    let endpoint = TokenEndpoint::new(connections, call);
    let answer = endpoint.outcome(standard.exchange_refresh_token(&old).request_async(&endpoint).await)?;
    let learned = of_answer(service, &answer);
    // An answer without a new refresh token leaves the old one in force (RFC 6749, 6).
    Ok(Granted { learned, ..granted(&answer, Grant::of_code(oauth), Some(token), &tokens.secrets)? })
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
