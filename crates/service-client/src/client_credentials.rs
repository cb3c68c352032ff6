//! The client credentials grant (RFC 6749, 4.4).

use catalogue::{ClientCredentials, Service, Values};

use crate::connections::Connections;
use crate::grant::{Grant, filling, granted, joined, of_answer};
use crate::token_call::{Occasion, TokenCall};
use crate::token_endpoint::{TokenEndpoint, client_for};
use crate::{Granted, NotSent, OauthClient, Secrets, TokenError};

/// A token for a client that proves itself.
pub(crate) async fn exchange(
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
    let standard = client_for(grant.token_request.client_authentication, &client, &url);
    let mut request = standard.exchange_client_credentials();
    let asked = joined(&grant.default_scopes, &grant.scope_separator, &fill)?;
    if !asked.is_empty() {
        request = request.add_extra_param("scope", asked);
    }
    let call = TokenCall { url, shape: &grant.token_request, occasion: Occasion::Given, fill: &fill };
    let endpoint = TokenEndpoint::new(connections, call);
    let answer = endpoint.outcome(request.request_async(&endpoint).await)?;
    let learned = of_answer(service, &answer);
    let shape =
        Grant { request: &grant.token_request, lifetime: &grant.lifetime, separator: &grant.scope_separator };
    Ok(Granted { learned, ..granted(&answer, shape, None, secrets)?.without_refresh() })
}
