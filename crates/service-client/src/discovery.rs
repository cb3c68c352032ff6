//! What a service says about an account right after it was connected.

use catalogue::{LearnedFrom, Oauth2Code, Service, Values};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::connections::Connections;
use crate::exchange::Request;
use crate::placement::Outgoing;
use crate::retry_after::retry_after;
use crate::token_answer::{cannot_now, learned, parsed, text_at};
use crate::token_call::filled;
use crate::{Credentials, NotSent, OauthClient, TokenError};

/// Makes the entry's calls in order; each may use what those before it said. What does not look as it has to is left out.
pub(crate) async fn discover(
    connections: &Connections,
    service: &Service,
    oauth: &Oauth2Code,
    client: &OauthClient,
    values: &Values,
    credentials: &Credentials,
) -> Result<Values, TokenError> {
    let (mut known, mut said) = (values.clone(), Values::new());
    for call in &oauth.discovery {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        for (name, value) in &service.api.headers {
            let name = HeaderName::try_from(name).map_err(|_| NotSent::Request)?;
            // A header with a value that is still to be learned belongs to later calls.
            let Ok(value) = filled(value, &known) else { continue };
            headers.insert(name, HeaderValue::try_from(value).map_err(|_| NotSent::Request)?);
        }
        let mut outgoing = Outgoing {
            method: Method::GET,
            url: call.url.url(&known).map_err(NotSent::from)?,
            headers,
            body: None,
            form: Vec::new(),
            made: Vec::new(),
        };
        outgoing.prove(service, &known, credentials, Some(client)).map_err(|_| NotSent::Credentials)?;
        let Outgoing { method, url, headers, body, .. } = outgoing;
        let request = Request { method, url, headers, body: body.map(Vec::from) };
        let answer = connections.exchange(request).await?;
        if cannot_now(answer.status) {
            return Err(TokenError::Unavailable { retry_after: retry_after(&answer.headers) });
        }
        if !answer.status.is_success() {
            return Err(TokenError::Refused { word: None, reconnect: false });
        }
        let answer = parsed(&answer.body).ok_or(TokenError::Unreadable)?;
        let found = learned(&service.learned, LearnedFrom::Discovery, |learned| {
            text_at(&answer, call.save.get(&learned.key)?)
        });
        known.extend(found.clone());
        said.extend(found);
    }
    Ok(said)
}

/// The first value that the account cannot be used without and that nobody said.
pub(crate) fn missing(service: &Service, said: &Values) -> Option<String> {
    let needed = service.authentication.needs_client();
    service
        .learned
        .iter()
        .find(|learned| needed && !learned.optional && !said.contains_key(&learned.key))
        .map(|learned| learned.key.clone())
}
