//! The HTTP side of apps. The only room that knows JSON shapes.

mod access;
mod agent_tokens;
mod apps;
mod orphaned_apps;
mod problem;
mod server_secrets;
mod whoami;

use std::fmt;
use std::sync::Arc;

use endpoint::{Call, Endpoint, Problem};
use serde::Serializer;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::{AgentTokens, AppPathRules, Apps, Grants, Occasion, OrphanedApps, People, ServerSecrets};

/// Everything that the endpoints of apps are made from.
#[derive(Clone)]
pub struct AppsApi {
    /// The apps.
    pub apps: Apps,
    /// Those that nobody may edit.
    pub orphaned_apps: OrphanedApps,
    /// Their grants.
    pub grants: Grants,
    /// Their path rules.
    pub path_rules: AppPathRules,
    /// Their server secrets.
    pub server_secrets: ServerSecrets,
    /// Their agent tokens.
    pub agent_tokens: AgentTokens,
    /// Who people are.
    pub people: Arc<dyn People>,
}

impl fmt::Debug for AppsApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AppsApi").finish_non_exhaustive()
    }
}

impl AppsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = apps::endpoints(&self.apps);
        all.extend(orphaned_apps::endpoints(&self.orphaned_apps));
        all.extend(access::endpoints(self));
        all.extend(server_secrets::endpoints(&self.server_secrets));
        all.extend(agent_tokens::endpoints(&self.agent_tokens));
        all.push(whoami::endpoint(self));
        all
    }
}

fn occasion(call: &Call) -> Occasion {
    Occasion { request: call.id(), now: call.now() }
}

/// ISO 8601 in UTC with milliseconds and `Z`.
fn instant<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let text = at.to_offset(UtcOffset::UTC).format(format).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

/// The same; `null` for what has no end.
fn instant_or_never<S: Serializer>(at: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// 422 for a text that its type does not take.
fn invalid(code: &'static str) -> impl Fn(&dyn fmt::Display) -> Problem {
    move |reason| Problem::invalid(code, sentence(reason))
}

/// An error's text as a sentence for a person.
fn sentence(reason: &dyn fmt::Display) -> String {
    let text = reason.to_string();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => text,
    }
}
