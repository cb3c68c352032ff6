//! Protected resources, such as MCP servers: RFC 9728.

use serde_json::Value;
use url::Url;

use super::answers::Answered;
use super::authorization_server::{self, list, text, well_known};
use super::draft::Draft;
use super::schemes::Together;
use super::{Answer, Import, ImportError, Proposal, Question, address, servers};

/// The most authorization servers that are offered.
const MOST: usize = 20;

pub(super) fn propose(
    metadata: &Value,
    import: &Import<'_>,
    answered: &Answered,
) -> Result<Proposal, ImportError> {
    let said = text(metadata, "resource").unwrap_or_default();
    let resource = address::public("the resource", said)?;
    if let Some(url) = import.fetched_from
        && !is_of(url, &resource)
    {
        return Err(ImportError::OtherIssuer {
            fetched_from: address::shortened(url.as_str()),
            about: address::shortened(said),
        });
    }
    let methods = list(metadata, "bearer_methods_supported");
    if methods.is_some_and(|methods| !methods.contains(&"header")) {
        return Err(ImportError::Unsupported("the resource takes no token in a header".to_owned()));
    }
    let mut draft = Draft::new("RFC 9728", answered, import.fetched_from);
    draft.name(text(metadata, "resource_name"));
    draft.name_after_host(&resource);
    draft.documentation(text(metadata, "resource_documentation"));
    draft.documentation(Some(resource.as_str()));
    draft.base(servers::known(answered.base_url.as_ref().unwrap_or(&resource))?);
    let needed = list(metadata, "scopes_supported").unwrap_or_default();
    match import.authorization_server {
        Some((document, fetched_from)) => {
            let server = fetched_from.cloned();
            let listed = servers_of(metadata);
            if server.is_some_and(|url| !listed.iter().any(|issuer| well_known(issuer).contains(&url))) {
                return Err(ImportError::Unsupported(
                    "the resource does not name that authorization server".to_owned(),
                ));
            }
            let needed = needed.into_iter().map(str::to_owned).collect();
            draft.access(authorization_server::access(document, fetched_from, needed)?, Together::new());
        }
        None => draft.ask(which(&servers_of(metadata), answered)?),
    }
    draft.finish(&[])
}

/// Whether this is where a resource's metadata is (RFC 9728, 3.1).
fn is_of(url: &Url, resource: &Url) -> bool {
    let mut expected = resource.clone();
    let path = resource.path().trim_end_matches('/');
    expected.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
    expected.set_fragment(None);
    *url == expected
}

fn servers_of(metadata: &Value) -> Vec<Url> {
    let all = list(metadata, "authorization_servers").unwrap_or_default();
    let public =
        all.into_iter().filter_map(|server| address::public("the authorization server", server).ok());
    public.take(MOST).collect()
}

/// The question for the metadata of the authorization server, or first for which.
fn which(listed: &[Url], answered: &Answered) -> Result<Question, ImportError> {
    let chosen = match (&answered.authorization_server, listed) {
        (Some(answer), _) => {
            Some(listed.iter().find(|server| *server == answer).ok_or_else(|| ImportError::Answer {
                key: Answer::AuthorizationServer,
                reason: "the resource does not name it".to_owned(),
            })?)
        }
        (None, [only]) => Some(only),
        (None, []) => {
            return Err(ImportError::Unsupported(
                "the resource names no authorization server that is public and https".to_owned(),
            ));
        }
        (None, _) => None,
    };
    Ok(match chosen {
        Some(issuer) => {
            let text = "Where people sign in is said in another document, which is needed, too.";
            Question { documents: well_known(issuer), ..Question::new(Answer::AuthorizationServer, text) }
        }
        None => Question::new(Answer::AuthorizationServer, "At which of these servers shall people sign in?")
            .choosing(listed.iter().map(Url::to_string).collect())
            .suggesting(listed.first().map(Url::to_string)),
    })
}
