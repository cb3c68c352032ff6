//! A token request, written and read as the entry says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalogue::{RenderError, Template, TokenRequest, TokenRequestBody, Values};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::connections::Connections;
use crate::exchange::{Request, Unanswered};
use crate::token_answer::{Reading, read};
use crate::{NotSent, TokenError};

/// A token request.
pub(crate) struct TokenCall<'a> {
    /// Where it goes.
    pub(crate) url: Url,
    /// How it is written.
    pub(crate) shape: &'a TokenRequest,
    /// Which kind of request it is.
    pub(crate) occasion: Occasion,
    /// What the entry's texts are filled with.
    pub(crate) fill: &'a Values,
}

/// What a token request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The first token.
    Connect,
    /// The next one, with a refresh token.
    Refresh,
    /// One for secrets that were given, without a person.
    Given,
}

impl TokenCall<'_> {
    /// Sends it with these parameters of the standard, and reads the answer. `authorization` proves the client.
    pub(crate) async fn send(
        &self,
        connections: &Connections,
        parameters: Vec<(String, String)>,
        authorization: Option<HeaderValue>,
    ) -> Result<Value, TokenError> {
        let mut request = self.write(parameters)?;
        if let Some(authorization) = authorization {
            request.headers.insert(AUTHORIZATION, authorization);
        }
        let reading = Reading { given: self.occasion == Occasion::Given, ..Reading::of(self.shape) };
        read(connections.exchange(request).await, &reading)
    }

    fn write(&self, mut parameters: Vec<(String, String)>) -> Result<Request, NotSent> {
        let refresh = self.occasion == Occasion::Refresh;
        let mut put = |name: &str, value: String| match parameters.iter_mut().find(|(known, _)| known == name)
        {
            Some((_, known)) => *known = value,
            None => parameters.push((name.to_owned(), value)),
        };
        if let Some(grant_type) = self.shape.refresh_grant_type.as_ref().filter(|_| refresh) {
            put("grant_type", grant_type.clone());
        }
        for (name, value) in &self.shape.parameters {
            put(name, filled(value, self.fill)?);
        }
        for (name, value) in self.shape.refresh_parameters.iter().filter(|_| refresh) {
            put(name, filled(value, self.fill)?);
        }
        for (name, _) in &mut parameters {
            if let Some(renamed) = self.shape.renamed.get(name) {
                name.clone_from(renamed);
            }
        }
        let body = self.shape.refresh_body.filter(|_| refresh).unwrap_or(self.shape.body);
        let mut request = written(self.url.clone(), body, parameters)?;
        for (name, value) in &self.shape.headers {
            let (name, value) = header(name, &filled(value, self.fill)?)?;
            request.headers.insert(name, value);
        }
        Ok(request)
    }
}

/// A request with these parameters.
pub(crate) fn written(
    mut url: Url,
    body: TokenRequestBody,
    parameters: Vec<(String, String)>,
) -> Result<Request, NotSent> {
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let (method, body) = match body {
        TokenRequestBody::Form => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
            (Method::POST, Some(form.into_bytes()))
        }
        TokenRequestBody::Json => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let object: serde_json::Map<String, Value> =
                parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            (Method::POST, Some(serde_json::to_vec(&object).map_err(|_| NotSent::Request)?))
        }
        TokenRequestBody::Query => {
            if !parameters.is_empty() {
                url.query_pairs_mut().extend_pairs(parameters);
            }
            (Method::GET, None)
        }
    };
    Ok(Request { method, url, headers, body })
}

/// A text of the entry with values in it. One with braces that are no names is taken as it is.
pub(crate) fn filled(text: &str, values: &Values) -> Result<String, RenderError> {
    match Template::try_from(text.to_owned()) {
        Ok(template) => template.text(values),
        Err(_) => Ok(text.to_owned()),
    }
}

/// A header of the entry. User name and password behind `Basic` are encoded (RFC 7617, 2).
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), NotSent> {
    let name = HeaderName::try_from(name).map_err(|_| NotSent::Request)?;
    let basic = value.strip_prefix("Basic ").filter(|pair| pair.contains(':'));
    let value = basic.map_or_else(|| value.to_owned(), |pair| format!("Basic {}", STANDARD.encode(pair)));
    Ok((name, sensitive(&value)?))
}

/// A header's value that is printed nowhere.
pub(crate) fn sensitive(value: &str) -> Result<HeaderValue, NotSent> {
    let mut value = HeaderValue::try_from(value).map_err(|_| NotSent::Request)?;
    value.set_sensitive(true);
    Ok(value)
}

impl From<Unanswered> for TokenError {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::NotSent(reason) => Self::NotSent(reason),
            Unanswered::Lost => Self::NoAnswer,
            Unanswered::TooLarge => Self::Unreadable,
        }
    }
}
