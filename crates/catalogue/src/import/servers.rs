//! Where calls go, as OpenAPI says it.

use serde_json::Value;
use url::Url;

use super::operations::Operations;
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

/// Chooses the server of most operations, the first to which a credential may be sent, and marks the operations of others.
pub(super) fn base(
    document: &Value,
    operations: &mut Operations<'_>,
    fetched_from: Option<&Url>,
    answered: Option<&Url>,
    notes: &mut Vec<String>,
) -> Result<Base, ImportError> {
    if let Some(url) = answered {
        let are_all_elsewhere = operations.all.iter().all(|operation| operation.servers.is_some());
        for operation in &mut operations.all {
            operation.is_elsewhere = operation.servers.is_some() && !are_all_elsewhere;
        }
        return known(url);
    }
    let of_document = if document.get("swagger").is_some() {
        of_openapi_2(document)
    } else {
        listed(document.get("servers"))
    };
    let mut groups = vec![(None, of_document, 0_usize)];
    for operation in &operations.all {
        match groups.iter().position(|(servers, ..)| *servers == operation.servers) {
            Some(position) => groups.iter_mut().skip(position).take(1).for_each(|(_, _, count)| *count += 1),
            None if groups.len() < MOST => groups.push((operation.servers, listed(operation.servers), 1)),
            None => {}
        }
    }
    // The document's own servers come first among those with as many.
    groups.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    let usable = |servers: &[Server<'_>]| -> Vec<Templated> {
        let read = servers.iter().filter_map(|(text, definitions)| server_url::read(text, *definitions).ok());
        let mut found: Vec<Templated> = read.collect();
        found.sort_by_key(|one| is_trial(&one.text));
        found
    };
    let Some((first, others)) = groups.iter().map(|(_, servers, _)| usable(servers)).find_map(|all| {
        let (first, others) = all.split_first()?;
        Some((first.clone(), others.to_vec()))
    }) else {
        let all: Vec<Server<'_>> = groups.into_iter().flat_map(|(_, servers, _)| servers).collect();
        return none_usable(&all, fetched_from);
    };
    if is_trial(&first.text) {
        notes.push(format!(
            "{} looks like a place for trials; answer base_url if the real one is elsewhere.",
            first.text
        ));
    }
    if !others.is_empty() {
        let others: Vec<&str> = others.iter().take(5).map(|other| other.text.as_str()).collect();
        notes.push(format!(
            "The document names other servers, too; answer base_url to take one: {}.",
            others.join(", ")
        ));
    }
    let mut with_it: Vec<Option<&Value>> = Vec::new();
    for (servers, listed, _) in &groups {
        if usable(listed).iter().any(|one| one.text == first.text) {
            with_it.push(*servers);
        }
    }
    for operation in &mut operations.all {
        operation.is_elsewhere = !with_it.contains(&operation.servers);
    }
    Ok(Base::Known(first))
}

/// Refuses what is only on private networks or without TLS, and asks where something is left open.
fn none_usable(all: &[Server<'_>], fetched_from: Option<&Url>) -> Result<Base, ImportError> {
    let mut unfit = None;
    for (text, definitions) in all {
        match server_url::read(text, *definitions) {
            Err(Unusable::Unfit(reason)) => unfit = unfit.or(Some((text, reason))),
            Err(Unusable::Open) | Ok(_) => return Ok(Base::Asked(question(Some(text), fetched_from))),
        }
    }
    match unfit {
        None => Ok(Base::Asked(question(None, fetched_from))),
        Some((text, reason)) => Err(ImportError::Address {
            what: "the server that the document names (answer base_url if the service is elsewhere)"
                .to_owned(),
            url: address::shortened(text),
            reason,
        }),
    }
}

/// Whether its name says that nothing there is real.
fn is_trial(url: &str) -> bool {
    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    host.split(['.', '-'])
        .any(|part| matches!(part, "sandbox" | "test" | "staging" | "dev" | "demo" | "preview" | "mock"))
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

/// A server's URL and what its variables are.
type Server<'a> = (String, Option<&'a Value>);

fn listed(servers: Option<&Value>) -> Vec<Server<'_>> {
    let servers = servers.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let url = |server: &Value| server.get("url").and_then(Value::as_str).map(str::to_owned);
    servers.iter().take(MOST).filter_map(|server| Some((url(server)?, server.get("variables")))).collect()
}

fn of_openapi_2(document: &Value) -> Vec<Server<'_>> {
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
