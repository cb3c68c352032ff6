//! What every grant has in common: what requests are filled with, and what answers give.

use catalogue::{LearnedFrom, Lifetime, Oauth2Code, Service, TokenRequest, Values};
use serde_json::Value;

use crate::token_answer::{learned, lives, scopes, text_at, token_at};
use crate::token_call::filled;
use crate::{Credentials, Granted, NotSent, OauthClient, SecretText, Secrets, TokenError, Tokens};

/// What differs from grant to grant in reading an answer.
pub(crate) struct Grant<'a> {
    pub(crate) request: &'a TokenRequest,
    pub(crate) lifetime: &'a Lifetime,
    pub(crate) separator: &'a str,
}

impl<'a> Grant<'a> {
    pub(crate) fn of_code(oauth: &'a Oauth2Code) -> Self {
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
    let access = token_at(answer, &shape.access_token).ok_or(TokenError::Unreadable)?;
    let refresh = token_at(answer, &shape.refresh_token).map(SecretText::from);
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

/// Scopes as they are asked for.
pub(crate) fn joined<'a>(
    scopes: impl IntoIterator<Item = &'a String>,
    separator: &str,
    fill: &Values,
) -> Result<String, NotSent> {
    let scopes: Vec<String> =
        scopes.into_iter().map(|scope| filled(scope, fill)).collect::<Result<_, _>>()?;
    Ok(scopes.join(separator))
}
