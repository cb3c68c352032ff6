//! OAuth 2.0 as OpenAPI says it.

use serde_json::{Map, Value, json};

use super::schemes::{Access, bearer};
use super::server_url::{self, Templated, Unusable};
use super::{Answer, ImportError, Question, address};

/// The most scopes that a note names.
const NAMED_SCOPES: usize = 30;
/// Scopes with which services give something to refresh tokens with.
const OFFLINE: &[&str] = &["offline_access", "offline.access", "offline"];
/// Why no proof key is sent.
pub(super) const NO_PROOF_KEY: &str = "the document does not say that the service takes a proof key";

/// A flow that can be gone through.
pub(super) enum Flow<'a> {
    Code(&'a Value),
    ClientCredentials(&'a Value),
}

impl Flow<'_> {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::ClientCredentials(_) => "client_credentials",
        }
    }
}

/// The flows of a scheme, or why there is none.
pub(super) fn read(scheme: &Value) -> Result<Vec<Flow<'_>>, &'static str> {
    let mut found = Vec::new();
    if let Some(flows) = scheme.get("flows") {
        found.extend(flows.get("authorizationCode").map(Flow::Code));
        found.extend(flows.get("clientCredentials").map(Flow::ClientCredentials));
    } else {
        match scheme.get("flow").and_then(Value::as_str) {
            Some("accessCode") => found.push(Flow::Code(scheme)),
            Some("application") => found.push(Flow::ClientCredentials(scheme)),
            _ => {}
        }
    }
    if found.is_empty() {
        // RFC 9700, 2.1.2 and 2.4.
        return Err("an OAuth flow that should not be used any more: only codes and client credentials are");
    }
    Ok(found)
}

/// What of a flow stands in an entry. `needed` are the scopes that every request needs.
pub(super) fn access(
    flow: &Flow<'_>,
    base: Option<&Templated>,
    needed: &[String],
) -> Result<Access, ImportError> {
    let (Flow::Code(said) | Flow::ClientCredentials(said)) = flow;
    let mut variables = std::collections::BTreeMap::new();
    let mut url = |key: &str, what: &str| -> Result<Option<String>, ImportError> {
        let Some(text) = said.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        let found = templated(text, base).map_err(|reason| match reason {
            Unusable::Unfit(reason) => {
                ImportError::Address { what: what.to_owned(), url: address::shortened(text), reason }
            }
            Unusable::Open => {
                ImportError::Unsupported(format!("{what} is {}, no whole URL", address::shortened(text)))
            }
        })?;
        variables.extend(found.variables);
        Ok(Some(found.text))
    };
    let missing = |what: &str| ImportError::Unsupported(format!("the document does not say {what}"));
    let token_url = url("tokenUrl", "the place where tokens are given")?;
    let token_url = token_url.ok_or_else(|| missing("where tokens are given"))?;
    let scopes = said.get("scopes").and_then(Value::as_object);
    let mut notes = Vec::new();
    let authentication = match flow {
        Flow::ClientCredentials(_) => json!({
            "kind": "oauth2_client_credentials",
            "token_url": token_url,
            "default_scopes": needed,
        }),
        Flow::Code(_) => {
            let authorize_url = url("authorizationUrl", "the page where people consent")?;
            let authorize_url = authorize_url.ok_or_else(|| missing("where people consent"))?;
            let refresh_url = url("refreshUrl", "the place where tokens are refreshed")?;
            notes.push(
                "Assumed of OAuth, as the document does not say it: the client proves itself by Basic, scopes are separated \
                 by spaces, no proof key, refresh tokens are for one use, and nothing is revoked upstream."
                    .to_owned(),
            );
            json!({
                "kind": "oauth2_code",
                "authorize_url": authorize_url,
                "refresh_url": refresh_url.filter(|refresh_url| *refresh_url != token_url),
                "token_url": token_url,
                "pkce": "off",
                "pkce_off_because": NO_PROOF_KEY,
                "default_scopes": needed,
                "required_scopes": offline(scopes.into_iter().flat_map(Map::keys).map(String::as_str)),
            })
        }
    };
    notes.extend(scopes.and_then(|scopes| named(scopes.keys().map(String::as_str))));
    Ok(Access { variables, notes, ..bearer(authentication) })
}

/// A URL; one without scheme and host is on the API's own host (OpenAPI 3.1, 4.6).
fn templated(text: &str, base: Option<&Templated>) -> Result<Templated, Unusable> {
    match (server_url::read(text, None), base) {
        (Err(Unusable::Open), Some(base)) if text.starts_with('/') && !text.contains(['{', '}']) => {
            let rest = base.text.strip_prefix("https://").unwrap_or_default();
            let host = rest.split('/').next().unwrap_or_default();
            let mut found = server_url::read(&format!("https://{}", host.replace(['{', '}'], "")), None)?;
            found.text = format!("https://{host}{text}");
            found.variables = base.variables.clone();
            found.variables.retain(|key, _| host.contains(&format!("{{{key}}}")));
            Ok(found)
        }
        (found, _) => found,
    }
}

/// The scopes that bring a refresh token, if the service has one of them.
pub(super) fn offline<'a>(mut scopes: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    scopes.find(|scope| OFFLINE.contains(scope)).into_iter().collect()
}

/// A note that names the scopes that there are.
pub(super) fn named<'a>(scopes: impl Iterator<Item = &'a str>) -> Option<String> {
    let all: Vec<String> = scopes.map(address::shortened).collect();
    let shown = all.get(..NAMED_SCOPES.min(all.len()))?.join(", ");
    match all.len() {
        0 => None,
        count if count > NAMED_SCOPES => Some(format!("Scopes to choose from ({count}): {shown}, …")),
        count => Some(format!("Scopes to choose from ({count}): {shown}.")),
    }
}

/// The question for the metadata that a document leads to.
pub(super) fn metadata_question(url: &str) -> Result<Question, ImportError> {
    let url = address::public("the address of the sign-in's metadata", url)?;
    let text = "Where people sign in is said in another document, which is needed, too.";
    Ok(Question { documents: vec![url], ..Question::new(Answer::AuthorizationServer, text) })
}
