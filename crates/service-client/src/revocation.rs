//! The end of a grant at the service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalogue::{ClientAuthentication, Oauth2Code, RevocationKind, TokenRequestBody, Values};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::connections::Connections;
use crate::exchange::{Request, Unanswered};
use crate::grant::filling;
use crate::retry_after::retry_after;
use crate::token_answer::{cannot_now, is_word, parsed, word};
use crate::token_call::{filled, header, sensitive, written};
use crate::{NotSent, OauthClient, RevokeError, Tokens};

/// Ends the grant that these tokens are of.
pub(crate) async fn revoke(
    connections: &Connections,
    oauth: &Oauth2Code,
    client: &OauthClient,
    values: &Values,
    tokens: &Tokens,
) -> Result<(), RevokeError> {
    let request = write(oauth, client, values, tokens).map_err(|_| RevokeError::Refused { word: None })?;
    let request = request.ok_or(RevokeError::NotRevocable)?;
    let answer = match connections.exchange(request).await {
        Ok(answer) => answer,
        Err(Unanswered::NotSent(NotSent::Values(_) | NotSent::Address(_) | NotSent::Request)) => {
            return Err(RevokeError::Refused { word: None });
        }
        Err(_) => return Err(RevokeError::Unavailable { retry_after: None }),
    };
    if cannot_now(answer.status) {
        return Err(RevokeError::Unavailable { retry_after: retry_after(&answer.headers) });
    }
    let shape = &oauth.token_request;
    let value = parsed(&answer.body);
    let says_no = shape.success.as_ref().zip(value.as_ref()).is_some_and(|(success, value)| {
        value.pointer(success).is_some_and(|success| *success != Value::Bool(true))
    });
    if answer.status.is_success() && !says_no {
        return Ok(());
    }
    let word = value.as_ref().and_then(|value| word(value, &shape.error_pointer));
    Err(RevokeError::Refused { word: word.filter(|word| is_word(word)) })
}

fn write(
    oauth: &Oauth2Code,
    client: &OauthClient,
    values: &Values,
    tokens: &Tokens,
) -> Result<Option<Request>, NotSent> {
    let Some(revocation) = &oauth.revocation else { return Ok(None) };
    let (token, hint) = match &tokens.refresh {
        Some(refresh) if revocation.by_refresh_token => (refresh.reveal(), "refresh_token"),
        _ => (tokens.access.reveal(), "access_token"),
    };
    let mut fill = filling(values, Some(client));
    fill.insert("token".to_owned(), token.to_owned());
    let url = revocation.url.url(&fill)?;
    let authentication =
        revocation.client_authentication.unwrap_or(oauth.token_request.client_authentication);
    let bearer = || sensitive(&format!("Bearer {}", tokens.access.reveal()));
    let pair = |name: &str, value: &str| {
        let name = revocation.renamed.get(name).map_or(name, String::as_str);
        (name.to_owned(), value.to_owned())
    };
    // Where the entry says, or under the usual name.
    let in_url = revocation.url.names().any(|name| name == "token");
    let alone = || if in_url { Vec::new() } else { vec![pair("token", token)] };
    let plain = |method: Method, authorization: HeaderValue| Request {
        method,
        url: url.clone(),
        headers: HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (AUTHORIZATION, authorization),
        ]),
        body: None,
    };
    let mut request = match revocation.kind {
        RevocationKind::Rfc7009 => {
            let mut parameters = vec![pair("token", token)];
            if revocation.hint {
                parameters.push(pair("token_type_hint", hint));
            }
            let secret = client.secret.as_ref().map(|secret| secret.reveal());
            let basic = secret.filter(|_| authentication == ClientAuthentication::Basic);
            if basic.is_none() {
                parameters.push(pair("client_id", &client.client_id));
                if let Some(secret) = secret.filter(|_| authentication == ClientAuthentication::Body) {
                    parameters.push(pair("client_secret", secret));
                }
            }
            let mut request = written(url.clone(), revocation.body, parameters)?;
            if let Some(secret) = basic {
                // Encoded as at the token endpoint (RFC 6749, 2.3.1).
                request.headers.insert(AUTHORIZATION, client_basic(&form(&client.client_id), &form(secret))?);
            }
            request
        }
        RevocationKind::TokenOnly => written(url.clone(), revocation.body, alone())?,
        RevocationKind::GetWithToken => written(url.clone(), TokenRequestBody::Query, alone())?,
        RevocationKind::PostAsBearer => plain(Method::POST, bearer()?),
        RevocationKind::DeleteAsBearer => plain(Method::DELETE, bearer()?),
        RevocationKind::DeleteAsClient => {
            let secret = client.secret.as_ref().ok_or(NotSent::Client)?.reveal();
            let mut request = plain(Method::DELETE, client_basic(&client.client_id, secret)?);
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let body = json!({ "access_token": tokens.access.reveal() });
            request.body = Some(body.to_string().into_bytes());
            request
        }
    };
    for (name, value) in &oauth.token_request.headers {
        let (name, value) = header(name, &filled(value, &fill)?)?;
        request.headers.entry(name).or_insert(value);
    }
    Ok(Some(request))
}

fn client_basic(client_id: &str, secret: &str) -> Result<HeaderValue, NotSent> {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}"))))
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
