//! What types cannot hold about an entry.

use std::collections::BTreeSet;

use crate::template::has_one_host;
use crate::{Authentication, LearnedFrom, Pkce, Place, ReusePolicy, Service, ServiceError, Template};

/// Names that templates of a credential may hold besides variables and learned values.
const OF_CREDENTIALS: &[&str] = &["token", "api_key", "user", "password", "client_id"];
/// The secret of the organization's client: in headers only, so that it is in no address.
const CLIENT_SECRET: &str = "client_secret";

/// Holds an entry against the rules.
pub fn check(service: &Service) -> Result<(), ServiceError> {
    let rule = |held: bool, text: &str| {
        if held { Ok(()) } else { Err(ServiceError::Rule(text.to_owned())) }
    };
    rule(service.schema == 1, "schema is 1")?;
    rule(service.documentation.scheme() == "https", "documentation is an https URL")?;
    rule(!service.name.trim().is_empty(), "name is not empty")?;
    rule(!service.categories.is_empty(), "there is at least one category")?;
    rule(!service.api.hosts.is_empty(), "api.hosts names at least one host")?;
    let asked: BTreeSet<&str> = service.variables.iter().map(|variable| variable.key.as_str()).collect();
    let learned: BTreeSet<&str> = service.learned.iter().map(|learned| learned.key.as_str()).collect();
    rule(
        asked.len() == service.variables.len()
            && learned.len() == service.learned.len()
            && asked.is_disjoint(&learned),
        "every variable and learned value has a name of its own",
    )?;
    let known = |name: &str| asked.contains(name) || learned.contains(name);
    let uses = |template: &Template, what: &str, also: &[&str]| {
        for name in template.names() {
            if !(known(name) || also.contains(&name)) {
                return Err(ServiceError::Rule(format!("{what} holds {{{name}}}, which nobody says")));
            }
        }
        let text = template.as_str();
        rule(
            (text.starts_with("https://") && has_one_host(text))
                || template.names().next().is_some_and(|first| text.starts_with(&format!("{{{first}}}"))),
            &format!("{what} is an https URL"),
        )
    };
    uses(&service.api.base, "api.base", &[])?;
    for placement in &service.api.credential {
        let template = Template::try_from(placement.format.clone())
            .map_err(|error| ServiceError::Rule(error.to_owned()))?;
        for name in template.names() {
            rule(
                known(name)
                    || OF_CREDENTIALS.contains(&name)
                    || (name == CLIENT_SECRET && matches!(placement.place, Place::Header | Place::Basic))
                    || matches!(&service.authentication, Authentication::TwoStep(two) if two.secrets.contains_key(name)),
                &format!("api.credential holds {{{name}}}, which nobody says"),
            )?;
        }
    }
    if let Authentication::Oauth2Code(oauth) = &service.authentication {
        uses(&oauth.authorize_url, "authorize_url", &[])?;
        uses(&oauth.token_url, "token_url", &[])?;
        if let Some(url) = &oauth.refresh_url {
            uses(url, "refresh_url", &[])?;
        }
        if let Some(extension) = &oauth.extension {
            uses(&extension.url, "extension.url", &[])?;
        }
        if let Some(revocation) = &oauth.revocation {
            uses(&revocation.url, "revocation.url", &["client_id", "token"])?;
        }
        rule(
            (oauth.pkce == Pkce::Off) == oauth.pkce_off_because.is_some(),
            "pkce_off_because stands beside pkce = \"off\", and only there",
        )?;
        rule(
            (oauth.lifetime.reuse == ReusePolicy::Grace) == oauth.lifetime.grace_seconds.is_some(),
            "grace_seconds stands beside reuse = \"grace\", and only there",
        )?;
        rule(oauth.discovery.len() <= 2, "there are at most two discovery calls")?;
        for call in &oauth.discovery {
            uses(&call.url, "discovery.url", &[])?;
            for key in call.save.keys() {
                rule(
                    service
                        .learned
                        .iter()
                        .any(|learned| learned.key == *key && learned.from == LearnedFrom::Discovery),
                    &format!("discovery saves {key}, which is no learned value from discovery"),
                )?;
            }
        }
    }
    for action in &service.actions {
        rule(
            matches!(action.method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE"),
            &format!("the action {} has a method of its own making", action.id),
        )?;
        rule(action.path.starts_with('/'), &format!("the path of the action {} begins with /", action.id))?;
    }
    Ok(())
}
