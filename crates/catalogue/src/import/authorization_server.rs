//! Authorization servers: OpenID Connect Discovery 1.0 and RFC 8414.

use serde_json::{Value, json};
use url::Url;

use super::answers::Answered;
use super::document::Format;
use super::draft::Draft;
use super::oauth_flows;
use super::schemes::{Access, Together, bearer};
use super::server_url;
use super::{Import, ImportError, Proposal, address, document, servers};

/// Makes an entry of a service about which only its authorization server is known.
pub(super) fn propose(
    metadata: &Value,
    format: &'static str,
    import: &Import<'_>,
    answered: &Answered,
) -> Result<Proposal, ImportError> {
    let issuer = issuer(metadata, import.fetched_from)?;
    let access = read(metadata, Vec::new())?;
    let mut draft = Draft::new(format, answered, import.fetched_from);
    draft.name_after_host(&issuer);
    draft.documentation(text(metadata, "service_documentation"));
    draft.documentation(Some(issuer.as_str()));
    draft.access(access, Together::new());
    match &answered.base_url {
        Some(url) => draft.base(servers::known(url)?),
        // A server for signing in says nothing of the APIs that take its tokens.
        None => draft.ask(servers::question(None, Some(&issuer))),
    }
    draft.finish(&[])
}

/// What of fetched metadata stands in an entry.
pub(super) fn access(
    text: &str,
    fetched_from: Option<&Url>,
    needed: Vec<String>,
) -> Result<Access, ImportError> {
    let metadata = document::read(text)?;
    if !matches!(Format::of(&metadata), Some(Format::AuthorizationServer(_))) {
        return Err(ImportError::Unsupported(
            "what was given as the authorization server's metadata is none".to_owned(),
        ));
    }
    issuer(&metadata, fetched_from)?;
    read(&metadata, needed)
}

/// Where the metadata of an issuer may be: RFC 8414, 3.1 and 5; OpenID Connect Discovery 1.0, 4.
pub(super) fn well_known(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    let mut all = vec![
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/openid-configuration{path}")),
    ];
    all.dedup();
    all
}

/// The issuer, which has to be the one that its address says: otherwise one server could speak for another.
fn issuer(metadata: &Value, fetched_from: Option<&Url>) -> Result<Url, ImportError> {
    let said = text(metadata, "issuer").unwrap_or_default();
    let issuer = address::public("the issuer", said)?;
    if let Some(url) = fetched_from
        && !well_known(&issuer).contains(url)
    {
        return Err(ImportError::OtherIssuer {
            fetched_from: address::shortened(url.as_str()),
            about: address::shortened(said),
        });
    }
    Ok(issuer)
}

fn read(metadata: &Value, needed: Vec<String>) -> Result<Access, ImportError> {
    let url = |key: &str, what: &str| {
        let Some(said) = text(metadata, key) else { return Ok(None) };
        let public = address::public(what, said)?;
        // Braces are encoded in a URL, and would be a variable in an entry.
        let template = server_url::read(public.as_str(), None);
        template.map(|found| Some(found.text)).map_err(|_| ImportError::Address {
            what: what.to_owned(),
            url: address::shortened(said),
            reason: address::UNREADABLE,
        })
    };
    let grants = list(metadata, "grant_types_supported");
    let takes =
        |grant: &str| grants.as_ref().map_or(grant == "authorization_code", |grants| grants.contains(&grant));
    let scopes = list(metadata, "scopes_supported").unwrap_or_default();
    let client_authentication = client_authentication(metadata)?;
    let token_url = url("token_endpoint", "the token endpoint")?;
    let token_url = token_url.ok_or_else(|| {
        ImportError::Unsupported("the metadata does not say where tokens are given".to_owned())
    })?;
    let token_request = json!({ "client_authentication": client_authentication });
    let mut notes: Vec<String> = oauth_flows::named(scopes.iter().copied()).into_iter().collect();
    let authentication = match url("authorization_endpoint", "the page where people consent")? {
        Some(authorize_url) if takes("authorization_code") => {
            let methods = list(metadata, "code_challenge_methods_supported").unwrap_or_default();
            let has_proof_key = methods.contains(&"S256");
            notes
                .push("Assumed, as the metadata does not say it: refresh tokens are for one use.".to_owned());
            json!({
                "kind": "oauth2_code",
                "authorize_url": authorize_url,
                "token_url": token_url,
                "token_request": token_request,
                "issuer": text(metadata, "issuer"),
                "issuer_in_callback": metadata.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
                "pkce": if has_proof_key { "S256" } else { "off" },
                "pkce_off_because": (!has_proof_key).then_some(oauth_flows::NO_PROOF_KEY),
                "revocation": url("revocation_endpoint", "the place where tokens are revoked")?
                    .map(|url| json!({ "url": url, "kind": "rfc7009" })),
                "default_scopes": needed,
                "required_scopes": oauth_flows::offline(scopes.iter().copied()),
            })
        }
        _ if takes("client_credentials") => json!({
            "kind": "oauth2_client_credentials",
            "token_url": token_url,
            "token_request": token_request,
            "default_scopes": needed,
        }),
        _ => {
            return Err(ImportError::Unsupported(
                "the authorization server takes neither codes nor client credentials".to_owned(),
            ));
        }
    };
    Ok(Access { notes, ..bearer(authentication) })
}

/// How the client proves itself at the token endpoint (RFC 8414, 2: Basic if nothing is said).
fn client_authentication(metadata: &Value) -> Result<&'static str, ImportError> {
    let Some(methods) = list(metadata, "token_endpoint_auth_methods_supported") else { return Ok("basic") };
    let known = [("client_secret_basic", "basic"), ("client_secret_post", "body"), ("none", "none")];
    known.into_iter().find(|(method, _)| methods.contains(method)).map(|(_, ours)| ours).ok_or_else(|| {
        ImportError::Unsupported(
            "clients prove themselves to the authorization server by signed assertions or certificates only"
                .to_owned(),
        )
    })
}

pub(super) fn text<'a>(metadata: &'a Value, key: &str) -> Option<&'a str> {
    metadata.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// The texts of a list; none if it is not there.
pub(super) fn list<'a>(metadata: &'a Value, key: &str) -> Option<Vec<&'a str>> {
    const MOST: usize = 1000;
    Some(metadata.get(key)?.as_array()?.iter().take(MOST).filter_map(Value::as_str).collect())
}
