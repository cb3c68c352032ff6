//! Puts a credential into a call, or signs the call with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use catalogue::{Authentication, Place, Placement, Service, Values};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use time::OffsetDateTime;
use url::{Host, Url};

use crate::grant::filling;
use crate::oauth1::{of_client, realm};
use crate::oauth1_signature::{Moment, Signer};
use crate::signature_v4::{self, Scope};
use crate::token_call::filled;
use crate::{CallError, Credentials, OauthClient};

/// A call that is about to go out.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// The parameters of a form body, for signatures that cover them.
    pub(crate) form: Vec<(String, String)>,
    /// What was made of the credential, to be taken out of answers.
    pub(crate) made: Vec<String>,
}

impl Outgoing {
    /// Proves the account. Nothing changes the call afterwards.
    pub(crate) fn prove(
        &mut self,
        service: &Service,
        values: &Values,
        credentials: &Credentials,
        client: Option<&OauthClient>,
    ) -> Result<(), CallError> {
        let fill = fill(&service.authentication, values, credentials, client)?;
        let usual = usual(&service.authentication);
        let placements = if service.api.credential.is_empty() {
            usual.as_slice()
        } else {
            service.api.credential.as_slice()
        };
        for placement in placements {
            self.place(placement, &fill)?;
        }
        match (&service.authentication, credentials) {
            (Authentication::Oauth1(oauth), Credentials::Oauth1 { token, secret }) => {
                let client = client.ok_or(CallError::Credentials)?;
                let realm = realm(oauth, values).map_err(|_| CallError::Credentials)?;
                let signer = Signer {
                    token: Some((token.reveal(), secret.reveal())),
                    realm: realm.as_deref(),
                    ..of_client(oauth, client).map_err(|_| CallError::Credentials)?
                };
                let moment = Moment::now().ok_or(CallError::Credentials)?;
                let value = signer.authorization(self.method.as_str(), &self.url, &self.form, &[], &moment);
                self.set(AUTHORIZATION, &value)
            }
            (Authentication::SignatureV4 { signing_service, region }, Credentials::Secrets(secrets)) => {
                let secret = |name: &str| secrets.get(name).map(crate::SecretText::reveal);
                let region = filled(region, values)?;
                let signing_service = filled(signing_service, values)?;
                let scope = Scope {
                    access_key_id: secret("access_key_id").ok_or(CallError::Credentials)?,
                    secret_access_key: secret("secret_access_key").ok_or(CallError::Credentials)?,
                    region: &region,
                    service: &signing_service,
                };
                self.sign(&scope, secret("session_token"), OffsetDateTime::now_utc())
            }
            _ => Ok(()),
        }
    }

    fn place(&mut self, placement: &Placement, fill: &Values) -> Result<(), CallError> {
        let value = filled(&placement.format, fill).map_err(|_| CallError::Credentials)?;
        match placement.place {
            Place::Header => {
                let name = HeaderName::try_from(&placement.name).map_err(|_| CallError::Credentials)?;
                self.set(name, &value)
            }
            Place::Basic => {
                let pair = STANDARD.encode(&value);
                self.made.push(pair.clone());
                self.set(AUTHORIZATION, &format!("Basic {pair}"))
            }
            Place::Cookie => {
                if !value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"')) {
                    return Err(CallError::Credentials);
                }
                let cookie = format!("{}={value}", placement.name);
                let all = match self.headers.get(COOKIE).and_then(|known| known.to_str().ok()) {
                    Some(known) => format!("{known}; {cookie}"),
                    None => cookie,
                };
                self.set(COOKIE, &all)
            }
            Place::Query => {
                self.url.query_pairs_mut().append_pair(&placement.name, &value);
                Ok(())
            }
            Place::JsonBody => self.put_member(&placement.name, &value),
        }
    }

    /// A header that stands alone, whatever was there.
    fn set(&mut self, name: HeaderName, value: &str) -> Result<(), CallError> {
        let mut value = HeaderValue::try_from(value).map_err(|_| CallError::Credentials)?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    /// A member of the JSON body, first of all. The rest stays as it was written: numbers are not read and written again.
    fn put_member(&mut self, name: &str, value: &str) -> Result<(), CallError> {
        let refused = || CallError::Body(name.to_owned());
        let body =
            self.body.clone().filter(|body| !body.is_empty()).unwrap_or_else(|| Bytes::from_static(b"{}"));
        let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(&body) else {
            return Err(refused());
        };
        if members.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(refused());
        }
        let text = std::str::from_utf8(&body).map_err(|_| refused())?.trim_start();
        let rest = text.strip_prefix('{').ok_or_else(refused)?;
        let comma = if members.is_empty() { "" } else { "," };
        let member = format!("{}:{}", Value::from(name), Value::from(value));
        self.body = Some(Bytes::from(format!("{{{member}{comma}{rest}")));
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok(())
    }

    fn sign(
        &mut self,
        scope: &Scope<'_>,
        session: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), CallError> {
        let body = self.body.clone().unwrap_or_default();
        let date = signature_v4::date(now).ok_or(CallError::Credentials)?;
        let query = signature_v4::query(&self.url);
        self.url.set_query((!query.is_empty()).then_some(query.as_str()));
        self.set(HeaderName::from_static("x-amz-date"), &date)?;
        self.set(HeaderName::from_static("x-amz-content-sha256"), &signature_v4::hash(&body))?;
        if let Some(session) = session {
            self.set(HeaderName::from_static("x-amz-security-token"), session)?;
        }
        let mut signed = vec![("host".to_owned(), host(&self.url))];
        for name in self.headers.keys() {
            if name.as_str().starts_with("x-amz-") || name == CONTENT_TYPE {
                let values: Vec<&str> = self
                    .headers
                    .get_all(name)
                    .iter()
                    .filter_map(|value| value.to_str().ok())
                    .map(str::trim)
                    .collect();
                signed.push((name.as_str().to_owned(), values.join(",")));
            }
        }
        let value = scope.authorization(self.method.as_str(), &self.url, &signed, &body, &date);
        // Whoever has the signature can make this one call for some minutes.
        self.made.extend(value.rsplit_once("Signature=").map(|(_, signature)| signature.to_owned()));
        self.set(AUTHORIZATION, &value)
    }
}

/// The `Host` header that goes with this URL.
fn host(url: &Url) -> String {
    let name = url.host().as_ref().map(Host::to_string).unwrap_or_default();
    url.port().map_or(name.clone(), |port| format!("{name}:{port}"))
}

/// How credentials of this kind are put into calls if the entry does not say.
fn usual(authentication: &Authentication) -> Vec<Placement> {
    let placement = |place: Place, format: &str| {
        vec![Placement { place, name: "Authorization".to_owned(), format: format.to_owned() }]
    };
    match authentication {
        Authentication::Oauth2Code(_)
        | Authentication::Oauth2ClientCredentials(_)
        | Authentication::Oauth2JwtBearer(_)
        | Authentication::BearerToken => placement(Place::Header, "Bearer {token}"),
        Authentication::Basic { .. } => placement(Place::Basic, "{user}:{password}"),
        Authentication::ApiKey
        | Authentication::TwoStep(_)
        | Authentication::Oauth1(_)
        | Authentication::SignatureV4 { .. }
        | Authentication::None => Vec::new(),
    }
}

/// What the placements' texts are filled with. Credentials of another kind than the entry's are not sent anywhere.
fn fill(
    authentication: &Authentication,
    values: &Values,
    credentials: &Credentials,
    client: Option<&OauthClient>,
) -> Result<Values, CallError> {
    let mut fill = filling(values, client);
    match (authentication, credentials) {
        (
            Authentication::Oauth2Code(_)
            | Authentication::Oauth2ClientCredentials(_)
            | Authentication::Oauth2JwtBearer(_)
            | Authentication::TwoStep(_),
            Credentials::Tokens(tokens),
        ) => {
            fill.extend(
                tokens.secrets.iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned())),
            );
            fill.insert("token".to_owned(), tokens.access.reveal().to_owned());
        }
        (Authentication::ApiKey, Credentials::ApiKey(key)) => {
            fill.insert("api_key".to_owned(), key.reveal().to_owned());
        }
        (Authentication::BearerToken, Credentials::Bearer(token)) => {
            fill.insert("token".to_owned(), token.reveal().to_owned());
        }
        (Authentication::Basic { .. }, Credentials::Basic { user, password }) => {
            fill.insert("user".to_owned(), user.clone());
            fill.insert("password".to_owned(), password.reveal().to_owned());
        }
        (Authentication::Oauth1(_), Credentials::Oauth1 { token, .. }) => {
            fill.insert("token".to_owned(), token.reveal().to_owned());
        }
        (Authentication::SignatureV4 { .. }, Credentials::Secrets(_))
        | (Authentication::None, Credentials::None) => {}
        _ => return Err(CallError::Credentials),
    }
    Ok(fill)
}
