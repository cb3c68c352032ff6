//! Where calls go, as OpenAPI says it.

use serde_json::Value;
use url::Url;

use super::server_url::{self, Templated, Unusable};
use super::{Answer, ImportError, Question, address};

/// The most servers that are looked at.
const MOST: usize = 50;

/// Where calls go.
pub(super) enum Base {
    /// Here.
    Known(Templated),
    /// Somebody has to say it.
    Asked(Question),
}

/// Chooses the first server that a credential may be sent to.
pub(super) fn base(
    document: &Value,
    fetched_from: Option<&Url>,
    answered: Option<&Url>,
    notes: &mut Vec<String>,
) -> Result<Base, ImportError> {
    if let Some(url) = answered {
        return known(url);
    }
    let all = if document.get("swagger").is_some() { of_openapi_2(document) } else { of_openapi_3(document) };
    let mut unfit = None;
    let mut usable = Vec::new();
    for (text, definitions) in &all {
        match server_url::read(text, *definitions) {
            Ok(found) => usable.push(found),
            Err(Unusable::Open) => {}
            Err(Unusable::Unfit(reason)) => unfit = unfit.or(Some((text, reason))),
        }
    }
    if let Some(first) = usable.first() {
        if usable.len() > 1 {
            let others: Vec<&str> = usable.iter().skip(1).take(5).map(|other| other.text.as_str()).collect();
            notes.push(format!(
                "The document names other servers, too; answer base_url to take one: {}.",
                others.join(", ")
            ));
        }
        return Ok(Base::Known(first.clone()));
    }
    match unfit {
        // Only where nothing is left open: a document may name its author's own machine beside a place to fill in.
        Some((text, reason)) if all.len() == 1 || all.iter().all(|(text, _)| text.contains("://")) => {
            Err(ImportError::Address {
                what: "the server that the document names".to_owned(),
                url: address::shortened(text),
                reason,
            })
        }
        _ => Ok(Base::Asked(question(all.first().map(|(text, _)| text.as_str()), fetched_from))),
    }
}

/// The base that was answered.
pub(super) fn known(url: &Url) -> Result<Base, ImportError> {
    match server_url::read(url.as_str(), None) {
        Ok(found) => Ok(Base::Known(found)),
        Err(_) => Err(ImportError::Answer {
            key: Answer::BaseUrl,
            reason: "calls cannot be joined to it".to_owned(),
        }),
    }
}

/// The question, with what the document says relative to where it was fetched from.
pub(super) fn question(path: Option<&str>, fetched_from: Option<&Url>) -> Question {
    let suggestion = fetched_from
        .and_then(|url| url.join(path.unwrap_or("/")).ok())
        .filter(|url| address::unfit(url).is_none() && url.query().is_none())
        .map(|url| url.as_str().trim_end_matches('/').to_owned())
        .filter(|url| !url.contains(['{', '}', '%']));
    Question::new(Answer::BaseUrl, "Which URL are calls joined to? The document names none.")
        .suggesting(suggestion)
}

fn of_openapi_3(document: &Value) -> Vec<(String, Option<&Value>)> {
    let servers = document.get("servers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let url = |server: &Value| server.get("url").and_then(Value::as_str).map(str::to_owned);
    servers.iter().take(MOST).filter_map(|server| Some((url(server)?, server.get("variables")))).collect()
}

fn of_openapi_2(document: &Value) -> Vec<(String, Option<&Value>)> {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    let path = text("basePath").unwrap_or_default();
    let Some(host) = text("host") else { return vec![(path.to_owned(), None)] };
    let schemes = document.get("schemes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let scheme = match schemes {
        [] => "https",
        schemes if schemes.iter().any(|scheme| scheme == "https") => "https",
        schemes => schemes.first().and_then(Value::as_str).unwrap_or("http"),
    };
    let between = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    vec![(format!("{scheme}://{host}{between}{path}"), None)]
}
