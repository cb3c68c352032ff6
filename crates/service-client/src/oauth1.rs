//! Three-legged OAuth 1.0a (RFC 5849, 2).

use catalogue::{LearnedFrom, Oauth1, Service, Values};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use url::Url;

use crate::connections::Connections;
use crate::exchange::Request;
use crate::oauth1_signature::{Moment, Signer};
use crate::token_answer::{Reading, learned, read, text_at, token_at};
use crate::token_call::{filled, sensitive};
use crate::{AuthorizationRequest, Credentials, Granted, NotSent, OauthClient, SecretText, TokenError};

/// Where a person consents, with temporary credentials (2.1, 2.2).
pub(crate) async fn authorization(
    connections: &Connections,
    oauth: &Oauth1,
    client: &OauthClient,
    values: &Values,
    redirect: &Url,
    state: &str,
) -> Result<AuthorizationRequest, TokenError> {
    let mut callback = redirect.clone();
    callback.query_pairs_mut().append_pair("state", state);
    let url = oauth.request_token_url.url(values).map_err(NotSent::from)?;
    let realm = realm(oauth, values)?;
    let signer = Signer { realm: realm.as_deref(), ..of_client(oauth, client)? };
    let answer = ask(connections, url, &signer, &[("oauth_callback", callback.as_str())]).await?;
    let (token, secret) = pair(&answer)?;
    let mut url = oauth.authorize_url.url(values).map_err(NotSent::from)?;
    url.query_pairs_mut().append_pair("oauth_token", &token).extend_pairs(oauth.authorize_parameters.iter());
    // A token holds no line end: it was read from a form.
    Ok(AuthorizationRequest { url, verifier: Some(SecretText::from(format!("{token}\n{secret}"))) })
}

/// Token credentials for what the redirect brought (2.3).
pub(crate) async fn exchange(
    connections: &Connections,
    service: &Service,
    oauth: &Oauth1,
    client: &OauthClient,
    values: &Values,
    (verifier, callback): (Option<&SecretText>, &Values),
) -> Result<Granted, TokenError> {
    let (token, secret) = verifier.and_then(|kept| kept.reveal().split_once('\n')).ok_or(NotSent::Code)?;
    let code = callback.get("oauth_verifier").ok_or(NotSent::Code)?;
    // Those of another attempt are not exchanged.
    if callback.get("oauth_token").map(String::as_str) != Some(token) {
        return Err(NotSent::Code.into());
    }
    let url = oauth.access_token_url.url(values).map_err(NotSent::from)?;
    let realm = realm(oauth, values)?;
    let signer =
        Signer { realm: realm.as_deref(), token: Some((token, secret)), ..of_client(oauth, client)? };
    let answer = ask(connections, url, &signer, &[("oauth_verifier", code)]).await?;
    let (token, secret) = pair(&answer)?;
    Ok(Granted {
        credentials: Credentials::Oauth1 { token: token.into(), secret: secret.into() },
        expires_in: None,
        scopes: None,
        learned: learned(&service.learned, LearnedFrom::TokenAnswer, |learned| {
            text_at(&answer, &learned.pointer)
        }),
    })
}

/// Who signs for a client, without a token.
pub(crate) fn of_client<'a>(oauth: &Oauth1, client: &'a OauthClient) -> Result<Signer<'a>, NotSent> {
    let secret = client.secret.as_ref().ok_or(NotSent::Client)?;
    Ok(Signer {
        client: (&client.client_id, secret.reveal()),
        token: None,
        method: oauth.signature,
        realm: None,
    })
}

/// The realm with the account's values.
pub(crate) fn realm(oauth: &Oauth1, values: &Values) -> Result<Option<String>, NotSent> {
    Ok(oauth.realm.as_ref().map(|realm| filled(realm, values)).transpose()?)
}

async fn ask(
    connections: &Connections,
    url: Url,
    signer: &Signer<'_>,
    own: &[(&str, &str)],
) -> Result<Value, TokenError> {
    let moment = Moment::now().ok_or(NotSent::Request)?;
    let authorization = signer.authorization("POST", &url, &[], own, &moment);
    let headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("*/*")),
        (CONTENT_LENGTH, HeaderValue::from_static("0")),
        (AUTHORIZATION, sensitive(&authorization)?),
    ]);
    let reading = Reading {
        success: None,
        token: "/oauth_token",
        error: "/oauth_problem",
        reconnect: &[],
        given: false,
    };
    read(connections.exchange(Request { method: Method::POST, url, headers, body: None }).await, &reading)
}

fn pair(answer: &Value) -> Result<(String, String), TokenError> {
    let token = token_at(answer, "/oauth_token").ok_or(TokenError::Unreadable)?;
    let secret = token_at(answer, "/oauth_token_secret").ok_or(TokenError::Unreadable)?;
    Ok((token, secret))
}
