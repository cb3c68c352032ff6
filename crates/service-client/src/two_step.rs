//! A login call that gives a token for the others.

use catalogue::{Service, TokenRequestBody, TwoStep, TwoStepBody, Values};

use crate::connections::Connections;
use crate::grant::of_answer;
use crate::token_answer::{Reading, lives, read, text_at};
use crate::token_call::{filled, header, written};
use crate::{Credentials, Granted, NotSent, Secrets, TokenError, Tokens};

/// The token that the login call gives.
pub(crate) async fn log_in(
    connections: &Connections,
    service: &Service,
    two_step: &TwoStep,
    values: &Values,
    secrets: &Secrets,
) -> Result<Granted, TokenError> {
    let mut fill = values.clone();
    for name in two_step.secrets.keys() {
        let secret = secrets.get(name).ok_or(NotSent::Credentials)?;
        fill.insert(name.clone(), secret.reveal().to_owned());
    }
    let parameters = two_step
        .parameters
        .iter()
        .map(|(name, value)| Ok((name.clone(), filled(value, &fill)?)))
        .collect::<Result<Vec<_>, NotSent>>()?;
    let body = match two_step.body {
        TwoStepBody::Json => TokenRequestBody::Json,
        TwoStepBody::Form => TokenRequestBody::Form,
    };
    // Secrets are no part of the URL, which services write to their logs.
    let mut request = written(two_step.url.url(values).map_err(NotSent::from)?, body, parameters)?;
    for (name, value) in &two_step.headers {
        let (name, value) = header(name, &filled(value, &fill).map_err(NotSent::from)?)?;
        request.headers.insert(name, value);
    }
    let reading =
        Reading { success: None, token: &two_step.token, error: "/error", reconnect: &[], given: true };
    let answer = read(connections.exchange(request).await, &reading)?;
    let token = text_at(&answer, &two_step.token).ok_or(TokenError::Unreadable)?;
    Ok(Granted {
        credentials: Credentials::Tokens(Tokens {
            access: token.into(),
            refresh: None,
            secrets: secrets.clone(),
        }),
        expires_in: lives(&answer, two_step.expires_in.as_deref(), &two_step.lifetime),
        scopes: None,
        learned: of_answer(service, &answer),
    })
}
